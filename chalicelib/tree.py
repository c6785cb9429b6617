"""Writes of the tree: adding to it, changing what is in it, and moving it about."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

from chalicelib import catalogue, groups, journal
from chalicelib.batches import Change, fitting
from chalicelib.errors import Conflict, FieldError, Invalid, PreconditionFailed
from chalicelib.links import is_dying
from chalicelib.models import (
    MAX_GROUPS,
    Channel,
    Content,
    Gone,
    Item,
    groups_of,
    own,
    revised,
)
from chalicelib.paths import ORIGIN, join
from chalicelib.slugs import wishes
from chalicelib.transactions import Stale, Transaction, check_tag, settled

_DRAWS = 20  # of slugs to try, six at a time
_JOURNAL = 2  # items of a write that are in the journal, at the most


class Written(NamedTuple):
    """What was written, and the slugs of the path that it has now."""

    item: Item
    slugs: list[str]


def create(
    above: Sequence[str],
    item: Item,
    *,
    pick: bool,
    key: journal.Key | None = None,
    match: frozenset[str] | None = None,
) -> Written:
    """Adds `item` below the path `above` (none: an origin channel).

    It gets the slug that it has or, to `pick`, another like it if that is taken. The channels above
    get into its groups. Repeated under the same `key`, it gives what was made.
    Two round trips: what is on the path, and the transaction; more if a long path gets into groups.

    Raises NotFound or Moved if the path is wrong; PreconditionFailed if the channel there isn't one
    of the tags `match`; Conflict if the slug is taken, or what is there can't hold this; Invalid if
    a group isn't there, or the path too long.
    """
    catalogue.check([*above, "."])
    if key:  # so that the answer is the same one, with its ETag
        item = revised(item, born=key.born)
    for _ in range(_DRAWS if pick else 1):
        wanted = wishes(item.slug) if pick else [item.slug]
        written = _create(above, item, wanted, key=key, match=match)
        if written is not None:
            return written
    raise Conflict(f"{item.slug} is taken: choose another slug.")


@settled
def _create(
    above: Sequence[str],
    item: Item,
    wanted: Sequence[str],
    *,
    key: journal.Key | None,
    match: frozenset[str] | None,
) -> Written | None:
    """As `create`, under the first of the slugs `wanted` that is free; None if none is."""
    recalled = catalogue.in_flight(journal.recall, key) if key else None
    items = catalogue.look([*above, *wanted])
    made = recalled.result() if recalled else None
    if made is not None:
        return _again(item, made)
    for slug in wanted:
        if not key and slug in items and items[slug].born == item.born:
            return Written(items[slug], [*above, slug])  # it was carried out, and not answered

    chain = catalogue.find(above, items, hidden=True)
    if match is not None:
        if not chain:
            raise PreconditionFailed("The top of the catalogue has no ETag for If-Match.")
        check_tag(chain[-1], match)
    free = [slug for slug in wanted if isinstance(items.get(slug), Gone | None)]
    if not free:
        made = journal.recall(key)  # at the same moment, perhaps
        return None if made is None else _again(item, made)
    before, new = _over(items.get(free[0]), _placed(item, free[0], above[-1] if above else ORIGIN))
    slugs = [*above, new.slug]
    superchannels = _superchannels(chain, new)
    transaction = Transaction()
    _climb(transaction, superchannels, None, new)
    transaction.replace(before, new)
    if superchannels:
        transaction.expect(superchannels[-1])
    journal.remember(transaction, key, join(slugs))
    _commit(transaction)
    return Written(new, slugs)


@settled
def change(
    slugs: Sequence[str],
    edit: Callable[[Item], dict[str, Any]],
    *,
    match: frozenset[str] | None = None,
) -> Written:
    """Gives what is at the path `slugs` the values that `edit` says of it, as one transaction.

    Another `superchannel` or `channel` moves it, with all that is below, of which nothing is read
    or written. The channels above get into its groups. Two round trips; a move takes two more, and
    one for each level above where it goes that isn't on the path.

    Raises NotFound or Moved if the path is wrong; PreconditionFailed if the item isn't one of the
    tags `match`; Conflict or Invalid if it can't be as `edit` says.

    No two moves decide on the same tree: each reads an epoch before all else, and advances it. As
    a deletion does that too (removal.delete), nothing is moved into or out of what is going.
    """
    catalogue.check(slugs)
    seen: int | None = None
    after: Item | None = None
    while True:
        target = after.above if after else ORIGIN
        items = catalogue.look([*slugs, *({target} - {ORIGIN})])
        chain = catalogue.find(slugs, items, hidden=True)
        before = chain[-1]
        check_tag(before, match)
        after = revised(before, **edit(before))
        moved = after.above != before.above
        if not moved or (seen is not None and after.above == target):
            break
        seen = journal.epoch()

    if own(after) == own(before):
        return Written(before, list(slugs))
    if moved:
        after.former = {*(before.former or ()), before.above}
        superchannels = _superchannels(_chain(after, items), after)
    else:
        superchannels = cast(list[Channel], chain[:-1])
    _check_members(before, after)
    transaction = Transaction()
    _climb(transaction, superchannels, before, after)
    transaction.replace(before, after)
    if moved:
        if superchannels:
            transaction.expect(superchannels[-1])
        if isinstance(after, Channel):
            journal.advance(transaction, cast(int, seen))
    _commit(transaction)
    return Written(after, [*(channel.slug for channel in superchannels), after.slug])


@settled
def widen(slug: str) -> None:
    """Puts all channels above `slug` into its groups, as they should be. Follows its pointers.

    The channel itself, and what else is in these groups below, isn't counted in by that.
    """
    channel = catalogue.look([slug]).get(slug)
    if isinstance(channel, Channel):
        chain = _chain(channel, {}, going=True)
        transaction = Transaction()
        _climb(transaction, _superchannels(chain, channel), channel, channel)
        if transaction:
            _commit(transaction)


def wrong_pointers(groups_: Iterable[str], pointer: str, above: str | None) -> list[FieldError]:
    """An error for each of `groups_` that isn't there, and if `above`, for `pointer`, isn't."""
    wrong = groups.missing(groups_)
    if above is not None:
        channel = catalogue.look([above]).get(above)
        if not isinstance(channel, Channel) or is_dying(channel):
            wrong.append(_no_channel(pointer, above))
    return wrong


@settled
def add(items: Sequence[Item]) -> None:
    """Adds new channels and contents, all or none, with the totals of the channels they go into.

    `items` are as many as `pack` puts together, a channel before what is below it, and its groups
    are among those of its superchannel if that is new too.
    Raises Conflict, saying of which slug, if a slug is taken, or a channel to add to isn't there,
    holds the other kind or isn't in a group that an added subchannel is in.
    """
    slugs = {item.slug for item in items}
    gone: dict[str, Item] = {}
    while True:
        transaction = Transaction()
        for item in items:
            transaction.replace(*_over(gone.get(item.slug), item))
        try:
            transaction.commit()
        except Stale as error:
            there = catalogue.look(error.slugs) if error.slugs else {}
            found = {slug: item for slug, item in there.items() if isinstance(item, Gone)}
            if found.keys() <= gone.keys():
                reasons = [
                    f"{slug} is taken."
                    if slug in slugs
                    else f"{slug} is not there, holds the other kind or lacks a group."
                    for slug in error.slugs
                ]
                text = " ".join(reasons) or "A group isn't there, or is being deleted."
                raise Conflict(text) from error
            gone |= found
        else:
            return


def _placed(item: Item, slug: str, above: str) -> Item:
    pointer = "channel" if isinstance(item, Content) else "superchannel"
    return revised(item, slug=slug, **{pointer: above})


def _again(item: Item, path: str) -> Written:
    """What was written when `item` was created at `path`."""
    slugs = path.split("/")[1:]
    return Written(_placed(item, slugs[-1], slugs[-2] if slugs[1:] else ORIGIN), slugs)


def _over(before: Item | None, new: Item) -> tuple[Item | None, Item]:
    """`new` in the place of what is left of a deleted channel: the links through that stay good."""
    if isinstance(before, Gone):
        new = revised(new, ghosts=before.former)
    return before, new


def _superchannels(chain: Sequence[Item], item: Item) -> list[Channel]:
    """The channels of `chain`, into the last of which `item` goes. Raises Conflict if it can't."""
    if not chain:
        if isinstance(item, Content):
            raise Conflict("A content goes into a channel, not to the top of the catalogue.")
        return []
    last = chain[-1]
    if not isinstance(last, Channel):
        raise Conflict(f"{last.slug} is a content, and nothing can be below it.")
    if isinstance(item, Content) and last.children != last.rating_count:
        raise Conflict(f"{last.slug} has subchannels, and so can't have contents.")
    if isinstance(item, Channel) and last.rating_count:
        raise Conflict(f"{last.slug} has contents, and so can't have subchannels.")
    return cast(list[Channel], list(chain))


