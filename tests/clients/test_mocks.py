"""Mock configurations of Step Functions Local, with unmodified clients."""
import json
import subprocess

import pytest

from conftest import ROOT, wait_end

ROLE = "arn:aws:iam::123456789012:role/r"
DEFINITION = {"StartAt": "Charge", "States": {
    "Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "charge", "Payload.$": "$"},
               "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}], "OutputPath": "$.Payload", "Next": "Tell"},
    "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "t", "Message.$": "$"}, "End": True}}}
MOCKS = {
    "StateMachines": {"order": {"TestCases": {"Paid": {"Charge": "BusyThenPaid", "Tell": "Told"}}}},
    "MockedResponses": {
        "BusyThenPaid": {"0": {"Throw": {"Error": "Busy", "Cause": "later"}}, "1": {"Return": {"StatusCode": 200, "Payload": {"paid": True}}}},
        "Told": {"0": {"Return": {"MessageId": "m-1"}}}}}


def test_a_test_case_runs_by_its_arn(server):
    (server.folder / "MockConfigFile.json").write_text(json.dumps(MOCKS))
    server.stop()
    server.start()
    client = server.client()
    machine = client.create_state_machine(name="order", definition=json.dumps(DEFINITION), roleArn=ROLE)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=f"{machine}#Paid")["executionArn"]
    ended = wait_end(client, arn)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"MessageId": "m-1"})
    assert ended["stateMachineArn"] == machine
    types = [event["type"] for event in client.get_execution_history(executionArn=arn)["events"]]
    assert types.count("TaskScheduled") == 3 and types.count("TaskFailed") == 1
    answer = server.aws("stepfunctions", "start-execution", "--state-machine-arn", f"{machine}#Paid")
    assert wait_end(client, answer["executionArn"])["status"] == "SUCCEEDED"
    with pytest.raises(client.exceptions.ValidationException, match="has no test case 'Other'.*Paid"):
        client.start_execution(stateMachineArn=f"{machine}#Other")


def test_a_test_case_survives_a_kill(server):
    mocks = server.folder / "MockConfigFile.json"
    mocks.write_text(json.dumps(MOCKS))
    server.stop()
    server.start()
    definition = json.loads(json.dumps(DEFINITION))
    definition["States"]["Charge"]["Retry"][0]["IntervalSeconds"] = 2
    client = server.client()
    machine = client.create_state_machine(name="order", definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    arns = [client.start_execution(stateMachineArn=f"{machine}#Paid")["executionArn"] for _ in range(20)]
    server.kill()
    mocks.unlink()
    server.start()
    client = server.client()
    for arn in arns:
        assert json.loads(wait_end(client, arn)["output"]) == {"MessageId": "m-1"}
        types = [event["type"] for event in client.get_execution_history(executionArn=arn)["events"]]
        assert (types.count("TaskScheduled"), types.count("TaskFailed"), types.count("TaskSucceeded")) == (3, 1, 2)


def test_a_test_case_runs_without_a_server(binary, tmp_path):
    (tmp_path / "order.asl.json").write_text(json.dumps(DEFINITION))
    (tmp_path / "MockConfigFile.json").write_text(json.dumps(MOCKS))
    run = [binary, "run", str(tmp_path / "order.asl.json"), "--quiet", "--test-case"]
    done = subprocess.run([*run, "Paid"], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"MessageId": "m-1"})
    done = subprocess.run([*run, "Other"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "has no test case 'Other'" in done.stderr
