"""Operations that die: the process ends right before or right after any request to DynamoDB."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests import proofs
from tests.twin import Call, Twin, Version, Wire


class Killed(BaseException):
    """The process ended here."""


class _Death:
    """Ends an operation before its request of that number is carried out, or after.

    From then on it gets no request through, whatever it does to clean up: it is dead.
    """

    def __init__(self, number: int, *, after: bool, reads: bool) -> None:
        self._left = number
        self._after = after
        self._reads = reads
        self.came = False

    def before(self, call: Call) -> int:
        """Of a request that is about to be carried out."""
        self._left -= call.writes or self._reads
        self.came |= self._left == 0 and not self._after
        if self.came:
            raise Killed
        return 0

    def after(self, call: Call, answer: Wire) -> None:
        """Of one that was."""
        self.came |= self._left == 0
        if self.came:
            raise Killed


def crashes(
    twin: Twin, start: Version, operation: Callable[[], object], *, reads: bool = True
) -> Iterator[str]:
    """Has the operation die at every point, from `start` each time; says where it just died.

    Without `reads`, only right before and after each write: in between, nothing changes.
    """
    for number in count(1):
        for after in (False, True):
            twin.restore(start)
            death = _Death(number, after=after, reads=reads)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(twin, "before", death.before)
                patch.setattr(twin, "after", death.after)
                try:
                    operation()
                except Killed:
                    assert death.came
            if not death.came:
                return
            proofs.count("crash points")
            what = "request" if reads else "write"
            yield f"{'after' if after else 'before'} {what} {number}"
