"""What README promises, on the local cloud: the packaged app behind API Gateway."""

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.localcloud import free_port
from tests.e2e.conftest import Product

SAMPLE = Path(__file__).parent.parent.parent / "sample" / "movies_catalogue.json"


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[int, dict[str, Any]]]:
    found: dict[str, dict[int, dict[str, Any]]] = {"group": {}, "channel": {}, "content": {}}
    for row in json.loads(SAMPLE.read_text()):
        found[row["model"].partition(".")[2]][row["pk"]] = row["fields"]
    return found


def path_of(rows: dict[str, dict[int, dict[str, Any]]], pk: int) -> str:
    channel = rows["channel"][pk]
    above = channel["superchannel"]
    return f"{'' if above is None else path_of(rows, above)}/{channel['slug']}"


def test_it_says_where_it_is_and_what_to_try(product: Product) -> None:
    base = f"http://popflix.localhost:{product.port}/"
    urls = re.findall(r"http://popflix\.localhost:\d+/\S*", product.output)
    assert base in urls
    assert f"{base}-/reports/channel-ratings/latest" in urls
    for url in urls:
        target = urlsplit(url.strip("'"))
        method = "POST" if target.path == "/-/token" else "GET"
        answer = product.request(
            f"{target.path}?{target.query}".rstrip("?"),
            method,
            {"username": "admin", "password": product.password} if method == "POST" else None,
            Authorization=product.admin,
        )
        assert answer.status in (200, 302), url


def test_every_path_of_the_sample_is_there(
    product: Product, rows: dict[str, dict[int, dict[str, Any]]]
) -> None:
    expected = {path_of(rows, pk): fields for pk, fields in rows["channel"].items()}
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(expected, pool.map(product.request, expected), strict=True))
        for path, fields in expected.items():
            assert answers[path].status == 200
            found = answers[path].json
            assert (found["path"], found["title"]) == (path, fields["title"])
            assert found["groups"] == sorted(rows["group"][pk]["slug"] for pk in fields["groups"])
        some = list(rows["content"].values())[::40]
        contents = [f"{path_of(rows, fields['channel'])}/{fields['slug']}" for fields in some]
        for fields, answer in zip(some, pool.map(product.request, contents), strict=True):
            found = json.loads(answer.body, parse_float=Decimal)
            assert Decimal(found["rating"]) == Decimal(fields["rating"])
            assert answer.json["metadata"] == fields["metadata"]
            assert found["file_url"] == fields["file_url"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Storage//VIDEO/", 200),
        ("/st%6Frage/video", 200),
        ("/st%256Frage/video", 404),
        ("/video", 404),
        ("/storage/video/movies/alien", 404),
        ("/caf%C3%A9", 404),
        ("/storage/%00", 404),
        ("/storage/%ff", 404),
        ("/-", 404),
        ("/-/nothing", 404),
        ("/" + "/".join(f"c{n}" for n in range(300)), 404),
        ("/storage?limit=0", 400),
        ("/storage?cursor=x", 400),
        ("/storage?colour=red", 400),
        ("/-/reports/channel-ratings/x", 404),
        ("/-/token", 404),
    ],
)
def test_paths_right_and_wrong(product: Product, path: str, status: int) -> None:
    answer = product.request(path, Authorization=product.admin)
    assert answer.status == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == status


def test_pages_link_to_the_next(product: Product) -> None:
    seen = []
    target = "/storage/video/movies?limit=3"
    while target:
        page = product.request(target).json
        seen += [item["slug"] for item in page["subchannels"]]
        url = urlsplit(page["next"] or "")
        assert url.netloc in ("", f"popflix.localhost:{product.port}")
        target = f"{url.path}?{url.query}".rstrip("?")
    assert seen == sorted(set(seen))
    assert len(seen) == 10


