"""The rows of the ratings report, against their definition."""

from decimal import Decimal
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.paths import ORIGIN
from chalicelib.ratings import Ratings, Record, Row, rate

# Slugs that begin with one another, around the characters that sort before and after a slash.
SLUGS = [
    *("a", "a-", "a-b", "a-b-c", "a0", "ab", "a_b", "b", "-a", "_a", "a--b", "b-a", "0", "0-a"),
    *(f"a{number}" for number in range(10)),
]
DEEP = 10_000
MANY = 100_000


class Drawn(NamedTuple):
    """A channel of a random forest, with the ratings of the contents directly in it."""

    slug: str
    superchannel: str
    active: bool
    ratings: list[Decimal]

    def record(self) -> Record:
        total = sum(self.ratings, Decimal(0))
        return Record(
            self.slug, self.superchannel, "t " + self.slug, self.active, total, len(self.ratings)
        )


CHANNELS = st.tuples(
    st.sampled_from(SLUGS),
    st.integers(0, 99),  # which superchannel
    st.booleans(),
    st.lists(st.integers(0, 100), max_size=3),  # tenths
)


@st.composite
def forests(draw: st.DrawFn) -> list[Drawn]:
    """Channels whose pointers lead anywhere: to the top, below another, nowhere or in a circle."""
    drawn = draw(st.lists(CHANNELS, unique_by=lambda channel: channel[0], max_size=10))
    slugs = [slug for slug, *_ in drawn]
    forest = []
    for position, (slug, number, active, tenths) in enumerate(drawn):
        # Mostly what is before it, so that most of the channels are in a tree.
        among = [ORIGIN, *slugs[:position]] if number < 90 else [*slugs, "gone", "gone-too"]
        ratings = [Decimal(rating) / 10 for rating in tenths]
        forest.append(Drawn(slug, among[number % len(among)], active, ratings))
    return sorted(forest)


def naive(forest: list[Drawn]) -> tuple[list[Row], list[str], list[str]]:
    """The rows, orphans and circular channels, as their definition has them, step by step."""
    channels = {drawn.slug: drawn for drawn in forest}
    paths: dict[str, list[str]] = {}
    orphans, circular = [], []
    for slug in channels:
        path = [slug]
        while True:
            above = channels[path[0]].superchannel
            if above == ORIGIN:
                paths[slug] = path
            elif above not in channels:
                orphans.append(slug)
            elif above in path:
                circular.append(slug)
            else:
                path.insert(0, above)
                continue
            break

    rows = []
    for slug, path in paths.items():
        if not channels[slug].active:
            continue
        below = [other for other in paths if slug in paths[other]]
        ratings = [rating for other in below for rating in channels[other].ratings]
        average = round(float(sum(ratings)) / len(ratings), 3) if ratings else 0
        rows.append(Row("t " + slug, average, slug, "/" + "/".join(path), len(ratings)))
    rows.sort(key=lambda row: (-row.average, row.path))
    return rows, sorted(orphans), sorted(circular)


def rated(*forest: Drawn) -> Ratings:
    return rate(drawn.record() for drawn in forest)


def channel(slug: str, superchannel: str = ORIGIN, *ratings: str, active: bool = True) -> Drawn:
    return Drawn(slug, superchannel, active, [Decimal(rating) for rating in ratings])


def check(forest: list[Drawn]) -> None:
    ratings = rated(*forest)
    rows = list(ratings.rows)
    assert (rows, ratings.orphans, ratings.circular) == naive(forest)
    assert [type(row.average) for row in rows] == [float if row.contents else int for row in rows]


@given(forests())
@settings(max_examples=300)
def test_rows_are_what_the_definition_says(forest: list[Drawn]) -> None:
    check(forest)


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_thousands_of_forests_are_what_the_definition_says(seed: int) -> None:
    random = Random(seed)
    for _ in range(1000):
        slugs = random.sample(SLUGS, random.randint(0, len(SLUGS)))
        forest = []
        for position, slug in enumerate(slugs):
            before = [ORIGIN, *slugs[:position]]
            above = random.choice(before if random.random() < 0.97 else [*slugs, "gone"])
            ratings = [Decimal(random.randint(0, 100)) / 10 for _ in range(random.randint(0, 3))]
            forest.append(Drawn(slug, above, random.random() < 0.8, ratings))
        random.shuffle(forest)
        check(forest)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=200))
def test_an_average_is_rounded_as_a_float(tenths: list[int]) -> None:
    ratings = [Decimal(rating) / 10 for rating in tenths]
    [row] = rated(Drawn("a", ORIGIN, True, ratings)).rows
    assert row.average == round(float(sum(ratings)) / len(ratings), 3)


@pytest.mark.parametrize(
    ("total", "count", "average"),
    [
        ("0.5", 8000, "0.0"),  # 0.0000625
        ("0.2", 160, "0.001"),  # 0.00125
        ("50.1", 16, "3.131"),  # 3.13125
        ("0.1", 80, "0.001"),  # 0.00125
        ("0.1", 16, "0.006"),  # 0.00625
        ("0.3", 80, "0.004"),  # 0.00375
        ("10", 3, "3.333"),
        ("20", 3, "6.667"),
        ("0.5", 1000, "0.001"),  # 0.0005, as a float a little more
        ("2.5", 1000, "0.003"),  # 0.0025, as a float a little more
        ("3.5", 1000, "0.004"),  # 0.0035, as a float a little more
        ("4.5", 1000, "0.004"),  # 0.0045, as a float a little less
    ],
)
def test_a_tie_goes_as_python_rounds_floats(total: str, count: int, average: str) -> None:
    [row] = rate([Record("a", ORIGIN, "A", True, Decimal(total), count)]).rows
    assert repr(row.average) == average


