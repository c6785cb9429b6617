"""The errors that the domain raises, and the one body (RFC 9457) in which all of them are told."""

from http import HTTPStatus
from typing import Any, NamedTuple


class FieldError(NamedTuple):
    """One wrong field: its name, and what is wrong with it."""

    field: str
    reason: str


class PopflixError(Exception):
    """Something to tell the caller: `detail` says what is wrong and what would be right."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    retry_after: int | None = None  # seconds

    def __init__(self, detail: str, fields: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields or []


class Invalid(PopflixError):
    """The request itself is wrong: `fields` names every wrong part of it."""

    status = HTTPStatus.BAD_REQUEST


class NotFound(PopflixError):
    """Nothing that may be seen is at that path or of that name."""

    status = HTTPStatus.NOT_FOUND


class Conflict(PopflixError):
    """The catalogue, as it is now, does not allow the write."""

    status = HTTPStatus.CONFLICT


class Unavailable(PopflixError):
    """The database is throttling or out of reach, retries included; later it may well work."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 1


def problem(
    status: HTTPStatus, detail: str, fields: list[FieldError] | None = None
) -> dict[str, Any]:
    """The body of an `application/problem+json` answer; `errors` is there if fields are wrong."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    if fields:
        body["errors"] = [field._asdict() for field in fields]
    return body
