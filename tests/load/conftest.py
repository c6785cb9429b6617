"""An empty catalogue on DynamoDB Local, AWS's own engine."""

from collections.abc import Iterator
from contextlib import ExitStack

import boto3
import pytest
from hypothesis import settings
from mypy_boto3_dynamodb import DynamoDBClient
from pynamodb.connection import TableConnection

from chalicelib.models import Channel, Content, Group, Item
from tests.dynamodb_local import DynamoDBLocalMissing, dynamodb_local
from tests.tables import create_tables

settings.register_profile("popflix", deadline=None)
settings.load_profile("popflix")

MODELS = (Item, Channel, Content, Group)
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
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    elsewhere = {model: model._connection for model in MODELS}
    for model in MODELS:
        model._connection = connections[model]
    create_tables(own_client)
    yield own_client
    for model in MODELS:
        connections[model] = model._connection
        model._connection = elsewhere[model]
