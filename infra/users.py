"""Makes the users of a stage: only who has its AWS credentials can, as nobody signs up."""

import secrets
from typing import TYPE_CHECKING

from infra.deploying import client, outputs
from infra.errors import InfraError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

ADMINS = "admins"
GROUPS = ("editors", "analysts", ADMINS)
_UNFINISHED = "FORCE_CHANGE_PASSWORD"


def password() -> str:
    """Return a new password that the pool's policy takes, 144 random bits."""
    while True:
        found = secrets.token_urlsafe(18)
        if all(any(map(kind, found)) for kind in (str.islower, str.isupper, str.isdigit)):
            return found


def create(stage: str, username: str, password: str, group: str) -> None:
    """Make a user in `group`, of GROUPS, or finish making one where that was cut off.

    Raises InfraError, and changes nothing, if there is one of that name; botocore's ClientError if
    Cognito takes no such name or password.
    """
    cognito: CognitoIdentityProviderClient = client("cognito-idp", stage)
    pool = outputs(stage)["UserPoolId"]
    try:
        # The password is checked here, before there is a user; it is a temporary one as yet.
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=username,
            TemporaryPassword=password,
            MessageAction="SUPPRESS",
        )
    except cognito.exceptions.UsernameExistsException:
        found = cognito.admin_get_user(UserPoolId=pool, Username=username)
        if found["UserStatus"] != _UNFINISHED:
            raise InfraError(f"There is a user {username} already; nothing was changed.") from None
        for other in set(GROUPS) - {group}:
            cognito.admin_remove_user_from_group(
                UserPoolId=pool, Username=username, GroupName=other
            )
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName=group)
    # Last, for whoever has such a password is finished and can sign in.
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=username, Password=password, Permanent=True
    )


def has_admin(stage: str) -> bool:
    """Return whether any admin of the stage can sign in."""
    cognito: CognitoIdentityProviderClient = client("cognito-idp", stage)
    pages = cognito.get_paginator("list_users_in_group").paginate(
        UserPoolId=outputs(stage)["UserPoolId"], GroupName=ADMINS
    )
    return any(user["UserStatus"] != _UNFINISHED for page in pages for user in page["Users"])
