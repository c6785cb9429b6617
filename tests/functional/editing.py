"""What editors send, and how to see what comes of it: in the tables, and on the way to them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from chalicelib.models import Answer, Channel, Content, Epoch, Group, Item, connection
from tests.invariants import violations


def a_channel(title: str, **fields: Any) -> dict[str, Any]:
    """The body that creates a channel."""
    return {"title": title, "language": "English"} | fields


def a_content(name: str, **fields: Any) -> dict[str, Any]:
    """The body that creates a content."""
    return {"name": name, "file_url": "https://media.example.com/1.mp4"} | fields


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
def hooked(event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Has botocore call `handler` at an event, of requests for any of the tables."""
    found = (
        model._get_connection().connection.client
        for model in (Item, Channel, Content, Group, Epoch, Answer)
    )
    clients = {id(client): client for client in found}.values()
    for client in clients:
        client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister(event, handler)


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
