"""What `make run` does beside the commands: the first admin, serving the source, the welcome."""

import json
import shlex
import subprocess
import sys
import urllib.request
from http.client import HTTPException

from infra import localcloud, users
from infra.deploying import LOCAL
from infra.errors import InfraError

ADMIN = "admin"


def first_admin() -> str | None:
    """Make the user `admin` if there is no admin yet, and return the password; None otherwise."""
    if users.has_admin(LOCAL):
        return None
    password = users.password()
    try:
        users.create(LOCAL, ADMIN, password, users.ADMINS)
    except InfraError:  # who isn't an admin any more
        return None
    return password


def check_health() -> None:
    """Raise InfraError unless the API answers, as it doesn't if part of its state is lost."""
    host = {"Host": "popflix.localhost"}
    request = urllib.request.Request(f"{localcloud.endpoint()}/-/health", headers=host)  # noqa: S310
    try:
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
    except (OSError, HTTPException) as error:
        raise InfraError(
            f"The API doesn't answer ({error}): {localcloud.LOG} may say why; remove "
            f"{localcloud.FOLDER} to start with no data."
        ) from error


def serve_source(port: int) -> "subprocess.Popen[bytes]":
    """Start the server of app.py's source. It restarts itself, so it is a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.gateway", str(port)], stdin=subprocess.PIPE
    )


def wait(process: "subprocess.Popen[bytes]") -> None:
    """Wait for Ctrl-C, which ends the process too; if it ends without, that's an InfraError."""
    try:
        process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    raise InfraError(f"It stopped by itself; its last words may be in {localcloud.LOG}.")


def welcome(port: int, password: str | None) -> str:
    """Return where things are, and how to sign in with the first admin's password, if it is new."""
    base = f"http://popflix.localhost:{port}"
    if password is None:
        signing_in = """To sign in, use an admin's password. This makes another admin:

  .venv/bin/python manage.py createsuperuser --username NAME"""
    else:
        signing_in = f"""An admin was made, whose password is shown this once. To sign in:

{sign_in(base, ADMIN, password)}"""
    return f"""
Popflix runs at {base}/ (Ctrl-C stops it). Try

  curl {base}/
  curl {base}/storage/video/movies
  curl '{base}/-/groups?limit=5'

{signing_in}

and then for the report of channel ratings, a CSV file:

  curl -L -H "Authorization: Bearer $TOKEN" {base}/-/reports/channel-ratings/latest
"""


def sign_in(base: str, username: str, password: str) -> str:
    """Return the command that signs in to the API at the URL `base`: it sets TOKEN."""
    body = shlex.quote(json.dumps({"username": username, "password": password}))
    return f"""  TOKEN=$(curl -s {base}/-/token -H 'Content-Type: application/json' \\
    -d {body} |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["id_token"])')"""
