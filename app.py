"""Popflix's routes: each view translates HTTP to the domain and back, and holds no logic."""

import logging
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from chalice.app import Chalice, CognitoUserPoolAuthorizer, CORSConfig, Request, Response

from chalicelib import (
    bodies,
    catalogue,
    edits,
    groups,
    paths,
    removal,
    reports,
    schemas,
    settings,
    tree,
    users,
)
from chalicelib.errors import Invalid, NotFound
from chalicelib.models import tag
from chalicelib.users import ANALYSTS, EDITORS
from chalicelib.web import (
    PRIVATE,
    Answer,
    deadline,
    idempotency_key,
    json_body,
    next_link,
    redirect,
    tags,
    view,
)

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
# API Gateway itself refuses a request without a user's token. The view's `allow` has to say which
# users may.
POOL: Any = {"Fn::GetAtt": ["UserPool", "Arn"]}
USERS = CognitoUserPoolAuthorizer("users", provider_arns=[POOL])
RESTRICTED: dict[str, Any] = OPEN | {"authorizer": USERS}
POST, PATCH, DELETE = (RESTRICTED | {"methods": [method]} for method in ("POST", "PATCH", "DELETE"))


def request() -> Request:
    """The request in hand. A Lambda container has one at a time."""
    assert app.current_request is not None
    return app.current_request


def path_slugs() -> list[str]:
    """The slugs of the path in hand; none of `/`, and of `//`, say."""
    path = (request().uri_params or {}).get("path", "")
    slugs = paths.split(path, encoded=not settings.GATEWAY_DECODES_PATHS)
    if slugs is None:
        raise NotFound(
            "Nothing is at this path, or it takes other methods: slugs are of a-z, 0-9, _ and -, "
            "and what begins with /-/ is in README. GET / lists the channels to start from."
        )
    return slugs


def group_slug(text: str) -> str:
    """The group's slug in a path."""
    slugs = paths.split(text, encoded=not settings.GATEWAY_DECODES_PATHS)
    if not slugs:
        raise NotFound("No group has such a slug. GET /-/groups lists all.")
    return slugs[0]


def read(query: dict[str, Any], *, preview: bool = False) -> Answer:
    """What is at the path in hand, with a page of what is below."""
    slugs = path_slugs()
    link = partial(next_link, request())
    if not slugs:
        page = catalogue.origin_channels(**query, preview=preview)
        return Answer({"path": "/"} | bodies.page("subchannels", page, "/", link))
    found = catalogue.read(slugs, **query, preview=preview)
    return Answer(bodies.found(found, link), tag(found.item))


def create(query: dict[str, Any]) -> Answer:
    """Creates a channel (of a `title`) or a content (of a `name`) below the path in hand."""
    above = path_slugs()
    item, pick = edits.new(json_body(request()))
    key, match = idempotency_key(request()), tags(request())
    written = tree.create(above, item, pick=pick, key=key, match=match)
    path = paths.join(written.slugs)
    return Answer(bodies.item(written.item, path), tag(written.item), path)


@app.route("/", **OPEN)
@view(app, schemas.CatalogueQuery)
def origin_channels(query: dict[str, Any]) -> Answer:
    """The origin channels, a page."""
    return read(query)


@app.route("/", **POST)
@view(app, allow=EDITORS)
def create_origin_channel(query: dict[str, Any]) -> Answer:
    """Creates an origin channel."""
    return create(query)


@app.route("/{path+}", **OPEN)
@view(app, schemas.CatalogueQuery)
def channel_or_content(query: dict[str, Any]) -> Answer:
    """A channel with a page of what is below it, or a content."""
    return read(query)


@app.route("/{path+}", **POST)
@view(app, allow=EDITORS)
def create_below(query: dict[str, Any]) -> Answer:
    """Creates a channel or a content below a channel."""
    return create(query)


