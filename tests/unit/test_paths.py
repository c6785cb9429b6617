"""Paths to slugs and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.paths import MAX_SLUG, ORIGIN, is_slug, join, split

ALPHABET = "abcxyz0189_-"
SLUGS = st.text(ALPHABET, min_size=1, max_size=MAX_SLUG).filter(lambda text: text.strip("_-"))


def percent_encoded(text: str) -> str:
    """Every character of an ASCII text, percent-encoded."""
    return "".join(f"%{ord(character):02x}" for character in text)


@given(st.lists(SLUGS), st.booleans())
def test_split_gives_the_slugs_that_were_joined(slugs: list[str], encoded: bool) -> None:
    assert split(join(slugs), encoded=encoded) == slugs


@given(st.lists(SLUGS, min_size=1), st.data())
def test_case_is_folded(slugs: list[str], data: st.DataObject) -> None:
    upper = [
        "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in slug)
        for slug in slugs
    ]
    assert split(join(upper), encoded=False) == slugs


@given(st.lists(SLUGS, min_size=1), st.data())
def test_empty_segments_are_ignored(slugs: list[str], data: st.DataObject) -> None:
    slashes = st.integers(1, 4).map("/".__mul__)
    path = "".join(data.draw(slashes) + slug for slug in slugs) + data.draw(slashes)
    assert split(path, encoded=True) == slugs


@pytest.mark.parametrize("path", ["", "/", "//", "///"])
def test_a_path_of_nothing_but_slashes_has_no_slugs(path: str) -> None:
    assert split(path, encoded=True) == []


def test_a_path_may_lack_its_first_slash() -> None:
    assert split("video/movies", encoded=True) == ["video", "movies"]


def test_the_path_of_no_slugs_is_the_origin() -> None:
    assert join([]) == "/"


def test_the_origin_can_be_no_slug() -> None:
    assert not is_slug(ORIGIN)


@given(st.lists(SLUGS, min_size=1))
def test_percent_encoding_is_decoded(slugs: list[str]) -> None:
    path = "/".join(percent_encoded(slug.upper()) for slug in slugs)
    assert split(path, encoded=True) == slugs


@given(st.lists(SLUGS, min_size=1))
def test_percent_encoding_is_not_decoded_twice(slugs: list[str]) -> None:
    twice = "/".join(percent_encoded(percent_encoded(slug)) for slug in slugs)
    assert split(twice, encoded=True) is None


@pytest.mark.parametrize("path", ["/%61", "/video/%6Dovies", "/vide%6F", "/%2561"])
def test_a_percent_sign_is_no_encoding_where_the_gateway_decodes(path: str) -> None:
    assert split(path, encoded=False) is None


def test_what_was_encoded_twice_does_not_name_what_was_encoded_once() -> None:
    assert split("/%61", encoded=True) == ["a"]
    assert split("/%2561", encoded=True) is None


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param("a%2Fb", id="a slash"),
        pytest.param("%2F", id="only a slash"),
        pytest.param("a%2f", id="a slash at the end"),
        pytest.param("a%00", id="a null character"),
        pytest.param("%ff", id="a byte that no UTF-8 has"),
        pytest.param("caf%C3", id="half a character"),
        pytest.param("%C0%AF", id="an overlong slash"),
        pytest.param("%ED%A0%80", id="a surrogate"),
        pytest.param("caf%C3%A9", id="an accent"),
        pytest.param("%E6%9D%B1", id="another script"),
        pytest.param("%E2%84%AAelvin", id="the Kelvin sign"),
        pytest.param("%C4%B0", id="a dotted capital I"),
        pytest.param("%D9%A1", id="another script's digit"),
        pytest.param("a%0A", id="a newline"),
        pytest.param("a+b", id="a plus sign"),
        pytest.param("a%20b", id="a space"),
        pytest.param("a%", id="a percent sign"),
        pytest.param("a%zz", id="a percent sign and no hexadecimal digits"),
        pytest.param("..", id="two dots"),
        pytest.param(".", id="a dot"),
        pytest.param("a.b", id="a dot between letters"),
        pytest.param("-", id="only a hyphen"),
        pytest.param("_", id="only an underscore"),
        pytest.param("-_-", id="neither letter nor digit"),
    ],
)
def test_a_segment_that_can_be_no_slug_spoils_the_path(segment: str) -> None:
    assert split(f"/video/{segment}", encoded=True) is None
    assert split(f"/{segment}/video", encoded=True) is None


@pytest.mark.parametrize(
    "segment", ["\u212aelvin", "caf\u00e9", "\u0130", "\u0661", "\ud800", "\uff41", "a\n", "a\x00"]
)
def test_no_decoded_character_folds_into_a_slug(segment: str) -> None:
    assert split(f"/{segment}", encoded=False) is None


@given(st.text(max_size=30), st.booleans())
def test_split_gives_slugs_or_nothing_for_any_text(path: str, encoded: bool) -> None:
    slugs = split(path, encoded=encoded)
    assert slugs is None or all(map(is_slug, slugs))


@pytest.mark.parametrize("slug", ["a", "0", "a-", "-a", "_0_", "a" * MAX_SLUG, "-" * 249 + "a"])
def test_slugs_are_slugs(slug: str) -> None:
    assert is_slug(slug)
    assert split(f"/{slug}", encoded=True) == [slug]


@pytest.mark.parametrize("text", ["", "A", "a" * 251, "-" * 250 + "a", "-", "a b", "a\n", "\u00e9"])
def test_other_text_is_not(text: str) -> None:
    assert not is_slug(text)


def test_a_segment_is_at_most_as_long_as_a_slug() -> None:
    assert split("/" + "A" * MAX_SLUG, encoded=True) == ["a" * MAX_SLUG]
    assert split("/" + "A" * (MAX_SLUG + 1), encoded=True) is None
    assert split("/" + percent_encoded("A" * MAX_SLUG), encoded=True) == ["a" * MAX_SLUG]
