"""Writes side by side, in thousands of orders: whatever happens is what one after the other gives.

Real operations, on a small tree on which they collide. What happens in between their requests is
chosen (tests/schedules.py), and a recount of all follows each run.
"""

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import verify
from chalicelib.errors import PopflixError, Unavailable
from chalicelib.verify import Found
from tests.crashes import Killed
from tests.invariants import violations_of
from tests.schedules import Choose, Run, drawn, every, interleave
from tests.twin import Twin, Version, Wire
from tests.writes import ATOMIC, WRITES, break_by_hand, plant

CHOICES = st.binary(min_size=12, max_size=60)


@pytest.fixture(scope="module")
def base(tables: Twin) -> Version:
    """The tables with what the writes are about. Scans read them bit by bit, over a while."""
    tables.page = 5
    plant()
    return tables.save()


def several(writes: dict[str, Any]) -> st.SearchStrategy[list[str]]:
    """Two or three, perhaps the same."""
    return st.lists(st.sampled_from(sorted(writes)), min_size=2, max_size=3)


def run(tables: Twin, base: Version, names: list[str], choose: Choose, **options: Any) -> Run:
    """Runs WRITES of these names side by side."""
    tables.restore(base)
    numbered = {f"{number}. {name}": WRITES[name] for number, name in enumerate(names, 1)}
    return interleave(tables, numbered, choose, **options)


def check(tables: Twin, ran: Run) -> None:
    """What has to be so after any run."""
    wrong = violations_of(tables.items("catalogue"), tables.items("groups"))
    for name, (value, error) in ran.results.items():
        may_be = isinstance(error, PopflixError | Killed) and not isinstance(error, Unavailable)
        if error and not may_be:
            wrong.append(f"{name} ended with {error!r}")
        if isinstance(value, Found) and value.violations:
            wrong.append(f"{name} found {value.violations}")
    assert not wrong, f"{wrong}\n{ran}"


@given(names=several(WRITES), choices=CHOICES, deaths=st.booleans())
@settings(max_examples=700, deadline=None)
def test_writes_side_by_side_keep_every_invariant(
    tables: Twin, base: Version, names: list[str], choices: bytes, deaths: bool
) -> None:
    check(tables, run(tables, base, names, drawn(choices), deaths=deaths))


@given(names=several(ATOMIC), choices=CHOICES)
@settings(max_examples=400, deadline=None)
def test_transactions_side_by_side_give_what_one_after_the_other_gives(
    tables: Twin, base: Version, names: list[str], choices: bytes
) -> None:
    ran = run(tables, base, names, drawn(choices))
    check(tables, ran)
    ended = outcome(tables, ran)
    writes = dict(zip(ran.results, [WRITES[name] for name in names], strict=True))
    for order in permutations(writes):
        tables.restore(base)
        serial = interleave(tables, {name: writes[name] for name in order}, drawn(b""))
        if outcome(tables, serial) == ended:
            return
    raise AssertionError(f"No order gives {ended}:\n{ran}")


def outcome(tables: Twin, ran: Run) -> dict[str, Any]:
    """How every write ended and what the tables hold, without what tells how that came about."""
    found: dict[str, Any] = {
        name: type(result.error).__name__ for name, result in ran.results.items()
    }
    for table in ("catalogue", "groups"):
        for item in tables.items(table):
            kept = {name: plain(value) for name, value in item.items() if name not in HISTORY}
            found[f"{table} {item['slug']['S']}"] = kept
    return found


HISTORY = {"born", "revision"}


def plain(value: Wire) -> Any:
    """A value of DynamoDB's, to be compared."""
    [(kind, content)] = value.items()
    if kind == "SS":
        return set(content)
    if kind == "N":
        return Decimal(content)
    return {name: plain(below) for name, below in content.items()} if kind == "M" else content


@pytest.fixture(scope="module")
def broken(tables: Twin, base: Version) -> Version:
    """`base`, broken by hand."""
    tables.restore(base)
    break_by_hand()
    return tables.save()


@given(name=st.sampled_from(sorted(WRITES)), choices=CHOICES, deaths=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_repair_beside_a_write_breaks_nothing_and_can_be_finished(
    tables: Twin, broken: Version, name: str, choices: bytes, deaths: bool
) -> None:
    ran = run(tables, broken, ["repair", name], drawn(choices), deaths=deaths)
    for _, error in ran.results.values():
        assert error is None or isinstance(error, PopflixError | Killed), str(ran)
    assert verify.repair(bool).violations == [], str(ran)
    wrong = violations_of(tables.items("catalogue"), tables.items("groups"))
    assert not wrong, f"{wrong}\n{ran}"


def test_the_same_choices_give_the_same_run(tables: Twin, base: Version) -> None:
    names = ["delete a and below", "move b to e", "create some m in d"]
    runs = {str(run(tables, base, names, drawn(bytes(range(200, 0, -3))))) for _ in range(5)}
    assert len(runs) == 1


# ---- every order of two writes, and what goes wrong in one if a condition is left out

PAIRS = [
    ("update n", "rate n 3", "rate n 9"),
    ("delete n", "delete n", "rate n 9"),
    ("delete d", "delete d", "create m in d in g"),
    ("update d", "create content k in d", "create m in d in g"),
    ("update d", "move e to d", "delete d"),
    ("update shape of the tree", "move s to f", "move e to t"),
    ("update f", "move n to f", "delete f"),
    ("update b", "put c in h", "move b to e"),
    ("update a", "take a out of h", "put d in h"),
    ("update a", "create m in b in h", "take a out of h"),
    ("put m", "create m at the top", "create m in b"),
    ("update g", "put e in g", "delete group g"),
]


@pytest.mark.parametrize("pair", [pair[1:] for pair in PAIRS])
def test_no_order_of_two_writes_breaks_an_invariant(
    tables: Twin, base: Version, pair: tuple[str, str]
) -> None:
    assert search(tables, base, pair) > 10


@pytest.mark.parametrize(("forgotten", "one", "other"), PAIRS)
def test_a_condition_that_is_left_out_is_found_out(
    tables: Twin,
    base: Version,
    forgotten: str,
    one: str,
    other: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "forgotten", forgotten)
    with pytest.raises(AssertionError, match=forgotten):
        search(tables, base, (one, other))


def search(tables: Twin, base: Version, pair: tuple[str, str]) -> int:
    """Checks every order of two writes with up to two switches between them; how many."""
    number = 0
    for ran in every(lambda choose: run(tables, base, [*pair], choose, faults=False, switches=2)):
        check(tables, ran)
        number += 1
    return number
