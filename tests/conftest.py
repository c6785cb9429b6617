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
    JOURNAL_TABLE="journal",
    REPORTS_BUCKET="reports",
)
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "GATEWAY_DECODES_PATHS"):
    os.environ.pop(name, None)

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from xdist.scheduler import LoadScopeScheduling

from chalicelib import models, reports, users
from tests import proofs
from tests.tables import create_tables


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty catalogue, no groups and an empty bucket, on moto."""
    with mock_aws():
        create_tables(models.connection().connection.client)
        reports._s3().create_bucket(Bucket="reports")
        yield


@pytest.fixture
def own_clients(aws: None) -> Iterator[None]:
    """Clients of AWS that no other test has, for tests that put hooks into them."""
    forget_clients()
    yield
    forget_clients()


def forget_clients() -> None:
    """Lets new clients be made: they are slow to make, so tests share them."""
    for model in (models.Item, models.Channel, models.Content, models.Group):
        model._connection = None
    reports._s3.cache_clear()
    users._cognito.cache_clear()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tells what this worker of pytest-xdist proved to the process that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["proofs"] = dict(proofs.counted)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hears of a worker what it proved."""
    _of_workers.append(getattr(node, "workeroutput", {}).get("proofs", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what was proved."""
    if line := proofs.summary(_of_workers):
        terminalreporter.write_line(line)


_of_workers: list[dict[str, int]] = []


class ByWhatTheyStart(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that share a product, or DynamoDB Local, are one process's; it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        folder = "/".join(nodeid.split("/")[:2])
        return folder if folder in ("tests/e2e", "tests/load") else nodeid.partition("[")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWhatTheyStart:
    """The scheduler of pytest-xdist, whose own groups pytest 9 doesn't see."""
    return ByWhatTheyStart(config, log)
