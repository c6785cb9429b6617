"""Deletions and repairs that come late: what was made anew meanwhile is none of theirs."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import catalogue, groups, removal, tree, verify
from chalicelib.errors import Unavailable
from chalicelib.models import Channel, Content, Group, Item
from tests.build import channel, content, put

pytestmark = pytest.mark.usefixtures("aws")


def soon() -> float:
    return time.monotonic() + 60


def marked(slug: str) -> Channel:
    """A channel of which the deletion has begun, and no step is done."""
    with pytest.raises(Unavailable):
        removal.delete([slug], below="delete", deadline=0)
    found = Channel.get(slug)
    assert found.deleting
    return found


def before_the_second(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, happens: Callable[[], object]
) -> None:
    """Lets something happen once, right before the second call of a function."""
    function, calls = getattr(module, name), []

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            happens()
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, wrapped)


def test_a_late_call_leaves_alone_what_was_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    put([channel("root"), channel("b", "root"), content("c", "b")])
    root = marked("root")

    def made_anew() -> None:
        removal.finish(root, soon())
        put([channel("root"), channel("b", "root"), content("c", "b")])

    before_the_second(monkeypatch, removal, "_step", made_anew)
    removal.finish(root, soon())
    assert {item.slug for item in Item.scan()} == {"root", "b", "c"}


def test_a_late_deletion_of_a_group_leaves_alone_the_one_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put([channel("a", groups={"g"})])
    with pytest.raises(Unavailable):
        removal.delete_group("g", deadline=0)
    group = groups.find("g")
    assert group is not None
    assert group.deleting

    def made_anew() -> None:
        removal.take_out("g", group, soon())
        put([channel("d", groups={"g"})])

    before_the_second(monkeypatch, removal, "_members", made_anew)
    removal.take_out("g", group, soon())
    assert Channel.get("d").groups == {"g"}
    assert groups.find("g") is not None


def test_a_repair_that_takes_channels_out_of_a_lost_group_stops_when_it_is_made_again() -> None:
    put([channel("a", groups={"g"})])
    Group("g").delete()
    found = verify.verify().violations
    groups.create(Group("g", title="G"), pick=False)
    for violation in found:
        if violation.repair:
            violation.repair()
    assert Channel.get("a").groups == {"g"}


def test_a_content_is_not_rescued_into_a_channel_that_is_being_deleted() -> None:
    put([channel(verify.LOST), content("old", verify.LOST)])
    marked(verify.LOST)
    content("orphan", "nowhere").save()
    left = verify.repair(str)
    assert left.violations == []
    assert left.unfinished == []
    assert Content.get("orphan").channel == verify.LOST
    assert not catalogue.look([verify.LOST])[verify.LOST].active


def test_totals_that_changed_since_they_were_counted_are_not_set() -> None:
    put([channel("a")])
    Channel("a").update([Channel.children.set(5)])
    found = verify.verify().violations
    groups.create(Group("h", title="H"), pick=False)
    tree.change(["a"], lambda item: {"groups": {"h"}})
    for violation in found:
        assert violation.repair is not None
        violation.repair()
    assert Channel.get("a").members == {"h": 0}


def test_a_channel_can_not_hide_at_the_top_from_the_deletion_of_its_group() -> None:
    put([channel("t", groups={"g"}), channel("a", "t")])
    tree.change(["t", "a"], lambda item: {"groups": {"g"}})
    tree.change(["t", "a"], lambda item: {"superchannel": "/"})
    assert Group.get("g").members == 2
    removal.delete_group("g", deadline=soon())
    assert not Channel.get("a").groups