def _chain(item: Item, items: dict[str, Item], *, going: bool = False) -> list[Item]:
    """The items from the origin channel down to what `item` is to be below.

    Those in `items` are known, the others are read one by one. Raises Invalid or Conflict if `item`
    can't be there, or if what is there is being deleted, unless it may be `going`.
    """
    pointer = "channel" if isinstance(item, Content) else "superchannel"
    chain: list[Item] = []
    for found in catalogue.upwards(item.above, items, consistent=True):
        if found is None or (is_dying(found) and not going):
            wrong = [_no_channel(pointer, item.above), *groups.missing(groups_of(item))]
            raise Invalid(" ".join(error.reason for error in wrong), wrong)
        if found.slug == item.slug or len(chain) == catalogue.MAX_DEPTH:
            where = "itself" if item.above == item.slug else f"{item.above}, which is below it"
            raise Conflict(f"{item.slug} can't be moved to {where}.")
        chain.insert(0, found)
    return chain


def _no_channel(pointer: str, slug: str) -> FieldError:
    return FieldError(pointer, f"There is no channel {slug}.")


def _check_members(before: Item, after: Item) -> None:
    """Raises Conflict if a channel would leave a group that subchannels of it are in."""
    if isinstance(before, Channel):
        kept = {
            group: before.members.get(group, 0) for group in groups_of(before) - groups_of(after)
        }
        if counts := [f"{number} in {group}" for group, number in sorted(kept.items()) if number]:
            raise Conflict(
                f"{before.slug} can't leave groups that subchannels of it are in "
                f"({', '.join(counts)}): take the subchannels out first."
            )


