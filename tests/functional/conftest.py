"""The API as its clients see it: requests become API Gateway's events, and moto is AWS."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

import app as popflix
from chalicelib import web
from infra.gateway import Reply, call
from tests.twin import Twin, twin

HOST = "api.example.com"
ROLES = ("editors", "analysts", "admins")
Get = Callable[..., Reply]
_stack = ThreadPoolExecutor(1)


def claims_of(token: str) -> dict[str, str] | None:
    """What API Gateway verifies: a token is a list of groups here, `admins,editors`."""
    if not token or not set(token.split(",")) <= {*ROLES, "nobody"}:
        return None
    return {"sub": f"id-of-{token}", "token_use": "id", "cognito:groups": token}


@pytest.fixture
def get(aws: None) -> Get:
    """Sends a GET (or another `method`) for a target, that is a path and perhaps a query.

    `Authorization="editors"` sends it as an editor. A body that isn't bytes is sent as JSON.
    """

    def send(target: str, method: str = "GET", body: Any = b"", **headers: str) -> Reply:
        named = {"Host": HOST, "X-Forwarded-Proto": "https"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        # A stack of its own: under pytest's, CPython 3.11 takes and gives back memory at each call.
        answer = _stack.submit(
            call, popflix.app, method, target, named, content, claims_of=claims_of
        )
        return answer.result()

    return send


@pytest.fixture
def edit(get: Get) -> Get:
    """`get`, as an editor."""
    return partial(get, Authorization="editors")


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Lets every deletion run out of time before its first step; undone by `undo`."""
    with monkeypatch.context() as patch:
        patch.setattr(web, "WORK", -1)
        yield patch


@pytest.fixture(scope="module")
def tables() -> Iterator[Twin]:
    """Tables in this process, faster than moto's own."""
    with twin() as tables:
        yield tables


def body(reply: Reply, status: int = 200) -> dict[str, Any]:
    """The JSON of a reply that has to have this status."""
    assert reply.status == status, reply
    found: dict[str, Any] = json.loads(reply.body)
    return found


class _Raw:
    """The body of an answer, as urllib3 gives it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        """Its pieces."""
        return [self._content]


def aws_error(code: str, status: int) -> AWSResponse:
    """DynamoDB's answer for an error, on the wire: for a handler of botocore's `before-send`."""
    content = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}"}).encode()
    return AWSResponse("https://dynamodb", status, HTTPHeaders(), _Raw(content))
