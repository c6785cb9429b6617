"""Which of AWS's errors say nothing of the request, and pass."""

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

_THROTTLING = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_PASSING = _THROTTLING | {  # PynamoDB's errors have no status
    "InternalServerError",
    "RequestTimeout",
    "ServiceUnavailable",
    "TransactionInProgressException",
}
_SERVER_ERROR = 500


def throttled(error: BaseException) -> bool:
    """Whether what failed with `error`, PynamoDB's or botocore's, was in the end refused for load.

    It wasn't carried out, unless botocore's first try was, and only its answer lost.
    """
    cause = getattr(error, "cause", None) or error
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _THROTTLING


def passes(error: BaseException) -> bool:
    """Whether what failed with `error`, PynamoDB's or botocore's, may work if tried again later."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return cause.response["Error"]["Code"] in _PASSING or status >= _SERVER_ERROR
    return isinstance(cause, HTTPClientError | BotoConnectionError)