def test_a_read_is_asked_for_again(product: Product) -> None:
    first = product.request("/storage")
    again = product.request("/storage", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/storage/video", "/-/groups", "/-/reports/channel-ratings"])
def test_a_browsers_preflight_is_answered(product: Product, path: str) -> None:
    answer = product.request(
        path,
        "OPTIONS",
        Origin="https://app.example.com",
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="if-none-match",
    )
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "GET" in answer.headers["access-control-allow-methods"]
    allowed = set(answer.headers["access-control-allow-headers"].lower().split(","))
    assert {"if-none-match", "authorization", "content-type"} <= allowed


@pytest.mark.parametrize(("method", "path"), [("PUT", "/storage"), ("DELETE", "/")])
def test_the_gateways_own_errors_are_problems_too(product: Product, method: str, path: str) -> None:
    answer = product.request(path, method)
    assert answer.status == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST"
    assert answer.json["status"] == 405


def test_fifty_clients_at_once_are_served(product: Product) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(product.request, ["/storage/video/movies"] * 200))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


def test_the_report_is_what_a_recount_gives(
    product: Product, rows: dict[str, dict[int, dict[str, Any]]]
) -> None:
    ratings: dict[int, list[Decimal]] = {pk: [] for pk in rows["channel"]}
    for content in rows["content"].values():
        above = content["channel"]
        while above is not None:
            ratings[above].append(Decimal(content["rating"]))
            above = rows["channel"][above]["superchannel"]
    expected = [
        [
            fields["title"],
            str(round(float(sum(ratings[pk])) / len(ratings[pk]), 3) if ratings[pk] else 0),
            fields["slug"],
            path_of(rows, pk),
            str(len(ratings[pk])),
        ]
        for pk, fields in rows["channel"].items()
        if fields["active"]
    ]
    expected.sort(key=lambda row: (-float(row[1]), row[3]))
    answer = product.request("/-/reports/channel-ratings/latest", Authorization=product.admin)
    assert answer.status == 302
    url = urlsplit(answer.headers["location"])
    report = product.request(f"{url.path}?{url.query}", Host=url.netloc)
    assert report.status == 200
    found = list(csv.reader(io.StringIO(report.body.decode(), newline="")))
    assert found[1:] == expected


def test_the_report_is_due_daily_at_three(product: Product) -> None:
    events = product.client("events")
    (rule,) = events.list_rules()["Rules"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 3 * * ? *)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert "ChannelRatings" in target["Arn"]


# ---- manage.py


def test_loading_the_sample_again_writes_nothing(product: Product) -> None:
    result = product.manage("loaddata", "sample/movies_catalogue.json")
    assert result.returncode == 0, result.stderr
    assert "Installed 0 rows; 3291 were there already." in result.stdout


def test_a_dump_is_what_was_loaded(
    product: Product, rows: dict[str, dict[int, dict[str, Any]]], tmp_path: Path
) -> None:
    path = tmp_path / "dump.json"
    result = product.manage("dumpdata", str(path))
    assert result.returncode == 0, result.stderr
    dumped: dict[str, dict[int, dict[str, Any]]] = {"group": {}, "channel": {}, "content": {}}
    for row in json.loads(path.read_text()):
        dumped[row["model"].partition(".")[2]][row["pk"]] = row["fields"]
    assert _resolved(dumped) == _resolved(rows)
    assert product.manage("dumpdata").stdout == path.read_text()


