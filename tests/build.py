"""Small catalogues for tests, put in the way the product does."""

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pynamodb.exceptions import PutError

from chalicelib import tree
from chalicelib.batches import pack
from chalicelib.models import Channel, Content, Group, Item
from chalicelib.paths import ORIGIN


def channel(slug: str, superchannel: str = ORIGIN, **fields: Any) -> Channel:
    """A channel titled after its slug."""
    values: dict[str, Any] = {"title": slug.title(), "language": "English"} | fields
    return Channel(slug, superchannel=superchannel, **values)


def content(slug: str, channel: str, rating: str = "5.0", **fields: Any) -> Content:
    """A content named after its slug."""
    values: dict[str, Any] = {
        "name": slug.title(),
        "file_url": f"https://media.example.com/{slug}.mp4",
    } | fields
    return Content(slug, channel=channel, rating=Decimal(rating), **values)


def put(items: Iterable[Item]) -> None:
    """Adds `items`, a channel before what is below it, and the groups that they are in."""
    items = list(items)
    slugs = {slug for item in items if isinstance(item, Channel) for slug in item.groups or ()}
    for slug in sorted(slugs):
        with suppress(PutError):  # it is there
            Group(slug, title=slug.title()).save(Group.slug.does_not_exist())
    for batch in pack(items):
        tree.add(batch)


def chain(depth: int, prefix: str = "c") -> list[Channel]:
    """A single line of channels `c1`, `c2`, …, each below the one before."""
    slugs = [ORIGIN, *(f"{prefix}{number}" for number in range(1, depth + 1))]
    return [channel(slug, above) for above, slug in pairwise(slugs)]
