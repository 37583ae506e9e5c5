"""A running server under load shows every metric that panels and rules name, with the labels of the table."""
import json
import re
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from rules import all_expressions
from server import Server

ROLE = "arn:aws:iam::123456789012:role/test"
# Sections of metrics that a single process has none of, and the metrics that only a fault brings about.
OF_A_CLUSTER = {"Cluster", "Dispatch through the broker"}
OF_A_FAULT = {"baton_store_setting_unsafe", "baton_store_errors_total", "baton_execution_log_events_dropped_total", "baton_status_events_dropped_total"}
# What an embedded server has of the sections of clusters.
EMBEDDED_TOO = {"baton_shards_lost"}


def task(resource, **more):
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **more}}}


SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


def parse(text):
    """Samples as (name, labels, value), and the types that are told."""
    samples, types = [], {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is described twice"
            types[name] = kind
        elif line and not line.startswith("#"):
            sample = SAMPLE.match(line)
            assert sample, line
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample["labels"] or ""))
            samples.append((sample["name"], labels, float(sample["value"])))
    return samples, types


@pytest.fixture(scope="module")
def scrape(request, tmp_path_factory):
    """What /metrics says after everything has happened that this can make happen."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "baton.toml").write_text('[functions.Echo]\nruntime = "command"\ncode = ["/bin/cat"]\n[functions.Fail]\nruntime = "command"\ncode = ["/bin/false"]\n')
    server = Server(request.config.getoption("--baton"), folder, "--execution-logs", "file", "--status-events", "file").start()
    try:
        drive(server)
        yield parse(server.metrics())
    finally:
        server.stop()


def drive(server):
    client = server.client()
    activity = client.create_activity(name="a")["activityArn"]
    log = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}]}
    function = "arn:aws:lambda:us-east-1:123456789012:function:{}"

    def create(name, definition, **more):
        return client.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition), **more)["stateMachineArn"]

    machines = {
        "fine": create("fine", {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 1, "End": True}}}, loggingConfiguration=log),
        "fails": create("fails", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Own", "Cause": "c"}}}),
        "late": create("late", {"TimeoutSeconds": 1, "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}),
        "done": create("done", task(activity, TimeoutSeconds=3)),
        "in-vain": create("in-vain", task(activity, TimeoutSeconds=2, HeartbeatSeconds=1)),
        "echo": create("echo", task(function.format("Echo"))),
        "invoke": create("invoke", task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "Echo", "Payload": {}})),
        "broken": create("broken", task(function.format("Fail"))),
        "quick": create("quick", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, type="EXPRESS"),
    }
    worker = threading.Thread(target=work, args=(server, activity), daemon=True)
    started = {name: [client.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(3)] for name, arn in machines.items() if name not in ("quick", "done")}
    time.sleep(0.2)
    worker.start()
    started["done"] = [client.start_execution(stateMachineArn=machines["done"])["executionArn"] for _ in range(5)]
    client.start_sync_execution(stateMachineArn=machines["quick"])
    aborted = client.start_execution(stateMachineArn=machines["late"])["executionArn"]
    client.stop_execution(executionArn=aborted)
    with pytest.raises(ClientError):
        client.describe_state_machine(stateMachineArn=machines["fine"] + "x")
    for name, executions in started.items():
        for execution in executions:
            assert server.wait(execution)["status"] != "RUNNING", name
    client.redrive_execution(executionArn=started["fails"][0])
    assert server.wait(started["fails"][0])["status"] == "FAILED"
    # Checkpoints come after two seconds, outlets a little later than what they tell of.
    time.sleep(1)


def work(server, activity):
    """Does tasks, and lets every third one die. Ends with the server."""
    client, count = server.client(), 0
    while True:
        try:
            token = client.get_activity_task(activityArn=activity, workerName="w").get("taskToken")
            if not token:
                continue
            count += 1
            if count % 3 == 0:
                client.send_task_failure(taskToken=token, error="Own")
            elif count % 3 == 1:
                client.send_task_success(taskToken=token, output="{}")
        except ClientError:
            # The attempt has timed out before.
            pass
        except BotoCoreError:
            return


def total(scrape, name, **labels):
    return sum(value for sample, own, value in scrape[0] if sample == name and labels.items() <= own.items())


def test_everything_that_is_named_is_there(scrape, metrics):
    shown = {metrics.family(name) for name, _, _ in scrape[0]}
    for where, expression in all_expressions():
        for family in metrics.named_in(expression):
            only_elsewhere = metrics.sections[family] in OF_A_CLUSTER and family not in EMBEDDED_TOO
            assert family in shown or only_elsewhere or family in OF_A_FAULT, f"{where} names {family}, and the server does not show it"


def test_everything_that_is_shown_is_in_the_table(scrape, metrics):
    samples, types = scrape
    for name, labels, _ in samples:
        family = metrics.family(name)
        assert family in metrics.kinds, f"docs/metrics.md does not have {name}"
        assert set(labels) - {"le"} == metrics.labels[family], f"{name} has the labels {labels}"
    assert all(metrics.kinds[name] == kind for name, kind in types.items())


def test_figures_are_what_has_happened(scrape):
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:"
    assert total(scrape, "baton_executions_total", state_machine=machine + "fine", status="SUCCEEDED") == 3
    assert total(scrape, "baton_executions_total", state_machine=machine + "fails", status="FAILED") == 4
    assert total(scrape, "baton_executions_total", state_machine=machine + "late", status="TIMED_OUT") == 3
    assert total(scrape, "baton_executions_total", state_machine=machine + "late", status="ABORTED") == 1
    assert total(scrape, "baton_executions_total", state_machine=machine + "quick", status="SUCCEEDED") == 1
    assert total(scrape, "baton_executions_redriven_total", state_machine=machine + "fails") == 1
    assert total(scrape, "baton_redriven_executions_total", status="FAILED") == 1
    assert total(scrape, "baton_execution_errors_total", state_machine=machine + "late", error_class="States.Timeout") == 3
    assert total(scrape, "baton_execution_errors_total", state_machine=machine + "fails", error_class="application") == 4
    assert total(scrape, "baton_transitions_total", state_machine=machine + "fine") == 6
    assert 3 <= total(scrape, "baton_execution_duration_seconds_sum", state_machine=machine + "fine") < 30
    activity = {"activity": "arn:aws:states:us-east-1:123456789012:activity:a"}
    outcomes = {outcome: total(scrape, "baton_activity_tasks_total", outcome=outcome, **activity)
                for outcome in ("scheduled", "started", "succeeded", "failed", "timed_out", "heartbeat_timed_out")}
    assert outcomes["scheduled"] == 8, outcomes
    ended = outcomes["succeeded"] + outcomes["failed"] + outcomes["timed_out"] + outcomes["heartbeat_timed_out"]
    assert ended == 8 and outcomes["succeeded"] and outcomes["failed"], outcomes
    assert total(scrape, "baton_activity_seconds_count", **activity) == ended
    assert total(scrape, "baton_activity_schedule_seconds_count", **activity) == outcomes["started"]
    # Three waited for the worker, a fifth of a second at least.
    assert total(scrape, "baton_activity_schedule_seconds_sum", **activity) > 0.3
    assert total(scrape, "baton_integration_tasks_total", integration="lambda", outcome="succeeded") == 3
    assert total(scrape, "baton_integration_tasks_total", integration="lambda", outcome="failed") == 3
    assert total(scrape, "baton_integration_tasks_total", integration="lambda:invoke", resource="arn:aws:states:::lambda:invoke", outcome="succeeded") == 3
    assert total(scrape, "baton_http_request_duration_seconds_count", op="StartSyncExecution", code="200") == 1
    assert total(scrape, "baton_http_errors_total", op="DescribeStateMachine") == 1
    assert total(scrape, "baton_timer_lag_seconds_count") >= 6
    assert total(scrape, "baton_history_append_seconds_count") > 10
    assert total(scrape, "baton_store_bytes") > 0 and total(scrape, "baton_store_free_bytes") > 0
    assert total(scrape, "baton_execution_log_events_total") > 10 and total(scrape, "baton_status_events_total") > 10
    assert total(scrape, "baton_pollers", queue="lambda:Echo") == 1


def test_no_execution_is_named(scrape):
    for name, labels, _ in scrape[0]:
        assert not any(":execution:" in value or ":express:" in value for value in labels.values()), f"{name} {labels}"


def test_histograms_are_whole(scrape):
    series = {}
    for name, labels, value in scrape[0]:
        if name.endswith("_bucket"):
            key = (name.removesuffix("_bucket"), tuple(sorted((k, v) for k, v in labels.items() if k != "le")))
            series.setdefault(key, []).append((float(labels["le"].replace("+Inf", "inf")), value))
    assert series
    for (name, labels), buckets in series.items():
        assert [value for _, value in buckets] == sorted(value for _, value in buckets) and buckets[-1][0] == float("inf")
        assert buckets[-1][1] == total(scrape, f"{name}_count", **dict(labels))
