"""API Gateway in a function: a request in HTTP's terms, to a Chalice app, and its reply.

Chalice's own local server doesn't match greedy routes (`/{path+}`), and answers other errors.
Run as a module, it serves app.py from source and reloads it when it changes.
"""

import base64
import importlib
import json
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from chalice.app import Chalice

from infra import tokens
from infra.packaging import ROOT
from infra.parent import end_with_parent
from infra.problems import RESPONSES, headers, problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_STAGE = "api"
_NO_ROUTE = "MISSING_AUTHENTICATION_TOKEN"
_NOBODY = "UNAUTHORIZED"

# Of a token, what it says if it is valid, in strings as API Gateway gives it to the function.
ClaimsOf = Callable[[str], dict[str, str] | None]


class Reply(NamedTuple):
    """What the client gets."""

    status: int
    headers: dict[str, str]
    body: bytes


def nobody(token: str) -> None:
    """Find no token valid."""


def call(
    app: Chalice,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    claims_of: ClaimsOf = nobody,
) -> Reply:
    """Return the app's reply to a request; `target` is the path and query as they are sent.

    What `claims_of` makes of the token decides on routes that have an authorizer.
    """
    path, _, query = target.partition("?")
    found = list(_matches(app, path))
    for resource, parameters in found:
        if method in app.routes[resource]:
            event = _event((method, resource, parameters), path, query, headers or {}, body)
            if app.routes[resource][method].authorizer is not None:
                claims = claims_of(_token(headers or {}))
                if claims is None:
                    return _refusal(_NOBODY)
                event["requestContext"]["authorizer"] = {"claims": claims}
            reply = _reply(app(event, None))
            return reply._replace(body=b"") if method == "HEAD" else reply
    if method == "OPTIONS" and found:
        return _preflight(app, found[0][0])
    # The same for every path, as API Gateway's own answers are.
    every = {method for entries in app.routes.values() for method in entries}
    return _refusal(_NO_ROUTE, sorted({*every, "OPTIONS"}))


def serve(port: int) -> None:
    """Serve app.py on the loopback interface, and again after each change, until interrupted."""
    # Only here: nothing else of this module needs a server.
    from werkzeug.serving import run_simple  # noqa: PLC0415

    run_simple(
        "127.0.0.1",
        port,
        _application,
        use_reloader=True,
        # Those that didn't load for an error, which the reloader wouldn't find by itself.
        extra_files=[str(ROOT / "app.py"), *map(str, (ROOT / "chalicelib").rglob("*.py"))],
    )


def _matches(app: Chalice, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the resources that match a path, with their path parameters, most specific first."""
    segments = [segment for segment in path.split("/") if segment]
    for resource in sorted(app.routes, key=_specificity):
        parameters = _match(resource.split("/")[1:] if resource != "/" else [], segments)
        if parameters is not None:
            yield resource, parameters


def _specificity(resource: str) -> list[int]:
    """Sort literal segments before parameters, these before greedy ones, segment by segment."""
    return [1 + part.startswith("{") + part.endswith("+}") for part in resource.split("/")]


def _match(parts: list[str], segments: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, part in enumerate(parts):
        if index >= len(segments):
            return None
        if part.endswith("+}"):
            return parameters | {part[1:-2]: "/".join(segments[index:])}
        if part.startswith("{"):
            parameters[part[1:-1]] = segments[index]
        elif part != segments[index]:
            return None
    return parameters if len(parts) == len(segments) else None


def _event(
    route: tuple[str, str, dict[str, str]],
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    """Return the event of a REST API's proxy integration. Path parameters stay percent-encoded."""
    method, resource, parameters = route
    values = parse_qs(query, keep_blank_values=True)
    host = next((value for name, value in headers.items() if name.lower() == "host"), "localhost")
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: given[-1] for name, given in values.items()} or None,
        "multiValueQueryStringParameters": values or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": path,
            "stage": _STAGE,
            "domainName": host.partition(":")[0],
            "requestId": str(uuid.uuid4()),
            "protocol": "HTTP/1.1",
            "identity": {"sourceIp": "127.0.0.1", "userAgent": None},
        },
        "body": body.decode(errors="replace") if body else None,
        "isBase64Encoded": False,
    }


def _reply(answer: dict[str, Any]) -> Reply:
    found = {"Content-Type": "application/json", **answer.get("headers", {})}
    for name, values in answer.get("multiValueHeaders", {}).items():
        found[name] = ",".join(values)
    body = answer["body"]
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Reply(answer["statusCode"], found, content)


def _preflight(app: Chalice, resource: str) -> Reply:
    entries = app.routes[resource]
    cors = next(iter(entries.values())).cors
    allowed = {"Access-Control-Allow-Methods": ",".join([*entries, "OPTIONS"])}
    return Reply(
        200,
        {"Content-Type": "application/json"} | allowed | cors.get_access_control_headers(),
        b"{}",
    )


def _token(headers: Mapping[str, str]) -> str:
    """Return the token in Authorization, with or without the word Bearer before it."""
    text = next((text for name, text in headers.items() if name.lower() == "authorization"), "")
    kind, _, token = text.strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else text.strip()


def _refusal(kind: str, methods: Iterable[str] = ()) -> Reply:
    status, detail = RESPONSES[kind]
    body = json.dumps(problem(status, detail))
    return Reply(status, headers(kind, ", ".join(methods)), body.encode())


def _application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    # Imported by the first request, not before: an error in it is then one reply's, and the next
    # change is waited for.
    try:
        app = importlib.import_module("app").app
    except Exception as error:  # whatever is in the file that is being written just now
        traceback.print_exc()
        body = json.dumps(problem(500, f"The source fails: {error!r}."))
        start_response("500 Internal Server Error", [("Content-Type", "application/problem+json")])
        return [body.encode()]
    sent = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    }
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    method, target = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
    reply = call(app, method, target, sent, content, claims_of=tokens.claims)
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(reply.headers.items()))
    return [reply.body]


if __name__ == "__main__":
    end_with_parent()  # in the reloader's process and in the one that it starts
    serve(int(sys.argv[1]))
