"""The API as its clients see it: requests become API Gateway's events, and moto is AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import app as popflix
from infra.gateway import Reply, call

HOST = "api.example.com"
Get = Callable[..., Reply]


@pytest.fixture
def get(aws: None) -> Get:
    """Sends a GET (or another `method`) for a target, that is a path and perhaps a query."""

    def send(target: str, method: str = "GET", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(
            popflix.app, method, target, {"Host": HOST, "X-Forwarded-Proto": "https"} | named
        )

    return send


def body(reply: Reply, status: int = 200) -> dict[str, Any]:
    """The JSON of a reply that has to have this status."""
    assert reply.status == status, reply
    found: dict[str, Any] = json.loads(reply.body)
    return found
