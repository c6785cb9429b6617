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


def test_the_api_gives_up_before_lambda_stops_it() -> None:
    # Retries wait up to 1, 2, 4 … seconds: botocore's standard mode.
    retries = Connected.max_retry_attempts
    longest = (retries + 1) * Connected.read_timeout_seconds + sum(2**n for n in range(retries))
    config = json.loads((Path(manage.__file__).parent / ".chalice" / "config.json").read_text())
    assert longest < config["lambda_timeout"] < 29  # API Gateway's own limit
