"""MiniStack, but a function that is busy makes calls wait instead of starting a worker for each.

On AWS another worker is another machine; here it is a second or two of this machine's processors,
so that 50 clients at once would have waited more than a minute for the first answer.
"""

import collections
import os
import threading
from typing import Any

from ministack.app import main  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from infra.parent import end_with_parent

_WORKERS = 2 * (os.cpu_count() or 1)
_free: dict[str, threading.Semaphore] = collections.defaultdict(
    lambda: threading.Semaphore(_WORKERS)
)
_execute = lambda_svc._execute_function_warm


def _execute_in_turn(func: dict[str, Any], event: object, request_id: str) -> object:
    # Each call has a thread of its own, which may wait.
    with _free[func["config"]["FunctionName"]]:
        return _execute(func, event, request_id)


if __name__ == "__main__":
    end_with_parent()
    lambda_svc._execute_function_warm = _execute_in_turn
    main()
