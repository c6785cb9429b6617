"""The errors that API Gateway answers by itself, in the same shape as the app's own (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any

_REQUEST = "Check the request and send it again."
_FAULT = "This is not the request's fault: try again in a moment."

# Gateway response type -> status, detail. All of them: a type that is left out falls back to its
# family's body, which would then name the wrong status. MISSING_AUTHENTICATION_TOKEN is what a
# method without a route gets; every path has a route, so on this API it means nothing else.
RESPONSES = {
    "ACCESS_DENIED": (403, "These credentials do not allow this request."),
    "API_CONFIGURATION_ERROR": (500, _FAULT),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, _FAULT),
    "AUTHORIZER_FAILURE": (500, _FAULT),
    "BAD_REQUEST_BODY": (400, f"The request body is not valid. {_REQUEST}"),
    "BAD_REQUEST_PARAMETERS": (400, f"The request parameters are not valid. {_REQUEST}"),
    "DEFAULT_4XX": (400, f"The request is not valid. {_REQUEST}"),
    "DEFAULT_5XX": (500, _FAULT),
    "EXPIRED_TOKEN": (403, "The token has expired: get a new one."),
    "INTEGRATION_FAILURE": (504, _FAULT),
    "INTEGRATION_TIMEOUT": (504, _FAULT),
    "INVALID_API_KEY": (403, "The API key is not valid."),
    "INVALID_SIGNATURE": (403, "The request's signature is not valid."),
    "MISSING_AUTHENTICATION_TOKEN": (
        405,
        "This path does not take this method. The Allow header lists those that the API takes.",
    ),
    "QUOTA_EXCEEDED": (429, "The quota of requests is used up: try again later."),
    "REQUEST_TOO_LARGE": (413, "The request is larger than 10 MB: send a smaller one."),
    "RESOURCE_NOT_FOUND": (404, "There is nothing at this path."),
    "THROTTLED": (429, "Too many requests at once: wait a second and try again."),
    "UNAUTHORIZED": (
        401,
        "The token is missing, expired or not valid: send the id_token that POST /-/token gives "
        "in Authorization.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Send the body as JSON, with Content-Type: application/json."),
    "WAF_FILTERED": (403, "The request was blocked."),
}


def problem(status: int, detail: str) -> dict[str, Any]:
    """Return the RFC 9457 body of an error.

    Not chalicelib's: this has to work while someone is editing that.
    """
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def headers(kind: str, allow: str) -> dict[str, str]:
    """Return the headers of the gateway response `kind`; `allow` lists the API's methods."""
    found = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "no-store",
        "Content-Type": "application/problem+json",
    }
    status, _ = RESPONSES[kind]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        found["Allow"] = allow
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        found["Retry-After"] = "1"
    if status == HTTPStatus.UNAUTHORIZED:
        found["WWW-Authenticate"] = "Bearer"
    return found


def gateway_responses(allow: str) -> dict[str, Any]:
    """Return the API definition's `x-amazon-apigateway-gateway-responses`.

    `allow` is the Allow header of a 405. The template key stays application/json, the only one
    that API Gateway uses whatever the request accepts; the header then gives the body's type.
    """
    return {
        kind: {
            "statusCode": str(status),
            "responseParameters": {
                f"gatewayresponse.header.{name}": f"'{value}'"
                for name, value in headers(kind, allow).items()
            },
            "responseTemplates": {"application/json": json.dumps(problem(status, detail))},
        }
        for kind, (status, detail) in RESPONSES.items()
    }
