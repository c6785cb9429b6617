"""A slug from a title or a name. Pure."""

import random
import re
from collections.abc import Iterator
from itertools import count

from anyascii import anyascii

from chalicelib.paths import MAX_SLUG, is_slug


def slugify(text: str) -> str:
    """The slug of a title or name, or an empty string if it has no letter or digit.

    Other scripts are transliterated; ASCII then goes as in Django's `slugify`.
    """
    kept = re.sub(r"[^\w\s-]", "", anyascii(text).lower())
    slug = re.sub(r"[-\s]+", "-", kept).strip("-_")[:MAX_SLUG].rstrip("-_")
    return slug if is_slug(slug) else ""


def wishes(slug: str) -> list[str]:
    """`slug` and five alternatives, to take the first that is free.

    Later ones are drawn from ever more, so that one is free however many are taken, and two who
    look at the same moment seldom wish the same.
    """
    numbers = [2, *(random.randrange(low, low * 16) for low in (3, 48, 768, 12288))]
    return list(dict.fromkeys([slug, *(_numbered(slug, number) for number in numbers)]))


def alternatives(slug: str) -> Iterator[str]:
    """`slug` and then, without end, `slug-2`, `slug-3`, …, none longer than a slug may be."""
    yield slug
    for number in count(2):
        alternative = _numbered(slug, number)
        if alternative != slug:  # as it is if that is long, and ends so
            yield alternative


def _numbered(slug: str, number: int) -> str:
    suffix = f"-{number}"
    return slug[: MAX_SLUG - len(suffix)] + suffix
