"""Reads of the catalogue: every path in one round trip, whatever its depth."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, cast

from pynamodb.indexes import GlobalSecondaryIndex

from chalicelib.errors import Invalid, NotFound, Unavailable
from chalicelib.models import MAX_CONNECTIONS, Channel, Item, connection
from chalicelib.paths import ORIGIN, join

# Segments of a path that is read. The breadcrumb grows with the square of it, to 4.5 MB here.
MAX_DEPTH = 1000
BATCH = 100  # keys, BatchGetItem's own limit
BATCH_ATTEMPTS = 6  # with at most 3 s of waits in all

# A page is filled by at most this many queries, each of at most 1 MB (DynamoDB's limit), and by no
# more of them once there is this much metadata: Lambda answers no more than 6 MB, escaped.
PAGE_QUERIES = 4
PAGE_METADATA = 500_000  # characters
FILTERED_READ = 250  # channels that one query for a group looks at

_pool = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="dynamodb")


class Page(NamedTuple):
    """Items in slug order; `after`, unless None, is the slug after which the listing goes on."""

    items: list[Item]
    after: str | None


class Found(NamedTuple):
    """What a path names, the channels that lead to it from the origin, and what is below it."""

    item: Item
    superchannels: list[Channel]
    subchannels: Page
    contents: Page


def read(
    slugs: Sequence[str], *, group: str | None = None, limit: int, after: str | None = None
) -> Found:
    """What the path of `slugs` (one or more) names, with a page of what is directly below it.

    The page has up to `limit` items that come after the slug `after`, and of subchannels only those
    in `group`. Costs a BatchGetItem for every 100 slugs and two Queries, all in flight at once;
    a page that inactive items or the group leave short may take up to three Queries more.

    Raises NotFound if the path is wrong anywhere, or anything on it is inactive; Invalid if it has
    more than MAX_DEPTH segments.
    """
    if len(slugs) > MAX_DEPTH:
        raise Invalid(f"A path of {len(slugs):,} segments is too long; {MAX_DEPTH:,} can be read.")
    path = join(slugs)
    if len(set(slugs)) < len(slugs):
        raise NotFound(f"{path} names a channel twice, and no channel is below itself.")

    connection()
    batches = [
        _pool.submit(fetch, slugs[start : start + BATCH]) for start in range(0, len(slugs), BATCH)
    ]
    subchannels = _pool.submit(_page, Item.subchannels, slugs[-1], group, limit, after)
    contents = _pool.submit(_page, Item.contents, slugs[-1], None, limit, after)
    in_flight: list[Future[Any]] = [*batches, subchannels, contents]
    wait(in_flight)

    items = {item.slug: item for batch in batches for item in batch.result()}
    for above, slug in zip([ORIGIN, *slugs], slugs, strict=False):
        item = items.get(slug)
        if item is None or not item.active or item.above != above:
            raise NotFound(f"Nothing is at {path}. GET / lists the channels to start from.")
    superchannels = cast(list[Channel], [items[slug] for slug in slugs[:-1]])
    return Found(items[slugs[-1]], superchannels, subchannels.result(), contents.result())


def origin_channels(*, group: str | None = None, limit: int, after: str | None = None) -> Page:
    """A page of the origin channels, as `read` has it of a channel's subchannels. One Query."""
    return _page(Item.subchannels, ORIGIN, group, limit, after)


def fetch(slugs: Sequence[str], *, consistent: bool = False) -> list[Item]:
    """The items of up to 100 different slugs, in no order, without those that aren't there.

    `consistent` sees every write that was answered before, for twice the price.
    DynamoDB may leave keys unprocessed, for load or for size, and they are asked for again after a
    random wait. Raises Unavailable if some are still left after BATCH_ATTEMPTS requests.
    """
    table = connection()
    keys: Any = [{"slug": {"S": slug}} for slug in slugs]
    items = []
    for attempt in range(BATCH_ATTEMPTS):
        time.sleep(random.uniform(0, 0.05 * (2**attempt - 1)))  # seconds; none the first time
        reply = table.batch_get_item(keys, consistent_read=consistent)
        items += [Item.from_raw_data(raw) for raw in reply["Responses"][table.table_name]]
        unprocessed = reply.get("UnprocessedKeys")
        if not unprocessed:
            return items
        keys = unprocessed[table.table_name]["Keys"]
    raise Unavailable("DynamoDB left part of a read unprocessed. Try again in a moment.")


def ping() -> None:
    """Reads a key that is never there, to see that the catalogue answers; half a read unit."""
    connection().get_item("-")


def _page(
    index: GlobalSecondaryIndex[Item], above: str, group: str | None, limit: int, after: str | None
) -> Page:
    shown = Item.active.is_in(True)
    look_at = limit + 1  # one more, to know whether there is more
    if group is not None:
        shown &= Channel.groups.contains(group)
        look_at = max(look_at, FILTERED_READ)

    items: list[Item] = []
    for _ in range(PAGE_QUERIES):
        query = index.query(
            above,
            # Not DynamoDB's own ExclusiveStartKey, which names an item: this names a place.
            range_key_condition=None if after is None else Item.slug > after,
            filter_condition=shown,
            page_size=look_at,
        )
        reply = next(query.page_iter)
        items += [Item.from_raw_data(raw) for raw in reply["Items"]]
        if len(items) > limit:
            return Page(items[:limit], items[limit - 1].slug)
        if "LastEvaluatedKey" not in reply:
            return Page(items, None)
        after = reply["LastEvaluatedKey"]["slug"]["S"]
        metadata = sum(len(getattr(item, "metadata", None) or "") for item in items)
        if len(items) == limit or metadata > PAGE_METADATA:
            break
    return Page(items, after)
