"""Redis and RabbitMQ take the configuration that the cluster's manifests give them, and are then what baton asks for."""
import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
from services import FOLDER, SYSTEM, Redis, free_port, until


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path)
    yield server
    server.stop()


def test_redis_has_every_write_on_its_disk_and_evicts_nothing(redis):
    settings = {name: redis.ask("config", "get", name).splitlines()[1] for name in ("appendonly", "appendfsync", "maxmemory-policy", "no-appendfsync-on-rewrite", "maxmemory")}
    assert settings == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "no-appendfsync-on-rewrite": "no", "maxmemory": str(4 << 30)}


def test_rabbitmq_has_its_user_and_the_policy(tmp_path):
    """A node of its own: own name, cookie, ports and folders."""
    amqp, distribution, prometheus, names = free_port(), free_port(), free_port(), free_port()
    configuration = (FOLDER / "rabbitmq.conf").read_text()
    for old, new in (("listeners.tcp.default = 5672", f"listeners.tcp.1 = 127.0.0.1:{amqp}"), ("prometheus.tcp.port = 15692", f"prometheus.tcp.port = {prometheus}"),
                     ("/etc/rabbitmq-definitions/definitions.json", str(FOLDER / "definitions.json")), ("disk_free_limit.absolute = 1GB", "disk_free_limit.absolute = 1MB")):
        assert old in configuration
        configuration = configuration.replace(old, new)
    (tmp_path / "rabbitmq.conf").write_text(configuration + "\nprometheus.tcp.ip = 127.0.0.1\n")
    shutil.copy(FOLDER / "enabled_plugins", tmp_path / "enabled_plugins")
    node = f"deploy{amqp}@localhost"
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": SYSTEM, "RABBITMQ_NODENAME": node, "RABBITMQ_CONFIG_FILE": str(tmp_path / "rabbitmq.conf"),
                   "RABBITMQ_ENABLED_PLUGINS_FILE": str(tmp_path / "enabled_plugins"), "RABBITMQ_MNESIA_BASE": str(tmp_path / "data"), "RABBITMQ_LOG_BASE": str(tmp_path / "log"),
                   "RABBITMQ_DIST_PORT": str(distribution), "RABBITMQ_PID_FILE": str(tmp_path / "pid"), "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
                   "RABBITMQ_CONF_ENV_FILE": str(tmp_path / "none"), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(names)}
    log = tmp_path / "output"
    # The package's wrapper would change the user, to one that cannot read these files.
    programs = "/usr/lib/rabbitmq/bin"
    server = subprocess.Popen([f"{programs}/rabbitmq-server"], env=environment, stdout=log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True)

    def control(*words):
        done = subprocess.run([f"{programs}/rabbitmqctl", "--node", node, "--quiet", "--formatter", "json", *words], capture_output=True, text=True, env=environment)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def is_listening():
        assert server.poll() is None, log.read_text()[-3000:]
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", amqp)) == 0

    try:
        until(is_listening, 120, lambda: log.read_text()[-3000:])
        assert [user["user"] for user in control("list_users")] == ["baton"]
        policies = json.loads((FOLDER / "definitions.json").read_text())["policies"]
        assert {policy["name"]: policy["pattern"] for policy in control("list_policies")} == {policy["name"]: policy["pattern"] for policy in policies}
        with socket.socket() as link:
            assert link.connect_ex(("127.0.0.1", prometheus)) == 0, "the plugin for Prometheus is not there"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)
        # Erlang's name server, which was started for this node alone, outlives it.
        subprocess.run(["epmd", "-port", str(names), "-kill"], capture_output=True, env=environment)
