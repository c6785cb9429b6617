"""What JSON and which parameters may come in."""

import base64
import binascii
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import simplejson
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from chalicelib.errors import FieldError, Invalid
from chalicelib.models import MAX_GROUPS, Content, Group, Item
from chalicelib.paths import ORIGIN, is_slug

MAX_TEXT = 250  # characters of a title, name, language or URL
MAX_METADATA = 390_000  # bytes of JSON text; an item holds 400 KB in all

MAX_RATING = 10
MAX_PAGE = 100  # items
MAX_USERNAME, MAX_PASSWORD = 128, 256  # characters; Cognito's own limits

# Of wrong names in a request: how many are told, and how many characters of each. All of them
# could make more than Lambda can answer.
_TOLD = 100

_AFTER = re.compile(r"[A-Za-z0-9_.-]{1,250}")


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


def a_slug(text: str) -> None:
    """Raises ValidationError unless `text` can be a slug."""
    if not is_slug(text):
        raise ValidationError("Must be 1 to 250 of a-z, 0-9, _ and -, with a letter or digit.")


def _slug() -> fields.String:
    return fields.String(validate=a_slug, load_default=None, allow_none=True)


def _groups(**kwargs: Any) -> fields.List[str]:
    kwargs |= {"load_default": list, "validate": validate.Length(max=MAX_GROUPS)}
    return fields.List(fields.String(validate=a_slug), **kwargs)


def _fixed(value: object) -> None:
    raise ValidationError("Is fixed when it is created, so that links to it stay good.")


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


def canonical(rating: Decimal) -> Decimal:
    """`rating` with the digits that DynamoDB gives back: `5.0` is `5`."""
    if not rating.is_finite() or abs(rating) > MAX_RATING:
        return rating  # which is refused
    if rating == int(rating):
        return Decimal(int(rating))
    shortest = rating.quantize(Decimal("0.1"))
    return shortest if rating == shortest else rating


class RatingField(fields.Decimal):
    """A number, or its text, but none of the odd texts that Python takes for one, as `1_0`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d*)?", value, re.ASCII):
            raise self.make_error("invalid", input=value)
        rating = super()._deserialize(value, attr, data, **kwargs)
        assert rating is not None
        return canonical(rating)


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


class NewGroup(GroupFields):
    """A group that is to be created."""

    slug = _slug()
    error_messages = {"unknown": "Is unknown here; known are title, slug, active and picture_url."}


class NewChannel(ChannelFields):
    """A channel that is to be created below another."""

    slug = _slug()
    groups = _groups()
    error_messages = {
        "unknown": "Is unknown here; known are title, language, slug, active, picture_url and "
        "groups. Where it goes, the path says."
    }


class NewContent(ContentFields):
    """A content that is to be created in a channel."""

    slug = _slug()
    error_messages = {
        "unknown": "Is unknown here; known are name, file_url, slug, active, rating and metadata. "
        "Where it goes, the path says."
    }


class GroupPatch(GroupFields):
    """What may change of a group. To be loaded as partial."""

    slug = fields.Function(deserialize=_fixed)
    error_messages = {"unknown": "Is unknown here; known are title, active and picture_url."}


class ChannelPatch(ChannelFields):
    """What may change of a channel. To be loaded as partial."""

    slug = fields.Function(deserialize=_fixed)
    groups = _groups(allow_none=True)
    superchannel = fields.String(validate=a_slug, allow_none=True)
    error_messages = {
        "unknown": "Is unknown here; known are title, language, active, picture_url, groups and "
        "superchannel."
    }


class ContentPatch(ContentFields):
    """What may change of a content. To be loaded as partial."""

    slug = fields.Function(deserialize=_fixed)
    channel = fields.String(validate=a_slug)
    error_messages = {
        "unknown": "Is unknown here; known are name, file_url, active, rating, metadata and "
        "channel."
    }


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


class Credentials(Schema):
    """Who signs in."""

    error_messages = {"unknown": "Is unknown here; known are username and password."}
    username = fields.String(
        required=True, validate=[validate.Length(min=1, max=MAX_USERNAME), unicode_text]
    )
    password = fields.String(
        required=True, validate=[validate.Length(min=1, max=MAX_PASSWORD), unicode_text]
    )


class DeleteQuery(Schema):
    """What becomes of what is below that which is deleted."""

    error_messages = {"unknown": "Is unknown here; known is below."}
    below = fields.String(
        validate=validate.OneOf(["delete", "detach"], error="Must be delete or detach."),
        load_default=None,
    )


def patch(item: Item | Group, body: dict[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
    """The values that the merge patch `body` (RFC 7396) gives `item`, and all that is wrong."""
    if isinstance(item, Group):
        return load(GroupPatch(partial=True), body)
    if isinstance(item, Content):
        if isinstance(body.get("metadata"), dict):
            current = simplejson.loads(item.metadata or "{}", use_decimal=True)
            try:
                body = body | {"metadata": _merged(current, body["metadata"])}
            except RecursionError:
                return {}, [FieldError("metadata", "Is nested too deeply.")]
        return load(ContentPatch(partial=True), body)
    values, wrong = load(ChannelPatch(partial=True), body)
    if "groups" in values:
        values["groups"] = set(values["groups"] or ()) or None
    if "superchannel" in values:
        values["superchannel"] = values["superchannel"] or ORIGIN
    return values, wrong


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


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


def checked(schema: Schema, data: dict[str, Any], what: str = "body") -> dict[str, Any]:
    """`data`, that is the request's `what`, as `schema` loads it.

    Raises Invalid, which names everything that is wrong.
    """
    loaded, wrong = load(schema, data)
    refuse(wrong, what)
    return loaded


def refuse(wrong: list[FieldError], what: str = "body") -> None:
    """Raises Invalid, which names everything that is wrong with the request's `what`, if any is."""
    if wrong:
        told = [FieldError(name[:_TOLD], reason) for name, reason in wrong[:_TOLD]]
        raise Invalid(f"The {what} is wrong: " + " ".join(map(": ".join, told)), told)


def dumps(body: Any) -> str:
    """JSON text: UTF-8 as it is, numbers with all their digits."""
    text: str = simplejson.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text
