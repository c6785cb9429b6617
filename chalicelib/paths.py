"""A path of the API to slugs and back. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

ORIGIN = "/"  # stands above the origin channels; no slug can be this
MAX_SLUG = 250  # characters, all ASCII; PopFlix's SlugField has the same bound

_SLUG = re.compile(rf"(?=[a-z0-9_-]*[a-z0-9])[a-z0-9_-]{{1,{MAX_SLUG}}}")


def is_slug(text: str) -> bool:
    """Whether `text` can be a slug: `a-z`, `0-9`, `_`, `-`, a letter or digit among them."""
    return _SLUG.fullmatch(text) is not None


def split(path: str, *, encoded: bool) -> list[str] | None:
    """The slugs that `path` names, from the origin channel down, or None if it can name none.

    Case is folded and empty segments are ignored. If `encoded`, percent-encoding is decoded, once,
    after the path was split: an encoded slash is part of a segment, which then is no slug.
    """
    slugs = []
    for segment in filter(None, path.split("/")):
        try:
            text = unquote(segment, errors="strict") if encoded else segment
        except UnicodeDecodeError:
            return None
        slug = text.lower() if text.isascii() else text
        if not is_slug(slug):
            return None
        slugs.append(slug)
    return slugs


def join(slugs: Iterable[str]) -> str:
    """The canonical path of what the last of `slugs` names; `/` if there are none."""
    return "/" + "/".join(slugs)
