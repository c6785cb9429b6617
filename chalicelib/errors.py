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


class Unauthorized(PopflixError):
    """Who asks isn't known: the token isn't an ID token, or the username and password don't fit."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(PopflixError):
    """Who asks is known, and may not."""

    status = HTTPStatus.FORBIDDEN


class NotFound(PopflixError):
    """Nothing that may be seen is at that path or of that name."""

    status = HTTPStatus.NOT_FOUND


class Moved(PopflixError):
    """The path was right once; `slugs` are the one that is right now."""

    status = HTTPStatus.PERMANENT_REDIRECT

    def __init__(self, slugs: list[str]) -> None:
        super().__init__(f"What was here was moved to /{'/'.join(slugs)}.")
        self.slugs = slugs


class Conflict(PopflixError):
    """The catalogue, as it is now, does not allow the write."""

    status = HTTPStatus.CONFLICT


class PreconditionFailed(PopflixError):
    """The item isn't any more what If-Match says that it is."""

    status = HTTPStatus.PRECONDITION_FAILED


class UnsupportedMediaType(PopflixError):
    """The body isn't stated to be JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(PopflixError):
    """The request is well-formed and can't be carried out; another one can."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


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
