"""DynamoDB as fast as it gets, for proofs that take thousands of runs.

The tables and the expressions are moto's, its HTTP is not: botocore hands a request over when it
is about to sign and send it, and has the answer as if it had parsed it. What lies below, that is
signatures, retries and the wire, other tests go through. A run takes back what the run before
wrote, in microseconds, and may look at a moment of the past, as reads of DynamoDB's indexes do.
"""

import copy
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, cast

import pytest
from botocore.model import OperationModel
from botocore.useragent import UserAgentString
from moto import mock_aws
from moto.core.exceptions import JsonRESTError
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.comparisons import ConditionExpressionParser, Func, Op, OpEqual
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import dynamo_json_dump
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.dynamodb.responses import DynamoHandler
from pynamodb.models import Model

from chalicelib import models
from tests.tables import create_tables

ACCOUNT = "123456789012"  # moto's own
REGION = "us-east-1"
WRITES = {"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}

Wire = dict[str, Any]


class Version(dict[str, dict[Any, Any]]):
    """Of each table, what was in it at a moment."""

    def __repr__(self) -> str:
        return "the tables as they were"


class Call(NamedTuple):
    """A request that is made of DynamoDB."""

    operation: str
    request: Wire

    @property
    def writes(self) -> bool:
        """Whether it may change anything."""
        return self.operation in WRITES

    @property
    def may_lag(self) -> bool:
        """Whether DynamoDB may answer it with what was there some moments ago."""
        if self.operation == "BatchGetItem":
            return not all(
                keys.get("ConsistentRead") for keys in self.request["RequestItems"].values()
            )
        return self.operation in {"Query", "Scan", "GetItem"} and not self.request.get(
            "ConsistentRead"
        )


class Refused(Exception):
    """DynamoDB's answer instead of what was asked for, as botocore parses an error."""

    def __init__(self, code: str, message: str = "", **more: Any) -> None:
        super().__init__(code)
        self.answer: Wire = {"Error": {"Code": code, "Message": message}} | more


class _Handler(DynamoHandler):
    """Moto's handler of requests, given one that is parsed."""

    current_account = ACCOUNT
    region = REGION

    def __init__(self, request: Wire) -> None:
        self.body = request


class _Reply(NamedTuple):
    """What botocore asks of an HTTP response once it is parsed."""

    status_code: int


class Twin:
    """Moto's tables. `before` and `after` are called with every request, in the caller's thread.

    What `before` returns is how many writes ago a read looks; what it or `after` raises reaches the
    caller, but Refused, which is an answer.
    """

    def __init__(self) -> None:
        self.before: Callable[[Call], int] = lambda call: 0
        self.after: Callable[[Call, Wire], object] = lambda call, answer: None
        self.past: list[Version] = []
        self.page: int | None = None  # items that a Scan reads at a time; DynamoDB goes by size
        self.forgotten = ""  # parts of transactions, as describe_part has them, without condition
        self._tokens: dict[str, Wire] = {}
        self._lock = threading.Lock()

    @property
    def _tables(self) -> dict[str, Table]:
        return dynamodb_backends[ACCOUNT][REGION].tables

    def save(self) -> Version:
        """What the tables hold, to be restored any number of times."""
        return Version({name: copy.copy(table.items) for name, table in self._tables.items()})

    def restore(self, version: Version) -> None:
        """Has the tables hold what they held, and nothing in the past."""
        self.past = []
        self._tokens = {}
        for name, items in version.items():
            self._tables[name].items = copy.copy(cast(Any, items))

    def items(self, table: str) -> list[Wire]:
        """What the table holds, in DynamoDB's JSON, in the order of the keys."""
        found = [item.attrs for item in self._tables[table].all_items()]
        items: list[Wire] = json.loads(dynamo_json_dump(found))
        return items

    def answer(self, model: OperationModel, params: Wire, **more: object) -> Any:
        """Carries out a request: a handler of botocore's event `before-call`.

        Returns the HTTP response, of which botocore asks no more than the status, and the answer.
        """
        call = Call(model.name, json.loads(params["body"]))
        try:
            ago = self.before(call)
            with self._lock:
                # Parsed once more: moto keeps parts of a request, and changes them.
                answer = self._carry_out(call, json.loads(params["body"]), ago)
        except Refused as refused:
            answer = refused.answer
        self.after(call, answer)
        return _Reply(400 if "Error" in answer else 200), answer | {"ResponseMetadata": {}}

    def _carry_out(self, call: Call, request: Wire, ago: int) -> Wire:
        token = call.request.get("ClientRequestToken")
        if token in self._tokens:
            if self._tokens[token] != call.request:
                raise Refused("IdempotentParameterMismatchException")
            return {}
        now = self.save()
        if call.writes:
            self._own(call)
            self._forget(request)
        elif ago:
            self._set(self.past[-ago])
        if call.operation == "Scan" and self.page:
            request["Limit"] = self.page
        try:
            result = getattr(_Handler(request), camelcase_to_underscores(call.operation))().result
            answer: Wire = json.loads(dynamo_json_dump(result))
        except JsonRESTError as error:
            if call.writes:
                self._set(now)  # what moto has put back are copies of the tables only
            raise _refused(error) from None
        finally:
            if ago and not call.writes:
                self._set(now)
        if call.writes:
            self.past.append(now)
            if token:
                self._tokens[token] = call.request
        return answer

    def _set(self, version: Version) -> None:
        for name, items in version.items():
            self._tables[name].items = cast(Any, items)

    def _forget(self, request: Wire) -> None:
        for part in request.get("TransactItems", ()):
            if describe_part(part) == self.forgotten:
                [what] = part.values()
                what["ConditionExpression"] += " OR attribute_not_exists(forgotten)"

    def _own(self, call: Call) -> None:
        """Copies what the call will change in its place, which versions of the past share."""
        updates = [
            part["Update"] for part in call.request.get("TransactItems", ()) if "Update" in part
        ]
        for update in [call.request] if call.operation == "UpdateItem" else updates:
            table = self._tables[update["TableName"]]
            key = DynamoType(update["Key"][table.hash_key_attr])
            if key in table.items:
                table.items[key] = copy.deepcopy(table.items[key])


def _refused(error: JsonRESTError) -> Refused:
    told = json.loads(error.description)
    code = told.pop("__type").rpartition("#")[2]
    return Refused(code, told.pop("Message", None) or told.pop("message", ""), **told)


def describe_part(part: Wire) -> str:
    """What a part of a transaction is about: `update a`."""
    [(kind, what)] = part.items()
    verb = "check" if kind == "ConditionCheck" else kind.lower()
    return f"{verb} {key_of(what.get('Key') or what['Item'])}"


def key_of(item: Wire) -> str:
    """The key of an item of any table."""
    key: str = (item.get("slug") or item["key"])["S"]
    return key


@contextmanager
def twin() -> Iterator[Twin]:
    """Empty tables in this process, to which all of the models' requests go."""
    tables = Twin()
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        # A transaction copies the tables that it is about, to undo it; here that is done already.
        patch.setattr(Table, "__deepcopy__", _copy_of_table, raising=False)
        patch.setattr(ConditionExpressionParser, "parse", _parse)
        patch.setattr(OpEqual, "expr", _equal)
        patch.setattr(UpdateExpressionParser, "make", cache(UpdateExpressionParser.make))
        patch.setattr(DepthFirstTraverser, "nodes_to_be_processed", _kinds_of_nodes)
        patch.setattr(validators, "deepcopy", _copy_of_expression)
        patch.setattr(validators.UpdateExpressionValidator, "get_ast_processors", _processors)
        patch.setattr(UserAgentString, "to_string", lambda agent: "twin")
        patch.setattr(LimitedSizeDict, "__setitem__", dict.__setitem__)  # nothing is large here
        clients: list[Any] = [model._get_connection().connection.client for model in _models()]
        clients = list({id(client): client for client in clients}.values())
        create_tables(clients[0])
        for client in clients:
            client.meta.events.register_first("before-call.dynamodb", tables.answer)
        try:
            yield tables
        finally:
            for client in clients:
                client.meta.events.unregister("before-call.dynamodb", tables.answer)


def _models() -> list[type[Model]]:
    """All of them, as each may have a client of its own."""
    found = [value for value in vars(models).values() if isinstance(value, type)]
    return [model for model in found if issubclass(model, Model) and model is not Model]


def _copy_of_table(table: Table, memo: object) -> Table:
    twin = copy.copy(table)
    twin.items = copy.copy(table.items)
    return twin


_pickled: dict[int, bytes] = {}  # of expressions, which are there for good once they are parsed


def _copy_of_expression(expression: object) -> object:
    if id(expression) not in _pickled:
        _pickled[id(expression)] = pickle.dumps(expression, pickle.HIGHEST_PROTOCOL)
    return pickle.loads(_pickled[id(expression)])


_all_processors = validators.UpdateExpressionValidator.get_ast_processors


def _processors(validator: validators.UpdateExpressionValidator) -> Any:
    """What carries an update out, without checks that every update of the product passes."""
    return [
        processor for processor in _all_processors(validator) if not isinstance(processor, _CHECKS)
    ]


_CHECKS = (
    validators.ActionCountValidator,
    validators.EmptyStringKeyValueValidator,
    validators.OverlappingPathsValidator,
    validators.TypeMismatchValidator,
    validators.UpdateHashRangeKeyValidator,
)
_kinds: dict[type, tuple[type, ...]] = {}


def _kinds_of_nodes(traverser: Any) -> tuple[type, ...]:
    kind = type(traverser)
    if kind not in _kinds:
        _kinds[kind] = tuple(traverser._processing_map())
    return _kinds[kind]


def _equal(comparison: OpEqual, item: Any) -> bool:
    """As DynamoDB has it: nothing equals what isn't there, and no number is true or false."""
    one, other = comparison.lhs.expr(item), comparison.rhs.expr(item)
    return one is not None and isinstance(one, bool) is isinstance(other, bool) and one == other


_parse_anew = ConditionExpressionParser.parse
_parsed: dict[str, tuple[Op | Func, list[str], list[str]]] = {}


def _parse(parser: ConditionExpressionParser) -> Op | Func:
    """Moto's own, remembered: moto parses each condition of a transaction three times."""
    key = json.dumps(
        [
            parser.condition_expression,
            parser.expression_attribute_names,
            parser.expression_attribute_values,
        ]
    )
    if key not in _parsed:
        condition = _parse_anew(parser)
        _parsed[key] = condition, parser.expr_attr_names_found, parser.expr_attr_values_found
    condition, names, values = _parsed[key]
    parser.expr_attr_names_found, parser.expr_attr_values_found = list(names), list(values)
    return condition
