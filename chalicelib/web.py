"""Between HTTP and the domain: one decorator that every view has."""

import base64
import functools
import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode

import simplejson
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, MultiDict, Request, Response
from marshmallow import Schema
from pynamodb.exceptions import PynamoDBException

from chalicelib import journal, schemas, users
from chalicelib.aws import passes
from chalicelib.errors import (
    Invalid,
    Moved,
    PopflixError,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    problem,
)
from chalicelib.paths import join

PUBLIC = "public, max-age=60"
PRIVATE = "no-store"
# A redirect that is kept for long could meet its opposite, after a move back, and make a circle.
MOVED = "public, max-age=5"
PREVIEW = "/-/preview"
WORK = 18  # seconds; API Gateway waits for 29, and a step that has begun may be retried
_JSON = {"application/json", "application/merge-patch+json"}
_TOLD = 100  # characters of a name that is told

log = logging.getLogger(__name__)

View = Callable[..., Response]
Viewed = dict[str, Any] | Response
Headers = dict[str, str | list[str]]


class Answer(NamedTuple):
    """A body, and of what it tells of an item, the item's tag; `path`, if something is new there.

    The ETag begins with the tag, which `tags` finds there again.
    """

    body: dict[str, Any]
    tag: str = ""
    path: str | None = None


def view(
    app: Chalice,
    query: type[Schema] = schemas.NoQuery,
    cache: str = PUBLIC,
    allow: frozenset[str] | None = None,
) -> Callable[[Callable[..., Viewed | Answer | None]], View]:
    """Makes a function that takes a checked query (a dict) and path parameters a Chalice view.

    The function returns a body or an Answer, to be answered with an ETag and `cache` as
    Cache-Control, nothing for an answer without content, or a whole Response. What it raises
    becomes a problem: Chalice would make a 500 of its own of it.
    `allow` are the roles that may, if not everyone may; the route needs an authorizer then, and
    nothing of its answers is stored.
    """

    def decorate(function: Callable[..., Viewed | Answer | None]) -> View:
        @functools.wraps(function)
        def answer(**parameters: str) -> Response:
            request = app.current_request
            assert request is not None
            started = time.perf_counter()
            try:
                if allow is not None:
                    users.check(_claims(request), allow)
                answered = function(_query(query(), request), **parameters)
                response = _response(request, answered, cache if allow is None else PRIVATE)
            except Moved as moved:
                response = _moved(request, moved, MOVED if allow is None else PRIVATE)
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
    query = {**(request.query_params or {}), "cursor": cursor}
    return _url(request, request.to_original_event()["path"], query)


def tags(request: Request) -> frozenset[str] | None:
    """The tags of the ETags in If-Match; None if it isn't there, or is met by anything (`*`)."""
    stated = request.headers.get("if-match")
    if stated is None or stated.strip() == "*":
        return None
    strong = re.findall(r'(?:^|,)\s*"([^"]*)"', stated)
    return frozenset(etag.partition(".")[0] for etag in strong)


def idempotency_key(request: Request) -> journal.Key | None:
    """The Idempotency-Key of a create, which is the caller's own. Raises Invalid."""
    stated = request.headers.get("idempotency-key")
    if stated is None:
        return None
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", stated):
        raise Invalid("Idempotency-Key must be 1 to 255 printable ASCII characters, no spaces.")
    path = request.to_original_event()["path"].encode()
    fingerprint = hashlib.sha256(path + b"\n" + cast(bytes, request.raw_body)).hexdigest()
    return journal.Key(f"{caller(request)} {stated}", fingerprint)


def caller(request: Request) -> str:
    """Who asks, of a view that has `allow`: the user's id, which is never another one's."""
    return cast(str, _claims(request)["sub"])


