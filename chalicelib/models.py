"""The three tables and what is in them, as PynamoDB models."""

import hashlib
import json
import secrets
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    DiscriminatorAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.constants import MAP, NUMBER
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib import settings

MAX_GROUPS = 90  # of a channel; a transaction that counts it in each of them has room for the rest
MAX_CONNECTIONS = 32  # of a Lambda container to DynamoDB, all of one request


class DecimalAttribute(Attribute[Decimal]):
    """A number that loses no digit: PynamoDB's own NumberAttribute reads numbers as floats."""

    attr_type = NUMBER

    def serialize(self, value: Decimal) -> str:
        return str(value)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class CountsAttribute(Attribute[dict[str, int]]):
    """Whole numbers by name."""

    attr_type = MAP

    def serialize(self, value: dict[str, int]) -> dict[str, dict[str, str]]:
        return {name: {NUMBER: str(number)} for name, number in value.items()}

    def deserialize(self, value: dict[str, dict[str, str]]) -> dict[str, int]:
        return {name: int(number[NUMBER]) for name, number in value.items()}


class Connected:
    """How the tables are reached."""

    region = None  # the environment's
    max_pool_connections = MAX_CONNECTIONS
    max_retry_attempts = settings.RETRIES
    connect_timeout_seconds = 2
    read_timeout_seconds = 5


class Subchannels(GlobalSecondaryIndex["Item"]):
    """The channels below a channel, by slug. Only channels have a `superchannel`."""

    class Meta:
        index_name = "subchannels"
        projection = AllProjection()

    superchannel = UnicodeAttribute(hash_key=True)
    slug = UnicodeAttribute(range_key=True)


class Contents(GlobalSecondaryIndex["Item"]):
    """The contents of a channel, by slug. Only contents have a `channel`."""

    class Meta:
        index_name = "contents"
        projection = AllProjection()

    channel = UnicodeAttribute(hash_key=True)
    slug = UnicodeAttribute(range_key=True)


_incarnation = partial(secrets.token_hex, 4)


class Item(Model):
    """A channel or a content: one slug names one thing.

    `born` tells it from an earlier thing of the same slug. `former` are the slugs of what it was
    directly below before it was moved, `ghosts` those of what deleted channels of its slug were
    below: links that were right once.
    """

    class Meta(Connected):
        table_name = settings.CATALOGUE_TABLE

    slug = UnicodeAttribute(hash_key=True)
    kind = DiscriminatorAttribute()
    born = UnicodeAttribute(null=True, default_for_new=_incarnation)
    active = BooleanAttribute(default=True)
    former = UnicodeSetAttribute(null=True)
    ghosts = UnicodeSetAttribute(null=True)

    subchannels = Subchannels()
    contents = Contents()

    @property
    def above(self) -> str:
        """The slug of the channel that this is directly below, or paths.ORIGIN."""
        raise NotImplementedError


class Channel(Item, discriminator="channel"):
    """A channel, with exact totals of what is directly in it.

    `children` counts its subchannels or its contents, `rating_count` only contents, so a channel
    holds contents if `rating_count` is not 0 and subchannels if only `children` is not. `members`
    counts, for each of its groups, the subchannels that are in it. `revision` grows with every
    change of these.

    `deleting` is there while what is below goes, and says where to (removal.delete). `linked` says
    that something was moved out from below, so old links lead through here.
    """

    title = UnicodeAttribute()
    language = UnicodeAttribute()
    picture_url = UnicodeAttribute(null=True)
    groups = UnicodeSetAttribute(null=True)
    superchannel = UnicodeAttribute()
    children = NumberAttribute(default=0)
    rating_sum = DecimalAttribute(default=Decimal)
    rating_count = NumberAttribute(default=0)
    members = CountsAttribute(default=dict)
    revision = NumberAttribute(default=0)
    deleting = UnicodeAttribute(null=True)
    linked = BooleanAttribute(null=True)

    @property
    def above(self) -> str:
        return self.superchannel


class Content(Item, discriminator="content"):
    """A content. `metadata` is JSON text, so that it comes back to the letter."""

    name = UnicodeAttribute()
    metadata = UnicodeAttribute(null=True)
    file_url = UnicodeAttribute()
    rating = DecimalAttribute()
    channel = UnicodeAttribute()

    @property
    def above(self) -> str:
        return self.channel


class Gone(Item, discriminator="gone"):
    """What is left of a deleted channel that old links lead through. The slug is free again."""

    @property
    def above(self) -> str:
        return ""


class Group(Model):
    """A group, which channels name by its slug. `deleting` while channels are taken out of it.

    `members` counts the origin channels that are in it, as a channel counts its subchannels, and
    `born` and `revision` are as a channel's.
    """

    class Meta(Connected):
        table_name = settings.GROUPS_TABLE

    slug = UnicodeAttribute(hash_key=True)
    title = UnicodeAttribute()
    active = BooleanAttribute(default=True)
    picture_url = UnicodeAttribute(null=True)
    born = UnicodeAttribute(null=True, default_for_new=_incarnation)
    deleting = BooleanAttribute(null=True)
    members = NumberAttribute(default=0)
    revision = NumberAttribute(default=0)


class Epoch(Model):
    """Counts the changes of the tree's shape that others must not miss (tree.change)."""

    class Meta(Connected):
        table_name = settings.JOURNAL_TABLE

    key = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(default=0)


class Answer(Model):
    """What a create with an Idempotency-Key made, until `expires` (in seconds since 1970)."""

    class Meta(Connected):
        table_name = settings.JOURNAL_TABLE

    key = UnicodeAttribute(hash_key=True)
    fingerprint = UnicodeAttribute()
    path = UnicodeAttribute()
    expires = NumberAttribute()


# What follows from other items.
TOTALS = {"children", "rating_sum", "rating_count", "members", "revision"}
# What nobody sees of an item, and other items bring about.
_UNSEEN = {"ghosts", "linked"}
_M = TypeVar("_M", Channel, Content, Item, Group)


def own(item: Model) -> dict[str, Any]:
    """The attributes of `item` that are there, but for TOTALS."""
    values = item.attribute_values.items()
    return {name: value for name, value in values if name not in TOTALS and value is not None}


def groups_of(item: Item | None) -> set[str]:
    """The slugs of the groups that `item` is in."""
    return set(item.groups or ()) if isinstance(item, Channel) else set()


def revised(item: _M, **values: Any) -> _M:
    """`item` with other values."""
    return type(item)(**{**item.attribute_values, **values})


def tag(item: Model) -> str:
    """A text that changes with anything to be seen of `item` but its totals."""
    raw = {
        name: sorted(value) if isinstance(value, set) else str(value)
        for name, value in own(item).items()
        if name not in _UNSEEN
    }
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]


def connection() -> TableConnection:
    """The catalogue's connection, its client made. Threads share it, so one has to make it."""
    table = Item._get_connection()
    table.connection.client  # noqa: B018  # made when first read, which is not thread-safe
    return table
