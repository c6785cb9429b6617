"""Puts back what the local cloud leaves out when it imports the API's definition.

It drops the responses of mock integrations (the CORS preflight's headers are there) and the
gateway responses. AWS imports both.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

_INTEGRATION = "x-amazon-apigateway-integration"


def complete(apigateway: "APIGatewayClient", api: str, definition: dict[str, Any]) -> None:
    """Put what `definition` says into the imported REST API with the id `api`, and deploy it."""
    resources = apigateway.get_resources(restApiId=api, limit=500)["items"]
    ids = {resource["path"]: resource["id"] for resource in resources}
    for path, operations in definition["paths"].items():
        response = operations["options"][_INTEGRATION]["responses"]["default"]
        apigateway.put_integration_response(
            restApiId=api,
            resourceId=ids[path],
            httpMethod="OPTIONS",
            statusCode=response["statusCode"],
            responseParameters=response["responseParameters"],
        )
    for kind, response in definition["x-amazon-apigateway-gateway-responses"].items():
        apigateway.put_gateway_response(restApiId=api, responseType=kind, **response)
    for stage in apigateway.get_stages(restApiId=api)["item"]:
        apigateway.create_deployment(restApiId=api, stageName=stage["stageName"])