def json_body(request: Request) -> dict[str, Any]:
    """The JSON object in the request's body; numbers with a point or exponent are Decimals.

    Raises UnsupportedMediaType if the body is stated to be something else, or Invalid.
    """
    stated = request.headers.get("content-type") or "application/json"
    if stated.partition(";")[0].strip().lower() not in _JSON:
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    if not request.raw_body:
        raise Invalid("The body is empty: send a JSON object.")
    try:
        body = simplejson.loads(request.raw_body, use_decimal=True, object_pairs_hook=_object)
    except RecursionError:
        raise Invalid("The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise Invalid("The body isn't UTF-8, as JSON is.") from None
    except simplejson.JSONDecodeError as error:
        raise Invalid(f"The body isn't JSON: {error}.") from None
    except (ValueError, ArithmeticError):
        raise Invalid("The body has a number with too many digits.") from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    return body


def deadline() -> float:
    """Until when (of time.monotonic) a request may work, so that its answer is still waited for."""
    return time.monotonic() + WORK


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
    return schemas.checked(schema, dict(given), "query")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"The body has {simplejson.dumps(name[:_TOLD])} twice in one object.")
        found[name] = value
    return found


def _claims(request: Request) -> dict[str, Any]:
    """What the verified token says; {} if the route has no authorizer."""
    return (request.context.get("authorizer") or {}).get("claims") or {}


def _url(request: Request, path: str, query: Mapping[str, str]) -> str:
    """The URL of a path on the host that `request` was sent to."""
    headers = request.headers
    host = headers.get("host", "")
    # An API's own host has its stage as the first segment, a custom domain does not.
    stage = f"/{request.context['stage']}" if ".execute-api." in host else ""
    scheme = headers.get("x-forwarded-proto", "http")
    asked = f"?{urlencode(query)}" if query else ""
    return f"{scheme}://{host}{stage}{quote(path, safe='/%')}{asked}"


def _moved(request: Request, moved: Moved, cache: str) -> Response:
    """A redirect that keeps the method, the body and the query."""
    preview = (request.context.get("resourcePath") or "").startswith(PREVIEW)
    path = (PREVIEW if preview else "") + join(moved.slugs)
    url = _url(request, path, request.query_params or {})
    response = _problem(moved)
    response.headers |= {"Location": url, "Cache-Control": cache}
    return response


def _response(request: Request, answered: Viewed | Answer | None, cache: str) -> Response:
    if isinstance(answered, Response):
        return answered
    if answered is None:
        headers: Headers = {"Cache-Control": cache}
        return Response(body="", status_code=HTTPStatus.NO_CONTENT, headers=headers)
    answer = answered if isinstance(answered, Answer) else Answer(answered)
    text = schemas.dumps(answer.body)
    digest = hashlib.sha256(text.encode()).digest()[:18]
    parts = filter(None, [answer.tag, base64.urlsafe_b64encode(digest).decode()])
    etag = f'"{".".join(parts)}"'
    headers = {"Content-Type": "application/json", "ETag": etag, "Cache-Control": cache}
    if answer.path is not None:
        headers["Location"] = _url(request, answer.path, {})
        return Response(body=text, status_code=HTTPStatus.CREATED, headers=headers)
    known = request.headers.get("if-none-match", "")
    reads = request.method in ("GET", "HEAD")
    if reads and (known.strip() == "*" or etag in re.findall(r'"[^"]*"', known)):
        return Response(body="", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body=text, headers=headers)


def _problem(error: PopflixError) -> Response:
    headers: Headers = {"Content-Type": "application/problem+json", "Cache-Control": PRIVATE}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        # AWS's API Gateway renames it, x-amzn-Remapped-…; the refusals of its own keep it.
        headers["WWW-Authenticate"] = "Bearer"
    text = schemas.dumps(problem(error.status, error.detail, error.fields))
    # A name that it tells may have half of a surrogate pair, which can't be sent.
    body = text.encode(errors="replace").decode()
    return Response(body=body, status_code=error.status, headers=headers)


def _of_aws(error: Exception) -> PopflixError:
    if passes(error):
        return Unavailable("What this needs is busy or out of reach. Try again in a moment.")
    return PopflixError("This is a defect of Popflix or of how it is set up, and is logged.")
