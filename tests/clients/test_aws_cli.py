"""The aws CLI, unmodified, drives the order workflow as the README shows."""
import json
from pathlib import Path

ORDER = Path(__file__).resolve().parents[2] / "examples/order-processing"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:order-processing"


def test_start_wait_and_history(order_server):
    started = order_server.aws("stepfunctions", "start-execution", "--state-machine-arn", MACHINE, "--name", "o-1",
                               "--input", f"file://{ORDER}/inputs/completed.json")
    arn = started["executionArn"]
    from conftest import wait_end
    ended = wait_end(order_server.client(), arn)
    assert ended["status"] == "SUCCEEDED", ended
    events = order_server.aws("stepfunctions", "get-execution-history", "--execution-arn", arn)["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "ExecutionStarted" and events[-1]["type"] == "ExecutionSucceeded"
    described = order_server.aws("stepfunctions", "describe-execution", "--execution-arn", arn)
    assert json.loads(described["output"]) == json.loads(ended["output"])
    listed = order_server.aws("stepfunctions", "list-executions", "--state-machine-arn", MACHINE)["executions"]
    assert [execution["name"] for execution in listed] == ["o-1"]


def test_create_describe_delete(server):
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Pass",   "End": true}}}'
    created = server.aws("stepfunctions", "create-state-machine", "--name", "mine", "--definition", definition, "--role-arn", "arn:aws:iam::123456789012:role/r")
    described = server.aws("stepfunctions", "describe-state-machine", "--state-machine-arn", created["stateMachineArn"])
    assert described["definition"] == definition
    server.aws("stepfunctions", "delete-state-machine", "--state-machine-arn", created["stateMachineArn"])
    assert server.aws("stepfunctions", "list-state-machines")["stateMachines"] == []


def test_caller_identity(server):
    assert server.aws("sts", "get-caller-identity")["Account"] == "123456789012"
