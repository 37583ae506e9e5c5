"""boto3, unmodified, tests single states: mocked, and with real functions; with the host prefix `sync-` and without."""
import http.client
import json
import socket

import boto3
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/r"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:order-processing"
TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "price", "Payload.$": "$.order"},
        "ResultSelector": {"cents.$": "$.Payload.cents"}, "ResultPath": "$.price", "Next": "Pay"}
RESULT = {"StatusCode": 200, "Payload": {"cents": 250}}


def mocked(client, **more):
    return client.test_state(definition=json.dumps(TASK), input='{"order": 1}', mock={"result": json.dumps(RESULT)}, **more)


def test_a_mock_stands_in_for_the_function(server):
    answer = mocked(server.client(), inspectionLevel="DEBUG")
    assert (answer["status"], answer["nextState"], json.loads(answer["output"])) == ("SUCCEEDED", "Pay", {"order": 1, "price": {"cents": 250}})
    seen = {name: json.loads(text) for name, text in answer["inspectionData"].items()}
    assert seen["afterParameters"] == {"FunctionName": "price", "Payload": 1}
    assert (seen["result"], seen["afterResultSelector"]) == (RESULT, {"cents": 250})


def test_errors_are_the_model_s(server):
    client = server.client()
    with pytest.raises(client.exceptions.ValidationException, match="Field 'StatusCode' must be a number"):
        client.test_state(definition=json.dumps(TASK), mock={"result": '{"StatusCode": "200"}'})
    with pytest.raises(client.exceptions.InvalidDefinition, match="does not support Map or Parallel states"):
        branch = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
        client.test_state(definition=json.dumps({"Type": "Parallel", "Branches": [branch], "End": True}))
    with pytest.raises(ClientError, match="RoleArn must be specified when testing a Task state"):
        client.test_state(definition=json.dumps(TASK))


def test_the_host_prefix_is_no_hindrance(server, monkeypatch):
    lookup = socket.getaddrinfo
    asked = []

    def resolve(host, *arguments, **keywords):
        asked.append(host)
        return lookup("127.0.0.1" if host == "sync-localhost" else host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    client = boto3.client("stepfunctions", endpoint_url=f"http://localhost:{server.port}", region_name="us-east-1",
                          aws_access_key_id="test", aws_secret_access_key="test")
    assert mocked(client)["status"] == "SUCCEEDED"
    assert "sync-localhost" in asked


def test_any_host_is_accepted(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Host": "sync-states.us-east-1.amazonaws.com", "X-Amz-Target": "AWSStepFunctions.TestState", "Content-Type": "application/x-amz-json-1.0"}
    connection.request("POST", "/", json.dumps({"definition": '{"Type": "Succeed"}', "input": "[1]"}), headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, {"status": "SUCCEEDED", "output": "[1]"})


def test_without_a_mock_the_function_runs(order_server):
    client = order_server.client()
    definition = client.describe_state_machine(stateMachineArn=MACHINE)["definition"]
    inputs = order_server.folder / "inputs"

    def validate(name):
        return client.test_state(definition=definition, stateName="ValidateOrder", roleArn=ROLE, inspectionLevel="DEBUG",
                                 input=(inputs / f"{name}.json").read_text())

    good = validate("completed")
    assert (good["status"], good["nextState"]) == ("SUCCEEDED", "CheckInventory"), good
    assert "totalCents" in json.loads(good["inspectionData"]["result"])
    bad = validate("rejected")
    assert (bad["status"], bad["nextState"], bad["error"]) == ("CAUGHT_ERROR", "OrderRejected", "ValidationError"), bad
    assert client.list_executions(stateMachineArn=MACHINE)["executions"] == []