def _climb(
    transaction: Transaction, superchannels: Sequence[Channel], before: Item | None, after: Item
) -> None:
    """Lets `transaction`, that makes `after` of `before`, put all `superchannels` into its groups.

    What doesn't fit it is put in by transactions before it, from the top down, so that a channel
    never is in a group that its superchannel isn't in, and what is cut off can be repeated.
    """
    wanted = groups_of(after)
    left: list[Change] = [
        (channel, revised(channel, groups=groups_of(channel) | wanted))
        for channel in superchannels
        if not wanted <= groups_of(channel)
    ]
    for _, widened in left:
        if widened and len(groups_of(widened)) > MAX_GROUPS:
            raise Conflict(
                f"{widened.slug} would be in more than {MAX_GROUPS} groups, as a channel is in all "
                "groups of what is below it."
            )
    while True:
        fit = fitting([*left, (before, after)], _JOURNAL)
        if len(fit) > len(left):
            break
        part = Transaction()
        for pair in fit:
            part.replace(*pair)
        _commit(part)
        left = left[len(fit) :]
    for pair in left:
        transaction.replace(*pair)


def _commit(transaction: Transaction) -> None:
    """Carries it out. Raises Invalid, which names them, if groups aren't there.

    They aren't looked at before: mostly they are there.
    """
    try:
        transaction.commit()
    except Stale as error:
        groups.require(error.groups)
        raise
