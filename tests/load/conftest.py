"""An empty catalogue on DynamoDB Local, AWS's own engine."""

from collections.abc import Iterator
from contextlib import ExitStack

import boto3
import pytest
from hypothesis import settings
from mypy_boto3_dynamodb import DynamoDBClient

from tests.conftest import forget_clients
from tests.dynamodb_local import DynamoDBLocalMissing, dynamodb_local
from tests.tables import create_tables

settings.register_profile("popflix", deadline=None)
settings.load_profile("popflix")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The URL of a DynamoDB Local that runs for all tests."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(dynamodb_local())
        except DynamoDBLocalMissing as error:
            pytest.skip(str(error))
        yield url


@pytest.fixture
def client(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBClient]:
    """A client of the tables, which are empty, of which Popflix's models are clients too."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    forget_clients()
    client = boto3.client("dynamodb")
    create_tables(client)
    yield client
    forget_clients()
