"""Coordinators over one Redis show what becomes of their shards, and of the store's settings."""
import json
import os
import signal
import urllib.error

import pytest
from server import Server
from services import Redis, until
from test_scrape import parse, total

from rules import all_expressions

ROLE = "arn:aws:iam::123456789012:role/test"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory, redis):
    """Two coordinators that share the shards between them."""
    def coordinator(name):
        folder = tmp_path_factory.mktemp(name)
        environment = {**os.environ, "BATON_STORE": redis.url, "BATON_EXECUTION_LOGS": "none"}
        return Server(request.config.getoption("--baton"), folder, command=["coordinator", "--name", name], environment=environment).start()

    first = coordinator("a")
    until(lambda: figure(first, "baton_lease_owned") == 257, 60, lambda: f"{figure(first, 'baton_lease_owned')} shards are owned")
    # What the second gets the first has to hand over.
    members = [first, coordinator("b")]
    until(lambda: all(0 < figure(member, "baton_lease_owned") < 257 for member in members), 30, lambda: str([figure(member, "baton_lease_owned") for member in members]))
    yield members
    for member in members:
        if member.process.poll() is None:
            member.stop()


def figure(member, name, **labels):
    return total(parse(member.metrics()), name, **labels)


def run(member, machine, count):
    """Starts so many executions, and waits for them."""
    client = member.client()
    arns = [client.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(count)]
    assert {member.wait(arn)["status"] for arn in arns} == {"SUCCEEDED"}


def test_members_share_the_shards_and_show_what_they_do(cluster, redis, metrics):
    a, b = cluster
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = a.client().create_state_machine(name="m", roleArn=ROLE, definition=definition)["stateMachineArn"]
    for member in cluster:
        run(member, machine, 20)
        assert figure(member, "baton_members") == 2
    # 256 of executions, and the catalog's.
    until(lambda: sum(figure(member, "baton_lease_owned") for member in cluster) == 257, 20, lambda: "not all shards are owned")
    assert sum(figure(member, "baton_executions_total", status="SUCCEEDED") for member in cluster) == 40
    # About half of the shards are somewhere else, whoever is asked.
    assert all(figure(member, "baton_peer_requests_total", kind="start", outcome="answered") > 0 for member in cluster)
    assert figure(a, "baton_lease_lost_total", reason="given") > 0 and figure(a, "baton_hand_over_seconds_count") > 0
    assert figure(a, "baton_store_bytes") > 100_000 and figure(a, "baton_store_free_bytes") > 1 << 30

    samples = parse(a.metrics())[0]
    shown = {metrics.family(name) for name, _, _ in samples}
    of_cluster = {family for _, expression in all_expressions() for family in metrics.named_in(expression) if metrics.sections[family] == "Cluster"}
    assert of_cluster - shown == set()
    for name, labels, _ in samples:
        assert set(labels) - {"le"} == metrics.labels[metrics.family(name)], f"{name} {labels}"


def test_a_redis_that_may_evict_is_seen_while_everything_runs(cluster, redis):
    unsafe = {"name": "baton_store_setting_unsafe", "setting": "maxmemory-policy"}
    assert figure(cluster[0], **unsafe) == 0
    redis.ask("config", "set", "maxmemory-policy", "allkeys-lru")
    until(lambda: figure(cluster[0], **unsafe) == 1, 10, lambda: "the eviction policy is not seen")
    redis.ask("config", "set", "maxmemory-policy", "noeviction")
    until(lambda: figure(cluster[0], **unsafe) == 0, 10, lambda: "the eviction policy is not seen")


def test_a_lost_member_shows_as_take_overs(cluster):
    a, b = cluster
    before = figure(b, "baton_lease_taken_total")
    a.kill()
    until(lambda: figure(b, "baton_lease_owned") == 257 and figure(b, "baton_members") == 1, 30, lambda: f"{figure(b, 'baton_lease_owned')} shards are taken over")
    assert figure(b, "baton_lease_taken_total") > before
    assert b.get("/readyz") == "ok"


def test_a_store_that_does_not_answer_takes_the_member_out(cluster, redis):
    _, b = cluster

    def is_out():
        try:
            b.get("/readyz")
        except urllib.error.HTTPError as error:
            return error.code == 503
        return False

    redis.process.send_signal(signal.SIGSTOP)
    try:
        until(is_out, 30, lambda: "it says that it is ready without a store")
    finally:
        redis.process.send_signal(signal.SIGCONT)
    until(lambda: not is_out(), 30, lambda: "it does not come back")
