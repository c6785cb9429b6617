"""What every test gets: no way to AWS, and empty tables where it asks for them."""

import os

# Before anything of ours is imported: settings read the environment once. The keys are no one's,
# so that what slips past every mock is refused.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    CATALOGUE_TABLE="catalogue",
    GROUPS_TABLE="groups",
    REPORTS_BUCKET="reports",
)
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "GATEWAY_DECODES_PATHS"):
    os.environ.pop(name, None)

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from chalicelib import models, reports
from tests.tables import create_tables


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty catalogue, no groups and an empty bucket, on moto."""
    _forget_clients()
    with mock_aws():
        create_tables(boto3.client("dynamodb"))
        boto3.client("s3").create_bucket(Bucket="reports")
        yield
    _forget_clients()


def _forget_clients() -> None:
    """Clients made for one test's AWS don't serve the next."""
    for model in (models.Item, models.Channel, models.Content, models.Group):
        model._connection = None
    reports._s3.cache_clear()
