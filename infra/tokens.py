"""Verifies users' tokens as API Gateway's authorizer does, against the local cloud's user pool."""

from functools import cache
from typing import Any

import jwt

from infra import deploying, localcloud

_CLAIM = {True: "true", False: "false"}


def claims(token: str) -> dict[str, str] | None:
    """Return what an ID token of the local stage's pool says, or None if it isn't a valid one.

    Raises NotDeployed if the local cloud isn't running.
    """
    keys, pool, client = _pool()
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["RS256"],
            audience=client,
            issuer=f"https://cognito-idp.{localcloud.REGION}.amazonaws.com/{pool}",
            options={"require": ["exp", "iat", "iss", "aud"]},
        )
    except jwt.PyJWTError:
        return None
    return {name: _text(value) for name, value in found.items()}


@cache
def _pool() -> tuple[jwt.PyJWKClient, str, str]:
    found = deploying.outputs(deploying.LOCAL)
    pool = found["UserPoolId"]
    keys = jwt.PyJWKClient(f"{localcloud.endpoint()}/{pool}/.well-known/jwks.json")
    return keys, pool, found["UserPoolClientId"]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return _CLAIM[value] if isinstance(value, bool) else str(value)