@app.route("/{path+}", **PATCH)
@view(app, allow=EDITORS)
def change(query: dict[str, Any]) -> Answer:
    """Changes fields of a channel or content; another superchannel or channel moves it."""
    slugs = path_slugs()
    edit = edits.changes(json_body(request()))
    written = tree.change(slugs, edit, match=tags(request()))
    return Answer(bodies.item(written.item, paths.join(written.slugs)), tag(written.item))


@app.route("/{path+}", **DELETE)
@view(app, schemas.DeleteQuery, allow=EDITORS)
def delete(query: dict[str, Any]) -> None:
    """Deletes a channel or a content."""
    removal.delete(path_slugs(), **query, match=tags(request()), deadline=deadline())


@app.route("/-/preview", **RESTRICTED)
@app.route("/-/preview/{path+}", **RESTRICTED)
@view(app, schemas.CatalogueQuery, allow=EDITORS)
def preview(query: dict[str, Any]) -> Answer:
    """What a read gives, with what is inactive, as it is at this moment."""
    return read(query, preview=True)


@app.route("/-/groups", **OPEN)
@view(app, schemas.PageQuery)
def list_groups(query: dict[str, Any]) -> dict[str, Any]:
    """The groups, a page."""
    found, after = groups.listing(**query)
    return {
        "groups": [bodies.group(group) for group in found],
        "next": next_link(request(), schemas.cursor(after)) if after else None,
    }


@app.route("/-/groups", **POST)
@view(app, allow=EDITORS)
def create_group(query: dict[str, Any]) -> Answer:
    """Creates a group."""
    group, pick = edits.new_group(json_body(request()))
    made = groups.create(group, pick=pick, key=idempotency_key(request()))
    return Answer(bodies.group(made), tag(made), f"/-/groups/{made.slug}")


@app.route("/-/groups/{slug}", **OPEN)
@view(app)
def read_group(query: dict[str, Any], slug: str) -> Answer:
    """A group."""
    group = groups.read(group_slug(slug))
    return Answer(bodies.group(group), tag(group))


@app.route("/-/groups/{slug}", **PATCH)
@view(app, allow=EDITORS)
def change_group(query: dict[str, Any], slug: str) -> Answer:
    """Changes fields of a group."""
    edit = edits.group_changes(json_body(request()))
    group = groups.change(group_slug(slug), edit, match=tags(request()))
    return Answer(bodies.group(group), tag(group))


@app.route("/-/groups/{slug}", **DELETE)
@view(app, allow=EDITORS)
def delete_group(query: dict[str, Any], slug: str) -> None:
    """Deletes a group, and takes every channel out of it."""
    removal.delete_group(group_slug(slug), match=tags(request()), deadline=deadline())


@app.route("/-/health", **OPEN)
@view(app, cache=PRIVATE)
def health(query: dict[str, Any]) -> dict[str, Any]:
    """Whether the API can read the catalogue."""
    catalogue.ping()
    return {"status": "ok"}


@app.route("/-/token", **OPEN | {"methods": ["POST"]})
@view(app, cache=PRIVATE)
def token(query: dict[str, Any]) -> dict[str, Any]:
    """Tokens for a username and password."""
    return users.sign_in(**schemas.checked(schemas.Credentials(), json_body(request())))


@app.route("/-/reports/channel-ratings", **RESTRICTED)
@view(app, schemas.PageQuery, allow=ANALYSTS)
def list_reports(query: dict[str, Any]) -> dict[str, Any]:
    """The ratings reports that there are, newest first, a page."""
    found, after = reports.listing(**query)
    return {
        "reports": [bodies.report(report) for report in found],
        "next": next_link(request(), schemas.cursor(after)) if after else None,
    }


@app.route("/-/reports/channel-ratings/latest", **RESTRICTED)
@view(app, allow=ANALYSTS)
def latest_report(query: dict[str, Any]) -> Response:
    """Redirects to the latest report."""
    return redirect(reports.url(head=request().method == "HEAD"))


@app.route("/-/reports/channel-ratings/{name}", **RESTRICTED)
@view(app, allow=ANALYSTS)
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
