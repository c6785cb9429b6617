"""That what the proofs stand on does what it says."""

import time
from collections import Counter

import pytest

from chalicelib import catalogue, tree
from chalicelib.errors import Conflict
from tests import proofs
from tests.build import channel, content, put
from tests.crashes import Killed, crashes
from tests.schedules import DEATHS, Choose, Run, drawn, every, interleave
from tests.twin import Twin, Version


@pytest.fixture(scope="module")
def base(tables: Twin) -> Version:
    put([channel("a")])
    return tables.save()


def look_twice() -> None:
    catalogue.look(["a"])
    catalogue.look(["a"])


def add(slug: str) -> None:
    tree.add([content(slug, "a")])


def orders(ran: Run) -> str:
    return "".join(step.operation for step in ran.steps)


def test_every_order_is_tried_once(tables: Twin, base: Version) -> None:
    tables.restore(base)
    twice = {"x": look_twice, "y": look_twice}
    found = [
        orders(ran) for ran in every(lambda choose: interleave(tables, twice, choose, faults=False))
    ]
    assert set(found) == {"xxyy", "xyxy", "xyyx", "yxxy", "yxyx", "yyxx"}


def test_all_choices_are_made() -> None:
    def run(choose: Choose) -> tuple[int, ...]:
        return (choose(2), choose(3)) if choose(2) else (9,)

    assert list(every(run)) == [(9,), (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_a_transaction_that_is_refused_changes_nothing(tables: Twin, base: Version) -> None:
    tables.restore(base)
    add("n")
    before = tables.items("catalogue")
    with pytest.raises(Conflict):
        tree.add([content("m", "a"), content("n", "a")])
    assert tables.items("catalogue") == before


def test_what_was_restored_is_there_again_any_number_of_times(tables: Twin, base: Version) -> None:
    tables.restore(base)
    before = tables.items("catalogue")
    for _ in range(2):
        add("n")
        assert tables.items("catalogue") != before
        tables.restore(base)
        assert tables.items("catalogue") == before


def test_an_index_may_lag_and_the_table_does_not(tables: Twin, base: Version) -> None:
    tables.restore(base)
    add("n")
    listed: list[list[str]] = []

    def read() -> None:
        listed.append([item.slug for item in catalogue.read(["a"], limit=9).contents.items])
        listed.append(sorted(catalogue.look(["a", "n"])))

    seen = set()
    for ran in every(lambda choose: interleave(tables, {"x": read}, choose)):
        assert ran.results["x"].error is None
        seen.add(tuple(listed[-2]))
        assert listed[-1] == ["a", "n"]
    assert seen == {("n",), ()}


def test_a_wait_takes_no_time_and_lets_others_go_first(tables: Twin, base: Version) -> None:
    tables.restore(base)
    seconds: list[float] = []

    def wait() -> None:
        start = time.monotonic()
        time.sleep(1000)
        seconds.append(time.monotonic() - start)
        look_twice()

    start = time.monotonic()
    ran = interleave(tables, {"x": wait, "y": look_twice}, drawn(b""), faults=False)
    assert orders(ran) == "yyxx"
    assert seconds[0] >= 1000
    assert time.monotonic() - start < 60


def test_an_operation_dies_at_every_request(tables: Twin, base: Version) -> None:
    points = list(crashes(tables, base, look_twice))
    assert points == [
        f"{when} request {number}" for number in (1, 2) for when in ("before", "after")
    ]
    assert list(crashes(tables, base, lambda: add("n"), reads=False)) == [
        "before write 1",
        "after write 1",
    ]


def test_what_died_gets_nothing_through(tables: Twin, base: Version) -> None:
    tables.restore(base)

    def write() -> None:
        try:
            look_twice()
        finally:
            add("n")

    sent = []
    for point in range(4):
        tables.restore(base)
        choices = bytes([0] * point + [DEATHS - 1])
        ran = interleave(tables, {"x": write}, drawn(choices), faults=False, deaths=True)
        assert isinstance(ran.results["x"].error, Killed)
        assert len(tables.items("catalogue")) == 1
        sent.append(len(ran.steps))
    assert sent == [0, 1, 1, 2]


def test_the_counts_of_all_workers_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs.count("schedules", 0)
    monkeypatch.setattr(proofs, "counted", Counter(schedules=1))
    assert proofs.summary([{"schedules": 3999}, {"crash points": 2}]) == (
        "proofs: 4,000 schedules, 2 crash points"
    )
    monkeypatch.setattr(proofs, "counted", Counter())
    assert proofs.summary([]) == ""
