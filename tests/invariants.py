"""The invariants of the catalogue, recounted from the tables with nothing of ours."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from mypy_boto3_dynamodb import DynamoDBClient

ORIGIN = "/"
_NO_MAP: dict[str, Any] = {"M": {}}


def scan(client: DynamoDBClient, table: str) -> list[dict[str, Any]]:
    """Every item of the table, as DynamoDB has it, by slug."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    return sorted(items, key=lambda item: item["slug"]["S"])


def violations(client: DynamoDBClient) -> list[str]:
    """A sentence for everything in the catalogue that may not be."""
    return violations_of(scan(client, "catalogue"), scan(client, "groups"))


def violations_of(
    catalogue: Iterable[dict[str, Any]], known_groups: Iterable[dict[str, Any]]
) -> list[str]:
    """The same of what the two tables hold; slugs are unique as the key."""
    items = {item["slug"]["S"]: item for item in catalogue}
    groups = {item["slug"]["S"] for item in known_groups}
    kinds: dict[str, dict[str, Any]] = {"channel": {}, "content": {}, "gone": {}}
    wrong = []
    for slug, item in items.items():
        if (kind := item["kind"]["S"]) in kinds:
            kinds[kind][slug] = item
        else:
            wrong.append(f"{slug} is of kind {kind}")
    channels, contents = kinds["channel"], kinds["content"]
    # An old link leads through a deleted channel, and nothing is below it.
    wrong += [
        f"{slug} is gone and points to {pointer}"
        for slug, item in kinds["gone"].items()
        for pointer in ("superchannel", "channel")
        if pointer in item
    ]

    subchannels: Counter[str] = Counter()
    members: Counter[tuple[str, str]] = Counter()
    ratings: dict[str, list[Decimal]] = defaultdict(list)
    for slug, item in channels.items():
        if "channel" in item:
            wrong.append(f"{slug} is a channel with the pointer of a content")
        above = item["superchannel"]["S"]
        subchannels[above] += 1
        members.update((above, group) for group in item.get("groups", {}).get("SS", []))
        if above != ORIGIN and above not in channels:
            wrong.append(f"{slug} points to {above}, which is no channel")
    for slug, item in contents.items():
        if "superchannel" in item:
            wrong.append(f"{slug} is a content with the pointer of a channel")
        above = item["channel"]["S"]
        rating = Decimal(item["rating"]["N"])
        ratings[above].append(rating)
        if above not in channels:
            wrong.append(f"{slug} points to {above}, which is no channel")
        if not 0 <= rating <= 10 or rating * 10 % 1:
            wrong.append(f"{slug} is rated {rating}")

    for slug, item in channels.items():
        wrong += _of_channel(slug, item, subchannels[slug], ratings[slug])
        own = set(item.get("groups", {}).get("SS", []))
        above = item["superchannel"]["S"]
        counted = {name: int(value["N"]) for name, value in item.get("members", _NO_MAP)["M"].items()}
        recounted = {group: members[slug, group] for group in own}
        if counted != recounted:
            wrong.append(f"{slug} counts {counted} of its groups below; a recount gives {recounted}")
        if not own <= groups:
            wrong.append(f"{slug} is in groups that are not there: {own - groups}")
        if above in channels and not own <= set(channels[above].get("groups", {}).get("SS", [])):
            wrong.append(f"{slug} is in groups that {above} is not in")
    return wrong + _circles({slug: item["superchannel"]["S"] for slug, item in channels.items()})


def _of_channel(
    slug: str, item: dict[str, Any], subchannels: int, ratings: list[Decimal]
) -> list[str]:
    wrong = []
    if subchannels and ratings:
        wrong.append(f"{slug} holds subchannels and contents")
    for name, recounted in (
        ("children", subchannels or len(ratings)),
        ("rating_sum", sum(ratings, Decimal(0))),
        ("rating_count", len(ratings)),
    ):
        if Decimal(item[name]["N"]) != recounted:
            wrong.append(f"{slug} has a {name} of {item[name]['N']}; a recount gives {recounted}")
    return wrong


def _circles(above: dict[str, str]) -> list[str]:
    good: set[str] = set()
    wrong = []
    for start in above:
        walk: dict[str, None] = {}
        slug = start
        while slug in above and slug not in good and slug not in walk:
            walk[slug] = None
            slug = above[slug]
        if slug in walk:
            wrong.append(f"{slug} is below itself")
        good.update(walk)
    return wrong