def test_without_channels_there_are_no_rows() -> None:
    ratings = rate([])
    assert (list(ratings.rows), ratings.orphans, ratings.circular) == ([], [], [])


def test_a_channel_without_contents_has_an_average_of_zero_that_is_no_float() -> None:
    [row] = rated(channel("a")).rows
    assert repr(row.average) == "0"


def test_contents_rated_zero_have_an_average_that_is_a_float() -> None:
    [row] = rated(channel("a", ORIGIN, "0", "0")).rows
    assert repr(row.average) == "0.0"
    assert row.contents == 2


def test_an_inactive_channel_has_no_row_and_still_counts_above() -> None:
    rows = rated(channel("a"), channel("b", "a", "4", active=False), channel("c", "b", "1")).rows
    assert [(row.path, row.average, row.contents) for row in rows] == [
        ("/a", 2.5, 2),
        ("/a/b/c", 1.0, 1),
    ]


def test_every_content_weighs_the_same_however_deep_it_is() -> None:
    rows = rated(channel("a"), channel("b", "a", "10"), channel("c", "a", "1", "1", "1")).rows
    assert {row.slug: row.average for row in rows} == {"a": 3.25, "b": 10.0, "c": 1.0}


def test_ties_are_in_the_order_of_their_paths_as_text() -> None:
    forest = [channel("a"), channel("a-b"), channel("x", "a"), channel("a0"), channel("y", "a-b")]
    paths = [row.path for row in rated(*forest).rows]
    assert paths == ["/a", "/a-b", "/a-b/y", "/a/x", "/a0"]
    assert paths == sorted(paths)


def test_two_channels_of_the_same_title_have_a_row_each() -> None:
    record = channel("a").record()
    rows = list(rate([record, record._replace(slug="b")]).rows)
    assert [(row.title, row.slug) for row in rows] == [("t a", "a"), ("t a", "b")]


def test_orphans_and_circles_are_told_apart_with_what_hangs_below_them() -> None:
    ratings = rated(
        channel("good", ORIGIN, "5"),
        channel("orphan", "gone", "9"),
        channel("below-orphan", "orphan", "9"),
        channel("itself", "itself", "9"),
        channel("below-itself", "itself", "9"),
        channel("one", "two"),
        channel("two", "one"),
        channel("below-two", "two", "9"),
    )
    assert [row.slug for row in ratings.rows] == ["good"]
    assert ratings.orphans == ["below-orphan", "orphan"]
    assert ratings.circular == ["below-itself", "below-two", "itself", "one", "two"]


@given(forests(), forests())
@settings(max_examples=100)
def test_no_wrong_channel_costs_another_a_row(good: list[Drawn], wrong: list[Drawn]) -> None:
    tree = [drawn for drawn in good if drawn.superchannel == ORIGIN]
    elsewhere = [
        drawn._replace(slug=f"z{drawn.slug}", superchannel=f"z{drawn.superchannel}")
        for drawn in wrong
        if drawn.superchannel != ORIGIN
    ]
    unreachable = rated(*elsewhere)
    assert list(unreachable.rows) == []
    mixed = rated(*tree, *elsewhere)
    assert list(mixed.rows) == list(rated(*tree).rows)
    assert (mixed.orphans, mixed.circular) == (unreachable.orphans, unreachable.circular)


def test_a_chain_is_rated_however_deep_it_is() -> None:
    chain = [channel("c0")]
    chain += [channel(f"c{n}", f"c{n - 1}", active=n % 100 == 0) for n in range(1, DEEP)]
    chain.append(channel("last", f"c{DEEP - 1}", "7.5"))
    rows = list(rated(*chain).rows)
    assert [row.path.count("/") for row in rows] == [*range(1, DEEP, 100), DEEP + 1]
    assert {(row.average, row.contents) for row in rows} == {(7.5, 1)}


def test_long_chains_that_lead_nowhere_or_in_a_circle_are_told_apart() -> None:
    nowhere = [channel(f"n{n}", f"n{n + 1}") for n in range(DEEP)]
    circle = [channel(f"c{n}", f"c{(n + 1) % DEEP}") for n in range(DEEP)]
    ratings = rated(*nowhere, *circle)
    assert list(ratings.rows) == []
    assert len(ratings.orphans) == len(ratings.circular) == DEEP


def test_many_siblings_are_rated() -> None:
    siblings = [channel("top")]
    siblings += [channel(f"s{n}", "top", f"{n % 101 / 10}") for n in range(MANY)]
    rows = list(rated(*siblings).rows)
    assert len(rows) == MANY + 1
    assert rows == sorted(rows, key=lambda row: (-row.average, row.path))
    top = next(row for row in rows if row.slug == "top")
    assert top.contents == MANY
    ratings = [Decimal(n % 101) / 10 for n in range(MANY)]
    assert top.average == round(float(sum(ratings)) / MANY, 3)
