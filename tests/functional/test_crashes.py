"""Writes that die anywhere: no invariant is ever broken, and the same request completes them."""

import contextlib
from decimal import Decimal

import pytest

from chalicelib import groups, journal, tree, verify
from chalicelib.errors import Conflict, Moved, NotFound
from chalicelib.models import Group
from tests.build import channel, content, put
from tests.crashes import crashes
from tests.invariants import violations_of
from tests.twin import Twin, Version, Wire
from tests.writes import FINGERPRINT, Write, break_by_hand, change, create, delete, delete_group


@pytest.fixture(scope="module")
def base(tables: Twin) -> Version:
    """a (in g, h) has b (in g), that has c (in g), that has contents, and d; e stands alone."""
    put(
        [
            channel("a", groups={"g", "h"}),
            channel("b", "a", groups={"g"}),
            channel("c", "b", groups={"g"}),
            *(content(f"n{number}", "c", f"{number}.5") for number in range(5)),
            channel("d", "a"),
            channel("e"),
            *(channel(f"f{number}", "e") for number in range(3)),
            channel("l", "d"),
            content("m", "l"),
        ]
    )
    tree.change(["a", "d", "l", "m"], lambda item: {"channel": "c"})  # old links lead through l
    return tables.save()


# With what repeating gives if the first time was carried out but never answered.
WRITES: dict[str, tuple[Write, type[Exception] | None]] = {
    "create a channel at the top": (create("", channel("x")), Conflict),
    "create a channel at the top in a group": (create("", channel("x", groups={"g"})), Conflict),
    "create a channel below": (create("a/b", channel("x")), Conflict),
    "create a channel in groups new to all above": (
        create("e", channel("x", groups={"g", "h"})),
        Conflict,
    ),
    "create a content": (create("a/b/c", content("x", "c", "9.9")), Conflict),
    "create with a key": (create("a/b", channel("x", groups={"h"}), pick=True, key="k"), None),
    "create a content with a key": (create("a/b/c", content("x", "c"), key="k"), None),
    "re-rate": (change("a/b/c/n1", rating=Decimal("9.9")), None),
    "rename": (change("a/b", title="Other"), None),
    "hide": (change("a/b", active=False), None),
    "get into a group": (change("a/b/c", groups={"g", "h"}), None),
    "get into a group at the top": (change("e", groups={"g"}), None),
    "leave a group": (change("a/b/c", groups=None), None),
    "move up": (change("a/b/c", superchannel="a"), Moved),
    "move down": (change("a/d", superchannel="b"), Moved),
    "move to the top": (change("a/b/c", superchannel="/"), Moved),
    "move away and into a group": (change("a/b/c", superchannel="e", groups={"h"}), Moved),
    "move a content": (change("a/b/c/n1", channel="l"), Moved),
    "delete a content": (delete("a/b/c/n1"), NotFound),
    "delete an empty channel": (delete("e/f1"), NotFound),
    "delete a channel that old links lead through": (delete("a/d/l"), NotFound),
    "delete contents below": (delete("a/b/c", "delete"), NotFound),
    "delete all below": (delete("a", "delete"), NotFound),
    "detach": (delete("e", "detach"), NotFound),
    "create a group": (lambda: groups.create(Group("i", title="I"), pick=False), Conflict),
    "create a group with a key": (
        lambda: groups.create(Group("g", title="G"), pick=True, key=journal.Key("k", FINGERPRINT)),
        None,
    ),
    "change a group": (lambda: groups.change("g", lambda group: {"title": "Other"}), None),
    "delete a group": (delete_group("g"), NotFound),
}


def contents_of(tables: Twin) -> list[Wire]:
    """What the tables hold, without what tells one incarnation or the hour from another."""
    items = [item for table in ("catalogue", "groups", "journal") for item in tables.items(table)]
    for item in items:
        for name in ("born", "expires"):
            item.pop(name, None)
        for value in item.values():
            if "SS" in value:
                value["SS"] = sorted(value["SS"])
    return items


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_dies_breaks_nothing_and_is_completed_by_the_next(
    tables: Twin, base: Version, name: str
) -> None:
    write, repeated = WRITES[name]
    tables.restore(base)
    before = contents_of(tables)
    write()
    whole = contents_of(tables)
    assert whole != before
    points = 0
    for point in crashes(tables, base, write):
        points += 1
        assert not violations_of(tables.items("catalogue"), tables.items("groups")), point
        done = contents_of(tables) == whole
        with pytest.raises(repeated) if done and repeated else contextlib.nullcontext():
            write()
        assert contents_of(tables) == whole, point
    assert points >= 4  # a read and a write, at the least


# ---- mending what no write has broken


@pytest.fixture(scope="module")
def broken(tables: Twin, base: Version) -> Version:
    """`base`, changed by hand: wrong totals, pointers that lead nowhere or in a circle, groups."""
    tables.restore(base)
    break_by_hand()
    return tables.save()


def test_a_repair_that_dies_is_completed_by_the_next(tables: Twin, broken: Version) -> None:
    tables.restore(broken)
    assert len(violations_of(tables.items("catalogue"), tables.items("groups"))) > 5
    assert verify.repair(bool).violations == []
    assert violations_of(tables.items("catalogue"), tables.items("groups")) == []
    whole = contents_of(tables)
    for point in crashes(tables, broken, lambda: verify.repair(bool), reads=False):
        verify.repair(bool)
        assert contents_of(tables) == whole, point
