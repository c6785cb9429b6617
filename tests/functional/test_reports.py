"""The ratings report, from the catalogue to S3 and over HTTP."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest

import app as popflix
from chalicelib import reports
from chalicelib.errors import Invalid
from chalicelib.models import connection
from tests.build import channel, content, put
from tests.functional.conftest import Get, aws_error, body

pytestmark = pytest.mark.usefixtures("aws")

EVENT = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-22T03:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}
KEY = "channel-ratings/dt=2026-11-22/20261122T030000Z.csv"


@pytest.fixture
def get(get: Get) -> Get:
    """Sends everything as an analyst."""
    return partial(get, Authorization="analysts")


@pytest.fixture(autouse=True)
def catalogue(aws: None) -> None:
    put(
        [
            channel("storage"),
            channel("video", "storage", active=False),
            channel("movies", "video", title='=SUM(1,"x")'),
            channel("audio", "storage"),
            content("alien", "movies", "8.5"),
            content("brazil", "movies", "7.9", active=False),
            content("cats", "movies", "2.8"),
        ]
    )


def objects() -> dict[str, bytes]:
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket="reports").get("Contents", [])
    return {
        entry["Key"]: s3.get_object(Bucket="reports", Key=entry["Key"])["Body"].read()
        for entry in listed
    }


def run(event: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = popflix.channel_ratings(event, None)
    return result


def test_the_report_has_every_active_channel_best_first() -> None:
    result = run(EVENT)
    assert result == {
        "bucket": "reports",
        "key": KEY,
        "name": "20261122T030000Z.csv",
        "rows": 3,
        "left_out": 0,
        "orphans": [],
        "circular": [],
    }
    text = objects()[KEY].decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["Channel Title", "Average Rating", "Slug", "Path", "Rated Contents"],
        ["Storage", "6.4", "storage", "/storage", "3"],
        ['\'=SUM(1,"x")', "6.4", "movies", "/storage/video/movies", "3"],
        ["Audio", "0", "audio", "/storage/audio", "0"],
    ]


def test_the_latest_report_is_the_one_just_written() -> None:
    run(EVENT)
    assert objects()["channel-ratings/latest.csv"] == objects()[KEY]


@pytest.mark.parametrize(
    ("time", "key"),
    [
        ("2026-11-22T03:00:00Z", KEY),
        ("2026-11-22T05:00:00+02:00", KEY),
        ("2026-11-22T03:00:00.999Z", KEY),
        ("2026-11-22T03:00:00", KEY),
        ("1999-12-31T23:59:59Z", "channel-ratings/dt=1999-12-31/19991231T235959Z.csv"),
        ("2026-11-22T23:30:00-01:00", "channel-ratings/dt=2026-11-23/20261123T003000Z.csv"),
    ],
)
def test_the_key_is_the_events_own_time(time: str, key: str) -> None:
    assert run(EVENT | {"time": time})["key"] == key


def test_an_event_that_comes_twice_writes_one_report() -> None:
    run(EVENT)
    run(EVENT)
    assert set(objects()) == {KEY, "channel-ratings/latest.csv"}


def test_a_trigger_that_states_no_time_is_due_now() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    name = run({})["name"]
    assert before <= datetime.strptime(name, "%Y%m%dT%H%M%S%z.csv") <= datetime.now(UTC)


@pytest.mark.parametrize("time", ["yesterday", 5, ["2026-11-22"]])
def test_a_time_that_is_none_is_refused(time: object) -> None:
    with pytest.raises(Invalid, match="2026-11-22T03:00:00Z"):
        run({"time": time})
    assert objects() == {}


def test_pointers_that_lead_nowhere_or_in_a_circle_cost_nobody_else_a_row(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for slug, above in (("lost", "gone"), ("below-lost", "lost"), ("x", "y"), ("y", "x")):
        channel(slug, above).save()
    result = run(EVENT)
    assert result["rows"] == 3
    assert result["orphans"] == ["below-lost", "lost"]
    assert result["circular"] == ["x", "y"]
    assert "below-lost" in caplog.text
    assert "circle" in caplog.text


@pytest.mark.usefixtures("own_clients")
@pytest.mark.parametrize("operation", ["PutObject", "CopyObject"])
def test_a_run_that_dies_leaves_no_half_report_and_the_next_one_mends_it(operation: str) -> None:
    run(EVENT)
    before = objects()
    put([channel("new")])
    events = reports._s3().meta.events

    def die(**kwargs: Any) -> None:
        raise KeyboardInterrupt

    events.register_first(f"before-send.s3.{operation}", die)
    with pytest.raises(KeyboardInterrupt):
        run(EVENT)
    events.unregister(f"before-send.s3.{operation}", die)
    assert objects()["channel-ratings/latest.csv"] == before[KEY]
    assert objects()[KEY].count(b"\r\n") in (4, 5)
    run(EVENT)
    assert objects()[KEY] == objects()["channel-ratings/latest.csv"] != before[KEY]


@pytest.mark.usefixtures("own_clients")
def test_the_scan_reads_segments_side_by_side_and_asks_only_for_what_it_needs() -> None:
    sent: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **kwargs: Any) -> None:
        sent.append(params)

    connection().connection.client.meta.events.register("provide-client-params.dynamodb.Scan", note)
    assert {record.slug for record in reports.scan()} == {"storage", "video", "movies", "audio"}
    assert sorted(params["Segment"] for params in sent) == [0, 1, 2, 3]
    for params in sent:
        assert params["IndexName"] == "subchannels"
        names = params["ExpressionAttributeNames"]
        asked = {names.get(name, name) for name in re.split(r", *", params["ProjectionExpression"])}
        assert asked == {
            "slug", "kind", "superchannel", "title", "active", "deleting", "rating_sum",
            "rating_count",
        }  # fmt: skip


@pytest.mark.usefixtures("own_clients")
def test_the_scan_survives_throttling() -> None:
    events = connection().connection.client.meta.events
    throttled = iter(range(3))

    def throttle(**kwargs: Any) -> Any:
        if next(throttled, None) is None:
            return None
        return aws_error("ThrottlingException", 400)

    events.register_first("before-send.dynamodb.Scan", throttle)
    assert len(list(reports.scan())) == 4


# ---- over HTTP


def test_there_are_no_reports_before_the_first(get: Get) -> None:
    assert body(get("/-/reports/channel-ratings")) == {"reports": [], "next": None}
    assert get("/-/reports/channel-ratings/latest").status == 404


def test_reports_are_listed_newest_first(get: Get) -> None:
    start = datetime(2026, 11, 20, 3, tzinfo=timezone(timedelta(0)))
    for day in range(5):
        run(EVENT | {"time": (start + timedelta(days=day)).isoformat()})
    page = body(get("/-/reports/channel-ratings?limit=3"))
    names = [report["name"] for report in page["reports"]]
    assert names == ["20261124T030000Z.csv", "20261123T030000Z.csv", "20261122T030000Z.csv"]
    report = page["reports"][0]
    assert report["path"] == "/-/reports/channel-ratings/20261124T030000Z.csv"
    assert report["size"] == len(objects()["channel-ratings/dt=2026-11-24/20261124T030000Z.csv"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", report["written"])
    url = urlsplit(page["next"])
    rest = body(get(f"{url.path}?{url.query}"))
    assert [report["name"] for report in rest["reports"]] == [
        "20261121T030000Z.csv",
        "20261120T030000Z.csv",
    ]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("name", "key"), [("20261122T030000Z.csv", KEY), ("latest", "channel-ratings/latest.csv")]
)
def test_a_report_is_a_short_lived_signed_link(get: Get, name: str, key: str) -> None:
    run(EVENT)
    reply = get(f"/-/reports/channel-ratings/{name}")
    assert reply.status == 302
    assert reply.headers["Cache-Control"] == "no-store"
    url = urlsplit(reply.headers["Location"])
    assert unquote(url.path).endswith(key)
    query = parse_qs(url.query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["300"]


@pytest.mark.usefixtures("own_clients")
def test_a_link_names_the_regions_own_host(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    run(EVENT)
    reports._s3.cache_clear()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    location = get("/-/reports/channel-ratings/latest").headers["Location"]
    assert urlsplit(location).netloc == "reports.s3.eu-central-1.amazonaws.com"


@pytest.mark.usefixtures("own_clients")
def test_an_s3_that_fails_is_told_to_be_tried_again(get: Get) -> None:
    events = reports._s3().meta.events

    def fail(**kwargs: Any) -> Any:
        return aws_error("", 503)

    events.register_first("before-send.s3.HeadObject", fail)
    reply = get("/-/reports/channel-ratings/latest")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
