"""The whole product, run as README says, in a clone of its own: on the local cloud."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from infra.localcloud import HOST, KEY, REGION, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 180


class Answer(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which has to be JSON."""
        return json.loads(self.body)


class Product(NamedTuple):
    """A running Popflix: the folder of its clone, its port, and what it printed when it started."""

    root: Path
    port: int
    output: str

    def request(self, target: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """Sends a request as curl would, which finds popflix.localhost by itself.

        A `body` is sent as JSON.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Host": f"popflix.localhost:{self.port}"} | named
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            content = None
            if body is not None:
                content = json.dumps(body)
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, target, content, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())

    def tokens(self, username: str, password: str) -> Any:
        """Signs in."""
        credentials = {"username": username, "password": password}
        answer = self.request("/-/token", "POST", credentials)
        assert answer.status == 200, answer
        return answer.json

    @property
    def password(self) -> str:
        """The admin's, which it printed when it started for the first time."""
        found = re.search(r'"username": "admin", "password": "(.+)"', self.output)
        assert found is not None, self.output
        return found[1]

    @property
    def admin(self) -> str:
        """What an admin sends in Authorization."""
        return f"Bearer {self.tokens('admin', self.password)['id_token']}"

    def client(self, service: str) -> Any:
        """A boto3 client of its local cloud."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=f"http://{HOST}:{self.port}",
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
        )

    def manage(
        self, *arguments: str, input: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command of manage.py in the clone, with `variables` in its environment.

        `input` is what it is told when it asks.
        """
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root,
            env=environment() | variables,
            input=input,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def environment() -> dict[str, str]:
    """The environment of someone who has no AWS account."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def clone(folder: Path) -> Path:
    """A copy of the source tree, with what was packaged before to spare the time."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    if (ROOT / "build").exists():
        shutil.copytree(ROOT / "build", folder / "build", symlinks=True)
    return folder


def start(root: Path, port: int) -> tuple["subprocess.Popen[bytes]", str]:
    """Starts `manage.py runserver` and waits until it says that it runs."""
    path = root / "runserver.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--port", str(port)],
            cwd=root,
            # A profile that isn't there: nothing of the user's AWS matters here.
            env=environment() | {"PYTHONUNBUFFERED": "1", "AWS_PROFILE": "nothing"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while "Ctrl-C" not in (output := path.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"It did not start: {output}")
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    return process, output


def stop(process: "subprocess.Popen[bytes]") -> int:
    """Stops it as Ctrl-C does; returns its exit code."""
    process.send_signal(signal.SIGINT)
    return process.wait(120)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Popflix with the sample catalogue, started for the first time."""
    root = clone(tmp_path_factory.mktemp("popflix"))
    port = free_port()
    process, output = start(root, port)
    try:
        yield Product(root, port, output)
    finally:
        code = stop(process)
    assert code == 0
