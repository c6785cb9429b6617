"""Recounts the whole catalogue, beside live writers, and mends what is wrong in it."""

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from chalicelib import catalogue, removal, tree
from chalicelib import groups as groups_
from chalicelib.errors import Conflict, PopflixError
from chalicelib.links import is_dying
from chalicelib.models import Channel, Content, Gone, Group, Item, groups_of, revised, tag
from chalicelib.paths import ORIGIN
from chalicelib.transactions import Stale, Transaction, same, settled, unchanged

ROUNDS = 5  # that something has to stand still, or to be mended
LOST = "lost-and-found"  # the channel for contents whose own isn't there
PATIENCE = 60  # seconds that finishing one deletion may take in one round

_ATTRIBUTES = sorted({*Channel.get_attributes(), *Content.get_attributes()} - {"metadata"})

Items = Mapping[str, Item | Group]


class Violation(NamedTuple):
    """What is wrong with the item `slug`, what mends it, and the items that show it."""

    slug: str
    wrong: str
    mend: str
    seen: tuple[str, ...]
    repair: Callable[[], None] | None

    def __str__(self) -> str:
        return f"{self.slug}: {self.wrong} To mend it: {self.mend}"


class Found(NamedTuple):
    """What is wrong; what might be, but changes too fast to tell; and what is deleted by half."""

    violations: list[Violation]
    unsettled: list[str]
    unfinished: list[str]


def verify() -> Found:
    """Recounts the catalogue. Reads all of it: once if nothing seems wrong, or else a few times.

    A scan is no moment's picture, so what seems wrong is looked at again, until all that shows it
    was the same before, while and after it was counted: a channel's `revision` tells.
    """
    before = scan()
    suspected = {str(violation): violation for violation in _recount(before)}
    confirmed: dict[str, Violation] = {}
    for _ in range(ROUNDS):
        if not suspected:
            break
        between = scan()
        again = {str(violation): violation for violation in _recount(between)}
        slugs = {slug for violation in again.values() for slug in violation.seen}
        after = _look(slugs)
        still = {
            slug
            for slug in slugs
            if len({_state(items.get(slug)) for items in (before, between, after)}) == 1
        }
        confirmed |= {
            name: violation
            for name, violation in again.items()
            if still.issuperset(violation.seen) and name in suspected
        }
        suspected = {name: again[name] for name in again.keys() - confirmed.keys()}
        before = between
    unfinished = [f"The deletion of {name} has begun." for name in sorted(_going(before))]
    return Found(list(confirmed.values()), sorted(suspected), unfinished)


def repair(say: Callable[[str], object]) -> Found:
    """Mends all that `verify` finds and that can be, and finishes deletions; returns what is left.

    Each repair consists of transactions that happen only if what they mend is still as it was read.
    What they change is found, and mended, by the next round. `say` is told of each.
    """
    for _ in range(ROUNDS):
        found = verify()
        repairs = [(str(violation), violation.repair) for violation in found.violations]
        if not found.unfinished and not any(mend for _, mend in repairs):
            break
        # Deletions come last, as they go by the totals.
        for name, mend in [*repairs, *_deletions(scan() if found.unfinished else {})]:
            if mend is not None:
                try:
                    mend()
                except PopflixError as error:
                    say(f"Not yet: {name} {error}")
                else:
                    say(f"Done: {name}")
    else:
        found = verify()
    return found


def scan() -> dict[str, Item | Group]:
    """Every item by slug, without metadata, and every group by `group` and its slug."""
    every = Item.scan(consistent_read=True, attributes_to_get=_ATTRIBUTES)
    found: dict[str, Item | Group] = {item.slug: item for item in every}
    return found | {_name(group.slug): group for group in Group.scan(consistent_read=True)}


def _name(group: str) -> str:
    return f"group {group}"


