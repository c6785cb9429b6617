"""What HTTP asks of every endpoint: caching, CORS, and one shape of errors."""

from functools import partial
from http import HTTPStatus
from typing import Any

import botocore.exceptions
import pytest

import app as popflix
from chalicelib import schemas, tree
from chalicelib.models import Group, connection
from tests.build import channel, content, put
from tests.functional.conftest import Get, aws_error, body

pytestmark = pytest.mark.usefixtures("aws")

ROUTES = [
    "/",
    "/a",
    "/-/groups",
    "/-/groups/x",
    "/-/health",
    "/-/preview",
    "/-/preview/a",
    "/-/reports/channel-ratings",
    "/-/reports/channel-ratings/latest",
    "/-/reports/channel-ratings/20261122T030000Z.csv",
]
PAGED = ["/", "/a", "/-/groups", "/-/preview", "/-/preview/a", "/-/reports/channel-ratings"]


@pytest.fixture
def get(get: Get) -> Get:
    """Sends everything as an admin."""
    return partial(get, Authorization="admins")


@pytest.fixture(autouse=True)
def catalogue(aws: None) -> None:
    put([channel("a"), content("b", "a")])


def check_problem(reply: Any, status: int) -> dict[str, Any]:
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    found = body(reply, status)
    assert set(found) <= {"type", "title", "status", "detail", "errors"}
    assert found["type"] == "about:blank"
    assert found["status"] == status
    assert found["title"] == HTTPStatus(status).phrase
    assert found["detail"].endswith(".")
    return found


def test_the_routes_tested_here_are_all_there_are() -> None:
    patterns = {
        route.replace("{path+}", "a")
        .replace("{slug}", "x")
        .replace("{name}", "20261122T030000Z.csv")
        for route in popflix.app.routes
    }
    assert patterns == {*ROUTES, "/-/token"}


@pytest.mark.parametrize("target", ["/", "/a", "/a/b", "/-/groups"])
def test_reads_can_be_cached_and_asked_for_again(get: Get, target: str) -> None:
    first = get(target)
    etag = first.headers["ETag"]
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert first.headers["Cache-Control"] == "public, max-age=60"
    assert first.headers["Content-Type"] == "application/json"
    for condition in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        again = get(target, If_None_Match=condition)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "public, max-age=60"
    assert get(target, If_None_Match='"x"').status == 200
    assert get(target, If_None_Match=etag.strip('"')).status == 200


def test_the_etag_changes_with_the_answer(get: Get) -> None:
    before = get("/a").headers["ETag"]
    put([content("c", "a")])
    assert get("/a").headers["ETag"] != before


@pytest.mark.parametrize("target", ROUTES)
def test_unknown_parameters_are_refused_and_named(get: Get, target: str) -> None:
    found = check_problem(get(f"{target}?limt=3"), 400)
    assert found["errors"][0]["field"] == "limt"


@pytest.mark.parametrize("target", PAGED)
@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "", "ten", "1_0", " 5", "１", "1" * 50])
def test_a_wrong_limit_is_refused(get: Get, target: str, limit: str) -> None:
    found = check_problem(get(f"{target}?limit={limit}"), 400)
    assert found["errors"] == [
        {"field": "limit", "reason": "Must be a whole number from 1 to 100."}
    ]


@pytest.mark.parametrize("target", PAGED)
@pytest.mark.parametrize(
    "cursor",
    ["", "x", "bmV4dA", "bmV4dA==", "%00", "%ff", "ImEi%20", schemas.cursor("a")[:-2], "a" * 3000],
)
def test_a_malformed_cursor_is_refused(get: Get, target: str, cursor: str) -> None:
    found = check_problem(get(f"{target}?cursor={cursor}"), 400)
    assert [error["field"] for error in found["errors"]] == ["cursor"]


def test_everything_that_is_wrong_is_named_at_once(get: Get) -> None:
    found = check_problem(get("/?limit=0&cursor=x&colour=red"), 400)
    assert {error["field"] for error in found["errors"]} == {"limit", "cursor", "colour"}


def test_a_repeated_parameter_is_refused(get: Get) -> None:
    check_problem(get("/?limit=1&limit=2"), 400)


@pytest.mark.parametrize(
    "target",
    [
        "/x",
        "/-/x",
        "/-/groups/x",
        "/-/reports/channel-ratings/latest",
        "/-/reports/channel-ratings/20261122T030000Z.csv",
        "/-/reports/channel-ratings/x",
        "/-/reports/channel-ratings/..%2Flatest.csv",
    ],
)
def test_what_is_not_there_is_a_problem(get: Get, target: str) -> None:
    check_problem(get(target), 404)


@pytest.mark.parametrize(
    ("method", "target"), [("DELETE", "/"), *(("PUT", target) for target in ROUTES)]
)
def test_a_method_that_is_not_there_is_a_problem(get: Get, target: str, method: str) -> None:
    reply = get(target, method)
    check_problem(reply, 405)
    assert reply.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST"


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("sent", [b"", b"{}", {"title": "A", "language": "English"}])
def test_nothing_of_the_catalogue_is_among_the_apis_own_paths(
    get: Get, method: str, sent: Any
) -> None:
    # API Gateway gives {path+} the methods that these routes don't have.
    for target in ("/-", "/-/x", "/-/health", "/-/preview", "/-/preview/a", "/-/groups/x/y"):
        found = check_problem(get(target, method, sent), 404)
        assert "slugs are of a-z" in found["detail"]


