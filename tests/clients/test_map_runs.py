"""Distributed Map through unmodified boto3 and the aws CLI: children, counters, tolerance, a redrive over a kill -9."""
import json

import pytest
from conftest import wait_end

ROLE = "arn:aws:iam::123456789012:role/r"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Work"
ITEMS = list(range(20))
BROKEN = [3, 11, 17]


@pytest.fixture
def worker(worker):
    worker.fails_for(*BROKEN)
    return worker


def each(kind, **fields):
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, "StartAt": "Work",
                 "States": {"Work": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
    state = {"Type": "Map", "Label": "Items", "ItemsPath": "$.items", "ItemSelector": {"item.$": "$$.Map.Item.Value"}, "MaxConcurrency": 4,
             "ItemProcessor": processor, "End": True, **fields}
    return {"StartAt": "Each", "States": {"Each": state}}


def start(client, definition, name):
    machine = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    return client.start_execution(stateMachineArn=machine, input=json.dumps({"items": ITEMS}))["executionArn"]


def only_map_run(client, arn):
    (run,) = client.list_map_runs(executionArn=arn)["mapRuns"]
    return client.describe_map_run(mapRunArn=run["mapRunArn"])


def children(client, map_run, **filters):
    pages = client.get_paginator("list_executions").paginate(mapRunArn=map_run, PaginationConfig={"PageSize": 6}, **filters)
    return [child for page in pages for child in page["executions"]]


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_tolerated_failures(worker, kind):
    client = worker.client()
    arn = start(client, each(kind, ToleratedFailurePercentage=15), "tolerant")
    ended = wait_end(client, arn)
    assert ended["status"] == "SUCCEEDED", ended
    results = json.loads(ended["output"])
    assert [result.get("twice") for result in results] == [None if item in BROKEN else 2 * item for item in ITEMS]
    assert all(results[item]["Error"] == "ValueError" for item in BROKEN)

    run = only_map_run(client, arn)
    assert (run["status"], run["maxConcurrency"], run["toleratedFailurePercentage"], run["executionArn"]) == ("SUCCEEDED", 4, 15.0, arn)
    for counts in run["itemCounts"], run["executionCounts"]:
        assert (counts["succeeded"], counts["failed"], counts["total"], counts["running"], counts["pending"]) == (17, 3, 20, 0, 0)
    found = children(client, run["mapRunArn"])
    assert len({child["executionArn"] for child in found}) == 20 and {child["itemCount"] for child in found} == {1}
    failed = children(client, run["mapRunArn"], statusFilter="FAILED")
    assert len(failed) == 3
    child = client.describe_execution(executionArn=failed[0]["executionArn"])
    assert (child["status"], child["error"], child["mapRunArn"]) == ("FAILED", "ValueError", run["mapRunArn"])
    assert child["stateMachineArn"].endswith(":stateMachine:tolerant/Items") and json.loads(child["input"])["item"] in BROKEN
    machine = client.describe_state_machine_for_execution(executionArn=child["executionArn"])
    assert (machine["label"], machine["mapRunArn"]) == ("Items", run["mapRunArn"])
    assert json.loads(machine["definition"]) == each(kind)["States"]["Each"]["ItemProcessor"]
    if kind == "STANDARD":
        types = [event["type"] for event in client.get_execution_history(executionArn=child["executionArn"])["events"]]
        assert types[0] == "ExecutionStarted" and types[-1] == "ExecutionFailed"
    listed = worker.aws("stepfunctions", "describe-map-run", "--map-run-arn", run["mapRunArn"])
    assert listed["itemCounts"] == run["itemCounts"]
    with pytest.raises(client.exceptions.ValidationException):
        client.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=2)
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_map_run(mapRunArn=run["mapRunArn"][:-4] + "0000")


def test_a_redrive_runs_what_had_failed_alone(worker):
    client = worker.client()
    arn = start(client, each("STANDARD", ToleratedFailureCount=3), "redriven")
    # Nothing but the tolerance makes it a failure, so that every item has had its turn.
    assert wait_end(client, arn)["status"] == "SUCCEEDED"
    strict = start(client, each("STANDARD"), "strict")
    failed = wait_end(client, strict)
    assert (failed["status"], failed["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    before = only_map_run(client, strict)
    assert before["status"] == "FAILED" and before["itemCounts"]["failed"] >= 1
    done = {item: worker.calls(item) for item in ITEMS}

    worker.fails_for()
    client.redrive_execution(executionArn=strict)
    worker.kill()
    worker.start()
    client = worker.client()
    ended = wait_end(client, strict)
    # The kill may have met a function while it ran: then its child has failed, and the run is redriven once more.
    while ended["status"] != "SUCCEEDED":
        assert ended["error"] == "States.ExceedToleratedFailureThreshold", ended
        client.redrive_execution(executionArn=strict)
        ended = wait_end(client, strict)
    assert [result["twice"] for result in json.loads(ended["output"])] == [2 * item for item in ITEMS]
    run = only_map_run(client, strict)
    assert run["mapRunArn"] == before["mapRunArn"] and run["redriveCount"] >= 1
    assert (run["itemCounts"]["succeeded"], run["itemCounts"]["total"], run["itemCounts"]["pendingRedrive"]) == (20, 20, 0)
    again = {item for item in ITEMS if worker.calls(item) > done[item]}
    assert len(again) == 20 - before["itemCounts"]["succeeded"], (again, before)
