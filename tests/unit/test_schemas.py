"""What JSON and which parameters are taken, and which are refused."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

from chalicelib.schemas import (
    MAX_METADATA,
    CatalogueQuery,
    ChannelFields,
    ContentFields,
    GroupFields,
    NoQuery,
    PageQuery,
    cursor,
    dumps,
    load,
)

AFTER = st.text("abz019_-.TZ", min_size=1, max_size=250)
SCHEMAS: dict[type[Schema], dict[str, Any]] = {
    GroupFields: {"title": "Drama"},
    ChannelFields: {"title": "Movies", "language": "English"},
    ContentFields: {"name": "Up", "file_url": "https://example.com/up.mp4"},
}
TEXTS = [
    (GroupFields, "title"),
    (ChannelFields, "title"),
    (ChannelFields, "language"),
    (ContentFields, "name"),
]
URLS = [
    (GroupFields, "picture_url"),
    (ChannelFields, "picture_url"),
    (ContentFields, "file_url"),
]


def of(schema: type[Schema], **given: Any) -> dict[str, Any]:
    """What `schema` loads from good fields, but for those `given`; it may refuse nothing."""
    loaded, wrong = load(schema(), SCHEMAS.get(schema, {}) | given)
    assert wrong == []
    return loaded


def refused(schema: type[Schema], **given: Any) -> set[str]:
    """The fields that `schema` refuses."""
    loaded, wrong = load(schema(), SCHEMAS.get(schema, {}) | given)
    assert loaded == {}
    assert all(error.reason for error in wrong)
    return {error.field for error in wrong}


def encoded(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode()


# ---- cursors


@given(AFTER)
def test_a_cursor_comes_back(after: str) -> None:
    assert of(PageQuery, cursor=cursor(after))["after"] == after


@given(AFTER)
def test_a_cursor_that_was_cut_is_refused(after: str) -> None:
    whole = cursor(after)
    for end in range(len(whole)):
        assert refused(PageQuery, cursor=whole[:end]) == {"cursor"}


@given(AFTER)
def test_a_cursor_without_its_padding_is_refused(after: str) -> None:
    whole = cursor(after)
    if whole.endswith("="):
        assert refused(PageQuery, cursor=whole.rstrip("=")) == {"cursor"}


@given(st.text())
def test_text_is_a_cursor_only_if_cursor_made_it(text: str) -> None:
    loaded, wrong = load(PageQuery(), {"cursor": text})
    if wrong:
        assert {error.field for error in wrong} == {"cursor"}
    else:
        assert cursor(loaded["after"]) == text


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("up", id="a slug"),
        pytest.param("!!!!", id="no base64"),
        pytest.param("é" * 4, id="no ASCII"),
        pytest.param("\ud800", id="half a surrogate pair"),
        pytest.param(cursor("up") + "\n", id="a newline after it"),
        pytest.param(" " + cursor("up"), id="a space before it"),
        pytest.param(cursor("up") * 2, id="two of them"),
        pytest.param(encoded("up"), id="no JSON"),
        pytest.param(encoded("1"), id="a number"),
        pytest.param(encoded("null"), id="null"),
        pytest.param(encoded('["up"]'), id="a list"),
        pytest.param(encoded('""'), id="no text"),
        pytest.param(encoded(' "up"'), id="another spelling"),
        pytest.param(encoded('"\\u0075p"'), id="an escape"),
        pytest.param(encoded('"a/b"'), id="a slash"),
        pytest.param(encoded('"a\\u0000"'), id="a null character"),
        pytest.param(encoded(json.dumps("é")), id="an accent"),
        pytest.param(encoded(json.dumps("a" * 251)), id="too long"),
        pytest.param(encoded(b"\xff\xfe"), id="no UTF-8"),
        pytest.param(encoded("[" * 3000), id="deeply nested"),
        pytest.param(encoded("[" * 100_000), id="very deeply nested"),
        pytest.param(encoded("1e999999999999"), id="a huge exponent"),
        pytest.param(encoded("9" * 5000), id="a huge number"),
    ],
)
def test_another_cursor_is_refused(value: str) -> None:
    assert refused(PageQuery, cursor=value) == {"cursor"}


# ---- queries


@pytest.mark.parametrize("limit", ["1", "20", "100", "001"])
def test_a_limit_is_taken(limit: str) -> None:
    assert of(PageQuery, limit=limit)["limit"] == int(limit)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "+1", "1.0", "1e1", "", " 1", "1\n", "٣", "x"])
def test_another_limit_is_refused(limit: str) -> None:
    assert refused(PageQuery, limit=limit) == {"limit"}


def test_a_query_has_defaults() -> None:
    assert of(CatalogueQuery) == {"limit": 20, "after": None, "group": None}
    assert of(NoQuery) == {}


@pytest.mark.parametrize("schema", [NoQuery, PageQuery, CatalogueQuery])
def test_an_unknown_parameter_is_refused_by_name(schema: type[Schema]) -> None:
    assert refused(schema, lmit="5") == {"lmit"}


def test_everything_wrong_is_named_at_once() -> None:
    assert refused(CatalogueQuery, limit="0", cursor="x", lmit="5") == {"limit", "cursor", "lmit"}
    wrong = refused(ContentFields, name="", file_url="x", rating="11", metadata=[], active="yes")
    assert wrong == {"name", "file_url", "rating", "metadata", "active"}


# ---- fields


@pytest.mark.parametrize(("schema", "field"), TEXTS)
@pytest.mark.parametrize("text", ["a", "x" * 250, "\U0001f3ac" * 250, "東京", " ", "a\nb"])
def test_text_is_taken(schema: type[Schema], field: str, text: str) -> None:
    assert of(schema, **{field: text})[field] == text


@pytest.mark.parametrize(("schema", "field"), TEXTS)
@pytest.mark.parametrize(
    "text", ["", "x" * 251, "a\x00b", "\ud800", "a\udfff", None, 1, True, ["a"], {"a": "b"}]
)
def test_other_text_is_refused(schema: type[Schema], field: str, text: Any) -> None:
    assert refused(schema, **{field: text}) == {field}


@pytest.mark.parametrize(("schema", "field"), [*TEXTS, (ContentFields, "file_url")])
def test_a_required_field_is_missed(schema: type[Schema], field: str) -> None:
    fields = {name: value for name, value in SCHEMAS[schema].items() if name != field}
    assert [error.field for error in load(schema(), fields)[1]] == [field]


BASE = "https://example.com/"


@pytest.mark.parametrize(("schema", "field"), URLS)
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com/a b".replace(" ", "%20"),
        "HTTPS://EXAMPLE.COM/a",
        "http://localhost/a.mp3",
        "http://localhost:4566/bucket/a.mp3",
        "https://user:secret@example.com:8443/a?b=c&d#e",
        "http://192.0.2.1/a",
        "http://[2001:db8::1]/a",
        "https://example.com/東京",
        BASE + "x" * (250 - len(BASE)),
    ],
)
def test_a_url_is_taken(schema: type[Schema], field: str, url: str) -> None:
    assert of(schema, **{field: url})[field] == url


@pytest.mark.parametrize(("schema", "field"), URLS)
@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a",
        "//example.com/a",
        "/a",
        "ftp://example.com/a",
        "javascript:alert(1)",
        "data:text/html,a",
        "file:///etc/passwd",
        "http://",
        "http:///a",
        "http://exa mple.com/",
        "https://example.com/a\nb",
        "https://example.com/a\x00",
        "https://example.com/\ud800",
        BASE + "x" * (251 - len(BASE)),
        1,
        True,
        ["https://example.com/"],
    ],
)
def test_another_url_is_refused(schema: type[Schema], field: str, url: Any) -> None:
    assert refused(schema, **{field: url}) == {field}


def test_a_picture_may_be_missing_and_a_file_may_not() -> None:
    assert of(GroupFields, picture_url=None)["picture_url"] is None
    assert of(ChannelFields)["picture_url"] is None
    assert refused(ContentFields, file_url=None) == {"file_url"}


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("active", [True, False])
def test_active_is_a_boolean(schema: type[Schema], active: bool) -> None:
    assert of(schema)["active"] is True
    assert of(schema, active=active)["active"] is active


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("active", [0, 1, "true", "yes", None, 1.0, Decimal(1), [], {}])
def test_active_is_nothing_else(schema: type[Schema], active: Any) -> None:
    assert refused(schema, active=active) == {"active"}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_unknown_field_is_refused_by_name(schema: type[Schema]) -> None:
    assert refused(schema, titel="Up") == {"titel"}


@pytest.mark.parametrize(
    "rating",
    ["6.1", "0", "10", "10.0", "0.0", "6.10", 0, 10, 6.1, Decimal("6.1"), Decimal("1E+1"), "-0"],
)
def test_a_rating_is_taken_exactly(rating: Any) -> None:
    assert of(ContentFields, rating=rating)["rating"] == Decimal(str(rating))


def test_a_rating_is_1_unless_stated() -> None:
    assert of(ContentFields)["rating"] == 1


@pytest.mark.parametrize(
    "rating",
    [
        *("-0.1", "10.1", "6.15", "0.01", "1e400", "1e-400", "-1e400", "1e999999999", "0.09"),
        *("1E-999999999", "9" * 5000, "0." + "1" * 5000, "6.1000000000000000000000000000000001"),
        *("NaN", "sNaN", "-NaN", "Infinity", "-Infinity", "", " ", "six", None, True, False),
        *(-0.1, 10.1, 6.15, 11, -1, float("nan"), float("inf"), [], {}, [6.1], {"a": 1}),
        *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+999"), 10**4000),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_another_rating_is_refused(rating: Any) -> None:
    assert refused(ContentFields, rating=rating) == {"rating"}


@pytest.mark.parametrize("zero", ["0e999999999", "0E-999999999", Decimal("0E+999")])
def test_zero_is_taken_in_whatever_spelling_or_refused(zero: Any) -> None:
    loaded, wrong = load(ContentFields(), SCHEMAS[ContentFields] | {"rating": zero})
    assert wrong or loaded["rating"] == 0


# ---- metadata

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES))
def test_metadata_is_kept_as_json_text_that_means_the_same(metadata: dict[str, Any]) -> None:
    text = of(ContentFields, metadata=metadata)["metadata"]
    assert simplejson.loads(text, use_decimal=True, parse_int=Decimal) == metadata


def test_metadata_may_be_null_missing_or_empty() -> None:
    assert of(ContentFields)["metadata"] is None
    assert of(ContentFields, metadata=None)["metadata"] is None
    assert of(ContentFields, metadata={})["metadata"] == "{}"


@pytest.mark.parametrize("metadata", [[], ["a"], "{}", "a", 1, Decimal("1.5"), True, False, 0, ""])
def test_metadata_is_nothing_but_an_object(metadata: Any) -> None:
    assert refused(ContentFields, metadata=metadata) == {"metadata"}


@pytest.mark.parametrize("metadata", [{"a": "\ud800"}, {"\udfff": 1}, {"a": [{"b": "x\udc00"}]}])
def test_metadata_with_half_a_surrogate_pair_is_refused(metadata: Any) -> None:
    assert refused(ContentFields, metadata=metadata) == {"metadata"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Inf")])
def test_metadata_with_what_is_no_number_in_json_is_refused(number: Any) -> None:
    assert refused(ContentFields, metadata={"a": number}) == {"metadata"}


@pytest.mark.parametrize("character", ["x", "é", "東", "\U0001f3ac"])
def test_metadata_is_bounded_in_bytes(character: str) -> None:
    size = len(character.encode())
    most, rest = divmod(MAX_METADATA - len('{"a":""}'), size)
    text = character * most + "x" * rest
    assert len(of(ContentFields, metadata={"a": text})["metadata"].encode()) == MAX_METADATA
    assert refused(ContentFields, metadata={"a": text + "x"}) == {"metadata"}


def test_metadata_is_refused_or_kept_however_deep_it_is() -> None:
    metadata: dict[str, Any] = {}
    for _ in range(100_000):
        metadata = {"a": metadata}
    assert refused(ContentFields, metadata=metadata) == {"metadata"}


def test_json_goes_out_as_it_is_meant() -> None:
    body = {"é": [Decimal("6.10"), simplejson.RawJSON('{"a":1e400}'), None, True]}
    assert dumps(body) == '{"é":[6.10,{"a":1e400},null,true]}'
