"""Execution logs and status changes, as unmodified boto3 finds them in CloudWatch Logs and behind an EventBridge rule (moto plays both)."""
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest
from conftest import Server, wait_end

ROLE = "arn:aws:iam::123456789012:role/r"
ORDER = {"StartAt": "Check", "States": {"Check": {"Type": "Pass", "Next": "Refuse"}, "Refuse": {"Type": "Fail", "Error": "Refused", "Cause": "no"}}}
DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture(scope="module")
def moto():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).parent / "moto_server"
    process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def logging_server(binary, tmp_path, moto):
    variables = {"AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    server = Server(binary, tmp_path, variables=variables).start()
    yield server
    if server.process.poll() is None:
        server.kill()


def aws(moto, service):
    return boto3.client(service, endpoint_url=moto, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def until(found, seconds=20):
    """What `found` answers as soon as it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError("it has not come")


def create(client, name, definition, group_arn=None, **logging):
    destination = [{"cloudWatchLogsLogGroup": {"logGroupArn": group_arn}}]
    more = {"loggingConfiguration": {"destinations": destination, **logging}} if group_arn else {}
    return client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, **more)["stateMachineArn"]


def logged(logs, group, count):
    """The events of all streams of the group, once there are so many."""

    def found():
        streams = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]]
        answers = [logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True) for stream in streams]
        events = [json.loads(event["message"]) for answer in answers for event in answer["events"]]
        return len(events) >= count and (streams, events)

    return until(found)


def test_a_log_group_gets_the_events_of_its_state_machines(logging_server, moto):
    client, logs = logging_server.client(), aws(moto, "logs")
    group = "/aws/vendedlogs/states/orders"
    logs.create_log_group(logGroupName=group)
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
    machine = create(client, "orders", ORDER, arn, level="ALL", includeExecutionData=True)
    execution = client.start_execution(stateMachineArn=machine, input='{"order":1}')["executionArn"]
    assert wait_end(client, execution)["status"] == "FAILED"

    streams, events = logged(logs, group, 5)
    assert streams[0] == "log_stream_created_by_aws_to_validate_log_delivery_subscriptions" and streams[1].startswith("states/orders/")
    history = client.get_execution_history(executionArn=execution)["events"]
    assert [(event["id"], event["type"], event["previous_event_id"]) for event in events] == [
        (str(event["id"]), event["type"], str(event["previousEventId"])) for event in history]
    assert events[0]["details"] == {"input": '{"order":1}', "inputDetails": {"truncated": False}, "roleArn": ROLE}
    assert events[-1]["details"] == {"error": "Refused", "cause": "no"}
    folder = Path(logging_server.folder) / ".baton/execution-logs"
    lines = until(lambda: [json.loads(line) for path in folder.iterdir() for line in path.read_text().splitlines()])
    assert lines == events, "the file says the same"


def test_a_clean_stop_hands_on_what_is_there(logging_server, moto):
    client, logs = logging_server.client(), aws(moto, "logs")
    logs.create_log_group(logGroupName="stopping")
    arn = logs.describe_log_groups(logGroupNamePrefix="stopping")["logGroups"][0]["arn"]
    machine = create(client, "stopping", DONE, arn, level="ALL", includeExecutionData=False)
    for n in range(100):
        client.start_execution(stateMachineArn=machine, name=f"e-{n}")
    logging_server.stop()
    _, events = logged(logs, "stopping", 400)
    assert len(events) == 400 and len({(event["execution_arn"], event["id"]) for event in events}) == 400


def test_a_rule_gets_each_change_of_status(logging_server, moto):
    client, events, sqs = logging_server.client(), aws(moto, "events"), aws(moto, "sqs")
    machine = create(client, "waiting", WAIT)
    queue = sqs.create_queue(QueueName="changes")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"], "detail": {"stateMachineArn": [machine]}}
    events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="changes", Targets=[{"Id": "queue", "Arn": queue_arn}])
    execution = client.start_execution(stateMachineArn=machine, name="once", input="{}")["executionArn"]
    client.stop_execution(executionArn=execution, error="Stopped", cause="by hand")

    received = []

    def both():
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            received.append(json.loads(message["Body"]))
        return len(received) >= 2

    until(both)
    details = {event["detail"]["status"]: event["detail"] for event in received}
    assert set(details) == {"RUNNING", "ABORTED"} and all(event["resources"] == [execution] for event in received)
    assert details["RUNNING"]["stopDate"] is None and details["RUNNING"]["outputDetails"] is None
    description = client.describe_execution(executionArn=execution)
    assert details["ABORTED"]["stopDate"] == round(description["stopDate"].timestamp() * 1000)
    assert (details["ABORTED"]["error"], details["ABORTED"]["cause"], details["ABORTED"]["redriveStatus"]) == ("Stopped", "by hand", "REDRIVABLE")


def test_standard_output_on_request(binary, tmp_path):
    server = Server(binary, tmp_path, variables={"BATON_EXECUTION_LOGS": "stdout"}).start()
    try:
        client = server.client()
        group = "arn:aws:logs:us-east-1:123456789012:log-group:orders:*"
        machine = create(client, "orders", ORDER, group, level="FATAL", includeExecutionData=False)
        execution = client.start_execution(stateMachineArn=machine)["executionArn"]
        line = json.loads(server.process.stdout.readline())
        assert (line["type"], line["execution_arn"]) == ("ExecutionFailed", execution)
        assert not os.path.exists(tmp_path / ".baton/execution-logs"), "nothing else was asked for"
    finally:
        server.kill()


def test_what_was_logged_is_there_after_a_kill(server):
    """An event leaves only after it is durable: whatever the log says, the history says after kill -9 too."""
    client = server.client()
    group = "arn:aws:logs:us-east-1:123456789012:log-group:orders:*"
    machine = create(client, "orders", DONE, group, level="ALL", includeExecutionData=False)
    killed = threading.Event()

    def start(worker):
        own = server.client()
        for n in range(1_000):
            try:
                own.start_execution(stateMachineArn=machine, name=f"e-{worker}-{n}")
            except Exception:
                assert killed.is_set()
                return

    workers = [threading.Thread(target=start, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    path = Path(server.folder) / ".baton/execution-logs/123456789012_us-east-1_orders.jsonl"
    until(lambda: path.exists() and path.stat().st_size > 100_000)
    killed.set()
    server.kill()
    for worker in workers:
        worker.join()
    # The last line may be cut: it was being written.
    lines = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    server.start()
    client = server.client()
    by_execution = {}
    for line in lines:
        by_execution.setdefault(line["execution_arn"], []).append((int(line["id"]), line["type"]))
    assert len(lines) > 300
    for execution, logged_events in by_execution.items():
        history = [(event["id"], event["type"]) for event in client.get_execution_history(executionArn=execution)["events"]]
        assert logged_events == history[:len(logged_events)]
