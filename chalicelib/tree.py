"""Writes of the catalogue: each is one transaction, and keeps every invariant of the tree.

A transaction that is cut off anywhere has either happened or not. botocore sends one again, after
a time-out or a reset, under the same ClientRequestToken, so it never happens twice.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import NoReturn, cast

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from chalicelib.errors import Conflict, Unavailable
from chalicelib.models import Channel, Content, Item, connection
from chalicelib.paths import ORIGIN

TRANSACTION = 100  # items, TransactWriteItems' own limit
TRANSACTION_BYTES = 3_500_000  # its limit is 4 MB of items, which are estimated here

# Reasons of a cancelled transaction that pass. botocore retries the whole call for throttling, but
# takes a cancelled transaction for an answer.
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class Busy(Unavailable):
    """Other writers were at the same items, again and again."""


def pack(items: Iterable[Item]) -> Iterator[list[Item]]:
    """`items` in their order, in as few lists as may be of which each fits one `add`."""
    batch: dict[str, Item] = {}
    above: set[str] = set()
    size = 0
    for item in items:
        touched = {item.above} - batch.keys() - {ORIGIN}
        # What DynamoDB counts, and a little more: types and quotes.
        weight = len(json.dumps(item.serialize(), ensure_ascii=False).encode())
        if batch and (
            len(batch) + 1 + len(above | touched) > TRANSACTION or size + weight > TRANSACTION_BYTES
        ):
            yield list(batch.values())
            batch, above, size = {}, set(), 0
            touched = {item.above} - {ORIGIN}
        batch[item.slug] = item
        above |= touched
        size += weight
    if batch:
        yield list(batch.values())


@retry(
    retry=retry_if_exception_type(Busy),
    wait=wait_random_exponential(multiplier=0.05, max=2),  # seconds
    stop=stop_after_attempt(10),
    reraise=True,
)
def add(items: Sequence[Item]) -> None:
    """Adds new channels and contents, all or none, with the totals of the channels they go into.

    `items` are as many as `pack` puts together, a channel before what is below it, and its groups
    are among those of its superchannel if that is new too.
    Raises Conflict, saying of which slug, if a slug is taken, or a channel to add to isn't there,
    holds the other kind or isn't in a group that an added subchannel is in; and Busy, after
    retries, if other writers are at the same items.
    """
    below: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        below[item.above].append(item)
    new = {item.slug for item in items}
    added_to = [slug for slug in below if slug not in new and slug != ORIGIN]
    try:
        with TransactWrite(connection=connection().connection) as transaction:
            for item in items:
                if isinstance(item, Channel):
                    item.children, item.rating_sum, item.rating_count = _totals(below[item.slug])
                transaction.save(item, condition=Item.slug.does_not_exist())
            for slug in added_to:
                children, rating_sum, rating_count = _totals(below[slug])
                transaction.update(
                    Channel(slug),
                    actions=[
                        Channel.children.add(children),
                        Channel.rating_sum.add(rating_sum),
                        Channel.rating_count.add(rating_count),
                    ],
                    condition=_takes(below[slug]),
                )
    except TransactWriteError as error:
        _explain(error, [item.slug for item in items], added_to)


def _totals(added: list[Item]) -> tuple[int, Decimal, int]:
    """What `added` adds to `children`, `rating_sum` and `rating_count` of the channel above."""
    ratings = [item.rating for item in added if isinstance(item, Content)]
    if ratings and len(ratings) < len(added):
        raise Conflict(f"{added[0].above} can hold subchannels or contents, not both.")
    return len(added), sum(ratings, Decimal(0)), len(ratings)


def _takes(added: list[Item]) -> Condition:
    """The condition under which a channel takes `added`, which are of one kind."""
    there: Condition = Channel.superchannel.exists()
    if isinstance(added[0], Content):
        empty_or_contents: Condition = Channel.children == Channel.rating_count
        return cast(Condition, there & empty_or_contents)
    groups = {group for item in added if isinstance(item, Channel) for group in item.groups or ()}
    has = [Channel.groups.contains(group) for group in sorted(groups)]
    return cast(Condition, reduce(and_, has, there & (Channel.rating_count == 0)))


def _explain(error: TransactWriteError, put: list[str], added_to: list[str]) -> NoReturn:
    """Raises what `error` means. Its reasons come puts first, then updates."""
    reasons = dict(zip([*put, *added_to], error.cancellation_reasons, strict=False))
    failed = [slug for slug, why in reasons.items() if why and why.code == "ConditionalCheckFailed"]
    if failed:
        raise Conflict(
            " ".join(
                f"{slug} is taken."
                if slug in put
                else f"{slug} is not there, holds the other kind or lacks a group."
                for slug in failed
            )
        ) from error
    if any(why and why.code in _PASSING for why in reasons.values()):
        raise Busy("Others are writing to the same channel. Try again in a moment.") from error
    raise error