def _resolved(rows: dict[str, dict[int, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The rows by slug, with slugs for keys: the keys are the dump's own."""
    channels = rows["channel"]

    def resolve(fields: dict[str, Any]) -> dict[str, Any]:
        found = dict(fields)
        if "groups" in found:
            found["groups"] = sorted(rows["group"][pk]["slug"] for pk in found["groups"])
        for name in ("superchannel", "channel"):
            if found.get(name) is not None:
                found[name] = channels[found[name]]["slug"]
        return found

    return {
        model: {fields["slug"]: resolve(fields) for fields in entries.values()}
        for model, entries in rows.items()
    }


def test_a_wrong_dump_is_refused_with_every_wrong_row(product: Product, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(
        json.dumps(
            [
                {"model": "contents.group", "pk": 1, "fields": {"title": ""}},
                {"model": "contents.channel", "pk": 2, "fields": {"title": "A", "superchannel": 9}},
            ]
        )
    )
    result = product.manage("loaddata", str(path))
    assert result.returncode == 1
    assert "row 1 (contents.group pk 1): title:" in result.stderr
    assert "row 2 (contents.channel pk 2): language:" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_report_runs_in_the_stack_and_is_saved(product: Product, tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    result = product.manage("channel_ratings", "--output", str(path))
    assert result.returncode == 0, result.stderr
    assert "channel-ratings/dt=" in result.stdout
    assert path.read_text().startswith("Channel Title,Average Rating,Slug,Path,Rated Contents")
    listed = product.request("/-/reports/channel-ratings?limit=1", Authorization=product.admin)
    newest = listed.json["reports"][0]
    assert newest["name"] in result.stdout


def test_what_is_wrong_with_the_catalogue_is_named_and_repaired(product: Product) -> None:
    assert product.manage("verify").stdout == "The catalogue is right.\n"
    dynamodb = product.client("dynamodb")
    table = next(name for name in dynamodb.list_tables()["TableNames"] if "Catalogue" in name)
    dynamodb.update_item(
        TableName=table,
        Key={"slug": {"S": "video"}},
        UpdateExpression="ADD children :many",
        ExpressionAttributeValues={":many": {"N": "5"}},
    )
    what = (
        "video: it has children 6; a recount gives children 1. To mend it: set what was recounted."
    )
    found = product.manage("verify")
    assert (found.returncode, found.stdout) == (1, f"{what}\n")
    repaired = product.manage("verify", "--repair")
    assert (repaired.returncode, repaired.stdout) == (0, f"Done: {what}\nThe catalogue is right.\n")
    assert product.manage("verify").returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["runserver"],
        ["loaddata"],
        ["dumpdata"],
        ["verify"],
        ["channel_ratings"],
        ["deploy"],
        ["createsuperuser"],
        ["createuser"],
    ],
)
def test_every_command_has_help(product: Product, command: list[str]) -> None:
    result = product.manage(*command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage:")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["loaddata"], 2),
        (["loaddata", "nothing.json"], 2),
        (["nothing"], 2),
        (["dumpdata", "nowhere/dump.json"], 1),
    ],
)
def test_failures_are_a_sentence_and_an_exit_code(
    product: Product, arguments: list[str], code: int
) -> None:
    result = product.manage(*arguments)
    assert result.returncode == code
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


def test_what_may_work_later_has_an_exit_code_of_its_own(product: Product) -> None:
    # A port that nothing listens on: as AWS is when it is out of reach.
    aws = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_REGION": "eu-central-1",
    }
    result = product.manage("dumpdata", "--stage", "prod", **aws)
    assert result.returncode == 3, result.stderr
    result = product.manage("dumpdata", "--stage", "prod", **aws | {"AWS_REGION": ""})
    assert result.returncode == 1, result.stderr
    assert "region" in result.stderr


def test_settings_of_aws_and_proxies_do_not_reach_the_local_stage(product: Product) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    result = product.manage(
        "loaddata",
        "sample/movies_catalogue.json",
        AWS_PROFILE="nothing",
        AWS_DEFAULT_PROFILE="nothing",
        AWS_ENDPOINT_URL_DYNAMODB=nowhere,
        HTTP_PROXY=nowhere,
        http_proxy=nowhere,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("stage", ["Bad stage", "", "artefacts"])
def test_what_can_not_be_a_stage_is_refused(product: Product, stage: str) -> None:
    result = product.manage("deploy", "--stage", stage)
    assert result.returncode == 1
    assert "can't be a stage's name" in result.stderr


def test_a_second_start_on_the_same_data_is_refused(product: Product) -> None:
    result = product.manage("runserver", "--port", "18765")
    assert result.returncode == 1
    assert "runs already" in result.stderr
