"""Deleting, of whatever size: begun in one transaction, and finished by as many as it takes.

What is begun is hidden and takes nothing new from then on. What is cut off after that, by a
time-out or a crash, goes on with the next call; every step in between keeps every invariant.
"""

import random
import time
from collections.abc import Iterator, Sequence
from typing import Literal, cast

from chalicelib import catalogue, groups, journal
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.links import is_dying
from chalicelib.models import Channel, Content, Gone, Group, Item, revised
from chalicelib.paths import ORIGIN
from chalicelib.transactions import Busy, Stale, Transaction, check_tag, settled

Below = Literal["delete", "detach"]

STEP = 90  # items of a transaction, and a page; some room is left for the channels above
STEP_METADATA = 2_000_000  # characters; a transaction has up to 4 MB


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
    Each step takes two requests to find, and a transaction to delete, up to 90 items.

    Raises NotFound or Moved if the path is wrong; PreconditionFailed if the item isn't one of the
    tags `match`; Conflict, saying how much, if something is below and `below` doesn't say what for.
    """
    channel = _begin(slugs, below, match)
    if channel is not None:
        finish(channel.slug, deadline)


@settled
def _begin(
    slugs: Sequence[str], below: Below | None, match: frozenset[str] | None
) -> Channel | None:
    """Deletes what has nothing below, or else marks it; returns the channel that was marked.

    As a move does (tree.change), it decides on the tree of one epoch: nothing moves out of what is
    marked, or into it, without having known.
    """
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
    much = "contents" if channel.rating_count else "subchannels"
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


def finish(root: str, deadline: float) -> None:
    """Deletes the marked channel `root`, what is below first, as only empty channels can go.

    Works until `deadline` (of time.monotonic) and then raises Unfinished.
    """
    stack = [root]
    failures = 0
    while stack:
        if time.monotonic() > deadline:
            raise Unfinished(
                "Not all of it is deleted yet, and none of it can be seen: send the same request "
                "again to go on."
            )
        try:
            deeper = _step(stack)
        except (Busy, Stale):  # another call is at it too, or a write that had begun before
            deeper = None
        if deeper is None:
            failures += 1
            time.sleep(random.uniform(0, min(1, 0.05 * 2 ** min(failures, 10))))  # seconds
        else:
            failures = 0
            stack = deeper


def _step(stack: list[str]) -> list[str] | None:
    """Deletes some of what is below the channel on top of `stack`, or it; returns the next stack.

    Returns None if what it counts isn't listed: indexes follow the table by moments.
    """
    above = stack[-2] if len(stack) > 1 else None
    channel = catalogue.look([stack[-1]]).get(stack[-1])
    if not isinstance(channel, Channel) or above not in (None, channel.above):
        return stack[:-1]
    if above is None and not is_dying(channel):
        return []  # finished by another call, and made again since then

    transaction = Transaction()
    if not channel.children:
        transaction.replace(channel, _left(channel))
        transaction.commit()
        return stack[:-1]
    index = Item.contents if channel.rating_count else Item.subchannels
    listed = next(index.query(channel.slug, page_size=STEP).page_iter)["Items"]
    there = catalogue.look(raw["slug"]["S"] for raw in listed) if listed else {}
    found = [item for item in there.values() if item.above == channel.slug]
    taken = list(_taken(channel, found))
    for before, after in taken:
        transaction.replace(before, after)
    if taken:
        transaction.commit()
        return stack
    full = [item.slug for item in found]
    return [*stack, full[0]] if full else None


def _taken(channel: Channel, found: list[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Those of `found`, below `channel`, that a transaction can take away; what they become."""
    metadata = 0
    for item in found:
        if isinstance(item, Content):
            metadata += len(item.metadata or "")
            if metadata > STEP_METADATA:
                return
            yield item, None
        elif isinstance(item, Channel) and channel.deleting == "detach":
            former = {*(item.former or ()), channel.slug}
            yield item, revised(item, superchannel=ORIGIN, former=former)
        elif isinstance(item, Channel) and not item.children:
            yield item, _left(item)


def delete_group(slug: str, *, match: frozenset[str] | None = None, deadline: float) -> None:
    """Deletes a group, and takes every channel out of it, what is below first.

    Works until `deadline` (of time.monotonic) and then raises Unfinished: called again, it goes on.
    Each round scans the catalogue. A channel gets into a group only if its superchannel is in it
    or, at the top, if the group is there and isn't marked: once a scan finds none, there is none.

    Raises NotFound; PreconditionFailed if the group isn't one of the tags `match`.
    """
    group = _mark(slug, match)
    take_out(group.slug, deadline)
    _end(group.slug)


def take_out(slug: str, deadline: float) -> None:
    """Takes every channel out of the group `slug`, which can't be added to meanwhile.

    Works until `deadline` (of time.monotonic) and then raises Unfinished.
    """
    failures = 0
    while members := _members(slug):
        for start in range(0, len(members), STEP):
            if time.monotonic() > deadline:
                raise Unfinished(
                    "Some channels are in the group still: send the same request again to go on."
                )
            transaction = Transaction()
            for channel in members[start : start + STEP]:
                left = (channel.groups or set()) - {slug}
                transaction.replace(channel, revised(channel, groups=left or None))
            try:
                transaction.commit()
            except (Busy, Stale):  # the next round has what is left
                failures += 1
                time.sleep(random.uniform(0, min(1, 0.05 * 2 ** min(failures, 10))))  # seconds
                break


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


@settled
def _end(slug: str) -> None:
    group = groups.find(slug)
    if group is not None and group.deleting:  # or another call has done so
        groups.replace(group, None)


def _members(group: str) -> list[Channel]:
    """The channels in `group`, each before what it is below."""
    found = {
        channel.slug: channel
        for channel in Channel.scan(Channel.groups.contains(group), consistent_read=True)
    }
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
