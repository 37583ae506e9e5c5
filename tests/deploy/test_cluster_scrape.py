"""A cluster under load, three coordinators and two workers over RabbitMQ and Redis, shows every metric of the table; and what happens to the broker."""
import json
import os
import re
import signal
import urllib.request

import pytest
from rules import all_expressions
from server import Server
from services import until
from test_scrape import drive, parse, total

ROLE = "arn:aws:iam::123456789012:role/test"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Echo"
BATON_TOML = """
[functions.Echo]
runtime = "command"
code = ["sh", "-c", "echo heard >&2; cat"]

[functions.Fail]
runtime = "command"
code = ["/bin/false"]
"""


class Cluster:
    """`baton up --cluster`, and what it says of its processes."""

    def __init__(self, binary, folder):
        (folder / "baton.toml").write_text(BATON_TOML)
        # Nobody listens there: spans are made, and dropped.
        environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "BATON_LOG": "info,baton_coordinator::api=debug"}
        self.server = Server(binary, folder, "--cluster", "--execution-logs", "file", "--status-events", "file", environment=environment).start()
        said = until(self.said_all, 20, lambda: self.server.log.read_text())
        self.coordinators = re.findall(r"coordinator-\d \(process \d+\)\s+(http://\S+)", said)
        self.logs = [folder / f".baton/cluster/coordinator-{number}.log" for number in (1, 2, 3)]
        self.broker = int(re.search(r"RabbitMQ \(process (\d+)\)", said)[1])
        assert len(self.coordinators) == 3, said

    def said_all(self):
        text = self.server.log.read_text()
        return text if "AWS_ENDPOINT_URL_SFN=" in text else None

    def lines(self, **members):
        """What coordinators have logged with these members."""
        lines = [json.loads(line) for log in self.logs for line in log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if members.items() <= line.items()]

    def scrapes(self):
        """Of each coordinator: samples and types."""
        return [parse(self.server.get("/metrics", url=url)) for url in self.coordinators]

    def figures(self, name, **labels):
        return [total(scrape, name, **labels) for scrape in self.scrapes()]


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    cluster = Cluster(request.config.getoption("--baton"), tmp_path_factory.mktemp("cluster"))
    try:
        drive(cluster.server)
        yield cluster
    finally:
        cluster.server.stop()


def test_every_metric_of_the_table_is_there(cluster, metrics):
    scrapes = cluster.scrapes()
    shown = {metrics.family(name) for samples, _ in scrapes for name, _, _ in samples}
    assert set(metrics.kinds) - shown == set(), "docs/metrics.md names what no coordinator shows"
    assert shown - set(metrics.kinds) == set(), "docs/metrics.md does not have what a coordinator shows"
    for where, expression in all_expressions():
        assert metrics.named_in(expression) <= shown, where
    for samples, types in scrapes:
        for name, labels, _ in samples:
            assert set(labels) - {"le"} == metrics.labels[metrics.family(name)], f"{name} {labels}"
        assert all(metrics.kinds[name] == kind for name, kind in types.items())


def test_each_coordinator_shows_how_it_stands_with_the_broker(cluster, metrics):
    for samples, _ in cluster.scrapes():
        shown = {metrics.family(name) for name, _, _ in samples}
        of_broker = {name for name, section in metrics.sections.items() if section == "Dispatch through the broker" and "queue" not in metrics.labels[name]}
        assert of_broker - shown == set()
    assert cluster.figures("baton_broker_connected") == [1, 1, 1]
    assert cluster.figures("baton_dispatch_stalled") == [0, 0, 0]
    published = sum(cluster.figures("baton_offers_published_total"))
    granted, denied = (sum(cluster.figures("baton_offers_answered_total", outcome=outcome)) for outcome in ("granted", "denied"))
    # Some tasks find a free slot at their owner before they are offered. What is claimed in vain is gone from the broker.
    assert published > 0 and granted > 0 and granted + denied <= 2 * published, (published, granted, denied)
    assert sum(cluster.figures("baton_broker_publish_seconds_count")) >= 1


def test_open_executions_are_counted_wherever_they_are(cluster):
    client = cluster.server.client()
    definition = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    machine = client.create_state_machine(name="waits", roleArn=ROLE, definition=definition)["stateMachineArn"]
    before = sum(cluster.figures("baton_executions_open"))
    arns = [client.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(12)]

    def open_ones():
        return sum(cluster.figures("baton_executions_open")) - before

    until(lambda: open_ones() == 12, 10, lambda: f"{open_ones()} are open")
    # They leave memory with their checkpoint, and are open all the same.
    until(lambda: sum(cluster.figures("baton_executions_in_memory")) == 0, 20, lambda: "they stay in memory")
    assert open_ones() == 12
    for arn in arns:
        client.stop_execution(executionArn=arn)
    until(lambda: open_ones() == 0, 10, lambda: f"{open_ones()} are open")


def test_lines_of_coordinators_name_execution_request_and_trace(cluster):
    trace_id = "5759e988bd862e3fe1be46a994272793"
    client = cluster.server.client()
    definition = json.dumps({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": True}}})
    machine = client.create_state_machine(name="traced", roleArn=ROLE, definition=definition)["stateMachineArn"]
    request = urllib.request.Request(cluster.coordinators[1], json.dumps({"stateMachineArn": machine}).encode(), {
        "X-Amz-Target": "AWSStepFunctions.StartExecution", "traceparent": f"00-{trace_id}-53995c3f42cd8ad8-01"})
    with urllib.request.urlopen(request, timeout=70) as answer:
        execution, request_id = json.load(answer)["executionArn"], answer.headers["x-amzn-RequestId"]
    assert cluster.server.wait(execution)["status"] == "SUCCEEDED"
    of_request = {"operation": "StartExecution", "request_id": request_id, "execution": execution, "trace_id": trace_id}
    until(lambda: cluster.lines(**of_request), 10, lambda: f"no line says {of_request}")
    # The worker's line has come over its session.
    of_handler = {"message": "heard", "function": "Echo", "execution_arn": execution, "trace_id": trace_id}
    until(lambda: cluster.lines(**of_handler), 10, lambda: f"no line says {of_handler}")


def test_a_broker_that_is_gone_is_seen(cluster):
    client = cluster.server.client()
    os.kill(cluster.broker, signal.SIGKILL)
    until(lambda: cluster.figures("baton_broker_connected") == [0, 0, 0], 15, lambda: "the broker is not missed")
    assert cluster.figures("baton_dispatch_stalled") == [1, 1, 1]
    definition = json.dumps({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": True}}})
    machine = client.create_state_machine(name="direct", roleArn=ROLE, definition=definition)["stateMachineArn"]
    # Most are of coordinators that have no session of a worker.
    for arn in [client.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(12)]:
        assert cluster.server.wait(arn)["status"] == "SUCCEEDED"
    until(lambda: sum(cluster.figures("baton_offers_direct_total")) >= 12, 5, lambda: str(cluster.figures("baton_offers_direct_total")))
