"""From a dump into the catalogue, and from the catalogue into a dump."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, cast

import simplejson
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from chalicelib import dumps, tree
from chalicelib.batches import pack
from chalicelib.catalogue import BATCH, fetch
from chalicelib.dumps import CHANNEL, CONTENT, GROUP, Dump, Entry, WrongRow, WrongRows
from chalicelib.errors import Conflict
from chalicelib.models import TOTALS, Channel, Content, Gone, Group, Item
from chalicelib.paths import ORIGIN

# What no dump has: it follows from other items, or from what was done before.
_UNDUMPED = TOTALS | {"born", "former", "ghosts", "linked", "deleting"}


class Plan(NamedTuple):
    """What is to be written for a dump, in an order in which it can be, and what there was to say.

    `present` counts the rows that are in the catalogue already; `changes` are the slugs that had
    to be picked and the groups that had to be added, a sentence each.
    """

    groups: list[Group]
    items: list[Item]
    present: int
    changes: list[str]
    skipped: dict[str, int]


def plan(text: str | bytes) -> Plan:
    """Checks the dump in `text` by itself and against the catalogue. Writes nothing.

    A row that is there already, and equal, is left out, so that a load that was cut off can be run
    again. Raises WrongRows if anything is wrong with any row, its slug being something else's in
    the catalogue among that; Invalid if `text` is no dump at all.
    """
    dump = dumps.read(text)
    wrong: list[WrongRow] = []
    there: dict[str, Item | None] = _lookup(
        [entry.slug for entry in (*dump.channels.values(), *dump.contents.values())]
    )

    there_groups = {group.slug: group for group in Group.scan(consistent_read=True)}
    all_groups = {entry.slug: _group(entry) for entry in dump.groups.values()}
    for entry in dump.groups.values():
        group = all_groups[entry.slug]
        if different := _differing(there_groups.get(entry.slug, group), group):
            wrong.append(entry.wrong("slug", _other(entry.slug, different)))
    groups = [group for slug, group in all_groups.items() if slug not in there_groups]

    items: list[Item] = []
    for entry in (*dump.channels.values(), *dump.contents.values()):
        item = _item(entry, dump)
        while (found := _look(there, item.slug)) and entry.picked and not _alike(found, item):
            dump.another_slug(entry)
            item = _item(entry, dump)
        above = there.get(item.above)
        if found is None:
            items.append(item)
            if isinstance(above, Channel) and not _takes(above, item):
                pointer = "channel" if isinstance(item, Content) else "superchannel"
                wrong.append(entry.wrong(pointer, f"{item.above} holds the other kind by now."))
        elif different := _differing(found, item):
            wrong.append(entry.wrong("slug", _other(entry.slug, different)))
    if wrong:
        raise WrongRows(wrong)

    every = (*dump.groups.values(), *dump.channels.values(), *dump.contents.values())
    picked = [
        f"{entry.model} pk {entry.pk}: {entry.why}; it is {entry.slug} now"
        for entry in every
        if entry.picked
    ]
    present = len(every) - len(groups) - len(items)
    return Plan(groups, items, present, picked + dump.widened, dict(dump.skipped))


def carry_out(todo: Plan, done: Callable[[int], object]) -> None:
    """Writes what `todo` says, and calls `done` with the number of rows of every step.

    Cut off anywhere, what was written is whole, and a new plan has what is left. Raises Conflict
    if another writer has put something else in the way since.
    """
    for group in todo.groups:
        try:
            group.save(Group.slug.does_not_exist())
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            if _differing(Group.get(group.slug, consistent_read=True), group):
                raise Conflict(f"The group {group.slug} is another one by now.") from error
        done(1)
    for batch in pack(todo.items):
        _add(batch)
        done(len(batch))


def dump() -> tuple[int, Iterator[str]]:
    """How many rows a dump of the catalogue has, and its text, piece by piece.

    Rows are in slug order, contents channel by channel, and keys count from 1, so that equal
    catalogues have equal dumps. Read through indexes: what was written in the last moments may
    be missing. Raises Conflict if a channel points to something that isn't there.
    """
    groups = {group.slug: (pk, group) for pk, group in enumerate(_by_slug(Group.scan()), 1)}
    channels = {
        channel.slug: (pk, channel)
        for pk, channel in enumerate(_by_slug(cast(Any, Item.subchannels.scan())), 1)
    }
    contents = sum(int(channel.rating_count) for _, channel in channels.values())

    for _, channel in channels.values():
        if channel.superchannel != ORIGIN and channel.superchannel not in channels:
            raise Conflict(f"{channel.slug} is below {channel.superchannel}, which isn't there.")
        if lost := (channel.groups or set()) - groups.keys():
            raise Conflict(f"{channel.slug} is in the group {min(lost)}, which isn't there.")

    def rows() -> Iterator[str]:
        for pk, group in groups.values():
            yield dumps.write(
                GROUP,
                pk,
                {
                    "title": group.title,
                    "active": group.active,
                    "picture_url": group.picture_url,
                    "slug": group.slug,
                },
            )
        for pk, channel in channels.values():
            above = channel.superchannel
            yield dumps.write(
                CHANNEL,
                pk,
                {
                    "title": channel.title,
                    "language": channel.language,
                    "active": channel.active,
                    "picture_url": channel.picture_url,
                    "slug": channel.slug,
                    "superchannel": None if above == ORIGIN else channels[above][0],
                    "groups": sorted(groups[slug][0] for slug in channel.groups or ()),
                },
            )
        number = 0
        for pk, channel in channels.values():
            if not channel.rating_count:
                continue
            for content in cast(Iterable[Content], Item.contents.query(channel.slug)):
                number += 1
                yield dumps.write(
                    CONTENT,
                    number,
                    {
                        "name": content.name,
                        "metadata": None
                        if content.metadata is None
                        else simplejson.RawJSON(content.metadata),
                        "file_url": content.file_url,
                        "active": content.active,
                        "slug": content.slug,
                        "rating": f"{content.rating:.1f}",
                        "channel": pk,
                    },
                )

    return len(groups) + len(channels) + contents, rows()


def _by_slug(found: Iterable[Any]) -> list[Any]:
    return sorted(found, key=lambda item: item.slug)


def _lookup(slugs: list[str]) -> dict[str, Item | None]:
    """What is at each of `slugs` in the catalogue."""
    there: dict[str, Item | None] = dict.fromkeys(slugs)
    for start in range(0, len(slugs), BATCH):
        found = fetch(slugs[start : start + BATCH], consistent=True)
        there |= {item.slug: item for item in found if not isinstance(item, Gone)}
    return there


def _look(there: dict[str, Item | None], slug: str) -> Item | None:
    if slug not in there:
        there |= _lookup([slug])
    return there[slug]


def _group(entry: Entry) -> Group:
    fields = entry.fields
    return Group(
        entry.slug,
        title=fields["title"],
        active=fields["active"],
        picture_url=fields["picture_url"],
    )


def _item(entry: Entry, dump: Dump) -> Item:
    fields = {name: value for name, value in entry.fields.items() if name != "slug"}
    if entry.model == CONTENT:
        return Content(entry.slug, **fields | {"channel": dump.channels[fields["channel"]].slug})
    above = fields["superchannel"]
    fields["superchannel"] = ORIGIN if above is None else dump.channels[above].slug
    fields["groups"] = {dump.groups[pk].slug for pk in fields["groups"]} or None
    return Channel(entry.slug, **fields)


def _takes(channel: Channel, item: Item) -> bool:
    """Whether `channel` is empty or holds what `item` is."""
    held = bool(channel.rating_count)
    return not channel.children or held == isinstance(item, Content)


def _alike(found: Item, item: Item) -> bool:
    """Whether `found` is likely to be `item`, loaded before and perhaps changed since then."""
    if isinstance(found, Channel) and isinstance(item, Channel):
        return (found.above, found.title) == (item.above, item.title)
    if isinstance(found, Content) and isinstance(item, Content):
        return (found.above, found.file_url) == (item.above, item.file_url)
    return False


def _differing(one: Model, other: Model) -> list[str]:
    """The fields of a dump in which both differ."""
    ours, theirs = one.attribute_values, other.attribute_values
    names = (ours.keys() | theirs.keys()) - _UNDUMPED
    return sorted(name for name in names if ours.get(name) != theirs.get(name))


def _other(slug: str, different: list[str]) -> str:
    if "kind" in different:
        return f"{slug} is a thing of the other kind in the catalogue."
    return f"{slug} is in the catalogue, with another {', '.join(different)}."


def _add(batch: list[Item]) -> None:
    """Adds `batch`, or what another load, or this one before a lost answer, has left of it."""
    while batch:
        try:
            tree.add(batch)
        except Conflict:
            there = _lookup([item.slug for item in batch])
            left = [
                item
                for item in batch
                if (found := there[item.slug]) is None or _differing(found, item)
            ]
            if len(left) == len(batch):
                raise
            batch = left
        else:
            return
