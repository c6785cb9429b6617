"""The dump of PopFlix, Django's `dumpdata` JSON: its rows read and checked, and written. Pure."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import simplejson
from marshmallow import Schema
from marshmallow import fields as marshmallow_fields

from chalicelib.errors import Invalid
from chalicelib.models import MAX_GROUPS
from chalicelib.paths import MAX_SLUG, is_slug
from chalicelib.schemas import ChannelFields, ContentFields, GroupFields, dumps, load
from chalicelib.slugs import alternatives, slugify

GROUP, CHANNEL, CONTENT = "contents.group", "contents.channel", "contents.content"


class WrongRow(NamedTuple):
    """What is wrong with a row: its position in the file, from 1, and the field, if it is one."""

    position: int
    model: str
    pk: Any
    field: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.position} ({self.model} pk {self.pk}): {self.field}: {self.reason}"


class WrongRows(Invalid):
    """A dump of which nothing may be loaded: `rows` has everything that is wrong with it."""

    def __init__(self, rows: list[WrongRow]) -> None:
        super().__init__(f"The dump is wrong in {len(rows)} places; nothing was written.")
        self.rows = sorted(rows, key=lambda row: row.position)


@dataclass
class Entry:
    """A row of a dump that is right by itself. `slug` was `picked` if it isn't the row's own."""

    position: int
    model: str
    pk: int
    fields: dict[str, Any]
    slug: str = ""
    picked: bool = False
    why: str = ""
    wish: Iterator[str] = field(default_factory=lambda: iter(()))

    def wrong(self, name: str, reason: str) -> WrongRow:
        """Says what is wrong with this row's field `name`."""
        return WrongRow(self.position, self.model, self.pk, name, reason)


@dataclass
class Dump:
    """A dump that is right by itself: groups, channels (what is above first) and contents by pk.

    Contents come channel by channel. `widened` says of which channels groups were added to, because
    a subchannel is in them; `skipped` counts the rows of other models.
    """

    groups: dict[int, Entry]
    channels: dict[int, Entry]
    contents: dict[int, Entry]
    widened: list[str]
    skipped: Counter[str]
    taken: set[str]

    def another_slug(self, entry: Entry) -> None:
        """Gives a row whose slug was picked the next one that no other row has."""
        entry.slug = next(slug for slug in entry.wish if slug not in self.taken)
        self.taken.add(entry.slug)


class GroupRow(GroupFields):
    """The fields of a group in a dump."""

    slug = marshmallow_fields.String(load_default=None, allow_none=True)


class ChannelRow(ChannelFields):
    """The fields of a channel in a dump."""

    slug = marshmallow_fields.String(load_default=None, allow_none=True)
    superchannel = marshmallow_fields.Integer(strict=True, load_default=None, allow_none=True)
    groups = marshmallow_fields.List(marshmallow_fields.Integer(strict=True), load_default=list)


class ContentRow(ContentFields):
    """The fields of a content in a dump."""

    slug = marshmallow_fields.String(load_default=None, allow_none=True)
    channel = marshmallow_fields.Integer(strict=True, required=True)


_SCHEMAS: dict[str, Schema] = {GROUP: GroupRow(), CHANNEL: ChannelRow(), CONTENT: ContentRow()}


def read(text: str | bytes) -> Dump:
    """The dump in `text`, checked. Raises WrongRows, or Invalid if it isn't a JSON list at all."""
    try:
        rows = simplejson.loads(text, use_decimal=True)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Invalid(f"The dump can't be read as JSON: {error}.") from error
    if not isinstance(rows, list):
        raise Invalid("The dump is not a JSON list of rows, as Django's dumpdata writes it.")

    wrong: list[WrongRow] = []
    skipped: Counter[str] = Counter()
    entries: dict[str, dict[int, Entry]] = {model: {} for model in _SCHEMAS}
    # The positions of all keys, those of rows that are wrong too: pointing to one is no new error.
    keys: dict[str, dict[int, int]] = {model: {} for model in _SCHEMAS}
    for position, row in enumerate(rows, 1):
        model = row.get("model") if isinstance(row, dict) else None
        if not isinstance(model, str):
            wrong.append(WrongRow(position, "?", "?", "model", "Is missing: no row of a dump."))
        elif model.lower() not in _SCHEMAS:
            skipped[model] += 1
        else:
            wrong += _read_row(position, row, keys[model.lower()], entries[model.lower()])

    groups, channels, contents = entries[GROUP], entries[CHANNEL], entries[CONTENT]
    _name_all([groups], wrong, set())
    taken: set[str] = set()
    _name_all([channels, contents], wrong, taken)
    wrong += _dangling(channels, "superchannel", keys[CHANNEL])
    wrong += _dangling(channels, "groups", keys[GROUP])
    wrong += _dangling(contents, "channel", keys[CHANNEL])
    channels, circular = _from_the_top(channels)
    wrong += [entry.wrong("superchannel", "Leads in a circle.") for entry in circular]
    wrong += _both_kinds(channels, contents)
    widened = list(_widen(channels, groups))
    wrong += [
        entry.wrong("groups", f"Are more than {MAX_GROUPS}, those of its subchannels among them.")
        for entry in channels.values()
        if len(entry.fields["groups"]) > MAX_GROUPS
    ]
    if wrong:
        raise WrongRows(wrong)
    order = {pk: number for number, pk in enumerate(channels)}
    by_channel = sorted(contents.items(), key=lambda pair: order[pair[1].fields["channel"]])
    return Dump(groups, channels, dict(by_channel), widened, skipped, taken)


