"""What reads cost in capacity units, as AWS's own engine counts them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import catalogue, reports, transfer
from chalicelib.errors import NotFound
from chalicelib.models import connection
from tests.build import chain, channel, content, put

SAMPLE = Path(__file__).parent.parent.parent / "sample" / "movies_catalogue.json"
Units = list[tuple[str, float]]


@pytest.fixture
def units(client: Any) -> Iterator[Units]:
    """Operations and the read capacity units that each consumed."""
    found: Units = []
    events = connection().connection.client.meta.events

    def ask(params: dict[str, Any], **kwargs: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def note(parsed: dict[str, Any], model: Any, **kwargs: Any) -> None:
        consumed = parsed["ConsumedCapacity"]
        for table in consumed if isinstance(consumed, list) else [consumed]:
            found.append((model.name, table["CapacityUnits"]))

    events.register("provide-client-params.dynamodb", ask)
    events.register("after-call.dynamodb", note)
    yield found
    events.unregister("provide-client-params.dynamodb", ask)
    events.unregister("after-call.dynamodb", note)


def cost(units: Units, read: Callable[[], object]) -> dict[str, float]:
    """The units that `read` consumes, by operation."""
    units.clear()
    read()
    total: dict[str, float] = {}
    for operation, consumed in units:
        total[operation] = total.get(operation, 0) + consumed
    return total


@pytest.mark.parametrize("depth", [1, 5, 100, 300])
def test_a_path_costs_half_a_unit_for_every_segment(units: Units, depth: int) -> None:
    put(chain(depth))
    slugs = [f"c{number}" for number in range(1, depth + 1)]
    # An eventually consistent read of up to 4 KB is half a unit; a Query of nothing is nothing.
    assert cost(units, lambda: catalogue.read(slugs, limit=20)) == {
        "BatchGetItem": depth / 2,
        "Query": 0,
    }


def test_a_page_costs_by_its_size_not_by_what_else_there_is(units: Units) -> None:
    put([channel("a"), *(content(f"n{n:04}", "a", metadata="x" * 400) for n in range(500))])
    page = cost(units, lambda: catalogue.read(["a"], limit=20))
    assert page["BatchGetItem"] == 0.5
    # 21 contents of some 550 bytes, one more than shown, are 12 KB: half a unit for each 4 KB.
    assert page["Query"] == 1.5
    put([content(f"m{n:04}", "a", metadata="x" * 400) for n in range(500)])
    assert cost(units, lambda: catalogue.read(["a"], limit=20)) == page


def test_the_root_costs_its_page(units: Units) -> None:
    put([channel(f"c{n:03}") for n in range(200)])
    assert cost(units, lambda: catalogue.origin_channels(limit=20)) == {"Query": 0.5}


def test_a_wrong_path_costs_no_more(units: Units) -> None:
    put(chain(2))

    def read() -> None:
        with pytest.raises(NotFound):
            catalogue.read(["c2", "c1"], limit=20)

    assert cost(units, read) == {"BatchGetItem": 1.0, "Query": 0.5}


def test_the_report_costs_by_channels_not_by_contents(units: Units) -> None:
    put([channel(f"c{n:03}") for n in range(100)])
    before = cost(units, lambda: list(reports.scan()))
    assert set(before) == {"Scan"}
    # Every one of the four segments is rounded up by itself.
    assert before["Scan"] <= 100 * 200 / 4096 / 2 + reports.SEGMENTS / 2
    put([content(f"n{n:04}", f"c{n % 100:03}", metadata="x" * 2000) for n in range(1000)])
    assert cost(units, lambda: list(reports.scan()))["Scan"] <= before["Scan"] + 0.5


def test_health_costs_half_a_unit(units: Units) -> None:
    assert cost(units, catalogue.ping) == {"GetItem": 0.5}


def test_the_sample_costs_what_readme_says(units: Units) -> None:
    path = "storage/video/movies/contemporary-fiction-movies/contemporary-fiction-drama"
    rows = json.loads(SAMPLE.read_text())
    slugs = {row["pk"]: row["fields"].get("slug") for row in rows if row["model"][9:] == "channel"}
    # Nothing of this costs more for contents of other channels, as the tests before say.
    rows = [
        row
        for row in rows
        if row["model"] != "contents.content"
        or slugs[row["fields"]["channel"]] == path.rpartition("/")[2]
    ]
    transfer.carry_out(transfer.plan(json.dumps(rows)), lambda rows: None)
    read = cost(units, lambda: catalogue.read(path.split("/"), limit=20))
    assert (len(units), read) == (3, {"BatchGetItem": 2.5, "Query": 1.0})
    # 84 channels; at 0.03 units each, 10,000 are 300.
    assert cost(units, lambda: list(reports.scan()))["Scan"] <= 84 * 0.03 + reports.SEGMENTS / 2
