"""A write of the catalogue: one DynamoDB transaction, which keeps every invariant of the tree.

What is written is stated as items before and after. From that follow the totals of the channels
above, and the conditions under which DynamoDB carries the transaction out: that the items are
still as they were read, and that the channels above take what comes into them. So a write reads,
decides and commits, and `settled` lets it start over if something came in between: only what was
read just now is ever decided on.

A transaction that is cut off anywhere has either happened or not. botocore sends one again, after
a time-out or a reset, under the same ClientRequestToken, so it never happens twice.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any, NoReturn, cast

from pynamodb.exceptions import GetError, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite
from tenacity import (
    retry,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from chalicelib.aws import passes, throttled
from chalicelib.errors import Conflict, PreconditionFailed, Unavailable
from chalicelib.models import TOTALS, Channel, Content, Group, Item, connection, own, tag
from chalicelib.paths import ORIGIN

MAX_ITEMS = 100  # of a transaction, TransactWriteItems' own limit

# Reasons of a cancelled transaction that pass. botocore retries the whole call for throttling, but
# takes a cancelled transaction for an answer.
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class Busy(Unavailable):
    """Other writers were at the same items at the same moment."""


class Stale(Unavailable):
    """What was decided on has changed since it was read; `slugs` are those whose conditions failed.

    Only a write that is not `settled` lets this out, or one that was too late again and again.
    """

    def __init__(self, slugs: list[str]) -> None:
        super().__init__("Others are writing to the same channels. Try again in a moment.")
        self.slugs = slugs


def _did_nothing(error: BaseException) -> bool:
    """Whether what failed with `error` has certainly changed nothing, and may work again."""
    return (
        isinstance(error, Busy | Stale)
        or throttled(error)
        or (isinstance(error, GetError) and passes(error))
    )


# 64 writers of one channel take turns of some 20 ms each. A Lambda has 28 seconds.
settled = retry(
    retry=retry_if_exception(_did_nothing),
    wait=wait_random_exponential(multiplier=0.05, max=1),  # seconds
    stop=stop_after_delay(15) | stop_after_attempt(100),
    reraise=True,
)


@dataclass
class _Below:
    """What a transaction changes directly below a channel."""

    children: int = 0
    rating_sum: Decimal = Decimal(0)
    rating_count: int = 0
    members: Counter[str] = field(default_factory=Counter)
    comes: set[type[Item]] = field(default_factory=set)
    linked: bool = False

    def count(self, item: Item, sign: int) -> None:
        """Counts `item` in, or with -1 out."""
        self.children += sign
        if isinstance(item, Content):
            self.rating_sum += sign * item.rating
            self.rating_count += sign
        elif isinstance(item, Channel):
            for group in item.groups or ():
                self.members[group] += sign

    def condition(self, gains: set[str]) -> Condition:
        """Under which the channel takes this, which itself gets into the groups `gains` by it."""
        conditions: list[Condition] = [Channel.superchannel.exists()]
        counted = sorted(group for group, number in self.members.items() if number)
        if self.comes or +self.members:
            conditions.append(Channel.deleting.does_not_exist())
        if Content in self.comes:
            conditions.append(Channel.children == Channel.rating_count)
        elif self.comes:
            conditions.append(Channel.rating_count == 0)
        # Also of those that get fewer: a count that isn't there would be an error of its own.
        conditions += [Channel.groups.contains(group) for group in counted if group not in gains]
        return reduce(and_, conditions)

    def actions(self, gains: set[str], losses: set[str]) -> list[Action]:
        """On the channel's totals."""
        found: list[Action] = [
            attribute.add(number)
            for attribute, number in (
                (Channel.children, self.children),
                (Channel.rating_sum, self.rating_sum),
                (Channel.rating_count, self.rating_count),
            )
            if number
        ]
        for group in sorted(self.members.keys() - gains - losses):
            if self.members[group]:
                path = Channel.members[group]
                found.append(path.set(path + self.members[group]))
        if self.linked:
            found.append(Channel.linked.set(True))
        return [*found, Channel.revision.add(1)] if found else []


