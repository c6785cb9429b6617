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
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any, NoReturn, TypeVar, cast

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite
from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from chalicelib.aws import passes, throttled
from chalicelib.batches import MAX_ITEMS, Change
from chalicelib.errors import Conflict, PreconditionFailed, Unavailable
from chalicelib.models import TOTALS, Channel, Content, Group, Item, connection, groups_of, own, tag
from chalicelib.paths import ORIGIN

# Reasons of a cancelled transaction that pass. botocore retries the whole call for throttling, but
# takes a cancelled transaction for an answer.
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


_M = TypeVar("_M", bound=Model)
F = TypeVar("F", bound=Callable[..., Any])


class Busy(Unavailable):
    """Other writers were at the same items at the same moment."""


class Stale(Unavailable):
    """What was decided on has changed since it was read, or wasn't looked at.

    `slugs` are those of the channels and contents whose conditions failed, `groups` the groups'.
    Only a write that is not `settled` lets this out, or one that was too late again and again.
    """

    def __init__(self, slugs: list[str], groups: list[str] | None = None) -> None:
        super().__init__("Others are writing to the same channels. Try again in a moment.")
        self.slugs = slugs
        self.groups = groups or []


def _is_late(error: BaseException) -> bool:
    return isinstance(error, Busy | Stale) or throttled(error)


def patient(
    stop: Callable[[RetryCallState], bool],
    when: Callable[[BaseException], bool] = _is_late,
) -> Callable[[F], F]:
    """Lets a write start over, until `stop`, after what `when` says: mostly that it was late."""
    again: Any = retry(
        retry=retry_if_exception(when),
        wait=wait_random_exponential(multiplier=0.05, max=1),  # seconds
        stop=stop,
        reraise=True,
    )
    return cast(Callable[[F], F], again)


