"""Reads of the catalogue: every path in one round trip, whatever its depth."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex

from chalicelib import links
from chalicelib.errors import Invalid, Moved, Unavailable
from chalicelib.links import is_dying
from chalicelib.models import MAX_CONNECTIONS, Channel, Gone, Item, connection
from chalicelib.paths import ORIGIN

# Segments of a path that is read. The breadcrumb grows with the square of it, to 4.5 MB here.
MAX_DEPTH = 1000
BATCH = 100  # keys, BatchGetItem's own limit
BATCH_ATTEMPTS = 6  # with at most 3 s of waits in all

# A page is filled by at most this many queries, each of at most 1 MB (DynamoDB's limit), and by no
# more of them once there is this much metadata: Lambda answers no more than 6 MB, escaped.
PAGE_QUERIES = 4
PAGE_METADATA = 500_000  # characters
INDEX_PAUSES = (0.1, 0.2, 0.4)  # seconds; an index is mostly there within one of them
FILTERED_READ = 250  # channels that one query for a group looks at

P = ParamSpec("P")
T = TypeVar("T")

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
    slugs: Sequence[str],
    *,
    group: str | None = None,
    limit: int,
    after: str | None = None,
    preview: bool = False,
) -> Found:
    """What the path of `slugs` (one or more) names, with a page of what is directly below it.

    The page has up to `limit` items that come after the slug `after`, and of subchannels only those
    in `group`. Costs a BatchGetItem for every 100 slugs and two Queries, all in flight at once;
    a page that inactive items or the group leave short may take up to three Queries more.

    A `preview` shows inactive items too, and reads all with strong consistency, for more requests;
    only on a page that isn't the whole listing, what was added a moment ago may be missing.

    Raises NotFound if the path is wrong anywhere, or anything on it is hidden; Moved if it was
    right once; Invalid if it has more than MAX_DEPTH segments.
    """
    check(slugs)
    connection()
    batches = _submit(slugs, consistent=preview)
    shown = None if preview else Item.active.is_in(True)
    which: dict[str, Any] = {"limit": limit, "after": after}
    subchannels = _pool.submit(_page, Item.subchannels, slugs[-1], shown, group=group, **which)
    contents = _pool.submit(_page, Item.contents, slugs[-1], shown, group=None, **which)
    in_flight: list[Future[Any]] = [*batches, subchannels, contents]
    wait(in_flight)

    items = {item.slug: item for batch in batches for item in batch.result()}
    chain = find(slugs, items, hidden=preview)
    found = Found(
        chain[-1], cast(list[Channel], chain[:-1]), subchannels.result(), contents.result()
    )
    return _up_to_date(found, group, limit, after) if preview else found


def find(slugs: Sequence[str], items: dict[str, Item], *, hidden: bool) -> list[Item]:
    """The items that the path of `slugs` goes through, of `items`, those of these slugs.

    `hidden` ones may be inactive, but not deleted by half. Raises NotFound if the path isn't right;
    Moved if it was once, and what it named is somewhere else now: that may take a GetItem for every
    level of the path that is right now.
    """
    try:
        chain = links.follow(slugs, items)
    except links.Old:
        chain = [items[slugs[-1]]]
        for above in upwards(chain[0].above, items, consistent=hidden):
            if above is None or len(chain) > MAX_DEPTH:
                raise links.nothing(slugs) from None  # the catalogue is broken
            chain.insert(0, above)
        links.check_shown(chain, slugs, hidden=hidden)
        raise Moved([item.slug for item in chain]) from None
    links.check_shown(chain, slugs, hidden=hidden)
    return chain


def upwards(slug: str, items: Mapping[str, Item], *, consistent: bool) -> Iterator[Item | None]:
    """What is at `slug`, and above that, up to an origin channel; None, and no more, if nothing is.

    What isn't in `items` is read one by one.
    """
    while slug != ORIGIN:
        found = items.get(slug) or next(iter(fetch([slug], consistent=consistent)), None)
        if found is None or isinstance(found, Gone):
            yield None
            return
        yield found
        slug = found.above


def look(slugs: Iterable[str]) -> dict[str, Item]:
    """The items of `slugs`, of any number, as they are at this moment, all requests in flight."""
    wanted = list(dict.fromkeys(slugs))
    if len(wanted) <= BATCH:
        return {item.slug: item for item in fetch(wanted, consistent=True)}
    connection()
    batches = _submit(wanted, consistent=True)
    return {item.slug: item for batch in batches for item in batch.result()}


def in_flight(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """The result to be of `function`, called beside other requests."""
    connection()
    return _pool.submit(function, *args, **kwargs)


def check(slugs: Sequence[str]) -> None:
    """Raises Invalid or NotFound if a path of `slugs` can't be looked up."""
    if len(slugs) > MAX_DEPTH:
        raise Invalid(f"A path of {len(slugs):,} segments is too long; {MAX_DEPTH:,} can be read.")
    if not slugs or len(set(slugs)) < len(slugs):
        raise links.nothing(slugs)


def origin_channels(
    *, group: str | None = None, limit: int, after: str | None = None, preview: bool = False
) -> Page:
    """A page of the origin channels, as `read` has it of a channel's subchannels. One Query."""
    shown = None if preview else Item.active.is_in(True)
    page = _page(Item.subchannels, ORIGIN, shown, group=group, limit=limit, after=after)
    return _shown(page, _fresh(page, ORIGIN, group)) if preview else page


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


def _submit(slugs: Sequence[str], *, consistent: bool) -> list[Future[list[Item]]]:
    return [
        _pool.submit(fetch, slugs[start : start + BATCH], consistent=consistent)
        for start in range(0, len(slugs), BATCH)
    ]


def _up_to_date(found: Found, group: str | None, limit: int, after: str | None) -> Found:
    """`found` with what is below as it is at this moment.

    Indexes follow the table by moments. What they list is read again; and if they list less than
    the channel counts, they are asked again.
    """
    item = found.item
    if not isinstance(item, Channel):
        return found
    index, page = Item.subchannels, found.subchannels
    if item.rating_count:
        index, page = cast(Any, Item.contents), found.contents
    fresh = _fresh(page, item.slug, group)
    for pause in INDEX_PAUSES:
        whole = group is None and after is None and page.after is None
        if not whole or len(fresh) >= item.children:
            break
        time.sleep(pause)
        page = _page(index, item.slug, None, group=group, limit=limit, after=after)
        fresh = _fresh(page, item.slug, group)
    page = _shown(page, fresh)
    return found._replace(contents=page) if item.rating_count else found._replace(subchannels=page)


def _fresh(page: Page, above: str, group: str | None) -> list[Item]:
    """What `page` lists, and still is below `above` and in `group`, as it is at this moment."""
    there = look(item.slug for item in page.items) if page.items else {}
    fresh = [there[item.slug] for item in page.items if item.slug in there]
    return [
        item
        for item in fresh
        if item.above == above
        and (group is None or (isinstance(item, Channel) and group in (item.groups or ())))
    ]


def _shown(page: Page, fresh: list[Item]) -> Page:
    return Page([item for item in fresh if not is_dying(item)], page.after)


def _page(
    index: GlobalSecondaryIndex[Item],
    above: str,
    shown: Condition | None,
    *,
    group: str | None,
    limit: int,
    after: str | None,
) -> Page:
    look_at = limit + 1  # one more, to know whether there is more
    if group is not None:
        member = Channel.groups.contains(group)
        shown = member if shown is None else shown & member
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
