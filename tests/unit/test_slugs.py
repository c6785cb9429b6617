"""Slugs from titles and names."""

from itertools import islice

import pytest
from django.utils.text import slugify as djangos_slugify
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.paths import MAX_SLUG, is_slug
from chalicelib.slugs import alternatives, slugify

ASCII = st.text(st.characters(max_codepoint=127), max_size=MAX_SLUG)
TITLES = ASCII | st.text("aZ09-_ .\t\n'!", max_size=MAX_SLUG)
SLUGS = st.text("ab12_-", min_size=1, max_size=MAX_SLUG).filter(is_slug)


@given(TITLES)
@example("It's 9_to_5!")
@example("a\x1cb")
@example("\x1d")
@example("a\x0bb\x0cc")
@example("-_-a_-_")
@example("a - _ - b")
@example("a" * 249 + "-")
def test_an_ascii_title_is_slugged_as_django_does(title: str) -> None:
    assert slugify(title) == djangos_slugify(title)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("It's 9_to_5!", "its-9_to_5"),
        ("  Popflix --  Movies  ", "popflix-movies"),
        ("Привет мир", "privet-mir"),
        ("東京", "dongjing"),
        ("Ærø", "aero"),
        ("Amélie", "amelie"),
        ("Ελλάδα", "ellada"),
        ("日本 2020", "riben-2020"),
    ],
)
def test_titles_have_readable_slugs(title: str, slug: str) -> None:
    assert slugify(title) == slug


@pytest.mark.parametrize("title", ["", " ", "!!!", "-", "_", "-_-", "\t\n", "\x00", "…", "¿?"])
def test_nothing_is_left_of_a_title_without_letter_or_digit(title: str) -> None:
    assert slugify(title) == ""


@given(st.text())
def test_any_text_has_a_slug_or_none(text: str) -> None:
    assert slugify(text) == "" or is_slug(slugify(text))


@given(st.text())
def test_a_slug_is_its_own_slug(text: str) -> None:
    assert slugify(slugify(text)) == slugify(text)


@pytest.mark.parametrize("title", ["a" * 1000, "東" * MAX_SLUG, "a" * 249 + "--b", "a_" * 200])
def test_a_long_slug_is_cut_where_it_stays_one(title: str) -> None:
    slug = slugify(title)
    assert is_slug(slug)
    assert MAX_SLUG - 2 <= len(slug) <= MAX_SLUG
    assert slug[-1] not in "-_"


def test_the_first_alternative_is_the_slug_itself_then_they_count() -> None:
    assert list(islice(alternatives("up"), 4)) == ["up", "up-2", "up-3", "up-4"]


@given(SLUGS | st.just("a" * MAX_SLUG), st.integers(2, 200))
@example("a" * 248 + "-2", 2)
@example("a" * 247 + "-10", 10)
def test_alternatives_are_slugs_and_all_different(slug: str, many: int) -> None:
    found = list(islice(alternatives(slug), many))
    assert all(map(is_slug, found))
    assert len(set(found)) == many