def _look(names: Iterable[str]) -> dict[str, Item | Group | None]:
    slugs = {name for name in names if not name.startswith(_name(""))}
    groups = {name: groups_.find(name.partition(" ")[2]) for name in names if name not in slugs}
    return {**(catalogue.look(slugs) if slugs else {}), **groups}


def _state(item: Item | Group | None) -> tuple[str, object] | None:
    """What changes with `item`, metadata aside, and with what is directly below it."""
    if item is None:
        return None
    if isinstance(item, Content):
        item = revised(item, metadata=None)
    return tag(item), getattr(item, "revision", None)


def _going(items: Items) -> dict[str, Channel | Group]:
    """What is being deleted, or was by half."""
    return {
        name: item
        for name, item in items.items()
        if isinstance(item, Channel | Group) and item.deleting
    }


def _recount(everything: Items) -> Iterator[Violation]:
    items = {slug: item for slug, item in everything.items() if isinstance(item, Item)}
    groups = {item.slug: item for item in everything.values() if isinstance(item, Group)}
    below: dict[str, list[Item]] = defaultdict(list)
    for item in items.values():
        if not isinstance(item, Gone):
            below[item.above].append(item)
            if item.above != ORIGIN or isinstance(item, Content):
                yield from _of_pointer(item, items.get(item.above))
    channels = [item for item in items.values() if isinstance(item, Channel)]
    for channel in channels:
        yield from _of_below(channel, below[channel.slug])
        yield from _of_groups(channel, items.get(channel.above), groups.keys())
    yield from _circles({channel.slug: channel for channel in channels})
    at_top = Counter(group for item in below[ORIGIN] for group in groups_of(item))
    for group in groups.values():
        if group.members != at_top[group.slug]:
            yield Violation(
                _name(group.slug),
                f"it has {group.members} members; a recount gives {at_top[group.slug]}.",
                "set what was recounted.",
                (_name(group.slug),),
                partial(_set, group, {"members": at_top[group.slug]}),
            )


def _of_pointer(item: Item, above: Item | None) -> Iterator[Violation]:
    if isinstance(above, Channel):
        return
    where = f"into {LOST}" if isinstance(item, Content) else "to the origin channels"
    yield Violation(
        item.slug,
        f"it is below {item.above}, which is no channel.",
        f"move it {where}.",
        (item.slug, item.above),
        partial(_rescue if isinstance(item, Content) else _uproot, item.slug, item.above),
    )


def _of_below(channel: Channel, below: list[Item]) -> Iterator[Violation]:
    contents = [item for item in below if isinstance(item, Content)]
    if contents and len(contents) < len(below):
        yield Violation(
            channel.slug,
            f"it has {len(below) - len(contents)} subchannels and {len(contents)} contents.",
            "move one or the other away.",
            (channel.slug,),
            None,
        )
        return
    members = Counter(dict.fromkeys(channel.groups or (), 0))
    for item in below:
        if isinstance(item, Channel):
            members.update(group for group in item.groups or () if group in members)
    totals: dict[str, Any] = {
        "children": len(below),
        "rating_sum": sum((content.rating for content in contents), Decimal(0)),
        "rating_count": len(contents),
        "members": dict(members),
    }
    right = {name: value for name, value in totals.items() if getattr(channel, name) != value}
    if right:
        stated = _listed({name: getattr(channel, name) for name in right})
        recounted = _listed(right)
        yield Violation(
            channel.slug,
            f"it has {stated}; a recount gives {recounted}.",
            "set what was recounted.",
            (channel.slug,),
            partial(_set, channel, right),
        )


def _listed(totals: Mapping[str, Any]) -> str:
    members = {**totals, "members": dict(sorted(totals.get("members", {}).items()))}
    return ", ".join(f"{name} {members[name]}" for name in totals)


