"""RedriveExecution through unmodified boto3: a failed execution goes on where it ended, also over a kill -9."""
import json
import time

import pytest
from botocore.exceptions import ClientError
from conftest import wait_end

ROLE = "arn:aws:iam::123456789012:role/r"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Work"
TASK = {"Type": "Task", "Resource": FUNCTION, "End": True}


def work(**parameters):
    return {**TASK, "Parameters": {**parameters, "redrives.$": "$$.Execution.RedriveCount"}}


BRANCHES = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel", "End": True,
            "Branches": [
                {"StartAt": "Left", "States": {"Left": work(item="left")}},
                {"StartAt": "Pause", "States": {"Pause": {"Type": "Wait", "Seconds": 2, "Next": "Each"}, "Each": {
                    "Type": "Map", "ItemsPath": "$.items", "End": True, "MaxConcurrency": 1,
                    "ItemProcessor": {"StartAt": "Item", "States": {"Item": work(**{"item.$": "$"})}}}}},
            ]}}}


def create(client, definition, name="redriven"):
    return client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]


def history(client, arn):
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1)), "ids have no gaps"
    assert all(event["previousEventId"] < event["id"] for event in events)
    return events


def test_only_what_failed_runs_again_over_a_kill(worker):
    worker.fails_for(2)
    client = worker.client()
    machine = create(client, BRANCHES)
    arn = client.start_execution(stateMachineArn=machine, input=json.dumps({"items": [1, 2, 3]}))["executionArn"]
    failed = wait_end(client, arn)
    assert (failed["status"], failed["error"], failed["redriveCount"], failed["redriveStatus"]) == ("FAILED", "ValueError", 0, "REDRIVABLE")
    assert "redriveDate" not in failed and "redriveStatusReason" not in failed
    before = history(client, arn)

    # Its end is in the key-value side by then, or only in the log: both must do.
    time.sleep(3)
    worker.kill()
    worker.fails_for()
    worker.start()
    client = worker.client()
    redriven = client.redrive_execution(executionArn=arn, clientToken="once")
    worker.kill()
    worker.start()
    client = worker.client()

    ended = wait_end(client, arn)
    # The kill may have met the function while it ran: then its attempt has failed, and the execution is redriven once more.
    count = 1
    while ended["status"] != "SUCCEEDED":
        assert ended["error"] == "Lambda.ServiceException", ended
        client.redrive_execution(executionArn=arn)
        ended, count = wait_end(client, arn), count + 1
    assert ended["redriveCount"] == count and ended["startDate"] == failed["startDate"] and ended["stopDate"] > failed["stopDate"]
    assert count > 1 or ended["redriveDate"] == redriven["redriveDate"]
    left, each = json.loads(ended["output"])
    assert left == {"item": "left", "redrives": 0, "twice": "leftleft"} and [answer["item"] for answer in each] == [1, 2, 3]
    assert [answer["redrives"] > 0 for answer in each] == [False, True, True]
    assert (worker.calls("left"), worker.calls("1")) == (1, 1), "what succeeded is not done again"

    events = history(client, arn)
    assert events[:len(before)] == before
    marker = events[len(before)]
    assert (marker["type"], marker["executionRedrivenEventDetails"], marker["previousEventId"]) == ("ExecutionRedriven", {"redriveCount": 1}, len(before))
    again = events[len(before) + 1]
    assert again["type"] == "LambdaFunctionScheduled" and events[again["previousEventId"] - 1]["type"] == "TaskStateEntered"
    assert [event["type"] for event in events].count("MapIterationStarted") == 3

    # A repeated request is answered as the first was, long after.
    assert client.redrive_execution(executionArn=arn, clientToken="once")["redriveDate"] == redriven["redriveDate"]
    with pytest.raises(client.exceptions.ExecutionNotRedrivable) as refused:
        client.redrive_execution(executionArn=arn)
    assert refused.value.response["Error"]["Message"] == "Execution is SUCCEEDED and cannot be redriven"


def test_stopped_executions_go_on_and_lists_tell_of_it(worker):
    client = worker.client()
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done"}, "Done": {"Type": "Pass", "End": True}}}
    machine = create(client, waiting, "waiting")
    arn = client.start_execution(stateMachineArn=machine, name="stopped", input='{"seconds": 2}')["executionArn"]
    client.start_execution(stateMachineArn=machine, name="other", input='{"seconds": 0}')
    with pytest.raises(client.exceptions.ExecutionNotRedrivable) as refused:
        client.redrive_execution(executionArn=arn)
    assert refused.value.response["Error"]["Message"] == "Execution is RUNNING and cannot be redriven"
    client.stop_execution(executionArn=arn, error="Halt", cause="for now")
    for kill in [False, True]:
        client.redrive_execution(executionArn=arn)
        running = client.describe_execution(executionArn=arn)
        assert running["status"] == "RUNNING" and "stopDate" not in running and "error" not in running
        assert running["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"
        client.stop_execution(executionArn=arn)
        if kill:
            worker.kill()
            worker.start()
            client = worker.client()
            assert client.describe_execution(executionArn=arn)["status"] == "ABORTED"
    client.redrive_execution(executionArn=arn)
    assert wait_end(client, arn)["redriveCount"] == 3

    def names(**filters):
        return {execution["name"]: execution["redriveCount"] for execution in client.list_executions(stateMachineArn=machine, **filters)["executions"]}
    assert names(redriveFilter="REDRIVEN") == {"stopped": 3}
    assert names(redriveFilter="NOT_REDRIVEN") == {"other": 0}
    assert names() == {"stopped": 3, "other": 0}


def test_what_cannot_be_redriven_says_why(worker):
    client = worker.client()
    machine = create(client, {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}, "failing")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    wait_end(client, arn)
    client.redrive_execution(executionArn=arn)
    assert (wait_end(client, arn)["redriveCount"], [event["type"] for event in history(client, arn)]) == (
        1, ["ExecutionStarted", "FailStateEntered", "ExecutionFailed", "ExecutionRedriven", "ExecutionFailed"])

    def error(**arguments):
        with pytest.raises(ClientError) as refused:
            client.redrive_execution(**arguments)
        return refused.value.response["Error"]
    missing = arn + "-not"
    assert error(executionArn=missing) == {"Code": "ExecutionDoesNotExist", "Message": f"Execution Does Not Exist: '{missing}'"}
    assert error(executionArn="no-arn")["Code"] == "InvalidArn"
    assert error(executionArn=arn, clientToken="with space")["Code"] == "ValidationException"
    client.delete_state_machine(stateMachineArn=machine)
    assert error(executionArn=arn) == {"Code": "ExecutionNotRedrivable", "Message": "State machine is in DELETING status"}