@pytest.mark.parametrize("target", ["/", "/a", "/a/b", "/-/groups", "/-/health", "/-/preview"])
def test_a_head_is_a_get_without_its_body(get: Get, target: str) -> None:
    reply = get(target, "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["ETag"] == get(target).headers["ETag"]


@pytest.mark.parametrize("target", ["/", "/a", "/a/b", "/-/groups"])
@pytest.mark.parametrize("content_type", ["text/xml", "application/json; charset=utf-8", "x"])
def test_a_read_may_state_any_content_type(get: Get, target: str, content_type: str) -> None:
    assert get(target, Content_Type=content_type, Accept="image/png").status == 200


@pytest.mark.parametrize("target", ROUTES)
def test_any_web_page_may_read(get: Get, target: str) -> None:
    reply = get(target, Origin="https://app.example.com")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in reply.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("target", ROUTES)
def test_a_preflight_is_answered(get: Get, target: str) -> None:
    reply = get(
        target,
        "OPTIONS",
        Origin="https://a.example",
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="if-none-match",
    )
    assert reply.status in (200, 204)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in reply.headers["Access-Control-Allow-Methods"]
    assert "if-none-match" in reply.headers["Access-Control-Allow-Headers"].lower()


@pytest.mark.parametrize(
    ("target", "methods"),
    [
        ("/", ["POST"]),
        ("/a", ["POST", "PATCH", "DELETE"]),
        ("/-/groups", ["POST"]),
        ("/-/groups/x", ["PATCH", "DELETE"]),
    ],
)
def test_a_preflight_of_a_write_allows_what_a_write_sends(
    get: Get, target: str, methods: list[str]
) -> None:
    for method in methods:
        names = {"authorization", "content-type", "if-match", "idempotency-key"}
        reply = get(
            target,
            "OPTIONS",
            Origin="https://a.example",
            Access_Control_Request_Method=method,
            Access_Control_Request_Headers=",".join(sorted(names)),
        )
        assert reply.status == 200
        assert method in reply.headers["Access-Control-Allow-Methods"].split(",")
        assert names <= set(reply.headers["Access-Control-Allow-Headers"].lower().split(","))


def test_any_web_page_may_see_what_a_write_answers(get: Get) -> None:
    for reply in (
        get("/", "POST", {"title": "New", "language": "English"}),
        get("/new", "PATCH", {"superchannel": "nowhere"}),
        get("/new", "DELETE"),
    ):
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        exposed = reply.headers["Access-Control-Expose-Headers"].split(",")
        assert {"ETag", "Location", "Retry-After"} <= set(exposed)


@pytest.mark.usefixtures("own_clients")
@pytest.mark.parametrize(
    ("code", "aws_status", "status"),
    [
        ("ThrottlingException", 400, 503),
        ("ProvisionedThroughputExceededException", 400, 503),
        ("InternalServerError", 500, 503),
        ("AccessDeniedException", 400, 500),
        ("ResourceNotFoundException", 400, 500),
    ],
)
def test_what_aws_fails_at_is_told_without_details(
    get: Get, monkeypatch: pytest.MonkeyPatch, code: str, aws_status: int, status: int
) -> None:
    # Of writes, which all stop alike: else they would go on for seconds, were it throttling.
    stop: Any = tree.change.retry.stop  # type: ignore[attr-defined]
    monkeypatch.setattr(stop.stops[0], "max_delay", 0)

    def fail(**kwargs: Any) -> Any:
        return aws_error(code, aws_status)

    for client in (connection().connection.client, Group._get_connection().connection.client):
        client.meta.events.register_first("before-send.dynamodb.*", fail)
        client.meta.events.unregister("needs-retry.dynamodb", unique_id="retry-config-dynamodb")
    reads = ("/", "/a", "/a/b", "/-/preview/a", "/-/groups", "/-/groups/x", "/-/health")
    channel = {"title": "A", "language": "English"}
    for target, method, sent in (
        *((target, "GET", b"") for target in reads),
        ("/", "POST", channel),
        ("/a/b", "PATCH", {"rating": 1}),
        ("/a/b", "DELETE", b""),
        ("/-/groups", "POST", {"title": "A"}),
        ("/-/groups/x", "PATCH", {"title": "A"}),
        ("/-/groups/x", "DELETE", b""),
    ):
        reply = get(target, method, sent)
        found = check_problem(reply, status)
        assert code not in found["detail"]
        assert reply.headers.get("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.usefixtures("own_clients")
def test_a_connection_that_fails_is_told_to_be_tried_again(get: Get) -> None:
    def fail(**kwargs: Any) -> None:
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="https://dynamodb")

    connection().connection.client.meta.events.register_first("before-send.dynamodb.*", fail)
    check_problem(get("/a"), 503)


def test_a_defect_is_a_problem_without_a_trace(
    get: Get, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**kwargs: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("chalicelib.catalogue.origin_channels", broken)
    reply = get("/")
    assert "secret" not in str(check_problem(reply, 500))
    assert "ZeroDivisionError" in caplog.text


def test_every_request_is_logged_in_a_line_without_its_query(
    get: Get, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    get("/a?group=secret", Authorization="secret")
    lines = [record.getMessage() for record in caplog.records if record.name == "chalicelib.web"]
    assert len(lines) == 1
    assert lines[0].startswith("GET /{path+} 200 ")
    assert "secret" not in caplog.text


def test_next_names_the_stage_on_an_apis_own_host(get: Get) -> None:
    put([channel("n1"), channel("n2")])
    own = "abc.execute-api.us-east-1.amazonaws.com"
    assert body(get("/?limit=1", Host=own))["next"].startswith(
        f"https://{own}/api/?limit=1&cursor="
    )
    assert body(get("/?limit=1"))["next"].startswith("https://api.example.com/?limit=1&cursor=")