def _of_groups(channel: Channel, above: Item | None, groups: Set[str]) -> Iterator[Violation]:
    own = channel.groups or set()
    for group in sorted(own - groups):
        yield Violation(
            channel.slug,
            f"it is in the group {group}, which isn't there.",
            "take it out.",
            (channel.slug,),
            partial(_take_out, group),
        )
    if isinstance(above, Channel):
        lacking = sorted((own & groups) - (above.groups or set()))
        if lacking:
            yield Violation(
                channel.slug,
                f"it is in groups that {above.slug} isn't in: {', '.join(lacking)}.",
                f"put {above.slug}, and what is above, into them.",
                (channel.slug, above.slug),
                partial(tree.widen, channel.slug),
            )


def _circles(channels: Mapping[str, Channel]) -> Iterator[Violation]:
    passed: set[str] = set()
    for start in sorted(channels):
        walk: dict[str, None] = {}
        slug = start
        while slug in channels and slug not in passed and slug not in walk:
            walk[slug] = None
            slug = channels[slug].superchannel
        if slug in walk:
            circle = list(walk)[list(walk).index(slug) :]
            first = min(circle)
            yield Violation(
                first,
                f"it is below itself, through {', '.join(sorted(circle))}.",
                "make it an origin channel.",
                tuple(circle),
                partial(_uproot, first, channels[first].superchannel),
            )
        passed.update(walk)


def _set(item: Channel | Group, totals: Mapping[str, Any]) -> None:
    """Sets totals, unless anything was added, or taken away, since they were counted."""
    attributes: Any = type(item).get_attributes()
    as_counted = attributes["revision"] == item.revision
    if not item.revision:
        as_counted |= attributes["revision"].does_not_exist()
    actions = [attributes[name].set(value) for name, value in totals.items()]
    transaction = Transaction()
    transaction.update(
        item,
        [*actions, attributes["revision"].add(1)],
        as_counted & same(attributes["born"], item.born) & attributes["slug"].exists(),
    )
    with contextlib.suppress(Stale):  # the next round counts again
        transaction.commit()


@settled
def _uproot(slug: str, above: str) -> None:
    channel = catalogue.look([slug]).get(slug)
    if isinstance(channel, Channel) and channel.superchannel == above:
        former = {*(channel.former or ()), above}
        transaction = Transaction()
        transaction.update(
            channel,
            [Channel.superchannel.set(ORIGIN), Channel.former.set(former)],
            unchanged(channel),
        )
        transaction.commit()


@settled
def _rescue(slug: str, above: str) -> None:
    items = catalogue.look([slug, LOST])
    content = items.get(slug)
    if not isinstance(content, Content) or content.channel != above:
        return
    there = items.get(LOST)
    if there is not None and is_dying(there):
        raise Conflict(f"{LOST} is being deleted.")  # the next round has made another
    if not isinstance(there, Channel):
        lost = Channel(LOST, title="Lost and found", language="English", active=False)
        tree.create([], revised(lost, superchannel=ORIGIN), pick=False)
    transaction = Transaction()
    transaction.update(content, [Content.channel.set(LOST)], unchanged(content))
    transaction.update(
        Channel(LOST),
        [
            Channel.children.add(1),
            Channel.rating_count.add(1),
            Channel.rating_sum.add(content.rating),
            Channel.revision.add(1),
        ],
        Channel.superchannel.exists()
        & (Channel.children == Channel.rating_count)
        & Channel.deleting.does_not_exist(),
    )
    transaction.commit()


def _take_out(group: str) -> None:
    removal.take_out(group, None, time.monotonic() + PATIENCE)


def _deletions(items: Items) -> Iterator[tuple[str, Callable[[], None]]]:
    for name, item in _going(items).items():
        yield f"{name}: its deletion is finished.", partial(_finish, item)


def _finish(item: Channel | Group) -> None:
    deadline = time.monotonic() + PATIENCE
    if isinstance(item, Channel):
        removal.finish(item, deadline)
    else:
        removal.take_out(item.slug, item, deadline)
