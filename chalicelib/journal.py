"""What writes remember beside the tree: the epoch of its shape, and what creates have made."""

import hashlib
import time
from typing import NamedTuple

from chalicelib.errors import Unprocessable
from chalicelib.models import Answer, Epoch
from chalicelib.transactions import Transaction

_SHAPE = "shape of the tree"
KEPT = 24 * 60 * 60  # seconds that an Idempotency-Key is remembered


class Key(NamedTuple):
    """An Idempotency-Key, with whose it is, and a fingerprint of the request that it came with."""

    key: str
    fingerprint: str

    @property
    def born(self) -> str:
        """The `born` of what is created: the same one when the request is repeated."""
        return hashlib.sha256(f"{self.key} {self.fingerprint}".encode()).hexdigest()[:8]


def epoch() -> int:
    """How often the tree's shape was changed. One consistent GetItem."""
    try:
        return int(Epoch.get(_SHAPE, consistent_read=True).number)
    except Epoch.DoesNotExist:
        return 0


def advance(transaction: Transaction, seen: int) -> None:
    """Lets `transaction` happen only if the tree's shape is still that of the epoch `seen`."""
    unchanged = Epoch.number == seen
    if seen == 0:
        unchanged |= Epoch.number.does_not_exist()
    transaction.update(Epoch(_SHAPE), [Epoch.number.set(seen + 1)], unchanged)


def recall(key: Key | None) -> str | None:
    """The path of what was created under `key`, if something was. One consistent GetItem.

    Raises Unprocessable if that was by another request.
    """
    if key is None:
        return None
    try:
        answer = Answer.get(key.key, consistent_read=True)
    except Answer.DoesNotExist:
        return None
    if answer.expires < time.time():
        return None
    if answer.fingerprint != key.fingerprint:
        raise Unprocessable(
            "This Idempotency-Key came with another request before: send a new key."
        )
    return answer.path


def remember(transaction: Transaction, key: Key | None, path: str) -> None:
    """Lets `transaction` happen only if nothing was created under `key`, and remembers `path`."""
    if key is not None:
        now = int(time.time())
        answer = Answer(key.key, fingerprint=key.fingerprint, path=path, expires=now + KEPT)
        # DynamoDB deletes what has expired in its own time.
        transaction.save(answer, Answer.key.does_not_exist() | (Answer.expires < now))
