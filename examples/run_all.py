#!/usr/bin/env python3
"""Runs every example through a running baton and compares what happens with examples/NAME/expected.

    examples/run_all.py [--baton PATH] [NAME ...]

For each example: `build.sh` if it has one, `service.py` if it has one, `baton dev examples/NAME`, then one execution for each file in
inputs/, all at once; `${PWD}` in it is the folder that holds examples/. Of each execution the status, the output or error, and the names of the states in order of entry must be those
of the file of the same name in expected/. A list inside `states` stands for entries whose order among themselves is open.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

EXAMPLES = pathlib.Path(__file__).resolve().parent
REGION, ACCOUNT = "us-east-1", "123456789012"
READY_SECONDS_MAX = 30
EXECUTION_SECONDS_MAX = 60
SERVICE_PORT = 9180
AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/states/aws4_request, SignedHeaders=host, Signature=0"
)


def main():
    arguments = parse_arguments()
    names = arguments.names or sorted(path.parent.name for path in EXAMPLES.glob("*/inputs"))
    passed = failed = 0
    for name in names:
        for case, problems in run_example(EXAMPLES / name, arguments.baton).items():
            passed, failed = passed + (not problems), failed + bool(problems)
            print(f"{'ok    ' if not problems else 'FAILED'} {name}/{case}", flush=True)
            for problem in problems:
                print(f"       {problem}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def parse_arguments():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", EXAMPLES.parent / "target"))
    built = [path for path in (target / "release/baton", target / "debug/baton") if path.exists()]
    parser = argparse.ArgumentParser(description="Runs the examples through a running baton.")
    parser.add_argument("--baton", type=pathlib.Path, default=built[0] if built else None, required=not built)
    parser.add_argument("names", nargs="*", metavar="NAME", help="examples to run; all by default")
    return parser.parse_args()


def run_example(folder, baton):
    """Case name -> list of problems, empty for a case that went as expected."""
    cases = sorted(path.stem for path in folder.glob("inputs/*.json"))
    try:
        with contextlib.ExitStack() as stack:
            prepare(folder, stack)
            endpoint = stack.enter_context(running_baton(folder, baton))
            executions = {case: start(endpoint, folder, case) for case in cases}
            return {case: compare(endpoint, folder, case, executions[case]) for case in cases}
    except (OSError, subprocess.SubprocessError, ExampleFailed) as error:
        return {case: [str(error)] for case in cases}


class ExampleFailed(Exception):
    """The example did not come as far as an execution."""


def prepare(folder, stack):
    if (folder / "build.sh").exists():
        subprocess.run([folder / "build.sh"], check=True, timeout=600)
    if (folder / "service.py").exists():
        service = subprocess.Popen([sys.executable, folder / "service.py", str(SERVICE_PORT)])
        stack.callback(end, service)
        wait_for_port(SERVICE_PORT)


def wait_for_port(port):
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise ExampleFailed(f"nothing listens on port {port}") from error
            time.sleep(0.05)


@contextlib.contextmanager
def running_baton(folder, baton):
    """Starts `baton dev` on a free port with nothing kept, and gives its URL."""
    command = [baton, "dev", folder, "--port", "0", "--ephemeral"]
    log = tempfile.NamedTemporaryFile(prefix=f"baton-{folder.name}-", suffix=".log", delete=False)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "AWS_REGION": REGION})
    try:
        yield ready_line(process, log.name).removeprefix("baton ready ").strip()
    finally:
        end(process)
        log.close()
    os.remove(log.name)


def ready_line(process, log):
    too_late = threading.Timer(READY_SECONDS_MAX, process.kill)
    too_late.start()
    line = process.stdout.readline()
    too_late.cancel()
    if not line.startswith("baton ready http://"):
        raise ExampleFailed(f"baton did not get ready, see {log}; it printed {line!r}")
    return line


def end(process):
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start(endpoint, folder, case):
    """ARN of a new execution of the folder's machine with the case's input."""
    answer = call(endpoint, "StartExecution", {
        "stateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{folder.name}",
        "name": case,
        "input": (folder / "inputs" / f"{case}.json").read_text().replace("${PWD}", str(EXAMPLES.parent)),
    })
    return answer["executionArn"]


def compare(endpoint, folder, case, arn):
    expected = json.loads((folder / "expected" / f"{case}.json").read_text())
    execution = wait_for_end(endpoint, arn)
    actual = {
        "status": execution["status"],
        "output": json.loads(execution["output"]) if "output" in execution else None,
        "error": execution.get("error"),
        "states": states_entered(endpoint, arn),
    }
    expected["states"] = in_the_order_of(actual["states"], expected["states"])
    problems = [
        f"{field}: expected {json.dumps(expected.get(field))}, got {json.dumps(actual[field])}"
        for field in actual
        if expected.get(field) != actual[field]
    ]
    if problems and execution.get("cause"):
        problems.append(f"cause: {execution['cause']}")
    return problems


def in_the_order_of(actual, expected):
    """`expected` with each group of unordered names laid out as `actual` has it, where it has the same names."""
    flat = []
    for entry in expected:
        group = [entry] if isinstance(entry, str) else entry
        met = actual[len(flat):len(flat) + len(group)]
        flat += met if sorted(met) == sorted(group) else group
    return flat


def wait_for_end(endpoint, arn):
    url = f"{endpoint}/api/executions/{urllib.parse.quote(arn, safe='')}/wait?seconds={EXECUTION_SECONDS_MAX}"
    return send(urllib.request.Request(url, headers={"Authorization": AUTHORIZATION}))


def states_entered(endpoint, arn):
    names, page = [], {}
    while True:
        page = call(endpoint, "GetExecutionHistory", {"executionArn": arn, "maxResults": 1000, **page})
        names += [event["stateEnteredEventDetails"]["name"] for event in page["events"] if event["type"].endswith("StateEntered")]
        if "nextToken" not in page:
            return names
        page = {"nextToken": page["nextToken"]}


def call(endpoint, operation, request):
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"AWSStepFunctions.{operation}",
        "Authorization": AUTHORIZATION,
    }
    return send(urllib.request.Request(f"{endpoint}/", json.dumps(request).encode(), headers))


def send(request):
    try:
        with urllib.request.urlopen(request, timeout=EXECUTION_SECONDS_MAX + 10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ExampleFailed(f"HTTP {error.code}: {error.read().decode(errors='replace')[:500]}") from error


if __name__ == "__main__":
    sys.exit(main())
