"""An empty catalogue on DynamoDB Local, AWS's own engine."""

import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import boto3
import pytest
from hypothesis import settings
from mypy_boto3_dynamodb import DynamoDBClient
from pynamodb.connection import TableConnection
from pynamodb.models import Model

from chalicelib import models
from infra.localcloud import free_port
from tests import proofs
from tests.dynamodb_local import DynamoDBLocalMissing, dynamodb_local
from tests.tables import create_tables

settings.register_profile("popflix", deadline=None)
settings.load_profile("popflix")

MODELS = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, Model) and value is not Model
]
Connections = dict[type, TableConnection | None]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The URL of a DynamoDB Local that runs for all tests."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(dynamodb_local())
        except DynamoDBLocalMissing as error:
            pytest.skip(str(error))
        yield url


@pytest.fixture(scope="session")
def connections() -> Connections:
    """The models' connections to DynamoDB Local: they are slow to make, so tests share them."""
    return dict.fromkeys(MODELS)


@pytest.fixture(scope="session")
def own_client(endpoint: str) -> DynamoDBClient:
    """A client of DynamoDB Local that has nothing to do with Popflix's models."""
    return boto3.client("dynamodb", endpoint_url=endpoint)


@pytest.fixture
def client(
    endpoint: str,
    connections: Connections,
    own_client: DynamoDBClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DynamoDBClient]:
    """A client of the tables, which are empty, of which Popflix's models are clients too."""
    create_tables(own_client)
    with connected(endpoint, connections, monkeypatch):
        yield own_client


@contextmanager
def connected(
    endpoint: str, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Has the models' requests go to `endpoint`, by these connections once they are made."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    elsewhere = {model: model._connection for model in MODELS}
    for model in MODELS:
        model._connection = connections[model]
        model._get_connection().connection.client  # noqa: B018  # made here, not by many threads
    yield
    for model in MODELS:
        connections[model] = model._connection
        model._connection = elsewhere[model]


class Fire:
    """A proxy in front of DynamoDB Local that answers in its place, as AWS would, or cuts off."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: Connections = dict.fromkeys(MODELS)

    def rules(self, *rules: dict[str, Any]) -> None:
        """Has faults happen from now on; without any rule, none."""
        self._control("rules", "POST", list(rules))

    def fired(self) -> Counter[str]:
        """How often which fault happened, since this was asked before."""
        faults = self._control("fired?limit=1000000")
        self._control("fired", "DELETE")
        proofs.count("injected faults", len(faults))
        return Counter(fault["action"] for fault in faults)

    def _control(self, path: str, method: str = "GET", body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_microburst/{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)


@pytest.fixture(scope="session")
def proxy(endpoint: str) -> Iterator[Fire]:
    """The proxy, which runs for all tests."""
    port = free_port()
    command = [sys.executable, "-m", "microburst", "--upstream", endpoint, "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        fire = Fire(f"http://127.0.0.1:{port}")
        try:
            await_answer(fire, process)
            # It reads the definitions of all of AWS at its first request, which takes seconds.
            boto3.client("dynamodb", endpoint_url=fire.url).list_tables()
            yield fire
        finally:
            process.terminate()
            process.wait()


def await_answer(fire: Fire, process: "subprocess.Popen[bytes]") -> None:
    """Waits until the proxy answers."""
    for _ in range(300):
        try:
            fire.rules()
        except OSError:
            assert process.poll() is None, "the proxy has ended"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        else:
            return
    raise AssertionError("the proxy doesn't answer")


@pytest.fixture
def fire(
    proxy: Fire, own_client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fire]:
    """The proxy, without rules, through which the models' requests go, to empty tables."""
    proxy.rules()
    create_tables(own_client)
    with connected(proxy.url, proxy.connections, monkeypatch):
        yield proxy
    proxy.rules()
