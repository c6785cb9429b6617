"""What editors send, as items to create and values to change: checked, all that is wrong named."""

from collections.abc import Callable
from typing import Any

from chalicelib import groups, schemas, tree
from chalicelib.errors import FieldError, Unprocessable
from chalicelib.models import MAX_GROUPS, Channel, Content, Group, Item
from chalicelib.paths import ORIGIN, is_slug
from chalicelib.slugs import slugify


def new(body: dict[str, Any]) -> tuple[Item, bool]:
    """The channel or content that `body` describes, and whether its slug is only a wish.

    Raises Invalid, or Unprocessable if no slug can be made of its title or name.
    """
    source = "name" if "name" in body else "title"
    schema = schemas.NewContent() if source == "name" else schemas.NewChannel()
    one = ("name" in body) != ("title" in body)
    schema.partial = not one  # what is lacking depends on what it is
    values, wrong = schemas.load(schema, body)
    if not one:
        reason = "Give one of the two: a channel has a title, a content a name."
        others = [error for error in wrong if error.field not in ("title", "name")]
        wrong = [FieldError("title", reason), FieldError("name", reason), *others]
    values = _checked(values, wrong, body)
    slug, pick = _slug(values, source)
    if source == "name":
        return Content(slug, channel=ORIGIN, **values), pick
    values["groups"] = set(values["groups"]) or None
    return Channel(slug, superchannel=ORIGIN, **values), pick


def new_group(body: dict[str, Any]) -> tuple[Group, bool]:
    """The group that `body` describes, and whether its slug is only a wish. Raises as `new`."""
    values = schemas.checked(schemas.NewGroup(), body)
    slug, pick = _slug(values, "title")
    return Group(slug, **values), pick


def changes(body: dict[str, Any]) -> Callable[[Item], dict[str, Any]]:
    """What gives the new values of an item that is to be as `body` says, or raises Invalid."""

    def values(item: Item) -> dict[str, Any]:
        return _checked(*schemas.patch(item, body), body)

    return values


def group_changes(body: dict[str, Any]) -> Callable[[Group], dict[str, Any]]:
    """What gives the new values of a group that is to be as `body` says, or raises Invalid."""

    def values(group: Group) -> dict[str, Any]:
        found, wrong = schemas.patch(group, body)
        schemas.refuse(wrong)
        return found

    return values


def _checked(
    values: dict[str, Any], wrong: list[FieldError], body: dict[str, Any]
) -> dict[str, Any]:
    if wrong:  # what only the catalogue knows is to be in the same answer
        stated = body.get("groups")
        slugs = [slug for slug in stated if _names(slug)] if isinstance(stated, list) else []
        pointer = "superchannel" if "superchannel" in body else "channel"
        above = body.get(pointer)
        known = above if _names(above) and not _is_about(pointer, wrong) else None
        wrong += tree.wrong_pointers(slugs[:MAX_GROUPS], pointer, known)
        schemas.refuse(wrong)
    return values


def _names(slug: object) -> bool:
    return isinstance(slug, str) and is_slug(slug)


def _is_about(field: str, wrong: list[FieldError]) -> bool:
    return any(error.field == field for error in wrong)


def _slug(values: dict[str, Any], source: str) -> tuple[str, bool]:
    """The slug asked for, or made of the field `source`, and whether it was made."""
    asked = values.pop("slug")
    slug = asked or slugify(values[source])
    if not slug:
        reason = f"The {source} has no letter or digit to make a slug of: send one as well."
        wrong = [FieldError("slug", reason), *groups.missing(values.get("groups", ()))]
        raise Unprocessable(f"slug: {reason}", wrong)
    return slug, asked is None
