"""What the environment says; the only module that reads it.

Every name has a default so that `app.py` can be imported without a stack: Chalice does so to
find its routes. The stack sets the real values, on AWS and on the local cloud alike.
"""

import os

CATALOGUE_TABLE = os.environ.get("CATALOGUE_TABLE", "catalogue")
GROUPS_TABLE = os.environ.get("GROUPS_TABLE", "groups")
JOURNAL_TABLE = os.environ.get("JOURNAL_TABLE", "journal")
REPORTS_BUCKET = os.environ.get("REPORTS_BUCKET", "reports")
USER_POOL_CLIENT = os.environ.get("USER_POOL_CLIENT", "client")

# How often a throttled or failed request to DynamoDB or S3 is tried again. A reader waits for the
# answer, the report has minutes, so the stack gives the report more.
RETRIES = int(os.environ.get("RETRIES", "3"))

# API Gateway hands a greedy path over percent-encoded, other gateways decode it. Only one of the
# two may decode, or `%2561` would name what `%61` names.
GATEWAY_DECODES_PATHS = os.environ.get("GATEWAY_DECODES_PATHS") == "true"
