"""The ratings report: from the catalogue to CSV in S3, and from there to who asks."""

import csv
import io
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import IO, TYPE_CHECKING, NamedTuple, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib import settings
from chalicelib.errors import NotFound
from chalicelib.models import Channel, Item, connection
from chalicelib.ratings import Record, Row, rate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "channel-ratings/"
LATEST = PREFIX + "latest.csv"
COLUMNS = ("Channel Title", "Average Rating", "Slug", "Path", "Rated Contents")
NAMED = 100  # channels left out, at the most, that the log and the result name of each kind
SEGMENTS = 4  # of the scan, read side by side
URL_SECONDS = 300  # that a link to a report works

_NAME = re.compile(r"(\d{4})(\d\d)(\d\d)T\d{6}Z\.csv", re.ASCII)
# What starts a formula, or is skipped before one; OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_ATTRIBUTES = ["slug", "kind", "superchannel", "title", "active", "deleting"]
_ATTRIBUTES += ["rating_sum", "rating_count"]

log = logging.getLogger(__name__)


class Report(NamedTuple):
    """A report that there is: its name, its size in bytes and when it was written."""

    name: str
    size: int
    written: datetime


def run(time: datetime) -> dict[str, object]:
    """Writes the report that was due at `time`, and then `latest.csv`; returns what it wrote.

    The key comes from `time` alone, so a trigger that comes twice writes the same key twice.
    S3 shows an object when it is whole, so a run that dies leaves no half report; if it dies
    between the two, `latest.csv` is still the one before.
    """
    ratings = rate(scan())
    name = f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}.csv"
    key = _key(name)
    with tempfile.TemporaryFile() as file:
        rows = write(ratings.rows, file)
        file.seek(0)
        _s3().put_object(
            Bucket=settings.REPORTS_BUCKET,
            Key=key,
            Body=file,
            ContentType="text/csv; charset=utf-8; header=present",
            ContentDisposition=f'attachment; filename="channel-ratings-{name}"',
        )
    _s3().copy_object(
        Bucket=settings.REPORTS_BUCKET,
        Key=LATEST,
        CopySource={"Bucket": settings.REPORTS_BUCKET, "Key": key},
    )

    left_out = {"lead nowhere": ratings.orphans, "lead in a circle": ratings.circular}
    for what, slugs in left_out.items():
        if slugs:
            log.warning("%d channels have pointers that %s: %s", len(slugs), what, slugs[:NAMED])
    return {
        "bucket": settings.REPORTS_BUCKET,
        "key": key,
        "name": name,
        "rows": rows,
        "left_out": len(ratings.orphans) + len(ratings.circular),
        "orphans": ratings.orphans[:NAMED],
        "circular": ratings.circular[:NAMED],
    }


def scan() -> Iterator[Record]:
    """Every channel, from the index that has only channels; what is not needed isn't sent."""
    connection()

    def segment(number: int) -> list[Record]:
        found = Item.subchannels.scan(
            segment=number, total_segments=SEGMENTS, attributes_to_get=_ATTRIBUTES
        )
        return [
            Record(
                channel.slug,
                channel.superchannel,
                channel.title,
                channel.active,
                channel.rating_sum,
                int(channel.rating_count),
                channel.deleting == "delete",
            )
            for channel in cast(Iterable[Channel], found)
        ]

    with ThreadPoolExecutor(SEGMENTS) as pool:
        for records in pool.map(segment, range(SEGMENTS)):
            yield from records


def write(rows: Iterable[Row], file: IO[bytes]) -> int:
    """Writes `rows` as CSV (RFC 4180, UTF-8, with a header) to `file`; returns how many."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    csv.writer(text).writerow(COLUMNS)
    # Readers that guess the dialect, as DuckDB's, take an apostrophe for the quote if they see no
    # other; here every row shows them.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    written = 0
    for title, average, slug, path, contents in rows:
        writer.writerow((harmless(title), average, harmless(slug), path, contents))
        written += 1
    text.detach()
    return written


def harmless(cell: str) -> str:
    """`cell`, with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def listing(*, limit: int, after: str | None = None) -> tuple[list[Report], str | None]:
    """Up to `limit` reports, newest first, and the name after which there are more, or None.

    Costs a ListObjectsV2 for every 1,000 reports; the bucket keeps those of 400 days.
    """
    pages = _s3().get_paginator("list_objects_v2")
    found = [
        Report(name, entry["Size"], entry["LastModified"])
        for page in pages.paginate(Bucket=settings.REPORTS_BUCKET, Prefix=PREFIX + "dt=")
        for entry in page.get("Contents", [])
        if _NAME.fullmatch(name := entry["Key"].rpartition("/")[2])
    ]
    found.sort(reverse=True)
    if after is not None:
        found = [report for report in found if report.name < after]
    return found[:limit], found[limit - 1].name if len(found) > limit else None


def url(name: str | None = None, *, head: bool = False) -> str:
    """A link, good for URL_SECONDS, to the report of that name, or to the latest.

    It is signed for GET, or if `head` for HEAD. Raises NotFound if there is no such report.
    """
    key = LATEST if name is None else _key(name)
    try:
        _s3().head_object(Bucket=settings.REPORTS_BUCKET, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        raise NotFound(
            f"There is no report {name or 'yet'}. GET /-/reports/channel-ratings lists all."
        ) from error
    where = {"Bucket": settings.REPORTS_BUCKET, "Key": key}
    operation = "head_object" if head else "get_object"
    return _s3().generate_presigned_url(operation, Params=where, ExpiresIn=URL_SECONDS)


def _key(name: str) -> str:
    match = _NAME.fullmatch(name)
    if not match:
        raise NotFound(f"A report's name looks like 20261122T030000Z.csv, not like {name}.")
    return f"{PREFIX}dt={'-'.join(match.groups())}/{name}"


@cache
def _s3() -> "S3Client":
    # SigV4 and virtual hosts by name, or presigned URLs would have an older signature where a
    # region still takes it, and else the global host, which sends on to one that it doesn't fit.
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual"},
            connect_timeout=2,
            read_timeout=5,
            retries={"mode": "standard", "max_attempts": settings.RETRIES + 1},
        ),
    )
