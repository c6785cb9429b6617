"""Writes as large as they may be, on AWS's own engine, which knows its own limits."""

import time
from decimal import Decimal
from itertools import pairwise

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib import groups, removal, tree, verify
from chalicelib.errors import Conflict
from chalicelib.models import MAX_GROUPS, Channel, Group, Item
from tests.build import channel, content, put
from tests.invariants import violations

pytestmark = pytest.mark.usefixtures("client")


def soon() -> float:
    return time.monotonic() + 60


def long_slugs(prefix: str, number: int = MAX_GROUPS) -> set[str]:
    return {f"{prefix}{n}-".ljust(249, "x") + "y" for n in range(number)}


def test_a_group_of_many_small_trees_is_deleted(client: DynamoDBClient) -> None:
    put(channel(f"top{n}", groups={"g"}) for n in range(60))
    put(channel(f"sub{n}", f"top{n}", groups={"g"}) for n in range(60))
    removal.delete_group("g", deadline=soon())
    assert violations(client) == []
    assert not any(item.groups for item in Item.scan() if isinstance(item, Channel))
    assert groups.find("g") is None


def test_all_groups_are_exchanged_at_once(client: DynamoDBClient) -> None:
    before, after = long_slugs("a"), long_slugs("b")
    put([channel("top", groups=before)])
    with Group.batch_write() as batch:
        for slug in after:
            batch.save(Group(slug, title="B"))
    with pytest.raises(Conflict, match="too much at once"):
        tree.change(["top"], lambda item: {"groups": after})
    tree.change(["top"], lambda item: {"groups": None})
    tree.change(["top"], lambda item: {"groups": after})
    assert violations(client) == []


def test_a_channel_gets_into_no_more_groups_than_it_may_from_below(client: DynamoDBClient) -> None:
    many = {f"g{n}" for n in range(60)}, {f"h{n}" for n in range(60)}
    put([channel("top")])
    for slugs in many:
        put([channel(f"of-{min(slugs)}", groups=slugs)])
    tree.change(["of-g0"], lambda item: {"superchannel": "top"})
    with pytest.raises(Conflict, match="more than 90 groups"):
        tree.change(["of-h0"], lambda item: {"superchannel": "top"})
    assert violations(client) == []


def test_a_channel_in_all_groups_is_moved_about_and_deleted(client: DynamoDBClient) -> None:
    slugs = long_slugs("a")
    put([channel("full", groups=slugs), *(channel(f"c{n}") for n in range(2))])
    put([channel("sub", "full", groups=slugs), channel("below", "c0")])
    tree.change(["full"], lambda item: {"superchannel": "below"})
    assert violations(client) == []
    tree.change(["c0", "below", "full"], lambda item: {"superchannel": "/"})
    tree.change(["full", "sub"], lambda item: {"superchannel": "c1"})
    removal.delete(["c1", "sub"], deadline=soon())
    removal.delete(["full"], deadline=soon())
    assert violations(client) == []


def test_a_long_chain_gets_into_all_groups(client: DynamoDBClient) -> None:
    slugs = long_slugs("a")
    line = ["/", *(f"c{n}" for n in range(110))]
    put(channel(slug, above) for above, slug in pairwise(line))
    with Group.batch_write() as batch:
        for slug in slugs:
            batch.save(Group(slug, title="A"))
    tree.create(line[1:], channel("leaf", groups=slugs), pick=False)
    assert violations(client) == []
    assert len(Channel.get("c0").groups or ()) == MAX_GROUPS


def test_large_contents_are_deleted(client: DynamoDBClient) -> None:
    large = '{"a":"' + "語" * 120_000 + '"}'
    put([channel("top"), *(content(f"n{n}", "top", metadata=large) for n in range(12))])
    removal.delete(["top"], below="delete", deadline=soon())
    assert [item.slug for item in Item.scan()] == []


def test_what_was_moved_too_often_to_be_remembered_is_told_so() -> None:
    former = {f"{n:04}".ljust(250, "x") for n in range(1636)}
    above, other = "a" * 250, "b" * 250
    put([channel(above), channel(other), channel("c", above)])
    Channel("c").update([Channel.former.set(former)])
    with pytest.raises(Conflict, match="400 KB"):
        tree.change([above, "c"], lambda item: {"superchannel": other})


def test_a_channel_of_an_earlier_version_is_told_so_and_repaired(client: DynamoDBClient) -> None:
    put([channel("a", groups={"g"}), channel("b", "a", groups={"g"}), content("c", "b")])
    for slug in ("a", "b"):
        Channel(slug).update([Channel.members.remove(), Channel.born.remove()])
    with pytest.raises(Conflict, match="--repair"):
        tree.create(["a"], channel("d", groups={"g"}), pick=True)
    assert verify.repair(str).violations == []
    tree.create(["a"], channel("d", groups={"g"}), pick=True)
    tree.change(["a", "b", "c"], lambda item: {"rating": Decimal(9)})
    assert violations(client) == []
