"""Bad input gets AWS's error, loses nothing, and the server goes on."""
import http.client
import json

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/r"
PASS = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'


def raw(server, body, target="AWSStepFunctions.ListStateMachines"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/", body, {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"})
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 100_000, b"null", b"[]", b'"x"', b"{}" + b" " * 10, b'{"maxResults": "many"}'])
def test_malformed_bodies(server, body):
    status, answer = raw(server, body)
    assert status in (200, 400)
    assert status == 200 or answer["__type"]
    assert raw(server, b"{}")[0] == 200


def test_wrong_target(server):
    status, answer = raw(server, b"{}", "AWSStepFunctions.Nothing")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_body_over_a_megabyte(server):
    body = json.dumps({"name": "x", "definition": "y" * 1_100_000, "roleArn": ROLE}).encode()
    status, answer = raw(server, body, "AWSStepFunctions.CreateStateMachine")
    assert 400 <= status < 500 and answer["__type"]
    assert raw(server, b"{}")[0] == 200


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_names_and_inputs(server):
    client = server.client()
    machine = client.create_state_machine(name="pass", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    assert error_of(client.create_state_machine, name="a b", definition=PASS, roleArn=ROLE) == "InvalidName"
    assert error_of(client.create_state_machine, name="a\u0007b", definition=PASS, roleArn=ROLE) == "InvalidName"
    assert error_of(client.create_state_machine, name="x", definition="not json", roleArn=ROLE) == "InvalidDefinition"
    assert error_of(client.start_execution, stateMachineArn=machine, input="not json") == "InvalidExecutionInput"
    assert error_of(client.start_execution, stateMachineArn=machine, input='"' + "x" * 262_144 + '"') == "ValidationException"
    assert error_of(client.start_execution, stateMachineArn=machine + "x", input="{}") == "StateMachineDoesNotExist"
    assert error_of(client.send_task_success, taskToken="nonsense", output="{}") == "InvalidToken"
    assert error_of(client.get_execution_history, executionArn=machine.replace("stateMachine", "execution") + ":none") == "ExecutionDoesNotExist"


def test_endless_loop_ends_at_the_history_limit(server):
    from conftest import wait_end
    client = server.client()
    loop = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "C"}], "Default": "A"}, "C": {"Type": "Succeed"}}}'
    machine = client.create_state_machine(name="loop", definition=loop, roleArn=ROLE)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ended = wait_end(client, arn)
    assert ended["status"] == "FAILED"
    last = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"][0]
    assert (last["id"], last["type"]) == (25_000, "ExecutionFailed")
