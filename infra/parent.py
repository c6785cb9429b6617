"""Ends a child process in order when its parent is gone, however that ended."""

import os
import signal
import threading


def end_with_parent() -> None:
    """Ask this process to terminate once its standard input, a pipe of the parent's, is closed."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    # Not sys.stdin, whose lock this thread would hold while Python shuts down.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
