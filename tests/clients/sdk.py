"""What every SDK must see: its driver prints `name value` lines, and all drivers do the same."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ARN = "arn:aws:states:us-east-1:123456789012"

EXPECTED = {
    "steps.end": 'SUCCEEDED {"doubled":42} true',
    "steps.history": "1:ExecutionStarted,2:PassStateEntered,3:PassStateExited,4:SucceedStateEntered,5:SucceedStateExited,6:ExecutionSucceeded",
    "review.failed": "FAILED Refused a typo REDRIVABLE",
    "review.input": '{"page": 1}',
    "review.end": 'SUCCEEDED {"approved": true} 1',
    "review.history": "1:ExecutionStarted,2:TaskStateEntered,3:ActivityScheduled,4:ActivityStarted,5:ActivityFailed,6:ExecutionFailed,7:ExecutionRedriven,"
                      "8:ActivityScheduled,9:ActivityStarted,10:ActivitySucceeded,11:TaskStateExited,12:ExecutionSucceeded",
    "sync.end": 'SUCCEEDED {"doubled":8}',
    "test-state.end": 'SUCCEEDED Pay {"cents":250} {"FunctionName":"price","Payload":1}',
    "deleted": "gone,gone,gone",
    "error.name-taken": f"ExecutionAlreadyExists Execution Already Exists: '{ARN}:execution:steps:one'",
    "error.not-redrivable": "ExecutionNotRedrivable Execution is SUCCEEDED and cannot be redriven",
    "error.no-execution": f"ExecutionDoesNotExist Execution Does Not Exist: '{ARN}:execution:steps:one-not'",
    "error.no-activity": f"ActivityDoesNotExist Activity Does Not Exist: '{ARN}:activity:review'",
    "error.no-machine": f"StateMachineDoesNotExist State Machine Does Not Exist: '{ARN}:stateMachine:steps'",
    "error.token-used": "TaskTimedOut Task Timed Out: 'Provided task does not exist anymore'",
    "error.token": "InvalidToken Invalid Token: 'Invalid token'",
    "error.definition": "InvalidDefinition Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'",
    "error.name": "InvalidName Invalid Name: 'a b'",
}


def need(*tools):
    """Skips the test where a tool chain is absent."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


def run(command, folder, seconds, environment=None):
    """Standard output of a command in a folder beside this file; what it says on standard error when it fails."""
    done = subprocess.run(command, cwd=HERE / folder, env=environment, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def drive(server, command, folder):
    """Runs a driver against the server and compares all that it saw."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_ENDPOINT_URL_SFN": server.url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    lines = run([*command, HERE / "scenario"], folder, 120, environment).splitlines()
    assert dict(line.split(" ", 1) for line in lines) == EXPECTED
