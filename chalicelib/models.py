"""The two tables and what is in them, as PynamoDB models."""

from decimal import Decimal

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    DiscriminatorAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.constants import NUMBER
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib import settings

MAX_CONNECTIONS = 32  # of a Lambda container to DynamoDB, all of one request


class DecimalAttribute(Attribute[Decimal]):
    """A number that loses no digit: PynamoDB's own NumberAttribute reads numbers as floats."""

    attr_type = NUMBER

    def serialize(self, value: Decimal) -> str:
        return str(value)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class Connected:
    """How both tables are reached."""

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


class Item(Model):
    """A channel or a content: one slug names one thing."""

    class Meta(Connected):
        table_name = settings.CATALOGUE_TABLE

    slug = UnicodeAttribute(hash_key=True)
    kind = DiscriminatorAttribute()
    active = BooleanAttribute(default=True)

    subchannels = Subchannels()
    contents = Contents()

    @property
    def above(self) -> str:
        """The slug of the channel that this is directly below, or paths.ORIGIN."""
        raise NotImplementedError


class Channel(Item, discriminator="channel"):
    """A channel, with exact totals of what is directly in it.

    `children` counts its subchannels or its contents, `rating_count` only contents, so a channel
    holds contents if `rating_count` is not 0 and subchannels if only `children` is not.
    """

    title = UnicodeAttribute()
    language = UnicodeAttribute()
    picture_url = UnicodeAttribute(null=True)
    groups = UnicodeSetAttribute(null=True)
    superchannel = UnicodeAttribute()
    children = NumberAttribute(default=0)
    rating_sum = DecimalAttribute(default=Decimal)
    rating_count = NumberAttribute(default=0)

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


class Group(Model):
    """A group, which channels name by its slug."""

    class Meta(Connected):
        table_name = settings.GROUPS_TABLE

    slug = UnicodeAttribute(hash_key=True)
    title = UnicodeAttribute()
    active = BooleanAttribute(default=True)
    picture_url = UnicodeAttribute(null=True)


def connection() -> TableConnection:
    """The catalogue's connection, its client made. Threads share it, so one has to make it."""
    table = Item._get_connection()
    table.connection.client  # noqa: B018  # made when first read, which is not thread-safe
    return table
