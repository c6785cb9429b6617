"""The invariants of the catalogue, recounted from the tables with nothing of ours."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from mypy_boto3_dynamodb import DynamoDBClient

ORIGIN = "/"


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
    channels = {slug: item for slug, item in items.items() if _kind(item) == "channel"}
    contents = {slug: item for slug, item in items.items() if _kind(item) == "content"}
    wrong = []
    for slug, item in items.items():
        wrong += _of_pointers(slug, item, channels.keys())

    subchannels: Counter[str] = Counter()
    members: Counter[tuple[str, str]] = Counter()
    ratings: dict[str, list[Decimal]] = defaultdict(list)
    for item in channels.values():
        above = item["superchannel"]["S"]
        subchannels[above] += 1
        members.update((above, group) for group in _groups(item))
    for group in known_groups:
        slug, stated = group["slug"]["S"], int(group["members"]["N"])
        if "title" not in group:
            wrong.append(f"group {slug} has no title")
        if stated != members[ORIGIN, slug]:
            wrong.append(f"group {slug} counts {stated} members of {members[ORIGIN, slug]}")
    for slug, item in contents.items():
        rating = Decimal(item["rating"]["N"])
        ratings[item["channel"]["S"]].append(rating)
        if not 0 <= rating <= 10 or rating * 10 % 1:
            wrong.append(f"{slug} is rated {rating}")

    for slug, item in channels.items():
        wrong += _of_channel(slug, item, subchannels[slug], ratings[slug])
        own = _groups(item)
        above = item["superchannel"]["S"]
        counted = {
            name: int(value["N"]) for name, value in item.get("members", {"M": {}})["M"].items()
        }
        recounted = {group: members[slug, group] for group in own}
        if counted != recounted:
            wrong.append(f"{slug} counts {counted} in its groups; a recount gives {recounted}")
        if not own <= groups:
            wrong.append(f"{slug} is in groups that are not there: {own - groups}")
        if above in channels and not own <= _groups(channels[above]):
            wrong.append(f"{slug} is in groups that {above} is not in")
    return wrong + _circles({slug: item["superchannel"]["S"] for slug, item in channels.items()})


# What points up, by kind. Old links lead through what is gone, and nothing is below that.
_POINTERS: dict[str, set[str]] = {
    "channel": {"superchannel"},
    "content": {"channel"},
    "gone": set(),
}


def _of_pointers(slug: str, item: dict[str, Any], channels: Collection[str]) -> list[str]:
    kind = _kind(item)
    if kind not in _POINTERS:
        return [f"{slug} is of kind {kind}"]
    pointers = item.keys() & {"superchannel", "channel"}
    if pointers != _POINTERS[kind]:
        return [f"{slug} is a {kind} with the pointers {pointers}"]
    return [
        f"{slug} points to {above}, which is no channel"
        for above in (item[pointer]["S"] for pointer in pointers)
        if above not in channels and (above, kind) != (ORIGIN, "channel")
    ]


def _kind(item: dict[str, Any]) -> str:
    return str(item.get("kind", {}).get("S", "nothing"))


def _groups(item: dict[str, Any]) -> set[str]:
    return set(item.get("groups", {}).get("SS", []))


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
