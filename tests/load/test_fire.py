"""Many writers at once, and a database that throttles, conflicts, hangs up and dawdles.

Real threads, on AWS's own engine, through a proxy that answers errors as AWS has them on the wire,
or cuts connections before, while and after a request is carried out.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib import tree
from chalicelib.errors import PopflixError
from chalicelib.models import Channel, connection
from tests.build import channel, content, put
from tests.invariants import violations
from tests.load.conftest import Fire

EDITORS = 64

Rule = dict[str, Any]


def error(code: str, probability: float, operation: str | None = None, **fields: Any) -> Rule:
    """Has some requests answered with an error."""
    told = {"code": code, "message": f"{code}, injected", "fields": fields}
    rule: Rule = {"service": "dynamodb", "probability": probability, "error": told}
    return rule | ({"operation": operation} if operation else {})


def cancelled(reason: str, probability: float) -> Rule:
    """Has some transactions cancelled for one of their items."""
    reasons = [{"Code": reason, "Message": "injected"}, {"Code": "None"}, {"Code": "None"}]
    return error(
        "TransactionCanceledException",
        probability,
        "TransactWriteItems",
        CancellationReasons=reasons,
    )


THROTTLED = [
    error("ThrottlingException", 0.1),
    error("ProvisionedThroughputExceededException", 0.1),
    error("RequestLimitExceeded", 0.05),
    error("InternalServerError", 0.05),
]
CONFLICTS = [
    cancelled("TransactionConflict", 0.2),
    cancelled("ThrottlingError", 0.1),
    error("TransactionInProgressException", 0.05, "TransactWriteItems"),
]
CUT = [
    {"service": "dynamodb", "probability": 0.08, "reset": True},  # not carried out
    {"service": "dynamodb", "probability": 0.08, "response": {"abort_bytes": 1}},  # carried out
]
SLOW = [{"service": "dynamodb", "probability": 0.1, "latency": {"min": 20, "max": 300}}]
FIRES: dict[str, list[Rule]] = {
    "none": [],
    "throttling": THROTTLED,
    "conflicts": CONFLICTS,
    "cut": CUT,
    "slow": SLOW,
    "all": [*SLOW, *CONFLICTS, *CUT, *THROTTLED],
}


def at_once(work: Sequence[Callable[[], object]]) -> list[BaseException | None]:
    """Does it all in threads of its own; returns what each raised."""
    connection()

    def run(one: Callable[[], object]) -> BaseException | None:
        try:
            one()
        except PopflixError as error:
            return error
        return None

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


@pytest.mark.parametrize("name", FIRES)
def test_all_who_add_to_one_channel_succeed_and_its_totals_are_exact(
    fire: Fire, own_client: DynamoDBClient, name: str
) -> None:
    put([channel("a")])
    fire.rules(*FIRES[name])
    start = time.monotonic()
    failed = at_once(
        [
            lambda number=number: tree.create(  # type: ignore[misc]
                ["a"], content(f"n{number}", "a", f"{number % 10}.5"), pick=False
            )
            for number in range(EDITORS)
        ]
    )
    fire.rules()
    print(name, time.monotonic() - start, fire.fired(), Counter(map(repr, failed)))
    assert failed == [None] * EDITORS
    assert violations(own_client) == []
    assert Channel.get("a").children == EDITORS
