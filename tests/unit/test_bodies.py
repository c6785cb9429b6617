"""How JSON in a request is read."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from chalice.app import Request

from chalicelib.errors import Invalid, UnsupportedMediaType
from chalicelib.web import json_body


def request(body: bytes | None, content_type: str | None = None, binary: bool = False) -> Request:
    text = None if body is None else body.decode(errors="surrogateescape")
    if binary and body is not None:
        text = base64.b64encode(body).decode()
    return Request(
        {
            "headers": {} if content_type is None else {"Content-Type": content_type},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {"httpMethod": "POST", "resourcePath": "/"},
            "body": text,
            "isBase64Encoded": binary,
        }
    )


def test_numbers_keep_their_digits() -> None:
    found = json_body(request(b'{"a": 1.10, "b": [1e400, 7], "c": null, "d": "\xc3\xa9"}'))
    assert found == {"a": Decimal("1.10"), "b": [Decimal("1e400"), 7], "c": None, "d": "é"}
    assert str(found["a"]) == "1.10"


@pytest.mark.parametrize("binary", [False, True])
def test_a_body_may_come_as_base64(binary: bool) -> None:
    assert json_body(request('{"a": "日"}'.encode(), binary=binary)) == {"a": "日"}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON ;charset=UTF-8",
        "application/merge-patch+json",
    ],
)
def test_json_is_stated_or_nothing(content_type: str | None) -> None:
    assert json_body(request(b"{}", content_type)) == {}


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "application/jsonp", "multipart/form-data"],
)
def test_what_is_stated_to_be_something_else_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="Content-Type: application/json"):
        json_body(request(b"{}", content_type))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "is empty"),
        (b"", "is empty"),
        (b" ", "isn't JSON"),
        (b"{", "isn't JSON"),
        (b'{"a": 1} x', "isn't JSON"),
        (b"{'a': 1}", "isn't JSON"),
        (b'{"a": NaN}', "isn't JSON"),
        (b'{"a": Infinity}', "isn't JSON"),
        (b'{"a": -Infinity}', "isn't JSON"),
        (b'{"a": "\x00"}', "isn't JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"a"', "must be a JSON object"),
        (b'{"a": 1, "a": 1}', '"a" twice'),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', '"a" twice'),
        (b'{"\\ud800": 1, "\\ud800": 2}', r'"\\ud800" twice'),
        (b'{"a": ' * 100_000, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 1e' + b"9" * 30 + b"}", "too many digits"),
    ],
)
def test_what_is_wrong_is_told(body: bytes | None, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as raised:
        json_body(request(body))
    assert raised.value.detail.endswith(".")
    assert len(raised.value.detail) < 300


def test_what_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        json_body(request(b'{"a": "\xff"}', binary=True))


def test_a_name_given_twice_is_not_told_in_full() -> None:
    name = "a" * 10_000
    body: Any = f'{{"{name}": 1, "{name}": 2}}'.encode()
    with pytest.raises(Invalid) as raised:
        json_body(request(body))
    assert len(raised.value.detail) < 200
