"""Who may do what, asked of API Gateway's own authorizer with every kind of token."""

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest

from infra.problems import RESPONSES
from tests.access import RULES, Rule
from tests.e2e.conftest import Product

PASSWORD = "Correct-Horse-1"
# By name, what is sent in Authorization.
Sent = dict[str, str]
REFUSED = {"no token", "garbage", "unsigned", "tampered", "expired", "of another pool"}


def made(result: "subprocess.CompletedProcess[str]") -> str:
    """The password that a command of manage.py printed."""
    assert result.returncode == 0, result.stderr
    found = re.search(r'"password": "(.+)"', result.stdout)
    assert found is not None, result.stdout
    return found[1]


def claims(token: str) -> dict[str, Any]:
    """What the token says."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def pool_of(token: str) -> str:
    """The id of the user pool that the token is of."""
    return str(claims(token)["iss"]).rpartition("/")[2]


def of_another_pool(product: Product) -> str:
    """A token of an admin, but of another pool."""
    cognito = product.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="other")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.create_group(UserPoolId=pool, GroupName="admins")
    cognito.admin_create_user(UserPoolId=pool, Username="admin")
    cognito.admin_add_user_to_group(UserPoolId=pool, Username="admin", GroupName="admins")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="admin", Password=PASSWORD, Permanent=True
    )
    token: str = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "admin", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]["IdToken"]
    return token


def aged(product: Product, token: str, seconds: int) -> str:
    """The token as it would be if it were that old, signed with the pool's own key."""
    times = {name: claims(token)[name] - seconds for name in ("exp", "iat", "auth_time")}
    keys: Path = product.root / ".local" / "state" / "cognito-pool-keys"
    key = (keys / f"{pool_of(token)}-id.pem").read_text()
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.encode(claims(token) | times, key, "RS256", headers={"kid": kid})


def tampered(token: str) -> str:
    """The token, now of an admin, with the signature that it had."""
    head, _, signature = token.split(".")
    other = json.dumps(claims(token) | {"cognito:groups": ["admins"]})
    return f"{head}.{base64.urlsafe_b64encode(other.encode()).decode().rstrip('=')}.{signature}"


@pytest.fixture(scope="module")
def pool(product: Product) -> str:
    return pool_of(product.tokens("admin", product.password)["id_token"])


@pytest.fixture(scope="module")
def sent(product: Product, pool: str) -> Sent:
    cognito = product.client("cognito-idp")
    cognito.admin_create_user(UserPoolId=pool, Username="none")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="none", Password=PASSWORD, Permanent=True
    )
    editor = made(product.manage("createuser", "ed", "--group", "editors"))
    analyst = made(product.manage("createuser", "ann", "--group", "analysts"))
    admin = product.tokens("admin", product.password)
    valid = admin["id_token"]
    none = product.tokens("none", PASSWORD)["id_token"]
    return {
        "no token": "",
        "garbage": "Bearer garbage",
        "unsigned": f"Bearer {jwt.encode(claims(valid), '', 'none')}",
        "tampered": f"Bearer {tampered(none)}",
        "expired": f"Bearer {aged(product, valid, 3700)}",
        "of another pool": f"Bearer {of_another_pool(product)}",
        "access token": f"Bearer {admin['access_token']}",
        "no role": f"Bearer {none}",
        "editors": f"Bearer {product.tokens('ed', editor)['id_token']}",
        "analysts": product.tokens("ann", analyst)["id_token"],  # the word Bearer may be missing
        "admins": f"Bearer {aged(product, valid, 3500)}",  # almost expired
    }


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_only_the_roles_of_a_rule_may(product: Product, sent: Sent, rule: Rule) -> None:
    for name, authorization in sent.items():
        headers = {"Authorization": authorization} if authorization else {}
        answer = product.request(rule.target, rule.method, **headers)
        if rule.roles is None or name in rule.roles:
            assert answer.status not in (401, 403), name
            assert answer.status < 500, name
        elif name in REFUSED | {"access token"}:
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), name
            assert answer.headers["access-control-allow-origin"] == "*"
        else:
            assert answer.status == 403, name
        if rule.roles is not None and name in REFUSED and rule.method != "HEAD":
            # By API Gateway, before any function ran.
            assert answer.json["detail"] == RESPONSES["UNAUTHORIZED"][1], name


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_preflight_needs_no_token(product: Product, rule: Rule) -> None:
    assert product.request(rule.target, "OPTIONS", Origin="https://a.example").status == 200


def test_nothing_tells_a_wrong_password_from_an_unknown_user(product: Product) -> None:
    found = [
        product.request("/-/token", "POST", {"username": name, "password": "Wrong-Horse-1"})
        for name in ("admin", "unknown")
    ]
    assert [answer.status for answer in found] == [401, 401]
    assert found[0].body == found[1].body
    ignored = {"date", "x-amzn-requestid", "x-amz-request-id"}
    told = [
        {name: answer.headers[name] for name in answer.headers if name not in ignored}
        for answer in found
    ]
    assert told[0] == told[1]


# ---- manage.py


def groups(product: Product, username: str, password: str) -> Any:
    """Those that a user who signs in is in."""
    return claims(product.tokens(username, password)["id_token"])["cognito:groups"]


def test_there_is_one_user_of_a_name(product: Product) -> None:
    first = made(product.manage("createsuperuser", "--username", "root"))
    for command in (["createsuperuser", "--username"], ["createuser", "--group", "editors"]):
        again = product.manage(*command, "root")
        assert again.returncode == 1
        assert "There is a user root already; nothing was changed." in again.stderr
    assert groups(product, "root", first) == ["admins"]


def test_a_user_whose_making_was_cut_off_is_finished(product: Product, pool: str) -> None:
    cognito = product.client("cognito-idp")
    cognito.admin_create_user(UserPoolId=pool, Username="half")
    cognito.admin_add_user_to_group(UserPoolId=pool, Username="half", GroupName="analysts")
    password = made(product.manage("createuser", "half", "--group", "editors"))
    assert groups(product, "half", password) == ["editors"]


def test_a_superuser_is_asked_for(product: Product) -> None:
    answered = product.manage("createsuperuser", input="asked\nGood-Horse-12\nGood-Horse-12\n")
    assert answered.returncode == 0, answered.stderr
    assert "Good-Horse-12" not in answered.stdout + answered.stderr
    assert groups(product, "asked", "Good-Horse-12") == ["admins"]


@pytest.mark.parametrize(
    ("answers", "code"), [("weak\nshort\nshort\n", 1), ("weak\nGood-Horse-12\nother\n", 130)]
)
def test_a_password_that_will_not_do_makes_nobody(
    product: Product, pool: str, answers: str, code: int
) -> None:
    result = product.manage("createsuperuser", input=answers)
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    found = product.client("cognito-idp").list_users(UserPoolId=pool)
    assert "weak" not in [user["Username"] for user in found["Users"]]
