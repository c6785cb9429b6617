"""What JSON goes out."""

from collections.abc import Callable
from typing import Any

import simplejson

from chalicelib.catalogue import Found, Page
from chalicelib.models import Channel, Content, Group, Item
from chalicelib.paths import ORIGIN, join
from chalicelib.reports import Report
from chalicelib.schemas import cursor


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
