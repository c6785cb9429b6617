"""Deploys a stage, by the same code to AWS and to the local cloud (stage "local")."""

import hashlib
import json
import re
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from infra import localapi, localcloud
from infra.errors import InfraError, NotDeployed
from infra.packaging import ROOT, Artefact, package

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef
    from mypy_boto3_cloudformation.waiter import (
        StackCreateCompleteWaiter,
        StackUpdateCompleteWaiter,
    )

LOCAL = "local"
_STAGE = "[a-z][a-z0-9-]{0,31}"
_ARTEFACTS_STACK = "popflix-artefacts"
_ARTEFACTS_TEMPLATE = ROOT / "infra" / "artefacts.yaml"


def deploy(
    stage: str, *, alarm_email: str | None = None, say: Callable[[str], object] = print
) -> dict[str, str]:
    """Deploy the source tree as `stage` and return the stack's outputs.

    `alarm_email` gets the alarms (None: as before); `say` is given a line on progress. Raises
    InfraError, with the reasons that CloudFormation gives, if it fails.
    """
    return _deploy(stage, package(stage), alarm_email, say)


def outputs(stage: str) -> dict[str, str]:
    """Return the outputs of the stage's stack: ApiUrl, CatalogueTable, GroupsTable, ReportsBucket …

    Raises NotDeployed if there is none.
    """
    found = _stack(client("cloudformation", stage), f"popflix-{stage}")
    if found is None:
        command = "make run" if stage == LOCAL else f"python manage.py deploy --stage {stage}"
        raise NotDeployed(f"Stage {stage} isn't deployed: `{command}` does that.")
    values = _outputs(found)
    if stage == LOCAL:
        values["ApiUrl"] = f"http://popflix.localhost:{localcloud.port()}/"
    return values


def environment(stage: str) -> dict[str, str]:
    """Return the variables under which chalicelib works on the stage from outside its functions.

    Raises NotDeployed if there is no such stage.
    """
    found = outputs(stage)
    return {
        **(localcloud.environment() if stage == LOCAL else {}),
        "CATALOGUE_TABLE": found["CatalogueTable"],
        "GROUPS_TABLE": found["GroupsTable"],
        "JOURNAL_TABLE": found["JournalTable"],
        "REPORTS_BUCKET": found["ReportsBucket"],
        "USER_POOL_CLIENT": found["UserPoolClientId"],
    }


def client(service: str, stage: str, config: Config | None = None) -> Any:
    """Return a boto3 client: of the running local cloud for stage "local", otherwise of AWS.

    Raises NotDeployed if the local cloud isn't running: "local" never means AWS.
    """
    if not re.fullmatch(_STAGE, stage) or f"popflix-{stage}" == _ARTEFACTS_STACK:
        raise InfraError(
            f"{stage!r} can't be a stage's name: take one of up to 32 lower-case letters, digits "
            "and hyphens that starts with a letter and isn't artefacts."
        )
    if stage != LOCAL:
        return boto3.client(service, config=config)  # type: ignore[call-overload]
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=localcloud.endpoint(),
        region_name=localcloud.REGION,
        aws_access_key_id=localcloud.KEY,
        aws_secret_access_key=localcloud.KEY,
        config=Config(s3={"addressing_style": "path"}).merge(config or Config()),
    )


def _deploy(
    stage: str, artefact: Artefact, alarm_email: str | None, say: Callable[[str], object]
) -> dict[str, str]:
    cloudformation = client("cloudformation", stage)
    s3 = client("s3", stage)
    pause = 1 if stage == LOCAL else 5
    artefacts = {"TemplateBody": _ARTEFACTS_TEMPLATE.read_text()}
    _apply(cloudformation, _ARTEFACTS_STACK, artefacts, pause=pause, parameters={}, known=())
    stack = _stack(cloudformation, _ARTEFACTS_STACK)
    assert stack is not None
    bucket = _outputs(stack)["Bucket"]

    code = artefact.archive.read_bytes()
    code_key = f"code/{hashlib.sha256(code).hexdigest()}.zip"
    s3.put_object(Bucket=bucket, Key=code_key, Body=code)
    for resource in artefact.template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{code_key}"
    template = json.dumps(artefact.template, separators=(",", ":")).encode()
    template_key = f"template/{hashlib.sha256(template).hexdigest()}.json"
    s3.put_object(Bucket=bucket, Key=template_key, Body=template)

    name = f"popflix-{stage}"
    parameters = {"Stage": stage}
    if alarm_email is not None:
        parameters["AlarmEmail"] = alarm_email
    url = f"{s3.meta.endpoint_url}/{bucket}/{template_key}"
    changed = _apply(
        cloudformation,
        name,
        {"TemplateURL": url, "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]},
        pause=pause,
        parameters=parameters,
        known=artefact.template["Parameters"],
    )
    say(f"Stage {stage} is deployed." if changed else f"Stage {stage} is up to date.")
    found = outputs(stage)
    if stage == LOCAL:
        definition = artefact.template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
        localapi.complete(client("apigateway", stage), found["RestAPIId"], definition)
    return found


def _apply(
    cloudformation: "CloudFormationClient",
    name: str,
    arguments: dict[str, Any],
    *,
    pause: int,
    parameters: Mapping[str, str],
    known: Container[str],
) -> bool:
    """Create or update a stack, look every `pause` seconds; returns whether anything changed.

    Of the `known` parameters, those that the template has, the ones not given stay as they are.
    """
    stack = _stack(cloudformation, name)
    values = [_parameter(key, value) for key, value in parameters.items()]
    waiter: StackCreateCompleteWaiter | StackUpdateCompleteWaiter
    if stack is None:
        cloudformation.create_stack(StackName=name, Parameters=values, **arguments)
        waiter = cloudformation.get_waiter("stack_create_complete")
    else:
        if stack["StackStatus"] in _STUCK:
            raise InfraError(
                f"Stack {name} is {stack['StackStatus']} and can't be updated: delete it "
                f"(aws cloudformation delete-stack --stack-name {name}) and deploy again. Tables "
                "and buckets that it left behind hold nothing if it was never deployed."
            )
        # Without this they would go back to their defaults.
        kept = {entry["ParameterKey"] for entry in stack.get("Parameters", [])} - parameters.keys()
        values += [{"ParameterKey": key, "UsePreviousValue": True} for key in kept if key in known]
        try:
            cloudformation.update_stack(StackName=name, Parameters=values, **arguments)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        waiter = cloudformation.get_waiter("stack_update_complete")
    try:
        waiter.wait(StackName=name, WaiterConfig={"Delay": pause, "MaxAttempts": 3600 // pause})
    except WaiterError as error:
        reasons = _reasons(cloudformation, name)
        raise InfraError(f"Stack {name} could not be deployed: {reasons}") from error
    return True


def _parameter(key: str, value: str) -> "ParameterTypeDef":
    return {"ParameterKey": key, "ParameterValue": value}


def _stack(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _outputs(stack: "StackTypeDef") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _reasons(cloudformation: "CloudFormationClient", name: str) -> str:
    """Return why the stack's last operation failed: its failed resources, the first one first."""
    reasons: list[str] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            status = event.get("ResourceStatus", "")
            if status.endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "no reason given")
                reasons.insert(0, f"{event['LogicalResourceId']}: {reason}")
            # Events come newest first: this one began the operation.
            if event["LogicalResourceId"] == name and status in _BEGINNINGS:
                return "; ".join(reasons) or "no resource says why"
    return "; ".join(reasons) or "no resource says why"


# What a failed first deployment, or a failed deletion, leaves: CloudFormation takes no update.
_STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
