"""A real server for the tests of unmodified clients."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
WORKER_CONFIG = """
[functions.Work]
runtime = "python3.11"
handler = "app.handler"
code = "work"
"""
# Counts its calls by item; fails for the items that the file "broken" names.
WORKER_HANDLER = """
import pathlib
HERE = pathlib.Path(__file__).parent
def handler(event, context):
    item = str(event["item"])
    with open(HERE / f"calls-{item}", "a") as calls:
        calls.write("x")
    if item in (HERE / "broken").read_text().split():
        raise ValueError(f"{item} is broken")
    return {**event, "twice": 2 * event["item"]}
"""


def pytest_addoption(parser):
    parser.addoption("--baton", default=str(ROOT / "target/debug/baton"))


class Server:
    """`baton up` on a folder of its own, with a data folder that survives kill -9."""

    def __init__(self, binary, folder, port=0, variables=None):
        self.binary, self.folder, self.port, self.variables = binary, Path(folder), port, variables or {}
        self.process = None

    def start(self):
        log = open(self.folder / "baton.log", "ab")
        self.process = subprocess.Popen([self.binary, "up", str(self.folder), "--port", str(self.port)], stdout=subprocess.PIPE, stderr=log, text=True,
                                        env={**os.environ, **self.variables})
        line = self.process.stdout.readline()
        match = re.fullmatch(r"baton ready (http://127\.0\.0\.1:(\d+))\n", line)
        assert match, f"no ready line but {line!r}: {(self.folder / 'baton.log').read_text()[-2000:]}"
        self.url, self.port = match.group(1), int(match.group(2))
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0

    def client(self):
        config = Config(inject_host_prefix=False, retries={"max_attempts": 5})
        return boto3.client("stepfunctions", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="test",
                            aws_secret_access_key="test", config=config)

    def environment(self):
        venv = Path(os.sys.executable).parent
        return {**os.environ, "PATH": f"{venv}:{os.environ['PATH']}", "AWS_ENDPOINT_URL_SFN": self.url, "AWS_ENDPOINT_URL_STS": self.url,
                "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def aws(self, *arguments):
        done = subprocess.run(["aws", "--output", "json", *arguments], env=self.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


class Worker(Server):
    """A server with the function Work, which answers its event with `twice` its item."""

    def start(self):
        code = self.folder / "work"
        if not code.exists():
            (self.folder / "baton.toml").write_text(WORKER_CONFIG)
            code.mkdir()
            (code / "app.py").write_text(WORKER_HANDLER)
            self.fails_for()
        return super().start()

    def fails_for(self, *items):
        """From now on the function fails for these, with a ValueError."""
        (self.folder / "work" / "broken").write_text(" ".join(map(str, items)))

    def calls(self, item):
        path = self.folder / "work" / f"calls-{item}"
        return len(path.read_text()) if path.exists() else 0


def wait_end(client, arn, seconds=60):
    """DescribeExecution until it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        description = client.describe_execution(executionArn=arn)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.05)
    raise AssertionError(f"{arn} is still running after {seconds} s")


@pytest.fixture
def binary(pytestconfig):
    return pytestconfig.getoption("--baton")


def running(server):
    """Starts it, and ends it after the test, unless the test has."""
    yield server.start()
    if server.process.poll() is None:
        server.kill()


@pytest.fixture
def order_server(binary, tmp_path):
    """The order workflow, in a copy of its folder."""
    folder = tmp_path / "orders"
    shutil.copytree(ROOT / "examples/order-processing", folder, ignore=shutil.ignore_patterns(".baton"))
    yield from running(Server(binary, folder))


@pytest.fixture
def server(binary, tmp_path):
    """An empty folder."""
    yield from running(Server(binary, tmp_path))


@pytest.fixture
def worker(binary, tmp_path):
    """An empty folder and a function."""
    yield from running(Worker(binary, tmp_path))
