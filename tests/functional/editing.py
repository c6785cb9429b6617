"""What editors send, and how to see what comes of it: in the tables, and on the way to them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from chalicelib.models import Channel, Item, connection
from chalicelib.paths import ORIGIN
from infra.gateway import Reply
from tests.build import channel, content
from tests.functional.conftest import Get, body
from tests.hooks import hooked
from tests.invariants import violations


def a_channel(title: str, **fields: Any) -> dict[str, Any]:
    """The body that creates a channel."""
    return {"title": title, "language": "English"} | fields


def a_content(name: str, **fields: Any) -> dict[str, Any]:
    """The body that creates a content."""
    return {"name": name, "file_url": "https://media.example.com/1.mp4"} | fields


def a_library(above: str | None = "storage") -> list[Item]:
    """`video`, below `above` if that is given, has `movies`, with `alien` in it, and `shows`."""
    return [
        *([channel(above)] if above else ()),
        channel("video", above or ORIGIN),
        channel("movies", "video"),
        content("alien", "movies", "8.5"),
        channel("shows", "video"),
    ]


def wrong_fields(reply: Reply, status: int = 400) -> list[str]:
    """The fields that a reply says are wrong."""
    return [error["field"] for error in body(reply, status)["errors"]]


def broken() -> list[str]:
    """What is wrong in the tables as they are."""
    client: Any = connection().connection.client
    return violations(client)


def totals(slug: str) -> tuple[int, float, int]:
    """The children of a channel, the sum of their ratings, and how many have one."""
    channel = Channel.get(slug, consistent_read=True)
    return int(channel.children), float(channel.rating_sum), int(channel.rating_count)


class Sent(NamedTuple):
    """A request to DynamoDB."""

    operation: str
    request: dict[str, Any]

    @property
    def written(self) -> list[str]:
        """What a transaction has an item for, as in `Update movies`; nothing of other requests."""
        found = []
        for item in self.request.get("TransactItems", ()):
            ((kind, entry),) = item.items()
            key = entry.get("Key") or entry["Item"]
            found.append(f"{kind} {(key.get('slug') or key['key'])['S']}")
        return sorted(found)


@contextmanager
def traffic(seen: Callable[[Sent], object] = lambda sent: None) -> Iterator[list[Sent]]:
    """Collects what is sent, after `seen` was called with it in the thread that is to send it."""
    requests: list[Sent] = []

    def handler(request: Any, **kwargs: Any) -> None:
        operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
        sent = Sent(operation, json.loads(request.body))
        seen(sent)
        requests.append(sent)

    with hooked("before-send.dynamodb.*", handler):
        yield requests


class Crash(Exception):
    """What no code of ours expects."""


def finished(edit: Get, target: str) -> list[int]:
    """The answers to a DELETE that crashes after each transaction, until one doesn't."""
    statuses: list[int] = []
    while not statuses or statuses[-1] == 500:
        assert len(statuses) < 10
        written: list[Sent] = []

        def crash(sent: Sent, written: list[Sent] = written) -> None:
            if sent.written and written:
                raise Crash
            written += [sent] if sent.written else []

        with traffic(crash):
            statuses.append(edit(target, "DELETE").status)
        assert broken() == []
        assert edit(target.partition("?")[0]).status == 404
    return statuses