def write(model: str, pk: int, values: dict[str, Any]) -> str:
    """A row of a dump, as a line of JSON."""
    return dumps({"model": model, "pk": pk, "fields": values})


def _read_row(
    position: int, row: dict[str, Any], keys: dict[int, int], entries: dict[int, Entry]
) -> Iterator[WrongRow]:
    """Puts the row's key in `keys`, and the row in `entries` unless it is wrong; yields why."""
    model, pk, values = row["model"].lower(), row.get("pk"), row.get("fields")
    if not isinstance(pk, int) or isinstance(pk, bool):
        yield WrongRow(position, model, pk, "pk", "Must be a whole number.")
    elif keys.setdefault(pk, position) != position:
        yield WrongRow(position, model, pk, "pk", f"Is row {keys[pk]}'s too.")
    if not isinstance(values, dict):
        yield WrongRow(position, model, pk, "fields", "Must be an object.")
    else:
        # Django's forms leave an empty text where there is none.
        blank = {name for name in ("slug", "picture_url") if values.get(name) == ""}
        values = {name: None if name in blank else value for name, value in values.items()}
        loaded, errors = load(_SCHEMAS[model], values)
        for name, reason in errors:
            yield WrongRow(position, model, pk, name, reason)
        if not errors and isinstance(pk, int) and keys.get(pk) == position:
            entries[pk] = Entry(position, model, pk, loaded)


def _name_all(spaces: list[dict[int, Entry]], wrong: list[WrongRow], taken: set[str]) -> None:
    """Gives every entry its slug; those of all `spaces` differ, and are put in `taken`.

    Slugs that can be kept are, the first space's before the second's. The others are picked from
    the dump alone, so that loading it again picks the same.
    """
    unnamed = []
    for entries in spaces:
        own: dict[str, Entry] = {}
        for entry in entries.values():
            asked = entry.fields["slug"]
            if asked is not None and asked in own:
                wrong.append(entry.wrong("slug", f"{asked} is row {own[asked].position}'s too."))
            elif asked is not None and is_slug(asked) and asked not in taken:
                entry.slug = asked
                own[asked] = entry
            else:
                unnamed.append(entry)
                if asked is not None:
                    own[asked] = entry
        taken |= {entry.slug for entry in own.values() if entry.slug}

    wishes: dict[str, Iterator[str]] = {}
    for entry in unnamed:
        asked = entry.fields["slug"]
        base = slugify(asked or entry.fields.get("title") or entry.fields["name"])
        if not base:
            wrong.append(entry.wrong("slug", "Has no letter or digit to make a slug of: give one."))
            continue
        if asked is None:
            entry.why = "has no slug"
        elif asked in taken:
            entry.why = f"slug {asked} is a channel's too"
        else:
            entry.why = f"slug {asked} is not 1 to {MAX_SLUG} of a-z, 0-9, _ and -"
        entry.picked = True
        # One iterator for all that wish the same: it need not look back, for slugs stay taken.
        entry.wish = wishes.setdefault(base, alternatives(base))
        entry.slug = next(slug for slug in entry.wish if slug not in taken)
        taken.add(entry.slug)


def _dangling(entries: dict[int, Entry], name: str, keys: Container[int]) -> Iterator[WrongRow]:
    for entry in entries.values():
        pointers = entry.fields[name]
        for pk in pointers if isinstance(pointers, list) else [pointers]:
            if pk is not None and pk not in keys:
                yield entry.wrong(name, f"Points to pk {pk}, which no row of the dump has.")


def _from_the_top(channels: dict[int, Entry]) -> tuple[dict[int, Entry], list[Entry]]:
    """The channels, a superchannel before its subchannels, and those that lead in a circle.

    A channel whose superchannel isn't in the dump stands at the top here.
    """
    below = defaultdict(list)
    for pk, entry in channels.items():
        above = entry.fields["superchannel"]
        below[above if above in channels else None].append(pk)
    ordered: list[int] = []
    level: list[int] = below[None]
    while level:
        ordered += level
        level = [pk for above in level for pk in below[above]]
    reached = set(ordered)
    circular = [entry for pk, entry in channels.items() if pk not in reached]
    return {pk: channels[pk] for pk in ordered}, circular


def _both_kinds(channels: dict[int, Entry], contents: dict[int, Entry]) -> Iterator[WrongRow]:
    superchannels = {entry.fields["superchannel"] for entry in channels.values()} & channels.keys()
    for entry in contents.values():
        if entry.fields["channel"] in superchannels:
            yield entry.wrong(
                "channel",
                f"The channel of pk {entry.fields['channel']} has subchannels; it can't have both.",
            )


def _widen(channels: dict[int, Entry], groups: dict[int, Entry]) -> Iterator[str]:
    """Puts every channel in the groups of its subchannels; yields what was added to which."""
    given = {pk: set(entry.fields["groups"]) for pk, entry in channels.items()}
    wide = {pk: set(members) for pk, members in given.items()}
    for pk in reversed(channels):  # what is below first
        above = channels[pk].fields["superchannel"]
        if above in wide:
            wide[above] |= wide[pk]
    for pk, entry in channels.items():
        entry.fields["groups"] = sorted(wide[pk])
        added = sorted(groups[group].slug for group in wide[pk] - given[pk] if group in groups)
        if added:
            yield (
                f"{entry.model} pk {pk}: {entry.slug} is in {', '.join(added)} too, "
                "as a channel below it is"
            )
