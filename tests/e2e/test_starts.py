"""Starts after an end that nobody planned."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.localcloud import HOST, free_port
from tests.e2e.conftest import Product, clone, start, stop

SECONDS = 60


def await_closed(port: int) -> None:
    """Waits until nothing listens on the port."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)):
                return
    pytest.fail(f"Something still listens on {port}.")


def hide(product: Product, slug: str) -> None:
    """Changes what the sample has."""
    dynamodb = product.client("dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "Catalogue" in name)
    dynamodb.update_item(
        TableName=table,
        Key={"slug": {"S": slug}},
        UpdateExpression="SET active = :no",
        ExpressionAttributeValues={":no": {"BOOL": False}},
    )


def test_a_run_that_is_killed_takes_the_cloud_with_it_and_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    root = clone(tmp_path)
    process, output = start(root, port)
    password = Product(root, port, output).password
    process.kill()
    process.wait()
    await_closed(port)
    assert "Fatal" not in (root / ".local" / "ministack.log").read_text()

    process, output = start(root, port)
    assert "Installed 0 rows; 3291 were there already." in output  # not known to be complete
    product = Product(root, port, output)
    assert product.request("/storage/video/movies").status == 200
    assert "createsuperuser" in output
    assert product.tokens("admin", password)
    hide(product, "storage")
    process.kill()
    process.wait()
    await_closed(port)

    process, output = start(root, port)
    assert "all of it stays as it is" in output
    assert Product(root, port, output).request("/storage/video/movies").status == 404
    assert stop(process) == 0

    process, output = start(root, port)
    assert "Installed" not in output
    assert stop(process) == 0


def test_a_run_stopped_while_it_loads_is_completed_by_the_next(tmp_path: Path) -> None:
    port = free_port()
    root = clone(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-u", "manage.py", "runserver", "--port", str(port)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Loading"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 0

    process_, output = start(root, port)
    product = Product(root, port, output)
    assert "Installed" in output
    latest = product.request("/-/reports/channel-ratings/latest", Authorization=product.admin)
    assert latest.status == 302
    result = product.manage("loaddata", "sample/movies_catalogue.json")
    assert "Installed 0 rows; 3291 were there already." in result.stdout
    assert stop(process_) == 0
