"""Who may do what: signing in, and what each route asks of a token."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import boto3
import pytest

import app as popflix
from chalicelib import settings, users
from infra.problems import RESPONSES
from tests.access import RULES, Rule
from tests.functional.conftest import ROLES, Get, aws_error, body

PASSWORD = "Correct-Horse-1"
TOKEN = {"username", "password"}
WRONG = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "detail": "The username and password don't fit.",
}


def test_every_method_of_every_route_has_a_rule() -> None:
    methods = {
        (method, route) for route, entries in popflix.app.routes.items() for method in entries
    }
    assert {(rule.method, rule.route) for rule in RULES} == methods


def test_api_gateway_asks_for_a_token_wherever_not_everyone_may() -> None:
    for rule in RULES:
        authorizer = popflix.app.routes[rule.route][rule.method].authorizer
        assert (authorizer is None) == (rule.roles is None), rule


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_only_the_roles_of_a_rule_may(get: Get, rule: Rule) -> None:
    for role in ("", "garbage", "nobody", *ROLES, "editors,analysts"):
        reply = get(rule.target, rule.method, Authorization=role)
        if rule.roles is None or rule.roles & set(role.split(",")):
            assert reply.status not in (401, 403), role
        else:
            assert reply.status == (401 if role in ("", "garbage") else 403), role
        if rule.roles is not None:
            assert reply.headers["Cache-Control"] == "no-store"


def test_without_a_token_no_function_runs(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(popflix.app), "__call__", None)
    reply = get("/-/reports/channel-ratings")
    assert body(reply, 401)["detail"] == RESPONSES["UNAUTHORIZED"][1]
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("written", ["analysts", "Bearer analysts", "bearer  analysts "])
def test_a_token_is_sent_with_or_without_the_word_bearer(get: Get, written: str) -> None:
    assert get("/-/reports/channel-ratings", Authorization=written).status == 200


def test_who_may_not_is_told_who_may_before_anything_else_is_looked_at(get: Get) -> None:
    reply = get("/-/reports/channel-ratings?colour=red", Authorization="editors")
    assert "admins and analysts" in body(reply, 403)["detail"]


def test_a_preflight_needs_no_token(get: Get) -> None:
    for rule in RULES:
        reply = get(rule.target, "OPTIONS")
        assert reply.status == 200, rule
        allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(",")
        assert {"authorization", "content-type"} <= set(allowed), rule


# ---- POST /-/token


@pytest.fixture
def pool(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user pool with the user `ed`."""
    cognito = boto3.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="popflix")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    monkeypatch.setattr(settings, "USER_POOL_CLIENT", client)
    cognito.admin_create_user(UserPoolId=pool, Username="ed")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="ed", Password=PASSWORD, Permanent=True
    )
    return pool


def sign_in(get: Get, username: str, password: str) -> Any:
    return get("/-/token", "POST", {"username": username, "password": password})


@pytest.mark.usefixtures("pool")
def test_a_username_and_password_are_traded_for_tokens(get: Get) -> None:
    reply = sign_in(get, "ed", PASSWORD)
    found = body(reply)
    assert set(found) == {
        "id_token", "access_token", "refresh_token", "expires_in", "token_type",
    }  # fmt: skip
    assert found["id_token"].count(".") == 2
    assert found["token_type"] == "Bearer"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize(
    ("username", "password"),
    [("ed", "wrong"), ("nobody", PASSWORD)],
)
def test_nothing_tells_a_wrong_password_from_an_unknown_user(
    get: Get, username: str, password: str
) -> None:
    reply = sign_in(get, username, password)
    assert body(reply, 401) == WRONG
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.headers["Cache-Control"] == "no-store"


def test_who_was_disabled_is_told_the_same(get: Get, pool: str) -> None:
    boto3.client("cognito-idp").admin_disable_user(UserPoolId=pool, Username="ed")
    assert body(sign_in(get, "ed", PASSWORD), 401) == WRONG


def test_a_temporary_password_has_to_be_replaced_by_an_administrator(get: Get, pool: str) -> None:
    boto3.client("cognito-idp").admin_set_user_password(
        UserPoolId=pool, Username="ed", Password=PASSWORD, Permanent=False
    )
    assert "administrator" in body(sign_in(get, "ed", PASSWORD), 403)["detail"]


@pytest.fixture
def cognito_fails(own_clients: None) -> Callable[[str, int], None]:
    """Lets Cognito answer with an error code and a status."""

    def fail(code: str, status: int) -> None:
        def answer(**kwargs: Any) -> Any:
            return aws_error(code, status)

        events = users._cognito().meta.events
        events.register_first("before-send.cognito-idp.*", answer)
        events.unregister(
            "needs-retry.cognito-idp", unique_id="retry-config-cognito-identity-provider"
        )

    return fail


@pytest.mark.parametrize(
    ("code", "aws_status", "status"),
    [
        ("NotAuthorizedException", 400, 401),
        ("UserNotFoundException", 400, 401),
        ("UserNotConfirmedException", 400, 401),
        ("PasswordResetRequiredException", 400, 401),
        ("InvalidParameterException", 400, 401),
        ("TooManyRequestsException", 400, 503),
        ("InternalErrorException", 500, 503),
        ("ResourceNotFoundException", 400, 500),
    ],
)
def test_what_cognito_fails_at_is_told_without_details(
    get: Get, cognito_fails: Any, code: str, aws_status: int, status: int
) -> None:
    cognito_fails(code, aws_status)
    reply = sign_in(get, "ed", PASSWORD)
    found = body(reply, status)
    assert found == WRONG if status == 401 else code not in found["detail"]
    assert reply.headers.get("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.usefixtures("own_clients", "pool")
def test_signing_in_takes_no_credentials_of_aws(get: Get) -> None:
    sent: list[Any] = []
    users._cognito().meta.events.register_first(
        "before-send.cognito-idp.*", lambda request, **_: sent.append(request.headers)
    )
    sign_in(get, "ed", PASSWORD)
    assert [headers.get("Authorization") for headers in sent] == [None]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({}, TOKEN),
        ({"username": "ed"}, {"password"}),
        ({"username": "", "password": ""}, TOKEN),
        ({"username": None, "password": 5}, TOKEN),
        ({"username": "a" * 129, "password": "a" * 257}, TOKEN),
        ({"username": "\ud800", "password": "\0"}, TOKEN),
        ({"username": "ed", "password": "x", "colour": "red", "\ud800": 1}, {"colour", "?"}),
        ({"username": "ed", "password": "x", "a" * 1000: "red"}, {"a" * 100}),
    ],
)
def test_every_wrong_field_is_named_at_once(get: Get, content: Any, wrong: set[str]) -> None:
    found = body(get("/-/token", "POST", content), 400)
    assert {error["field"] for error in found["errors"]} == wrong
    assert found["detail"].startswith("The body is wrong: ")


def test_a_body_with_any_number_of_wrong_fields_has_a_short_answer(get: Get) -> None:
    content = json.dumps({f"{number:0100}": 1 for number in range(5000)}).encode()
    reply = get("/-/token", "POST", content)
    assert reply.status == HTTPStatus.BAD_REQUEST
    assert len(reply.body) < 50_000


def test_the_password_is_not_logged(get: Get, pool: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "chalicelib")
    token = body(sign_in(get, "ed", PASSWORD))["id_token"]
    get("/-/reports/channel-ratings", Authorization=token)
    sign_in(get, "ed", "wrong-" + PASSWORD)
    assert "POST /-/token 200" in caplog.text
    assert PASSWORD not in caplog.text
    assert token not in caplog.text
