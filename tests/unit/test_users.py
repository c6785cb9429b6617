"""What a token's claims allow."""

from typing import Any

import pytest

from chalicelib.errors import Forbidden, Unauthorized
from chalicelib.users import ANALYSTS, EDITORS, check, roles


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["admins", "editors"], {"admins", "editors"}),
        ("admins,editors", {"admins", "editors"}),
        ("[admins editors]", {"admins", "editors"}),
        ("[admins, editors]", {"admins", "editors"}),
        ("admins", {"admins"}),
        ("[admins]", {"admins"}),
        ("", set()),
        ("[]", set()),
        ([], set()),
        ("non-admins", {"non-admins"}),
    ],
)
def test_groups_are_read_however_they_come(groups: object, expected: set[str]) -> None:
    assert roles({"cognito:groups": groups}) == expected


def test_no_groups_are_no_roles() -> None:
    assert roles({}) == set()


@pytest.mark.parametrize("allow", [EDITORS, ANALYSTS])
def test_admins_may(allow: frozenset[str]) -> None:
    check({"token_use": "id", "cognito:groups": "admins"}, allow)


@pytest.mark.parametrize("claims", [{}, {"token_use": "access"}, {"token_use": None}])
def test_only_id_tokens_count(claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized, match="id_token"):
        check({"cognito:groups": "admins"} | claims, EDITORS)


@pytest.mark.parametrize("groups", ["", "analysts", "editorsx", "admin"])
def test_another_role_is_none(groups: str) -> None:
    with pytest.raises(Forbidden, match="admins and editors"):
        check({"token_use": "id", "cognito:groups": groups}, EDITORS)
