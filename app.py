"""Popflix's routes: each view translates HTTP to the domain and back, and holds no logic."""

import logging
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib import catalogue, groups, paths, reports, schemas, settings
from chalicelib.errors import Invalid, NotFound
from chalicelib.web import PRIVATE, next_link, redirect, view

app = Chalice(app_name="popflix", configure_logs=False)
logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
logging.getLogger("chalicelib").setLevel(logging.INFO)

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["If-Match", "If-None-Match", "Idempotency-Key"],
    expose_headers=["ETag", "Location", "Retry-After"],
    max_age=7200,  # seconds; no browser keeps a preflight's answer for longer
)
# Chalice would refuse a GET that states a content type, with an error of its own.
OPEN: dict[str, Any] = {"methods": ["GET", "HEAD"], "cors": CORS, "content_types": []}


def request() -> Request:
    """The request in hand. A Lambda container has one at a time."""
    assert app.current_request is not None
    return app.current_request


def top(query: dict[str, Any]) -> dict[str, Any]:
    """A page of the origin channels."""
    page = catalogue.origin_channels(**query)
    return {"path": "/"} | schemas.page("subchannels", page, "/", partial(next_link, request()))


@app.route("/", **OPEN)
@view(app, schemas.CatalogueQuery)
def origin_channels(query: dict[str, Any]) -> dict[str, Any]:
    """The origin channels, a page."""
    return top(query)


@app.route("/{path+}", **OPEN)
@view(app, schemas.CatalogueQuery)
def channel_or_content(query: dict[str, Any]) -> dict[str, Any]:
    """A channel with a page of what is below it, or a content."""
    parameters = request().uri_params or {}
    slugs = paths.split(parameters["path"], encoded=not settings.GATEWAY_DECODES_PATHS)
    if slugs is None:
        raise NotFound(
            "Nothing is at this path, as slugs are of a-z, 0-9, _ and -. GET / lists the channels "
            "to start from, GET /-/groups the groups."
        )
    if not slugs:
        return top(query)  # of `//`, say
    return schemas.found(catalogue.read(slugs, **query), partial(next_link, request()))


@app.route("/-/groups", **OPEN)
@view(app, schemas.PageQuery)
def list_groups(query: dict[str, Any]) -> dict[str, Any]:
    """The groups, a page."""
    found, after = groups.listing(**query)
    return {
        "groups": [schemas.group(group) for group in found],
        "next": next_link(request(), schemas.cursor(after)) if after else None,
    }


@app.route("/-/groups/{slug}", **OPEN)
@view(app)
def read_group(query: dict[str, Any], slug: str) -> dict[str, Any]:
    """A group."""
    slugs = paths.split(slug, encoded=not settings.GATEWAY_DECODES_PATHS)
    if slugs is None:
        raise NotFound("No group has such a slug. GET /-/groups lists all.")
    return schemas.group(groups.read(slugs[0]))


@app.route("/-/health", **OPEN)
@view(app, cache=PRIVATE)
def health(query: dict[str, Any]) -> dict[str, Any]:
    """Whether the API can read the catalogue."""
    catalogue.ping()
    return {"status": "ok"}


@app.route("/-/reports/channel-ratings", **OPEN)
@view(app, schemas.PageQuery, cache=PRIVATE)
def list_reports(query: dict[str, Any]) -> dict[str, Any]:
    """The ratings reports that there are, newest first, a page."""
    found, after = reports.listing(**query)
    return {
        "reports": [schemas.report(report) for report in found],
        "next": next_link(request(), schemas.cursor(after)) if after else None,
    }


@app.route("/-/reports/channel-ratings/latest", **OPEN)
@view(app)
def latest_report(query: dict[str, Any]) -> Response:
    """Redirects to the latest report."""
    return redirect(reports.url(head=request().method == "HEAD"))


@app.route("/-/reports/channel-ratings/{name}", **OPEN)
@view(app)
def read_report(query: dict[str, Any], name: str) -> Response:
    """Redirects to the report of that name."""
    name = name if settings.GATEWAY_DECODES_PATHS else unquote(name)
    return redirect(reports.url(name, head=request().method == "HEAD"))


@app.lambda_function(name="channel_ratings")
def channel_ratings(event: dict[str, Any], context: object) -> dict[str, object]:
    """Writes the ratings report that was due at the event's `time` (ISO 8601; now if not given).

    Takes EventBridge's own event, or any object of a scheduler or an operator.
    """
    stated = event.get("time")
    try:
        time = datetime.fromisoformat(stated) if stated else datetime.now(UTC)
    except (TypeError, ValueError):
        raise Invalid(f"time must look like 2026-11-22T03:00:00Z, not like {stated!r}.") from None
    return reports.run(time if time.tzinfo else time.replace(tzinfo=UTC))
