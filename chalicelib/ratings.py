"""Channels in, the rows of the ratings report out. Pure, and without recursion."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from chalicelib.paths import ORIGIN, join


class Record(NamedTuple):
    """What the report needs of a channel: the totals are those of the contents directly in it."""

    slug: str
    superchannel: str
    title: str
    active: bool
    rating_sum: Decimal
    rating_count: int
    deleting: bool = False


class Row(NamedTuple):
    """A row of the report. `average` is 0, an int, where there are no contents."""

    title: str
    average: float
    slug: str
    path: str
    contents: int


class Ratings(NamedTuple):
    """The rows, best first, made as they are read; and the channels that no path leads to."""

    rows: Iterator[Row]
    orphans: list[str]
    circular: list[str]


def rate(records: Iterable[Record]) -> Ratings:
    """The mean rating of all contents in the subtree of every active channel.

    What is being deleted, and all below it, counts no more.
    Rows come by average, highest first, ties by path. `orphans` are the channels whose pointers
    lead nowhere, `circular` those whose pointers lead in a circle; neither counts anywhere.
    Time and memory grow with the number of channels, not with their depth (but for the paths,
    which are as long as the tree is deep, and of which one at a time is held).
    """
    channels = {record.slug: record for record in records}
    everything = _by_path(channels)
    dying: set[str] = set()
    for slug in everything:  # what is below comes after what it is below of
        if channels[slug].deleting or channels[slug].superchannel in dying:
            dying.add(slug)
    ordered = [slug for slug in everything if slug not in dying]

    sums = {slug: channels[slug].rating_sum for slug in ordered}
    counts = {slug: channels[slug].rating_count for slug in ordered}
    for slug in reversed(ordered):  # what is below comes before what it is below of
        superchannel = channels[slug].superchannel
        if superchannel != ORIGIN:
            sums[superchannel] += sums[slug]
            counts[superchannel] += counts[slug]

    averages = {
        slug: round(float(sums[slug]) / counts[slug], 3) if counts[slug] else 0 for slug in ordered
    }
    best_first = sorted(
        (slug for slug in ordered if channels[slug].active), key=lambda slug: -averages[slug]
    )

    def rows() -> Iterator[Row]:
        for slug in best_first:
            title = channels[slug].title
            yield Row(title, averages[slug], slug, _path(channels, slug), counts[slug])

    orphans, circular = _unreached(channels, set(everything))
    return Ratings(rows(), orphans, circular)


def _by_path(channels: dict[str, Record]) -> list[str]:
    """The slugs of all channels that a path leads to, depth first, in the order of their paths.

    That order is the one of the paths as text, without making them: `a-b` sorts between `a` and
    `a/x`, so a channel (`a`) and what is below it (`a/`) are stacked, and sorted, as two things.
    """
    below = defaultdict(list)
    for channel in channels.values():
        below[channel.superchannel].append(channel.slug)

    ordered = []
    stack = [ORIGIN]
    while stack:
        slug, descend, _ = stack.pop().partition("/")
        if not descend:
            ordered.append(slug)
            continue
        subchannels = below[slug or ORIGIN]
        stack += sorted(
            subchannels + [f"{sub}/" for sub in subchannels if sub in below], reverse=True
        )
    return ordered


def _path(channels: dict[str, Record], slug: str) -> str:
    segments = []
    while slug != ORIGIN:
        segments.append(slug)
        slug = channels[slug].superchannel
    return join(reversed(segments))


def _unreached(channels: dict[str, Record], reached: set[str]) -> tuple[list[str], list[str]]:
    """The slugs not `reached`: those that lead to a channel that isn't there, and the others."""
    orphan: dict[str, bool] = {}
    for start in channels.keys() - reached:
        walk: dict[str, None] = {}
        slug = start
        while slug in channels and slug not in orphan and slug not in walk:
            walk[slug] = None
            slug = channels[slug].superchannel
        leads_nowhere = orphan.get(slug, slug not in channels)
        orphan.update(dict.fromkeys(walk, leads_nowhere))
    return (
        sorted(slug for slug, nowhere in orphan.items() if nowhere),
        sorted(slug for slug, nowhere in orphan.items() if not nowhere),
    )
