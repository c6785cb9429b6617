"""Deleting, of whatever size: begun in one transaction, and finished by as many as it takes.

What is begun is hidden and takes nothing new from then on. What is cut off after that, by a
time-out or a crash, goes on with the next call; every step in between keeps every invariant.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, cast

from chalicelib import catalogue, groups, journal
from chalicelib.batches import Change, fitting, split
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.links import is_dying
from chalicelib.models import Channel, Content, Gone, Group, Item, groups_of, revised
from chalicelib.paths import ORIGIN
from chalicelib.transactions import (
    Busy,
    Stale,
    Transaction,
    check_tag,
    patient,
    settled,
    settled_once,
)

Below = Literal["delete", "detach"]

STEP = 90  # items that are looked at, at once


class Unfinished(Unavailable):
    """Time was up before everything was deleted. The next call goes on where this one stopped."""


def delete(
    slugs: Sequence[str],
    *,
    below: Below | None = None,
    match: frozenset[str] | None = None,
    deadline: float,
) -> None:
    """Deletes what is at the path `slugs`, and all that is below, or makes that origin channels.

    Works until `deadline` (of time.monotonic) and then raises Unfinished: called again, it goes on.
    Each step takes three requests to find, and a transaction to delete, up to 90 items.

    Raises NotFound or Moved if the path is wrong; PreconditionFailed if the item isn't one of the
    tags `match`; Conflict, saying how much, if something is below and `below` doesn't say what for.
    """
    channel = _begin(slugs, below, match)
    if channel is not None:
        finish(channel, deadline)


@settled_once
def _begin(
    slugs: Sequence[str], below: Below | None, match: frozenset[str] | None
) -> Channel | None:
    """Deletes what has nothing below, or else marks it; returns the channel that was marked.

    As a move does (tree.change), it decides on the tree of one epoch: nothing moves out of what is
    marked, or into it, without having known.
    """
    catalogue.check(slugs)
    seen = journal.epoch() if below else 0
    items = catalogue.look(slugs)
    begun = items.get(slugs[-1])
    mark = begun.deleting if isinstance(begun, Channel) else None
    if isinstance(begun, Channel) and mark is not None:
        items[begun.slug] = revised(begun, deleting=None)
    before = catalogue.find(slugs, items, hidden=True)[-1]
    if mark is not None:
        if below not in (None, mark):
            raise Conflict(f"It is being deleted already: DELETE with ?below={mark} finishes that.")
        return cast(Channel, begun)

    check_tag(before, match)
    transaction = Transaction()
    if not isinstance(before, Channel) or not before.children:
        transaction.replace(before, _left(before))
        transaction.commit()
        return None
    _check_below(before, below)
    after = revised(before, deleting=below, active=False)
    transaction.replace(before, after)
    journal.advance(transaction, seen)
    transaction.commit()
    return after


def _check_below(channel: Channel, below: Below | None) -> None:
    much = "content" if channel.rating_count else "subchannel"
    much += "" if channel.children == 1 else "s"
    if below is None:
        instead = "" if channel.rating_count else ", ?below=detach makes them origin channels"
        raise Conflict(
            f"{channel.slug} isn't empty: {channel.children} {much} directly below it. "
            f"?below=delete deletes all that is below{instead}."
        )
    if below == "detach" and channel.rating_count:
        raise Conflict(
            f"The contents of {channel.slug}, {channel.children} of them, can't be without a "
            "channel: move them, or delete them with ?below=delete."
        )


def _left(item: Item) -> Gone | None:
    """What stays of a deleted item: what it was below, if old links lead through it."""
    places = set(item.ghosts or ())
    if isinstance(item, Channel) and item.linked:
        places |= {item.above, *(item.former or ())}
    return Gone(item.slug, former=places) if places else None


def finish(root: Channel, deadline: float) -> None:
    """Deletes the marked channel `root`, what is below first, as only empty channels can go.

    Each step happens only while `root` is there, and marked: what is made anew under these slugs
    later is safe. Works until `deadline` (of time.monotonic) and then raises Unfinished.
    """
    step = patient(lambda state: time.monotonic() > deadline)(_step)
    stack = [root.slug]
    while stack:
        _check(deadline)
        with contextlib.suppress(Busy, Stale):  # time is up: another call is at it too
            stack = step(root, stack)


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Unfinished(
            "Not all of it is done yet, but nobody can see it: send the same request again to go "
            "on."
        )


def _step(root: Channel, stack: list[str]) -> list[str]:
    """Deletes some of what is below the channel on top of `stack`, or it; returns the next stack.

    Raises Stale, too, if what it counts isn't listed: indexes follow the table by moments.
    """
    items = catalogue.look([root.slug, stack[-1]])
    there = items.get(root.slug)
    if there is None or there.born != root.born or not is_dying(there):
        return []  # another call has finished it
    channel = items.get(stack[-1])
    if not isinstance(channel, Channel) or (stack[1:] and channel.above != stack[-2]):
        return stack[:-1]

    transaction = Transaction()
    transaction.expect_going(root)
    if not channel.children:
        transaction.replace(channel, _left(channel))
        transaction.commit()
        return stack[:-1]
    index = Item.contents if channel.rating_count else Item.subchannels
    listed = next(index.query(channel.slug, page_size=STEP).page_iter)["Items"]
    below = catalogue.look(raw["slug"]["S"] for raw in listed) if listed else {}
    found = [item for item in below.values() if item.above == channel.slug]
    taken = fitting(_taken(channel, found))
    for before, after in taken:
        transaction.replace(before, after)
    if taken:
        transaction.commit()
        return stack
    if not found:
        raise Stale([])
    return [*stack, found[0].slug]


def _taken(channel: Channel, found: list[Item]) -> Iterator[Change]:
    """Those of `found`, below `channel`, that can be taken away now, and what they become."""
    for item in found:
        if isinstance(item, Content):
            yield item, _left(item)
        elif isinstance(item, Channel) and channel.deleting == "detach":
            former = {*(item.former or ()), channel.slug}
            yield item, revised(item, superchannel=ORIGIN, former=former)
        elif isinstance(item, Channel) and not item.children:
            yield item, _left(item)


def delete_group(slug: str, *, match: frozenset[str] | None = None, deadline: float) -> None:
    """Deletes a group, and takes every channel out of it, what is below first.

    Works until `deadline` (of time.monotonic) and then raises Unfinished: called again, it goes on.
    Raises NotFound; PreconditionFailed if the group isn't one of the tags `match`.
    """
    take_out(slug, _mark(slug, match), deadline)


def take_out(slug: str, group: Group | None, deadline: float) -> None:
    """Takes every channel out of the marked `group` and deletes it, or out of one that isn't there.

    Each round scans the index of channels. A channel gets into a group only if its superchannel is
    in it or, at the top, if the group is there and isn't marked; and the group counts those at the
    top. So when it counts none, there is none.
    Works until `deadline` (of time.monotonic) and then raises Unfinished.
    """
    some = patient(lambda state: time.monotonic() > deadline)(_take_out_some)
    done = False
    while not done:
        _check(deadline)
        with contextlib.suppress(Busy, Stale):  # time is up: another call is at it too
            done = some(slug, group, deadline)


def _take_out_some(slug: str, group: Group | None, deadline: float) -> bool:
    """A round of `take_out`; returns whether it was the last. Raises Stale, too, if it was late."""
    there = groups.find(slug)
    if group is None or there is None:
        if there is not group:
            return True  # another call has made it, or deleted it
    elif there.born != group.born or not there.deleting:
        return True  # another call has deleted it, and it was made anew
    members = _members(slug)
    for batch in split(_leaving(members, slug), spare=2):
        _check(deadline)
        transaction = Transaction()
        transaction.expect_group(slug, group)
        for before, after in batch:
            transaction.replace(before, after)
        transaction.commit()
    if members:
        return False
    if there is not None:
        _check(deadline)
        groups.remove(there)
    return True


def _leaving(members: list[Channel], group: str) -> Iterator[Change]:
    """`members` as they are at this moment, and without `group`."""
    for start in range(0, len(members), STEP):
        slugs = [channel.slug for channel in members[start : start + STEP]]
        there = catalogue.look(slugs)
        for slug in slugs:
            channel = there.get(slug)
            if isinstance(channel, Channel) and group in groups_of(channel):
                yield channel, revised(channel, groups=groups_of(channel) - {group} or None)


@settled
def _mark(slug: str, match: frozenset[str] | None) -> Group:
    group = groups.find(slug)
    if group is None:
        raise NotFound(f"There is no group {slug}. GET /-/groups lists all.")
    if not group.deleting:
        check_tag(group, match)
        after = revised(group, active=False, deleting=True)
        groups.replace(group, after)
        group = after
    return group


def _members(group: str) -> list[Channel]:
    """The channels in `group`, each before what it is below."""
    scanned = cast(Iterable[Channel], Item.subchannels.scan(Channel.groups.contains(group)))
    found = {channel.slug: channel for channel in scanned}
    depths: dict[str, int] = {}

    def depth(slug: str) -> int:
        walk = []
        while slug in found and slug not in depths:
            walk.append(slug)
            depths[slug] = 0  # a circle ends here
            slug = found[slug].above
        level = depths.get(slug, 0)
        for passed in reversed(walk):
            level += 1
            depths[passed] = level
        return level

    for slug in found:
        depth(slug)
    return sorted(found.values(), key=lambda channel: (-depths[channel.slug], channel.slug))
