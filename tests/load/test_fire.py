"""Many writers at once, and a database that throttles, cancels, hangs up and dawdles.

Real threads, on AWS's own engine, through a proxy that answers errors as AWS has them on the wire,
or cuts connections off before a request is carried out, and after that.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError
from mypy_boto3_dynamodb import DynamoDBClient
from pynamodb.exceptions import PynamoDBException

from chalicelib import tree
from chalicelib.errors import PopflixError, Unavailable
from chalicelib.journal import Key
from chalicelib.models import Channel, connection
from tests.build import channel, content, put
from tests.invariants import violations
from tests.load.conftest import Fire
from tests.writes import FINGERPRINT, WRITES, Write, plant

EDITORS = 64
ATTEMPTS = 20  # of an editor, one after the other

Rule = dict[str, Any]


def error(code: str, probability: float, operation: str | None = None, **fields: Any) -> Rule:
    """Has some requests answered with an error."""
    told = {"code": code, "message": f"{code}, injected", "fields": fields}
    rule: Rule = {"service": "dynamodb", "probability": probability, "error": told}
    return rule | ({"operation": operation} if operation else {})


def cancelled(reason: str, probability: float) -> Rule:
    """Has some transactions cancelled for their first item."""
    reasons = [{"Code": reason, "Message": "injected"}, {"Code": "None"}]
    return error(
        "TransactionCanceledException",
        probability,
        "TransactWriteItems",
        CancellationReasons=reasons,
    )


THROTTLED = [
    error("ThrottlingException", 0.05),
    error("ProvisionedThroughputExceededException", 0.05),
    error("InternalServerError", 0.05),
]
CANCELLED = [
    cancelled("TransactionConflict", 0.2),
    cancelled("ThrottlingError", 0.1),
    error("TransactionInProgressException", 0.05, "TransactWriteItems"),
]
CUT = [
    {"service": "dynamodb", "probability": 0.08, "reset": True},  # not carried out
    {"service": "dynamodb", "probability": 0.08, "response": {"abort_bytes": 1}},  # carried out
]
SLOW = [{"service": "dynamodb", "probability": 0.1, "latency": {"min": 20, "max": 200}}]
FIRES: dict[str, list[Rule]] = {
    "none": [],
    "throttled": THROTTLED,
    "cancelled": CANCELLED,
    "cut": CUT,
    "all": [*SLOW, *CANCELLED, *CUT, *THROTTLED],
}


def patiently(write: Write) -> Exception | None:
    """Does it, again and again while it may work later, as a client does; returns what it raised.

    A 4xx is an answer. After a 5xx nobody knows whether the write was carried out.
    """
    for _ in range(ATTEMPTS):
        try:
            write()
        except (Unavailable, PynamoDBException, BotoCoreError):
            continue
        except PopflixError as error:
            return error
        return None
    raise AssertionError(f"Not once in {ATTEMPTS} attempts")


def at_once(writes: Sequence[Write]) -> list[Exception | None]:
    """Does each in a thread of its own; returns what they raised."""
    connection()
    with ThreadPoolExecutor(len(writes)) as pool:
        return list(pool.map(patiently, writes))


def adding(number: int) -> Write:
    """Adds the content of that number to the channel `a`, once however often it is called."""
    key = Key(f"key-{number}", FINGERPRINT)
    new = content(f"n{number}", "a", f"{number % 10}.5")
    return lambda: tree.create(["a"], new, pick=False, key=key)


@pytest.mark.parametrize("name", FIRES)
def test_all_who_add_to_one_channel_succeed_once_and_its_totals_are_exact(
    fire: Fire, own_client: DynamoDBClient, name: str
) -> None:
    put([channel("a")])
    fire.rules(*FIRES[name])
    assert at_once([adding(number) for number in range(EDITORS)]) == [None] * EDITORS
    fire.rules()
    assert bool(fire.fired()) == (name != "none")
    assert violations(own_client) == []
    found = Channel.get("a")
    assert found.children == found.rating_count == EDITORS
    assert found.rating_sum == sum(
        (Decimal(f"{number % 10}.5") for number in range(EDITORS)), Decimal(0)
    )


@pytest.mark.parametrize("seed", range(2))
def test_writes_of_every_kind_under_fire_keep_every_invariant(
    fire: Fire, own_client: DynamoDBClient, seed: int
) -> None:
    plant()
    fire.rules(*FIRES["all"])
    names = random.Random(seed).sample(sorted(WRITES.keys() - {"verify", "repair"}), 32)
    failed = at_once([WRITES[name] for name in names])
    fire.rules()
    assert fire.fired()
    assert violations(own_client) == []
    assert failed.count(None) > 5


def test_writes_of_one_kind_all_at_once_take_turns(
    client: DynamoDBClient,
) -> None:
    """Nothing is lost where all are about the same item."""
    put([channel("a"), content("n", "a")])

    def rate(number: int) -> Callable[[], object]:
        return lambda: tree.change(["a", "n"], lambda item: {"rating": Decimal(number % 100) / 10})

    assert at_once([rate(number) for number in range(EDITORS)]) == [None] * EDITORS
    assert violations(client) == []
