"""Every kind of write, on one small tree on which they collide."""

import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from chalicelib import groups, removal, tree, verify
from chalicelib.journal import Key
from chalicelib.models import Channel, Group, Item, revised
from tests.build import channel, content, put

Write = Callable[[], object]

PATIENCE = 25  # seconds that a deletion may take
FINGERPRINT = "0123456789abcdef"


def plant() -> None:
    """a (in g, h) has b (in g) and d, b has c (in g), c has n and o; e has f, s has t."""
    put(
        [
            channel("a", groups={"g", "h"}),
            channel("b", "a", groups={"g"}),
            channel("c", "b", groups={"g"}),
            channel("d", "a"),
            channel("e"),
            channel("f", "e"),
            channel("s"),
            channel("t", "s"),
            content("n", "c", "5.0"),
            content("o", "c", "7.5"),
        ]
    )


def break_by_hand() -> None:
    """Breaks what can be, on top of `plant` or another tree of a to e."""
    Channel("a").update([Channel.children.set(7), Channel.members["g"].set(5)])
    Channel("d").update([Channel.rating_sum.set(Decimal("0.1"))])
    Channel("e").update([Channel.groups.set({"nowhere"}), Channel.members["nowhere"].set(0)])
    Group("k", title="K", members=3).save()
    Channel("b").update([Channel.groups.set({"g", "k"}), Channel.members["k"].set(0)])
    channel("orphan", "nowhere").save()
    content("stray", "nowhere").save()
    for slug, above in (("one", "two"), ("two", "one")):
        channel(slug, above, children=1).save()
    channel("going", "e", deleting="delete", active=False).save()
    Group("l", title="L", deleting=True, active=False).save()


def create(above: str, item: Item, *, pick: bool = False, key: str | None = None) -> Write:
    """Creates what is like `item` below the path `above`."""
    known = Key(key, FINGERPRINT) if key else None

    def write() -> tree.Written:
        new = revised(item, born=f"{random.getrandbits(32):08x}")
        return tree.create(_slugs(above), new, pick=pick, key=known)

    return write


def change(path: str, **values: Any) -> Write:
    """Changes what is at `path`."""
    return lambda: tree.change(_slugs(path), lambda item: values)


def delete(path: str, below: removal.Below | None = None) -> Write:
    """Deletes what is at `path`."""
    return lambda: removal.delete(_slugs(path), below=below, deadline=time.monotonic() + PATIENCE)


def delete_group(slug: str) -> Write:
    """Deletes a group."""
    return lambda: removal.delete_group(slug, deadline=time.monotonic() + PATIENCE)


def _slugs(path: str) -> list[str]:
    return path.split("/") if path else []


def _anew(path: str, below: removal.Below | None = None) -> Write:
    """Deletes a channel, and makes another of its slug."""

    def both() -> None:
        delete(path, below)()
        above, _, slug = path.rpartition("/")
        create(above, channel(slug))()

    return both


# One transaction each.
ATOMIC: dict[str, Write] = {
    "create m at the top": create("", channel("m")),
    "create m at the top in h": create("", channel("m", groups={"h"})),
    "create m in b": create("a/b", channel("m")),
    "create m in b in h": create("a/b", channel("m", groups={"h"})),
    "create m in d in g": create("a/d", channel("m", groups={"g"})),
    "create m in e in g": create("e", channel("m", groups={"g"})),
    "create m in d by key": create("a/d", channel("m"), key="key"),
    "create content k in d": create("a/d", content("k", "d")),
    "create content k in f": create("e/f", content("k", "f")),
    "create content p in c": create("a/b/c", content("p", "c", "1.0")),
    "rate n 3": change("a/b/c/n", rating=Decimal("3.0")),
    "rate n 9": change("a/b/c/n", rating=Decimal("9.0")),
    "rename n": change("a/b/c/n", name="Other"),
    "hide c": change("a/b/c", active=False),
    "rename b": change("a/b", title="Other"),
    "move n to d": change("a/b/c/n", channel="d"),
    "move n to f": change("a/b/c/n", channel="f"),
    "move a to f": change("a", superchannel="f"),
    "move s to f": change("s", superchannel="f"),
    "move e to t": change("e", superchannel="t"),
    "move b to e": change("a/b", superchannel="e"),
    "move b to d": change("a/b", superchannel="d"),
    "move b to the top": change("a/b", superchannel="/"),
    "move c to e": change("a/b/c", superchannel="e"),
    "move c to a": change("a/b/c", superchannel="a"),
    "move d to b": change("a/d", superchannel="b"),
    "move d to e": change("a/d", superchannel="e"),
    "move e to d": change("e", superchannel="d"),
    "move e to b": change("e", superchannel="b"),
    "move a to e": change("a", superchannel="e"),
    "move e to a into h": change("e", superchannel="a", groups={"h"}),
    "put c in h": change("a/b/c", groups={"g", "h"}),
    "put d in h": change("a/d", groups={"h"}),
    "put e in g": change("e", groups={"g"}),
    "put f in h": change("e/f", groups={"h"}),
    "take c out of g": change("a/b/c", groups=None),
    "take b out of g": change("a/b", groups=None),
    "take a out of h": change("a", groups={"g"}),
    "take a out of all": change("a", groups=None),
    "delete n": delete("a/b/c/n"),
    "delete o": delete("a/b/c/o"),
    "delete d": delete("a/d"),
    "delete f": delete("e/f"),
    "delete c": delete("a/b/c"),
    "create group i": lambda: groups.create(Group("i", title="I"), pick=False),
    "rename group g": lambda: groups.change("g", lambda group: {"title": "Other"}),
}
# Several, between which others may come.
LONG: dict[str, Write] = {
    "create some m in d": create("a/d", channel("m"), pick=True),
    "delete c and below": delete("a/b/c", "delete"),
    "delete b and below": delete("a/b", "delete"),
    "delete a and below": delete("a", "delete"),
    "detach what is below b": delete("a/b", "detach"),
    "detach what is below a": delete("a", "detach"),
    "delete group g": delete_group("g"),
    "delete group h": delete_group("h"),
    "make f anew": _anew("e/f"),
    "make e anew": _anew("e", "delete"),
    "make d anew": _anew("a/d"),
    "make c anew": _anew("a/b/c", "delete"),
    "make b anew": _anew("a/b", "delete"),
    "verify": verify.verify,
    "repair": lambda: verify.repair(bool),
}
WRITES = ATOMIC | LONG
