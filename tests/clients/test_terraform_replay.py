"""The calls of Terraform's AWS provider (`endpoints { sfn, sts }`), resource by resource and in its order; and those of Airflow and VS Code."""
import json
import re
import time
from datetime import datetime, timezone

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import wait_end

ROLE = "arn:aws:iam::123456789012:role/r"
ARN = "arn:aws:states:us-east-1:123456789012"
# Odd spacing on purpose: Terraform compares definitions byte for byte.
DEFINITION = '{\n  "StartAt" : "A",\n\t"States": {"A": {"Type": "Pass", "End": true} }\n}\n'
CHANGED = DEFINITION.replace('"Pass"', '"Succeed"').replace(', "End": true', "")
OFF = {"level": "OFF", "includeExecutionData": False}


@pytest.fixture
def sfn(server):
    return server.client()


def poll(describe, done, seconds=60):
    """The provider's way of waiting for a state: it describes until that is seen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = describe()
        if done(seen):
            return seen
        time.sleep(0.1)
    raise AssertionError(f"not seen within {seconds} s, last: {seen}")


def code(call, **arguments):
    """The error code of a call that must be refused."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"]


def plan(sfn, definition, kind="STANDARD"):
    return sfn.validate_state_machine_definition(definition=definition, type=kind)


def create(sfn, name="tf", definition=DEFINITION, **more):
    return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE, type="STANDARD", loggingConfiguration=OFF,
                                    tracingConfiguration={"enabled": False}, **more)


def read(sfn, arn):
    """What a refresh asks for: the description, the newest version, the tags."""
    machine = sfn.describe_state_machine(stateMachineArn=arn)
    versions = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    tags = sfn.list_tags_for_resource(resourceArn=arn)["tags"]
    machine.pop("ResponseMetadata")
    return machine, versions[0]["stateMachineVersionArn"] if versions else None, {tag["key"]: tag["value"] for tag in tags}


def delete(sfn, arn):
    sfn.delete_state_machine(stateMachineArn=arn)

    def status():
        try:
            return sfn.describe_state_machine(stateMachineArn=arn)["status"]
        except sfn.exceptions.StateMachineDoesNotExist:
            return None
    seen = set()
    poll(status, lambda now: seen.add(now) or now is None)
    assert seen <= {"ACTIVE", "DELETING", None}


def test_provider_start(server):
    sts = boto3.client("sts", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    identity = sts.get_caller_identity()
    assert identity["Account"] == "123456789012" and identity["UserId"]
    assert re.fullmatch(r"arn:aws:(iam|sts)::123456789012:.+", identity["Arn"])
    # An access key of 12 digits is the account, in STS as in the ARNs of what is created.
    keys = {"endpoint_url": server.url, "region_name": "eu-west-1", "aws_access_key_id": "210987654321", "aws_secret_access_key": "test"}
    assert boto3.client("sts", **keys).get_caller_identity()["Account"] == "210987654321"
    created = boto3.client("stepfunctions", **keys).create_activity(name="a")["activityArn"]
    assert created == "arn:aws:states:eu-west-1:210987654321:activity:a"


def test_plan_tells_what_is_wrong(sfn):
    assert (plan(sfn, DEFINITION)["result"], plan(sfn, DEFINITION)["diagnostics"]) == ("OK", [])
    wrong = plan(sfn, DEFINITION.replace('"StartAt" : "A"', '"StartAt" : "B"'))
    assert wrong["result"] == "FAIL"
    assert all(found["severity"] in ("ERROR", "WARNING") and found["code"] and found["message"] for found in wrong["diagnostics"])
    assert "ERROR" in {found["severity"] for found in wrong["diagnostics"]}
    assert plan(sfn, DEFINITION, "EXPRESS")["result"] == "OK"


def test_state_machine(sfn):
    plan(sfn, DEFINITION)
    created = create(sfn, tags=[{"key": "team", "value": "orders"}])
    arn = created["stateMachineArn"]
    assert arn == f"{ARN}:stateMachine:tf" and "stateMachineVersionArn" not in created
    machine, version, tags = read(sfn, arn)
    assert (machine["definition"], version, tags, machine["status"]) == (DEFINITION, None, {"team": "orders"}, "ACTIVE")
    assert (machine["name"], machine["roleArn"], machine["type"], machine["creationDate"]) == ("tf", ROLE, "STANDARD", created["creationDate"])
    assert (machine["loggingConfiguration"], machine["tracingConfiguration"]) == (OFF, {"enabled": False})
    # A refresh without a change must show no difference, and a retried create must do nothing.
    again = create(sfn, tags=[{"key": "team", "value": "orders"}])
    assert (again["stateMachineArn"], again["creationDate"]) == (arn, created["creationDate"])
    assert read(sfn, arn) == (machine, version, tags)
    assert code(create, sfn=sfn, definition=CHANGED) == "StateMachineAlreadyExists"
    delete(sfn, arn)
    assert create(sfn, definition=CHANGED)["stateMachineArn"] == arn, "the name is free again"


def test_update_and_publish(sfn):
    first = create(sfn, publish=True, versionDescription="first")
    arn = first["stateMachineArn"]
    assert first["stateMachineVersionArn"] == f"{arn}:1"
    before, version, _ = read(sfn, arn)
    assert version == f"{arn}:1"

    plan(sfn, CHANGED)
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [
        {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/tf:*"}}]}
    updated = sfn.update_state_machine(stateMachineArn=arn, definition=CHANGED, roleArn=ROLE + "2", loggingConfiguration=logging,
                                       tracingConfiguration={"enabled": True}, publish=True, versionDescription="second")
    assert updated["stateMachineVersionArn"] == f"{arn}:2" and updated["revisionId"] != before.get("revisionId")
    wanted = {"definition": CHANGED, "roleArn": ROLE + "2", "loggingConfiguration": logging, "tracingConfiguration": {"enabled": True}}
    poll(lambda: sfn.describe_state_machine(stateMachineArn=arn), lambda seen: wanted.items() <= seen.items())
    sfn.untag_resource(resourceArn=arn, tagKeys=["gone"])
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "prod"}, {"key": "team", "value": "a"}])
    sfn.untag_resource(resourceArn=arn, tagKeys=["team"])
    machine, version, tags = read(sfn, arn)
    assert (version, tags, machine["revisionId"]) == (f"{arn}:2", {"stage": "prod"}, updated["revisionId"])
    assert machine["creationDate"] == before["creationDate"]
    # Versions keep what they were made of.
    old = sfn.describe_state_machine(stateMachineArn=f"{arn}:1")
    assert (old["definition"], old["roleArn"], old["description"]) == (DEFINITION, ROLE, "first")
    delete(sfn, arn)


