"""Pages on AWS's own engine, which says that there may be more whenever a page is full."""

import pytest

from chalicelib import catalogue
from chalicelib.models import Channel
from tests.build import channel, content, put

pytestmark = pytest.mark.usefixtures("client")


def pages(limit: int, group: str | None = None) -> list[list[str]]:
    """The slugs of the origin channels, page by page."""
    found = []
    after: str | None = ""
    while after is not None:
        page = catalogue.origin_channels(group=group, limit=limit, after=after or None)
        found.append([item.slug for item in page.items])
        after = page.after
    return found


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 6), (2, [2] * 3), (4, [4, 2]), (6, [6])])
def test_the_page_that_ends_a_listing_says_so(limit: int, sizes: list[int]) -> None:
    put([channel(f"n{number}") for number in range(6)])
    assert [len(page) for page in pages(limit)] == sizes


def test_a_listing_has_every_item_once_whatever_is_hidden_or_filtered() -> None:
    put(
        [
            channel(f"n{n:03}", active=n % 3 > 0, groups={"g"} if n % 7 == 0 else None)
            for n in range(300)
        ]
    )
    shown = [f"n{n:03}" for n in range(300) if n % 3 > 0]
    filtered = [f"n{n:03}" for n in range(300) if n % 3 > 0 and n % 7 == 0]
    assert [slug for page in pages(10) for slug in page] == shown
    assert [slug for page in pages(10, "g") for slug in page] == filtered
    assert [len(page) for page in pages(10, "g")][:-1] == [10] * (len(filtered) // 10)


def test_a_page_goes_on_where_an_item_was_that_is_gone() -> None:
    put([channel(f"n{number}") for number in range(6)])
    first = catalogue.origin_channels(limit=3)
    Channel.get("n2").delete()
    rest = catalogue.origin_channels(limit=3, after=first.after)
    assert [item.slug for item in rest.items] == ["n3", "n4", "n5"]


def test_contents_of_a_megabyte_end_a_page_early_and_lose_nothing() -> None:
    put([channel("a")])
    for number in range(6):
        put([content(f"n{number}", "a", metadata="x" * 300_000)])
    found = catalogue.read(["a"], limit=100).contents
    assert 1 <= len(found.items) < 6
    rest = catalogue.read(["a"], limit=100, after=found.after).contents
    seen = [item.slug for item in (*found.items, *rest.items)]
    assert seen == [f"n{number}" for number in range(len(seen))]
