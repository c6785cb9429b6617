"""The twin that other proofs run on answers as AWS's own engine does, to the requests they make."""

import random
from decimal import Decimal
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.schedules import Step, drawn, interleave
from tests.tables import create_tables
from tests.twin import Twin, Wire, twin
from tests.writes import WRITES, plant

TABLES = ("catalogue", "groups", "journal")


def reasons(answer: Wire) -> list[str]:
    """Why a request was refused."""
    codes = [reason["Code"] for reason in answer.get("CancellationReasons", ())]
    return codes or [answer["Error"]["Code"]] if "Error" in answer else []


def replay(client: Any, step: Step) -> list[str]:
    """Sends the same request."""
    try:
        getattr(client, xform_name(step.call.operation))(**step.call.request)
    except ClientError as error:
        return reasons(dict(error.response))
    return []


def contents(items: list[Wire]) -> list[Any]:
    """Items in an order, of which sets have none and numbers no digits that mean nothing."""
    return sorted((plain({"M": item}) for item in items), key=repr)


def plain(value: Wire) -> Any:
    """A value of DynamoDB's, to be compared."""
    [(kind, content)] = value.items()
    if kind == "M":
        return sorted((name, plain(below)) for name, below in content.items())
    if kind == "SS":
        return sorted(content)
    return Decimal(content) if kind == "N" else content


def reset(client: Any, tables: Twin) -> None:
    """Has AWS's engine hold what the twin does."""
    create_tables(client)
    for table in TABLES:
        for item in tables.items(table):
            client.put_item(TableName=table, Item=item)


@pytest.mark.parametrize("seed", range(6))
def test_the_twin_answers_as_dynamodb_does(own_client: Any, seed: int) -> None:
    rng = random.Random(seed)
    refused = 0
    with twin() as tables:
        plant()
        base = tables.save()
        for _ in range(3):
            tables.restore(base)
            reset(own_client, tables)
            names = rng.sample(sorted(WRITES), 8)
            writes = {name: WRITES[name] for name in names}
            ran = interleave(tables, writes, drawn(rng.randbytes(200)), faults=False)
            for step in ran.steps:
                if step.call.writes:
                    assert replay(own_client, step) == reasons(step.answer), f"{step}\n{ran}"
                    refused += bool(reasons(step.answer))
            for table in TABLES:
                there = own_client.scan(TableName=table, ConsistentRead=True)["Items"]
                assert contents(there) == contents(tables.items(table)), str(ran)
    assert refused