def test_delete_does_not_wait_for_what_runs(sfn):
    waits = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
    arn = create(sfn, definition=waits)["stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    started = time.monotonic()
    delete(sfn, arn)
    assert time.monotonic() - started < 60
    assert execution.startswith(f"{ARN}:execution:tf:")


def test_alias(sfn):
    arn = create(sfn, publish=True)["stateMachineArn"]
    sfn.update_state_machine(stateMachineArn=arn, definition=CHANGED, roleArn=ROLE, publish=True)
    one, two = f"{arn}:1", f"{arn}:2"
    alias = sfn.create_state_machine_alias(name="live", description="d", routingConfiguration=[
        {"stateMachineVersionArn": one, "weight": 50}, {"stateMachineVersionArn": two, "weight": 50}])["stateMachineAliasArn"]
    seen = sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert (alias, seen["stateMachineAliasArn"], seen["name"], seen["description"]) == (f"{arn}:live", alias, "live", "d")
    assert seen["routingConfiguration"] == [{"stateMachineVersionArn": one, "weight": 50}, {"stateMachineVersionArn": two, "weight": 50}]
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, description="d", routingConfiguration=[{"stateMachineVersionArn": two, "weight": 100}])
    now = sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert now["routingConfiguration"] == [{"stateMachineVersionArn": two, "weight": 100}] and now["updateDate"] >= seen["updateDate"]
    assert [found["stateMachineAliasArn"] for found in sfn.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]] == [alias]
    assert code(sfn.delete_state_machine_version, stateMachineVersionArn=two) == "ConflictException"
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert code(sfn.describe_state_machine_alias, stateMachineAliasArn=alias) == "ResourceNotFound"
    delete(sfn, arn)


def test_activity(sfn):
    arn = sfn.create_activity(name="act", tags=[{"key": "team", "value": "orders"}])["activityArn"]
    seen = sfn.describe_activity(activityArn=arn)
    assert (arn, seen["name"]) == (f"{ARN}:activity:act", "act") and isinstance(seen["creationDate"], datetime)
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "orders"}]
    sfn.untag_resource(resourceArn=arn, tagKeys=["team"])
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "prod"}])
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": "prod"}]
    sfn.delete_activity(activityArn=arn)
    assert code(sfn.describe_activity, activityArn=arn) == "ActivityDoesNotExist"
    assert sfn.delete_activity(activityArn=arn)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_data_sources(sfn):
    arns = {create(sfn, name=f"tf-{number}", publish=True)["stateMachineArn"] for number in range(5)}
    sfn.create_activity(name="act")
    pages = sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    listed = [machine for page in pages for machine in page["stateMachines"]]
    assert len(listed) == 5 and {machine["stateMachineArn"] for machine in listed} == arns
    assert [machine["stateMachineArn"] for machine in listed if machine["name"] == "tf-3"] == [f"{ARN}:stateMachine:tf-3"]
    assert [activity["name"] for activity in sfn.list_activities()["activities"]] == ["act"]
    versions = sfn.list_state_machine_versions(stateMachineArn=f"{ARN}:stateMachine:tf-3")["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in versions] == [f"{ARN}:stateMachine:tf-3:1"]


def test_airflow_operators(sfn):
    """Airflow starts by name, polls DescribeExecution, and builds the ARN of what it redrives from the names."""
    machine = create(sfn, definition='{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}}')["stateMachineArn"]
    name = f"airflow-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}"
    execution = sfn.start_execution(stateMachineArn=machine, name=name, input="{}")["executionArn"]
    built = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    assert execution == built
    assert wait_end(sfn, built)["status"] == "FAILED"
    assert isinstance(sfn.redrive_execution(executionArn=built)["redriveDate"], datetime)
    ended = wait_end(sfn, built)
    assert (ended["status"], ended["redriveCount"], ended["error"], ended["cause"]) == ("FAILED", 1, "E", "c")


def test_vs_code_toolkit(sfn):
    """The toolkit lists, downloads, publishes a local file over what is there, starts, and tests single states."""
    machine = create(sfn)["stateMachineArn"]
    found = [each for page in sfn.get_paginator("list_state_machines").paginate() for each in page["stateMachines"]]
    assert [(each["name"], each["type"]) for each in found] == [("tf", "STANDARD")]
    assert sfn.describe_state_machine(stateMachineArn=found[0]["stateMachineArn"])["definition"] == DEFINITION
    sfn.update_state_machine(stateMachineArn=machine, definition=CHANGED, roleArn=ROLE)
    execution = sfn.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    assert wait_end(sfn, execution)["output"] == '{"a": 1}'
    tested = sfn.test_state(definition='{"Type": "Succeed"}', roleArn=ROLE, input='{"a": 1}', inspectionLevel="TRACE")
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", '{"a": 1}')
