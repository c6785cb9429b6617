"""What JSON and which parameters come in, and what JSON goes out."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import simplejson
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from chalicelib.catalogue import Found, Page
from chalicelib.errors import FieldError
from chalicelib.models import Channel, Content, Group, Item
from chalicelib.paths import ORIGIN, is_slug, join
from chalicelib.reports import Report

MAX_TEXT = 250  # characters of a title, name, language or URL
MAX_GROUPS = 100  # of a channel; a condition that names each of them fits DynamoDB's 4 KB
MAX_METADATA = 390_000  # bytes of JSON text; an item holds 400 KB in all

MAX_RATING = 10
MAX_PAGE = 100  # items

_AFTER = re.compile(r"[A-Za-z0-9_.-]{1,250}")


# ---- in


def unicode_text(text: str) -> None:
    """Raises ValidationError for text that UTF-8 or Django's database can't hold."""
    if "\x00" in text:
        raise ValidationError("Has a null character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("Has half of a surrogate pair, which is no character.") from None


def one_decimal(rating: Decimal) -> None:
    """Raises ValidationError unless `rating` is from 0 to 10 with at most one decimal."""
    if not 0 <= rating <= MAX_RATING:
        raise ValidationError(f"Must be from 0 to {MAX_RATING}.")
    if rating != rating.quantize(Decimal("0.1")):
        raise ValidationError("Has more than one decimal.")


def slug(text: str) -> None:
    """Raises ValidationError unless `text` can be a slug."""
    if not is_slug(text):
        raise ValidationError("Must be 1 to 250 of a-z, 0-9, _ and -, with a letter or digit.")


def _text() -> fields.String:
    return fields.String(
        required=True, validate=[validate.Length(min=1, max=MAX_TEXT), unicode_text]
    )


def _url(**kwargs: Any) -> fields.Url:
    return fields.Url(
        schemes={"http", "https"},
        require_tld=False,
        validate=[validate.Length(max=MAX_TEXT), unicode_text],
        **kwargs,
    )


class BooleanField(fields.Boolean):
    """true or false, and nothing that stands for them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def _active() -> fields.Boolean:
    return BooleanField(load_default=True)


class MetadataField(fields.Field[str | None]):
    """Any JSON object, kept as JSON text: no digit of a number is lost."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, dict):
            raise ValidationError("Must be a JSON object or null.")
        try:
            text: str = simplejson.dumps(value, ensure_ascii=False, separators=(",", ":"))
            size = len(text.encode())
        except RecursionError:
            raise ValidationError("Is nested too deeply.") from None
        except UnicodeEncodeError:
            raise ValidationError("Has half of a surrogate pair, which is no character.") from None
        except ValueError:
            raise ValidationError("Has a number that JSON doesn't have.") from None
        if size > MAX_METADATA:
            raise ValidationError(f"Is {size:,} bytes as JSON; the most is {MAX_METADATA:,}.")
        return text


class RatingField(fields.Decimal):
    """A number, or its text, but none of the odd texts that Python takes for one, as `1_0`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d*)?", value, re.ASCII):
            raise self.make_error("invalid", input=value)
        rating = super()._deserialize(value, attr, data, **kwargs)
        assert rating is not None
        return rating


class GroupFields(Schema):
    """The fields of a group, but for its slug."""

    title = _text()
    active = _active()
    picture_url = _url(load_default=None, allow_none=True)


class ChannelFields(Schema):
    """The fields of a channel, but for its slug, groups and superchannel."""

    title = _text()
    language = _text()
    active = _active()
    picture_url = _url(load_default=None, allow_none=True)


class ContentFields(Schema):
    """The fields of a content, but for its slug and channel."""

    name = _text()
    metadata = MetadataField(load_default=None, allow_none=True)
    file_url = _url(required=True)
    active = _active()
    rating = RatingField(load_default=Decimal(1), validate=one_decimal)


