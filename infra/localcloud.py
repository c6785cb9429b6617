"""The local cloud: MiniStack, a child process on the loopback interface, its state in .local/."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from infra.errors import InfraError, NotDeployed

HOST = "127.0.0.1"
REGION = "us-east-1"
# Both parts of the credentials: any will do.
KEY = "test"
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local"
# Held by the cloud's own process, so it lasts as long as the cloud does, and no longer.
_LOCK = FOLDER / "lock"
LOG = FOLDER / "ministack.log"
_START_SECONDS = 60
_STOP_SECONDS = 60


@contextlib.contextmanager
def running(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the local cloud on `port` for the time of the block; yields its process.

    Raises InfraError if it runs already, the port is taken, or .local/ can't be used.
    """
    with _folder() as lock:
        check_free(port)
        process = _start(port, lock)
        try:
            _await_ready(process, port)
            lock.write(json.dumps({"pid": process.pid, "port": port}))
            lock.flush()
            yield process
        finally:
            _stop(process)


def port() -> int:
    """Return the port of the running local cloud. Raises NotDeployed if none runs."""
    try:
        with _LOCK.open("r+") as lock:
            if not _locked(lock):
                return int(json.load(lock)["port"])
    except (OSError, ValueError):
        pass
    raise NotDeployed("The local cloud isn't running: start it with `make run`.")


def endpoint() -> str:
    """Return the endpoint URL of the running local cloud. Raises NotDeployed if none runs."""
    return f"http://{HOST}:{port()}"


def environment() -> dict[str, str]:
    """Return the variables that point AWS clients at the running local cloud, and nowhere else.

    Raises NotDeployed if none runs.
    """
    return _CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint()}


def enter() -> None:
    """Make AWS clients of this process those of the running local cloud, and of nothing else.

    Raises NotDeployed if none runs.
    """
    found = environment()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(found, AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


def free_port() -> int:
    """Return a port on the loopback interface that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
}


@contextlib.contextmanager
def _folder() -> Iterator[IO[str]]:
    """Make .local/ ready and lock it; yields the open lock file."""
    try:
        for name in ("state", "s3"):
            (FOLDER / name).mkdir(parents=True, exist_ok=True)
            if not os.access(FOLDER / name, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "Permission denied", str(FOLDER / name))
        lock = _LOCK.open("a+")
    except OSError as error:
        raise InfraError(
            f"The local cloud can't use {error.filename or FOLDER} ({error.strerror or error}): "
            f"{FOLDER} has to be a folder that you can write to. Without it you start with no data."
        ) from error
    with lock:
        deadline = time.monotonic() + _STOP_SECONDS
        while not _locked(lock):
            # One whose port is closed already is writing its data, and ends when it has.
            if not _ends(lock) or time.monotonic() > deadline:
                raise InfraError(
                    f"The local cloud runs already{_holder(lock)}: stop that one first."
                )
            time.sleep(0.1)
        lock.truncate(0)
        # Where the functions' code is unpacked; what a killed cloud left there is of no use.
        shutil.rmtree(FOLDER / "tmp", ignore_errors=True)
        (FOLDER / "tmp").mkdir(exist_ok=True)
        yield lock


def _locked(lock: IO[str]) -> bool:
    """Try to lock the open file; returns whether nobody else had."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(lock: IO[str]) -> dict[str, int]:
    """Return the pid and port of the cloud that holds the lock; nothing if it is just starting."""
    lock.seek(0)
    try:
        found: dict[str, int] = json.load(lock)
    except ValueError:
        return {}
    return found


def _holder(lock: IO[str]) -> str:
    found = _read(lock)
    return f" on port {found['port']}, as process {found['pid']}" if found else ""


def _ends(lock: IO[str]) -> bool:
    found = _read(lock)
    with socket.socket() as probe:
        return bool(found) and probe.connect_ex((HOST, found["port"])) != 0


def check_free(port: int) -> None:
    """Raise InfraError if nothing can listen on that port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InfraError(
                f"Port {port} can't be used ({reason}): choose another one (make run PORT=8001)."
            ) from error


def _start(port: int, lock: IO[str]) -> subprocess.Popen[bytes]:
    environment = _CREDENTIALS | {
        "PATH": os.environ.get("PATH", os.defpath),
        # Nothing of the user's, settings of AWS accounts above all, is to reach the functions.
        "HOME": str(FOLDER),
        "TMPDIR": str(FOLDER / "tmp"),
        "LC_ALL": "C.UTF-8",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(FOLDER / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(FOLDER / "s3"),
        # infra.localserver sets its own limit, of workers.
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        "LOG_LEVEL": "WARNING",
    }
    with LOG.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.localserver"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,  # closed when this process ends, however it does
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],
            # Ctrl-C in a terminal goes to the whole group: this one is stopped by _stop, last.
            start_new_session=True,
        )


def _await_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise InfraError(f"The local cloud did not start: {LOG} says why.")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    # It would go on without the state that it can't read, and overwrite it when it stops.
    broken = re.search(r"Persistence: failed to load (\w+)", LOG.read_text(errors="replace"))
    if broken is not None:
        process.kill()
        raise InfraError(
            f"The local cloud can't read {FOLDER / 'state' / broken[1]}.json: put that file back, "
            f"or remove {FOLDER} to start with no data."
        )


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/_ministack/health", timeout=5):
            return True
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the cloud and wait: it writes its state while it stops."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise InfraError(
            f"The local cloud didn't stop in {_STOP_SECONDS} seconds and was killed: its data is "
            "as it was when it was last stopped."
        ) from error
