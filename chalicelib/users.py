"""Who may: signing in, and the groups that a token names. The users are Cognito's."""

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib import settings
from chalicelib.errors import Forbidden, Unauthorized

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

EDITORS = frozenset({"admins", "editors"})  # who may change the catalogue, and see all of it
ANALYSTS = frozenset({"admins", "analysts"})  # who may read the reports

_NOT_WHO_THEY_SAY = {
    "InvalidParameterException",  # of texts that Cognito lets nobody be called
    "NotAuthorizedException",
    "PasswordResetRequiredException",
    "UserNotConfirmedException",
    "UserNotFoundException",
}


def sign_in(username: str, password: str) -> dict[str, Any]:
    """The tokens of the user of that name.

    Raises Unauthorized, the same whatever doesn't fit, so that nobody learns who there is, and
    Forbidden if the password is one that has to be changed first.
    """
    try:
        answer = _cognito().initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=settings.USER_POOL_CLIENT,
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_WHO_THEY_SAY:
            raise
        raise Unauthorized("The username and password don't fit.") from None
    if "AuthenticationResult" not in answer:  # but a challenge
        raise Forbidden("The password is a temporary one: an administrator has to set another.")
    result = answer["AuthenticationResult"]
    return {
        "id_token": result["IdToken"],
        "access_token": result["AccessToken"],
        "refresh_token": result["RefreshToken"],
        "expires_in": result["ExpiresIn"],
        "token_type": result["TokenType"],
    }


def check(claims: Mapping[str, Any], allow: frozenset[str]) -> None:
    """Raises Unauthorized unless the claims are of an ID token, Forbidden unless in a role of it.

    The claims are those that API Gateway has verified; {} if there were none.
    """
    # Access tokens are for Cognito itself; AWS's authorizer refuses them, the local cloud's not.
    if claims.get("token_use") != "id":
        raise Unauthorized("This takes the id_token that POST /-/token gives, in Authorization.")
    if not roles(claims) & allow:
        raise Forbidden(f"Only {' and '.join(sorted(allow))} may do this.")


def roles(claims: Mapping[str, Any]) -> set[str]:
    """The groups that the claims name.

    A token has a list. API Gateway makes `admins,editors` of it, the local cloud's
    `[admins editors]`.
    """
    groups = claims.get("cognito:groups", [])
    names = re.split(r"[][,\s]+", groups) if isinstance(groups, str) else groups
    return set(filter(None, names))


@cache
def _cognito() -> "CognitoIdentityProviderClient":
    # Only for InitiateAuth, which takes no signature: the function's role needs no policy for it.
    return boto3.client(
        "cognito-idp",
        config=Config(
            connect_timeout=2,
            read_timeout=5,
            retries={"mode": "standard", "max_attempts": settings.RETRIES + 1},
        ),
    )
