"""What `baton env` prints is all that the aws CLI and boto3 need, also for the operations that they send to `sync-<host>`."""
import json
import os
import subprocess
from pathlib import Path

import pytest

MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
BOTO3 = """
import boto3
print(boto3.client("stepfunctions").test_state(definition='{"Type": "Succeed"}', input="[1]")["output"])
"""


@pytest.fixture
def environment(server):
    """The printed variables over an environment without any of AWS's, as a shell reads them."""
    printed = subprocess.run(["sh", "-c", 'eval "$("$0" env --endpoint "$1")" && env', server.binary, server.url], capture_output=True, text=True, check=True,
                             env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")})
    return dict(line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line)


def run(environment, program, *arguments):
    folder = Path(os.sys.executable).parent
    done = subprocess.run([folder / program, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_aws_cli(environment):
    def aws(*arguments):
        return json.loads(run(environment, "aws", "--output", "json", "stepfunctions", *arguments))
    machine = aws("create-state-machine", "--name", "quick", "--type", "EXPRESS", "--role-arn", "arn:aws:iam::123456789012:role/r",
                  "--definition", json.dumps(MACHINE))["stateMachineArn"]
    assert aws("start-sync-execution", "--state-machine-arn", machine, "--input", "[1]")["output"] == "[1]"
    assert aws("test-state", "--definition", '{"Type": "Succeed"}', "--input", "[1]")["status"] == "SUCCEEDED"


def test_boto3(environment):
    assert run(environment, "python", "-c", BOTO3) == "[1]\n"
