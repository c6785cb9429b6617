"""How much fits one transaction. Pure."""

import json
from collections.abc import Iterable, Iterator

from chalicelib.models import Item, groups_of
from chalicelib.paths import ORIGIN

MAX_ITEMS = 100  # of a transaction, TransactWriteItems' own limit
MAX_BYTES = 3_500_000  # its limit is 4 MB, and this an estimate

# An item before and after; None where there is none.
Change = tuple[Item | None, Item | None]


def split(changes: Iterable[Change], spare: int = 0) -> Iterator[list[Change]]:
    """`changes` in their order, in as few lists as fit one transaction each, `spare` items less."""
    batch: list[Change] = []
    items: set[str] = set()
    size = 0
    for change in changes:
        more = _items(change)
        weight = _weight(change)
        if batch and (len(items | more) > MAX_ITEMS - spare or size + weight > MAX_BYTES):
            yield batch
            batch, items, size = [], set(), 0
        batch.append(change)
        items |= more
        size += weight
    if batch:
        yield batch


def fitting(changes: Iterable[Change], spare: int = 2) -> list[Change]:
    """The first of `changes` that fit one transaction with `spare` items more; none if none."""
    return next(split(changes, spare), [])


def pack(items: Iterable[Item]) -> Iterator[list[Item]]:
    """New `items` in their order, in as few lists as may be of which each fits one `tree.add`."""
    for batch in split((None, item) for item in items):
        yield [item for _, item in batch if item is not None]


def _items(change: Change) -> set[str]:
    """Names for what a transaction with `change` has items for: it, and what counts it."""
    names = set()
    for item in change:
        if item is not None:
            names.add(item.slug)
            if item.above == ORIGIN:
                names |= {f"group {slug}" for slug in groups_of(item)}
            elif item.above:
                names.add(item.above)
    return names


def _weight(change: Change) -> int:
    """What DynamoDB counts of it, in bytes, and a little more: types and quotes."""
    before, after = change
    if before is None:
        return _size(after)
    # What there was is in the condition; groups are in the counts of their members, too.
    return 2 * (_size(before) + _size(after))


def _size(item: Item | None) -> int:
    return len(json.dumps(item.serialize(), ensure_ascii=False).encode()) if item else 0
