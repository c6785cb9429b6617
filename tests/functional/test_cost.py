"""What a read costs: requests, counted, and how many of them are in flight at once."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import catalogue
from chalicelib.errors import NotFound, Unavailable
from chalicelib.models import Item, connection
from tests.build import chain, channel, content, put
from tests.functional.editing import traffic

pytestmark = pytest.mark.usefixtures("aws", "own_clients")


@pytest.fixture
def requests(aws: None) -> Iterator[list[str]]:
    """The names of the DynamoDB requests sent."""
    names: list[str] = []
    with traffic(lambda sent: names.append(sent.operation)):
        yield names


@pytest.fixture
def deep(aws: None) -> None:
    line = chain(300)
    with Item.batch_write() as batch:
        for item in line:
            item.children = 1
            batch.save(item)


@pytest.mark.usefixtures("deep")
@pytest.mark.parametrize(
    ("depth", "expected"), [(1, 3), (2, 3), (50, 3), (100, 3), (101, 4), (200, 4), (300, 5)]
)
def test_a_path_costs_two_queries_and_a_batch_for_every_100_segments(
    requests: list[str], depth: int, expected: int
) -> None:
    slugs = [f"c{number}" for number in range(1, depth + 1)]
    assert catalogue.read(slugs, limit=20).item.slug == slugs[-1]
    assert sorted(requests) == ["BatchGetItem"] * (expected - 2) + ["Query"] * 2


@pytest.mark.usefixtures("deep")
@pytest.mark.parametrize(("depth", "expected"), [(1, 3), (100, 3), (300, 5)])
def test_all_requests_are_in_flight_before_the_first_is_answered(depth: int, expected: int) -> None:
    # Each request waits, unsent, for all the others: were one sent only after another's answer,
    # the barrier would break, and the read with it.
    together = threading.Barrier(expected)
    with traffic(lambda sent: together.wait(timeout=10)):
        slugs = [f"c{number}" for number in range(1, depth + 1)]
        assert catalogue.read(slugs, limit=20).item.slug == slugs[-1]


def test_a_wrong_path_costs_no_more_than_a_right_one(requests: list[str]) -> None:
    with pytest.raises(NotFound):
        catalogue.read(["a", "b"], limit=20)
    assert len(requests) == 3


def test_a_path_that_can_not_be_costs_nothing(requests: list[str]) -> None:
    with pytest.raises(NotFound):
        catalogue.read(["a", "b", "a"], limit=20)
    assert requests == []


def test_the_root_costs_a_query(requests: list[str]) -> None:
    catalogue.origin_channels(limit=20)
    assert requests == ["Query"]


def test_a_page_does_not_cost_more_for_its_size_or_a_filter(requests: list[str]) -> None:
    put([channel("a"), channel("b", "a"), *(content(f"n{n:03}", "b") for n in range(150))])
    requests.clear()
    assert len(catalogue.read(["a", "b"], limit=100).contents.items) == 100
    assert len(requests) == 3
    requests.clear()
    catalogue.read(["a"], group="g", limit=100)
    assert len(requests) == 3


def test_a_page_takes_at_most_four_queries(requests: list[str]) -> None:
    put([channel(f"n{n:02}", active=False) for n in range(50)])
    requests.clear()
    page = catalogue.origin_channels(limit=1)
    assert page.items == []
    assert page.after == "n07"
    assert requests == ["Query"] * 4


def test_keys_that_stay_unprocessed_are_asked_for_again(
    requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(chain(5))
    requests.clear()
    left = [3, 2, 0]

    def some_unprocessed(parsed: dict[str, Any], **kwargs: Any) -> None:
        number = left.pop(0)
        responses = parsed["Responses"]["catalogue"]
        keep, drop = responses[number:], responses[:number]
        parsed["Responses"]["catalogue"] = keep
        if drop:
            keys = [{"slug": item["slug"]} for item in drop]
            parsed["UnprocessedKeys"] = {"catalogue": {"Keys": keys}}

    events = connection().connection.client.meta.events
    events.register("after-call.dynamodb.BatchGetItem", some_unprocessed)
    monkeypatch.setattr("chalicelib.catalogue.random.uniform", lambda low, high: 0.0)
    found = catalogue.fetch(["c1", "c2", "c3", "c4", "c5"])
    assert {item.slug for item in found} == {"c1", "c2", "c3", "c4", "c5"}
    assert requests == ["BatchGetItem"] * 3


def test_keys_that_never_get_processed_end_in_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_processed(parsed: dict[str, Any], **kwargs: Any) -> None:
        parsed["UnprocessedKeys"] = {"catalogue": {"Keys": [{"slug": {"S": "a"}}]}}

    events = connection().connection.client.meta.events
    events.register("after-call.dynamodb.BatchGetItem", none_processed)
    monkeypatch.setattr("chalicelib.catalogue.random.uniform", lambda low, high: 0.0)
    with pytest.raises(Unavailable):
        catalogue.fetch(["a"])