class CursorField(fields.Field[str]):
    """The place at which a page goes on, as `cursor` made it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            after = simplejson.loads(base64.b64decode(value, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            after = None
        if not isinstance(after, str) or not _AFTER.fullmatch(after) or cursor(after) != value:
            raise ValidationError("Is not a cursor: take it from the `next` of a page.")
        return after


def cursor(after: str) -> str:
    """The opaque cursor for the place after `after`. The quotes of JSON show one that was cut."""
    return base64.urlsafe_b64encode(simplejson.dumps(after).encode()).decode()


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise ValidationError(f"Must be a whole number from 1 to {MAX_PAGE}.")
    return int(text)


class NoQuery(Schema):
    """The query of a route that has no parameters."""

    error_messages = {"unknown": "Is unknown here; no parameter is known."}


class PageQuery(Schema):
    """Which page of a listing is asked for."""

    error_messages = {"unknown": "Is unknown here; known are limit and cursor."}
    limit = fields.Function(deserialize=_limit, load_default=20)
    after = CursorField(data_key="cursor", load_default=None)


class CatalogueQuery(PageQuery):
    """Which page of a channel, and of its subchannels only those in `group`."""

    error_messages = {"unknown": "Is unknown here; known are group, limit and cursor."}
    group = fields.Function(deserialize=str.lower, load_default=None)


def load(schema: Schema, data: Any) -> tuple[dict[str, Any], list[FieldError]]:
    """`data` as `schema` loads it, and everything that is wrong with it; one of them is empty."""
    try:
        return schema.load(data, unknown=RAISE), []
    except ValidationError as error:
        return {}, list(_flat(error.normalized_messages()))


def _flat(messages: dict[Any, Any], prefix: str = "") -> Iterator[FieldError]:
    """marshmallow's messages, which for a list are by position, with names as in `groups.0`."""
    for name, reasons in messages.items():
        if isinstance(reasons, dict):
            yield from _flat(reasons, f"{prefix}{name}.")
        else:
            yield from (FieldError(f"{prefix}{name}", reason) for reason in reasons)


# ---- out


def item(entry: Item, path: str) -> dict[str, Any]:
    """A channel or a content by itself, as it is listed."""
    if isinstance(entry, Content):
        return {
            "kind": "content",
            "slug": entry.slug,
            "path": path,
            "name": entry.name,
            "metadata": simplejson.RawJSON(entry.metadata) if entry.metadata is not None else None,
            "file_url": entry.file_url,
            "active": entry.active,
            "rating": entry.rating,
            "channel": entry.channel,
        }
    assert isinstance(entry, Channel)
    return {
        "kind": "channel",
        "slug": entry.slug,
        "path": path,
        "title": entry.title,
        "language": entry.language,
        "active": entry.active,
        "picture_url": entry.picture_url,
        "groups": sorted(entry.groups or ()),
        "superchannel": None if entry.superchannel == ORIGIN else entry.superchannel,
    }


def page(name: str, entries: Page, above: str, link: Callable[[str], str]) -> dict[str, Any]:
    """A page of what is below the path `above`, and the URL of the next, made by `link`."""
    below = above.rstrip("/")
    return {
        name: [item(entry, f"{below}/{entry.slug}") for entry in entries.items],
        "next": link(cursor(entries.after)) if entries.after else None,
    }


def found(what: Found, link: Callable[[str], str]) -> dict[str, Any]:
    """What a path names: a content, or a channel with its breadcrumb and a page."""
    slugs = [channel.slug for channel in what.superchannels]
    path = join([*slugs, what.item.slug])
    body = item(what.item, path)
    if not isinstance(what.item, Channel):
        return body
    body["superchannels"] = [
        {"slug": channel.slug, "title": channel.title, "path": join(slugs[:depth])}
        for depth, channel in enumerate(what.superchannels, 1)
    ]
    if what.item.rating_count:
        return body | page("contents", what.contents, path, link)
    return body | page("subchannels", what.subchannels, path, link)


def group(entry: Group) -> dict[str, Any]:
    """A group."""
    return {
        "kind": "group",
        "slug": entry.slug,
        "path": f"/-/groups/{entry.slug}",
        "title": entry.title,
        "active": entry.active,
        "picture_url": entry.picture_url,
    }


def report(entry: Report) -> dict[str, Any]:
    """A report that can be had at `path`."""
    return {
        "name": entry.name,
        "path": f"/-/reports/channel-ratings/{entry.name}",
        "size": entry.size,
        "written": entry.written.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def dumps(body: Any) -> str:
    """JSON text: UTF-8 as it is, numbers with all their digits."""
    text: str = simplejson.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text
