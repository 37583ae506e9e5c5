"""Redis as the cluster's manifests configure it."""
import os
import shutil
import socket
import subprocess
import time

import pytest
from conftest import DEPLOY

FOLDER = DEPLOY / "k8s/overlays/cluster"
SYSTEM = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/lib/rabbitmq/bin"])


def program(name):
    found = shutil.which(name, path=SYSTEM)
    return found or pytest.fail(f"{name} is not there: scripts/services.sh installs it")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)
    return answer


class Redis:
    """A server with the manifests' configuration, in this folder."""

    def __init__(self, folder):
        text = (FOLDER / "redis.conf").read_text().replace("dir /data", f"dir {folder}")
        assert str(folder) in text
        (folder / "redis.conf").write_text(text)
        self.port, self.log = free_port(), folder / "redis.log"
        command = [program("redis-server"), folder / "redis.conf", "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", "secret"]
        self.process = subprocess.Popen(command, stdout=self.log.open("wb"), stderr=subprocess.STDOUT)
        until(lambda: self.ask("ping") == "PONG", 20, self.log.read_text)

    @property
    def url(self):
        return f"redis://:secret@127.0.0.1:{self.port}"

    def ask(self, *words):
        environment = {**os.environ, "REDISCLI_AUTH": "secret"}
        return subprocess.run([program("redis-cli"), "-p", str(self.port), *words], capture_output=True, text=True, env=environment).stdout.strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


