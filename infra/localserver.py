"""MiniStack, but a function that is busy makes calls wait instead of starting a worker for each.

On AWS another worker is another machine; here it is a second or two of this machine's processors,
so that 50 clients at once would have waited more than a minute for the first answer.
"""

import collections
import os
import signal
import threading
from typing import Any

from ministack.app import main  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

_WORKERS = 2 * (os.cpu_count() or 1)
_free: dict[str, threading.Semaphore] = collections.defaultdict(
    lambda: threading.Semaphore(_WORKERS)
)
_execute = lambda_svc._execute_function_warm


def _execute_in_turn(func: dict[str, Any], event: object, request_id: str) -> object:
    # Each call has a thread of its own, which may wait.
    with _free[func["config"]["FunctionName"]]:
        return _execute(func, event, request_id)


def _stop_with_parent() -> None:
    """End in order, and so save the data, when whoever started this is gone."""
    # Not sys.stdin, whose lock this thread would hold while Python shuts down.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    lambda_svc._execute_function_warm = _execute_in_turn
    main()
