"""Handlers in botocore's way, of all that Popflix asks of DynamoDB."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.models import Answer, Channel, Content, Epoch, Group, Item


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
