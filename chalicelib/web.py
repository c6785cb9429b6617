"""Between HTTP and the domain: one decorator that every view has."""

import base64
import functools
import hashlib
import logging
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, MultiDict, Request, Response
from marshmallow import Schema
from pynamodb.exceptions import PynamoDBException

from chalicelib import schemas
from chalicelib.aws import passes
from chalicelib.errors import Invalid, PopflixError, Unavailable, problem

PUBLIC = "public, max-age=60"
PRIVATE = "no-store"

log = logging.getLogger(__name__)

View = Callable[..., Response]
Headers = dict[str, str | list[str]]


def view(
    app: Chalice, query: type[Schema] = schemas.NoQuery, cache: str = PUBLIC
) -> Callable[[Callable[..., dict[str, Any] | Response]], View]:
    """Makes a function that takes a checked query (a dict) and path parameters a Chalice view.

    The function returns a body, to be answered with an ETag and `cache` as Cache-Control, or a
    whole Response. What it raises becomes a problem: Chalice would make a 500 of its own of it.
    """

    def decorate(function: Callable[..., dict[str, Any] | Response]) -> View:
        @functools.wraps(function)
        def answer(**parameters: str) -> Response:
            request = app.current_request
            assert request is not None
            started = time.perf_counter()
            try:
                body = function(_query(query(), request), **parameters)
                response = body if isinstance(body, Response) else _ok(request, body, cache)
            except PopflixError as error:
                response = _problem(error)
            except (PynamoDBException, ClientError, BotoCoreError) as error:
                log.exception("AWS failed")
                response = _problem(_of_aws(error))
            except Exception:
                log.exception("a defect")
                response = _problem(PopflixError("This is a defect of Popflix, and is logged."))
            log.info(
                "%s %s %d %.1f ms",
                request.method,
                request.context.get("resourcePath"),
                response.status_code,
                (time.perf_counter() - started) * 1000,
            )
            return response

        return answer

    return decorate


def next_link(request: Request, cursor: str) -> str:
    """The URL of `request`, going on at `cursor`: on the same host and with the same query."""
    headers, event = request.headers, request.to_original_event()
    host = headers.get("host", "")
    # An API's own host has its stage as the first segment, a custom domain does not.
    stage = f"/{request.context['stage']}" if ".execute-api." in host else ""
    path = quote(event["path"], safe="/%")
    query = {**(request.query_params or {}), "cursor": cursor}
    scheme = headers.get("x-forwarded-proto", "http")
    return f"{scheme}://{host}{stage}{path}?{urlencode(query)}"


def redirect(url: str) -> Response:
    """A redirect that is good once."""
    return Response(
        body="",
        status_code=HTTPStatus.FOUND,
        headers={"Location": url, "Cache-Control": PRIVATE},
    )


def _query(schema: Schema, request: Request) -> dict[str, Any]:
    given = request.query_params or MultiDict({})
    repeated = [name for name in given if len(given.getlist(name)) > 1]
    if repeated:
        raise Invalid(f"Give {' and '.join(repeated)} once.")
    loaded, wrong = schemas.load(schema, dict(given))
    if wrong:
        raise Invalid("The query is wrong: " + " ".join(map(": ".join, wrong)), wrong)
    return loaded


def _ok(request: Request, body: dict[str, Any], cache: str) -> Response:
    text = schemas.dumps(body)
    digest = hashlib.sha256(text.encode()).digest()[:18]
    etag = f'"{base64.urlsafe_b64encode(digest).decode()}"'
    headers: Headers = {"Content-Type": "application/json", "ETag": etag, "Cache-Control": cache}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in re.findall(r'"[^"]*"', known):
        return Response(body="", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body=text, headers=headers)


def _problem(error: PopflixError) -> Response:
    headers: Headers = {"Content-Type": "application/problem+json", "Cache-Control": PRIVATE}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    body = schemas.dumps(problem(error.status, error.detail, error.fields))
    return Response(body=body, status_code=error.status, headers=headers)


def _of_aws(error: Exception) -> PopflixError:
    if passes(error):
        return Unavailable("The catalogue is busy or out of reach. Try again in a moment.")
    return PopflixError("This is a defect of Popflix or of how it is set up, and is logged.")