# 64 writers of one channel take turns of some 20 ms each. A Lambda has 28 seconds.
_ENOUGH = stop_after_delay(15) | stop_after_attempt(100)
# Lets a write start over if something came in between, or AWS failed at it. It has to find out
# then if it was carried out before, and only the answer was lost.
settled = patient(_ENOUGH, lambda error: _is_late(error) or passes(error))
# The same of a write that can't find that out, and so starts over only after what was refused.
settled_once = patient(_ENOUGH)


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
        if self.comes:
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
        self._changes: dict[str, Change] = {}
        self._conditions: dict[str, list[Condition]] = defaultdict(list)
        self._write = TransactWrite(connection=connection().connection)
        self._groups: dict[str, list[Condition]] = defaultdict(list)
        self._absent: set[str] = set()
        # The model and key of everything, in the order in which PynamoDB sends it.
        self._sent: dict[str, list[tuple[type[Model], str]]] = {
            "check": [],
            "delete": [],
            "put": [],
            "update": [],
        }

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

    def expect_going(self, channel: Channel) -> None:
        """Lets it happen only if the deletion of `channel` has begun, and isn't done."""
        self._conditions[channel.slug] += [
            same(Channel.born, channel.born),
            Channel.deleting.exists(),
        ]

    def expect_group(self, slug: str, group: Group | None) -> None:
        """Lets it happen only if `group` is the one that was read, and its deletion has begun.

        If it is None: if there is no group `slug`, that then isn't counted in either.
        """
        if group is None:
            self._absent.add(slug)
        else:
            self._groups[slug] += [same(Group.born, group.born), Group.deleting.exists()]

    def check(self, model: type[Model], key: str, condition: Condition) -> None:
        """Lets it happen only if an item is so."""
        self._write.condition_check(model, key, condition=condition)
        self._sent["check"].append((model, key))

    def save(self, item: Model, condition: Condition) -> None:
        """Writes an item, from which nothing else follows."""
        self._write.save(item, condition)
        self._sent["put"].append(_key(item))

    def delete(self, item: Model, condition: Condition) -> None:
        """Deletes an item, from which nothing else follows."""
        self._write.delete(item, condition)
        self._sent["delete"].append(_key(item))

    def update(self, item: Model, actions: list[Action], condition: Condition) -> None:
        """Updates an item, from which nothing else follows."""
        self._write.update(item, actions, condition)
        self._sent["update"].append(_key(item))

    def commit(self) -> None:
        """Carries it all out, or nothing.

        Raises Stale if a condition doesn't hold, Busy if other writers are at the same items,
        Conflict if a channel would hold both kinds, or an item would be too large.
        """
        below = self._below()
        for slug in sorted(self._changes.keys() | below.keys() | self._conditions.keys()):
            self._change(slug, below.get(slug, _Below()))
        self._change_groups()
        if sum(map(len, self._sent.values())) > MAX_ITEMS:
            raise Conflict("This is too much at once: change the groups first, and then move it.")
        try:
            self._write._commit()
        except TransactWriteError as error:
            self._explain(error)

    def _below(self) -> dict[str, _Below]:
        below: dict[str, _Below] = defaultdict(_Below)
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
        below.pop(ORIGIN, None)
        for slug, change in below.items():
            if len(change.comes) > 1:
                raise Conflict(f"{slug} can hold subchannels or contents, not both.")
        return below

    def _change_groups(self) -> None:
        """Groups count the origin channels in them: nothing above answers for those."""
        members: Counter[str] = Counter()
        gained: set[str] = set()
        for before, after in self._changes.values():
            if before and before.above == ORIGIN:
                members.subtract(groups_of(before))
            if after and after.above == ORIGIN:
                members.update(groups_of(after))
                gained |= groups_of(after) - groups_of(before)
        for slug in sorted(members.keys() | gained | self._groups.keys() | self._absent):
            conditions = list(self._groups[slug])
            if slug in self._absent:
                self.check(Group, slug, Group.slug.does_not_exist())
                continue
            if slug in gained:
                conditions.append(Group.deleting.does_not_exist())
            if members[slug] or slug in gained:
                conditions.append(Group.slug.exists())
            if members[slug]:
                actions: list[Action] = [Group.members.add(members[slug]), Group.revision.add(1)]
                self.update(Group(slug), actions, reduce(and_, conditions))
            elif conditions:
                self.check(Group, slug, reduce(and_, conditions))

    def _change(self, slug: str, below: _Below) -> None:
        before, after = self._changes.get(slug, (None, None))
        conditions = list(self._conditions[slug])
        if slug not in self._changes:
            if actions := below.actions(set(), set()):
                conditions.append(below.condition(set()))
                self.update(Channel(slug), actions, reduce(and_, conditions))
            elif conditions:
                self.check(Channel, slug, reduce(and_, conditions))
            return

        conditions.append(Item.slug.does_not_exist() if before is None else unchanged(before))
        if isinstance(before, Channel) and not isinstance(after, Channel):
            conditions.append(Channel.children == 0)
        if after is None:
            assert before is not None
            self.delete(before, reduce(and_, conditions))
        elif type(after) is not type(before):
            if isinstance(after, Channel):
                after.children, after.rating_sum = below.children, below.rating_sum
                after.rating_count = below.rating_count
                after.members = {group: below.members[group] for group in groups_of(after)}
            self.save(after, reduce(and_, conditions))
        else:
            self._update(before, after, below, conditions)

    def _update(
        self, before: Item, after: Item, below: _Below, conditions: list[Condition]
    ) -> None:
        gains = groups_of(after) - groups_of(before)
        losses = groups_of(before) - groups_of(after)
        totals = below.actions(gains, losses)
        if (gains or losses) and not totals:
            totals.append(Channel.revision.add(1))
        totals += [Channel.members[group].set(below.members[group]) for group in sorted(gains)]
        totals += [Channel.members[group].remove() for group in sorted(losses)]
        if isinstance(before, Channel):
            if losses:
                # Whoever is in them below leaves them too, here.
                if losses - before.members.keys():
                    raise _uncounted()
                if any(before.members[group] != -below.members[group] for group in losses):
                    raise Stale([before.slug])
                conditions.append(Channel.members == before.members)
            conditions.append(below.condition(gains))
        self.update(after, [*differences(before, after), *totals], reduce(and_, conditions))

    def _explain(self, error: TransactWriteError) -> NoReturn:
        sent = [name for kind in self._sent.values() for name in kind]
        reasons = list(zip(sent, error.cancellation_reasons, strict=False))
        codes = {why.code for _, why in reasons if why}
        if "ConditionalCheckFailed" in codes:
            failed = [name for name, why in reasons if why and why.code == "ConditionalCheckFailed"]
            raise Stale(
                [key for model, key in failed if issubclass(model, Item)],
                [key for model, key in failed if model is Group],
            ) from error
        if codes & _PASSING:
            raise Busy("Others are writing to the same channels. Try again in a moment.") from error
        said = [str(error.cause), *(why.message for _, why in reasons if why)]
        text = " ".join(filter(None, said)).lower()
        if "document path" in text or "does not exist in the item" in text:
            raise _uncounted() from error
        if "item size" in text:
            raise Conflict(
                "It would be more than 400 KB, with the places that it was moved from."
            ) from error
        raise error


def _uncounted() -> Conflict:
    return Conflict(
        "A channel has no counts of its groups' members, as earlier versions wrote it: "
        "`manage.py verify --repair` adds them."
    )


def _key(item: Model) -> tuple[type[Model], str]:
    (name,) = (name for name, attribute in item.get_attributes().items() if attribute.is_hash_key)
    return type(item), getattr(item, name)


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


def same(attribute: Any, value: Any) -> Condition:
    """That an attribute has this value; of None, that it isn't there."""
    found = attribute.does_not_exist() if value is None else attribute == value
    return cast(Condition, found)


def differences(before: _M, after: _M) -> list[Action]:
    """What makes of `before` an item that is as `after`, but for its totals."""
    one, other = own(before), own(after)
    attributes = type(after).get_attributes()
    return [
        attributes[name].remove() if name not in other else attributes[name].set(other[name])
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
