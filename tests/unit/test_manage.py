"""How commands write files."""

import json
import os
import threading
from pathlib import Path

import pytest

import manage
from chalicelib.models import Connected


def test_a_file_that_is_not_finished_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text("before")

    def interrupted() -> None:
        with manage.whole(str(path)) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["dump.json"]


def test_a_file_that_is_finished_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text("before")
    with manage.whole(str(path)) as file:
        file.write(b"whole")
    assert path.read_text() == "whole"
    assert os.listdir(tmp_path) == ["dump.json"]


def test_a_file_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    path, link = tmp_path / "dump.json", tmp_path / "link.json"
    path.write_text("before")
    path.chmod(0o600)
    link.symlink_to(path)
    with manage.whole(str(link)) as file:
        file.write(b"whole")
    assert link.is_symlink()
    assert path.read_text() == "whole"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with manage.whole(str(path)) as file:
        file.write(b"whole")
    reader.join()
    assert read == [b"whole"]
    assert path.is_fifo()


def test_a_request_that_is_never_answered_is_given_up_before_lambda_stops_the_api() -> None:
    # Retries wait up to 1, 2, 4 … seconds: botocore's standard mode.
    retries = Connected.max_retry_attempts
    longest = (retries + 1) * Connected.read_timeout_seconds + sum(2**n for n in range(retries))
    config = json.loads((Path(manage.__file__).parent / ".chalice" / "config.json").read_text())
    assert longest < config["lambda_timeout"] < 29  # API Gateway's own limit