class Transaction:
    """Items before and after; what else has to hold, or is written; then `commit`."""

    def __init__(self) -> None:
        self._changes: dict[str, tuple[Item | None, Item | None]] = {}
        self._conditions: dict[str, list[Condition]] = defaultdict(list)
        self._write = TransactWrite(connection=connection().connection)
        self._names: dict[str, list[str]] = {"check": [], "delete": [], "put": [], "update": []}

    def __bool__(self) -> bool:
        """Whether any item is to change."""
        return bool(self._changes)

    def replace(self, before: Item | None, after: Item | None) -> None:
        """Makes of `before`, as it was read (None: nothing is there), `after` (None: nothing)."""
        item = after or before
        assert item is not None
        self._changes[item.slug] = (before, after)

    def expect(self, channel: Channel) -> None:
        """Lets it happen only if `channel`, above something, is the one that was read, and there.

        That it was never deleted, and made again, means the same of all channels above it.
        """
        self._conditions[channel.slug] += [
            same(Channel.born, channel.born),
            Channel.superchannel == channel.superchannel,
        ]

    def check(self, model: type[Model], key: str, condition: Condition) -> None:
        """Lets it happen only if another table's item is so."""
        self._write.condition_check(model, key, condition=condition)
        self._names["check"].append(key)

    def save(self, item: Model, condition: Condition) -> None:
        """Writes another table's item."""
        self._write.save(item, condition)
        self._names["put"].append("")

    def delete(self, item: Model, condition: Condition) -> None:
        """Deletes another table's item."""
        self._write.delete(item, condition)
        self._names["delete"].append("")

    def update(self, item: Model, actions: list[Action], condition: Condition | None) -> None:
        """Updates another table's item."""
        self._write.update(item, actions, condition)
        self._names["update"].append("")

    def commit(self) -> None:
        """Carries it all out, or nothing.

        Raises Stale if a condition doesn't hold, Busy if other writers are at the same items,
        Conflict if a channel would hold both kinds, or an item would be too large.
        """
        below = self._below()
        for slug in sorted(self._changes.keys() | below.keys()):
            self._change(slug, below.get(slug, _Below()))
        write = self._write
        try:
            write._commit()
        except TransactWriteError as error:
            self._explain(error)

    def _below(self) -> dict[str, _Below]:
        below: dict[str, _Below] = defaultdict(_Below)
        at_top: set[str] = set()
        for before, after in self._changes.values():
            left = before.above if before else ""
            entered = after.above if after else ""
            if before and left:
                below[left].count(before, -1)
                below[left].linked |= bool(entered != left and after)
            if after and entered:
                below[entered].count(after, 1)
                if left != entered:
                    below[entered].comes.add(type(after))
            if entered == ORIGIN:
                at_top |= _groups(after) - _groups(before)
        for group in sorted(at_top):  # nothing above answers for these
            self.check(Group, group, Group.slug.exists() & Group.deleting.does_not_exist())
        below.pop(ORIGIN, None)
        for slug, change in below.items():
            if len(change.comes) > 1:
                raise Conflict(f"{slug} can hold subchannels or contents, not both.")
        return below

    def _change(self, slug: str, below: _Below) -> None:
        before, after = self._changes.get(slug, (None, None))
        conditions = list(self._conditions[slug])
        if slug not in self._changes:
            if actions := below.actions(set(), set()):
                conditions.append(below.condition(set()))
                self._write.update(Channel(slug), actions, reduce(and_, conditions))
                self._names["update"].append(slug)
            elif conditions:
                self.check(Channel, slug, reduce(and_, conditions))
            return

        conditions.append(Item.slug.does_not_exist() if before is None else unchanged(before))
        if isinstance(before, Channel) and not isinstance(after, Channel):
            conditions.append(Channel.children == 0)
        if after is None:
            assert before is not None
            self._write.delete(before, reduce(and_, conditions))
            self._names["delete"].append(slug)
        elif type(after) is not type(before):
            if isinstance(after, Channel):
                after.children, after.rating_sum = below.children, below.rating_sum
                after.rating_count = below.rating_count
                after.members = {group: below.members[group] for group in _groups(after)}
            self._write.save(after, reduce(and_, conditions))
            self._names["put"].append(slug)
        else:
            assert before is not None
            gains, losses = _groups(after) - _groups(before), _groups(before) - _groups(after)
            actions = _differences(before, after) + below.actions(gains, losses)
            for group in sorted(gains):
                actions.append(Channel.members[group].set(below.members[group]))
            for group in sorted(losses):
                # Whoever is in it below leaves it too, here.
                actions.append(Channel.members[group].remove())
                conditions.append(_is_counted(group, -below.members[group]))
            if isinstance(after, Channel):
                conditions.append(below.condition(gains))
            self._write.update(after, actions, reduce(and_, conditions))
            self._names["update"].append(slug)

    def _explain(self, error: TransactWriteError) -> NoReturn:
        # PynamoDB sends checks first, then deletes, puts and updates.
        names = [name for kind in self._names.values() for name in kind]
        reasons = list(zip(names, error.cancellation_reasons, strict=False))
        codes = {why.code for _, why in reasons if why}
        if "ConditionalCheckFailed" in codes:
            raise Stale(
                [name for name, why in reasons if why and why.code == "ConditionalCheckFailed"]
            ) from error
        if codes & _PASSING:
            raise Busy("Others are writing to the same channels. Try again in a moment.") from error
        if "document path" in str(error):
            raise Conflict(
                "A channel has no count of its groups' members, as earlier versions wrote it: "
                "`manage.py verify --repair` adds it."
            ) from error
        if "size" in str(error).lower() and "exceeded" in str(error).lower():
            raise Conflict(
                "It would be more than 400 KB, with the places that it was moved from."
            ) from error
        raise error


def unchanged(before: Model) -> Condition:
    """That all of `before` but its totals is as it was read."""
    values = own(before)
    attributes = type(before).get_attributes()
    names = attributes.keys() - TOTALS - {"slug"}
    return reduce(and_, (same(attributes[name], values.get(name)) for name in sorted(names)))


def check_tag(item: Model, match: frozenset[str] | None) -> None:
    """Raises PreconditionFailed unless `item` is still what one of the tags `match` says it is."""
    if match is not None and tag(item) not in match:
        raise PreconditionFailed(
            "It was changed since it was read, or never was as If-Match says: GET it again."
        )


def _groups(item: Item | None) -> set[str]:
    return set(item.groups or ()) if isinstance(item, Channel) else set()


def same(attribute: Any, value: Any) -> Condition:
    """That an attribute has this value; of None, that it isn't there."""
    found = attribute.does_not_exist() if value is None else attribute == value
    return cast(Condition, found)


def _is_counted(group: str, number: int) -> Condition:
    path = Channel.members[group]
    found = path == number
    return cast(Condition, found if number else found | path.does_not_exist())


def _differences(before: Item, after: Item) -> list[Action]:
    one, other = own(before), own(after)
    attributes = type(after).get_attributes()
    return [
        attributes[name].remove() if name not in other else attributes[name].set(other[name])
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
