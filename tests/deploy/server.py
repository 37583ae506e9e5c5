"""A real server in a folder of its own."""
import json
import re
import signal
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config


class Server:
    """`baton up`, until stop(). What comes after the folder goes on its command line."""

    def __init__(self, binary, folder, *arguments, environment=None, command=None):
        self.command = [binary, *(command or ["up", str(folder)]), "--port", "0", *arguments]
        self.folder, self.environment, self.process = Path(folder), environment, None

    def start(self):
        self.log = self.folder / "baton.log"
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log.open("ab"), text=True, env=self.environment)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"baton ready (http://127\.0\.0\.1:\d+)\n", line)
        assert match, f"no ready line but {line!r}: {self.log.read_text()[-2000:]}"
        self.url = match.group(1)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0

    def client(self):
        config = Config(inject_host_prefix=False, retries={"max_attempts": 5}, read_timeout=70)
        return boto3.client("stepfunctions", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=config)

    def get(self, path, headers=None, url=None):
        return urllib.request.urlopen(urllib.request.Request((url or self.url) + path, headers=headers or {}), timeout=70).read().decode()

    def metrics(self):
        return self.get("/metrics")

    def wait(self, execution):
        """DescribeExecution, after its end."""
        return json.loads(self.get(f"/api/executions/{urllib.parse.quote(execution, safe='')}/wait?seconds=30"))
