"""State machines of the type EXPRESS, through boto3 and the aws CLI."""
import json

import pytest

ROLE = "arn:aws:iam::123456789012:role/r"
PASS = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": {"done": True}, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}}


def create(client, name, definition):
    return client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, type="EXPRESS")["stateMachineArn"]


def test_boto3_waits_for_the_end(server):
    # boto3 puts "sync-" before the host of this operation; `inject_host_prefix=False` of the client's Config leaves it as it is.
    client = server.client()
    ended = client.start_sync_execution(stateMachineArn=create(client, "quick", PASS), name="e", input='{"a": 1}')
    assert (ended["status"], json.loads(ended["output"]), json.loads(ended["input"])) == ("SUCCEEDED", {"done": True}, {"a": 1})
    assert ended["executionArn"].startswith("arn:aws:states:us-east-1:123456789012:express:quick:e:")
    assert ended["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}
    failed = client.start_sync_execution(stateMachineArn=create(client, "fails", FAIL))
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "E", "c")


def test_what_is_started_is_not_described(server):
    client = server.client()
    machine = create(client, "quick", PASS)
    arns = {client.start_execution(stateMachineArn=machine, name="e")["executionArn"] for _ in range(3)}
    assert len(arns) == 3
    with pytest.raises(client.exceptions.InvalidArn):
        client.describe_execution(executionArn=arns.pop())
    with pytest.raises(client.exceptions.ClientError, match="StateMachineTypeNotSupported"):
        client.list_executions(stateMachineArn=machine)


def test_a_restart_ends_what_was_started(server):
    client = server.client()
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": True}}}
    machine = create(client, "waits", waits)
    for number in range(20):
        client.start_execution(stateMachineArn=machine, name=f"e-{number}")
    server.kill()
    server.start()
    eventually(lambda: figure(server, "baton_executions_total{", 'status="SUCCEEDED"') == 20)
    assert figure(server, "baton_express_open ", "") == 0


def figure(server, name, label):
    import urllib.request
    text = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name) and label in line)


def eventually(condition, seconds=30):
    import time
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.1)


def test_the_aws_cli_waits_for_the_end(server, monkeypatch):
    machine = create(server.client(), "quick", PASS)
    # What `inject_host_prefix=False` is to boto3, this variable is to the CLI.
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    ended = server.aws("stepfunctions", "start-sync-execution", "--state-machine-arn", machine)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"done": True})
