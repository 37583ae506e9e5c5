"""A caller's trace goes through baton into the handler, and a collector gets spans that fit together."""
import json
import os
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from server import Server

ROLE = "arn:aws:iam::123456789012:role/test"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{PARENT}-01"
TOML = """
[functions.Trace]
runtime = "command"
code = ["/bin/sh", "-c", "printf '\\"%s\\"' \\"$TRACEPARENT\\""]
[functions.Fail]
runtime = "command"
code = ["/bin/false"]
"""


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP; its first answer is 503, so that a request comes again."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.resources, self.spans, self.paths, self.refused = [], [], set(), 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.server.refused:
            self.server.refused += 1
            return self.answer(503, b"")
        assert self.headers["content-type"] == "application/x-protobuf" and self.headers["x-key"] == "secret"
        request = ExportTraceServiceRequest.FromString(body)
        self.server.paths.add(self.path)
        for resource_spans in request.resource_spans:
            self.server.resources.append({attribute.key: attribute.value.string_value for attribute in resource_spans.resource.attributes})
            for scope_spans in resource_spans.scope_spans:
                assert scope_spans.scope.name == "baton"
                self.server.spans += scope_spans.spans
        self.answer(200, ExportTraceServiceResponse().SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def call(server, operation, headers=None, **members):
    request = urllib.request.Request(server.url, json.dumps(members).encode(), {"X-Amz-Target": f"AWSStepFunctions.{operation}", **(headers or {})})
    return json.loads(urllib.request.urlopen(request, timeout=30).read())


def create(server, name, states, **more):
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    return call(server, "CreateStateMachine", name=name, roleArn=ROLE, definition=definition, **more)["stateMachineArn"]


def function(name):
    return {"Type": "Task", "Resource": f"arn:aws:lambda:us-east-1:123456789012:function:{name}"}


def attributes(span):
    return {attribute.key: attribute.value.string_value or attribute.value.int_value for attribute in span.attributes}


@pytest.fixture(scope="module")
def traced(request, tmp_path_factory):
    """The collector, and executions by name, after everything is over."""
    folder, collector = tmp_path_factory.mktemp("traced"), Collector()
    (folder / "baton.toml").write_text(TOML)
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test"}
    server = Server(request.config.getoption("--baton"), folder, environment=environment).start()
    executions = {}
    try:
        passes = {"Type": "Pass", "Next": "Wait"}
        fine = create(server, "fine", {"Pass": passes, "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Trace"}, "Trace": {**function("Trace"), "End": True}})
        fails = create(server, "fails", {"Fail": {**function("Fail"), "End": True}})
        begun = {"fine": (fine, {"traceparent": CALLER}), "own": (fine, {}), "unsampled": (fine, {"traceparent": CALLER[:-2] + "00"}),
                 "xray": (fine, {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Sampled=1"}), "fails": (fails, {})}
        for name, (machine, headers) in begun.items():
            executions[name] = call(server, "StartExecution", headers, stateMachineArn=machine)["executionArn"]
        ended = {name: server.wait(arn) for name, arn in executions.items()}
        call(server, "RedriveExecution", executionArn=executions["fails"])
        server.wait(executions["fails"])
    finally:
        server.stop()
        collector.shutdown()
    yield collector, executions, ended


def of(traced, name):
    """The spans of an execution, by their names; several of a name as a list."""
    collector, executions, _ = traced
    spans = {}
    for span in collector.spans:
        if attributes(span)["baton.execution"] == executions[name]:
            spans.setdefault(span.name, []).append(span)
    return spans


def test_the_collector_is_told_who_speaks(traced):
    collector = traced[0]
    assert collector.paths == {"/v1/traces"} and collector.refused == 1
    for resource in collector.resources:
        assert resource["service.name"] == "baton" and resource["deployment.environment"] == "test"


def test_spans_of_an_execution_fit_together(traced):
    spans = of(traced, "fine")
    assert {name: len(of_name) for name, of_name in spans.items()} == {"fine": 1, "Pass": 1, "Wait": 1, "Trace": 1, "Trace attempt": 1}
    execution, attempt = spans["fine"][0], spans["Trace attempt"][0]
    assert (execution.trace_id.hex(), execution.parent_span_id.hex(), execution.kind) == (TRACE, PARENT, Span.SPAN_KIND_SERVER)
    for name in ("Pass", "Wait", "Trace"):
        state = spans[name][0]
        assert state.parent_span_id == execution.span_id and state.trace_id == execution.trace_id
        assert execution.start_time_unix_nano <= state.start_time_unix_nano <= state.end_time_unix_nano <= execution.end_time_unix_nano
    wait = spans["Wait"][0]
    assert 0.9e9 < wait.end_time_unix_nano - wait.start_time_unix_nano < 20e9
    assert attempt.parent_span_id == spans["Trace"][0].span_id and attempt.kind == Span.SPAN_KIND_CLIENT
    assert attributes(attempt)["baton.attempt"] == 1 and attributes(attempt)["baton.resource"].endswith(":function:Trace")
    ids = [span.span_id for span in traced[0].spans]
    assert len(set(ids)) == len(ids) and all(len(span) == 8 for span in ids)


def test_the_handler_is_a_child_of_its_attempt(traced):
    seen = json.loads(traced[2]["fine"]["output"])
    assert seen == f"00-{TRACE}-{of(traced, 'fine')['Trace attempt'][0].span_id.hex()}-01"
    assert traced[2]["fine"]["traceHeader"] == f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"


def test_an_execution_without_a_caller_has_a_trace_of_its_own(traced):
    execution = of(traced, "own")["fine"][0]
    assert execution.trace_id.hex() != TRACE and execution.parent_span_id == b""


def test_an_xray_header_is_a_trace_too(traced):
    execution = of(traced, "xray")["fine"][0]
    assert (execution.trace_id.hex(), execution.parent_span_id) == (TRACE, b"")


def test_what_the_caller_does_not_record_is_not_sent_and_its_context_is_handed_on(traced):
    assert of(traced, "unsampled") == {}
    assert json.loads(traced[2]["unsampled"]["output"]) == CALLER[:-2] + "00"


def test_failures_are_errors_and_a_redrive_is_linked_to_what_it_goes_on_with(traced):
    first, second = sorted(of(traced, "fails")["fails"], key=lambda span: attributes(span)["baton.redrive_count"])
    assert first.status.code == second.status.code == Status.STATUS_CODE_ERROR
    assert attributes(first)["error.type"] == "Runtime.ExitError"
    assert [link.span_id for link in second.links] == [first.span_id] and not first.links
    assert second.start_time_unix_nano >= first.end_time_unix_nano
    assert len(of(traced, "fails")["Fail attempt"]) == 2


def test_without_a_collector_a_callers_context_is_handed_on_as_it_is(request, tmp_path):
    (tmp_path / "baton.toml").write_text(TOML)
    server = Server(request.config.getoption("--baton"), tmp_path).start()
    try:
        machine = create(server, "m", {"Trace": {**function("Trace"), "End": True}})
        execution = call(server, "StartExecution", {"traceparent": CALLER}, stateMachineArn=machine)["executionArn"]
        assert json.loads(server.wait(execution)["output"]) == CALLER
    finally:
        server.stop()


def test_a_collector_that_is_away_holds_nobody_up(request, tmp_path):
    (tmp_path / "baton.toml").write_text(TOML)
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    server = Server(request.config.getoption("--baton"), tmp_path, environment=environment).start()
    machine = create(server, "m", {"P": {"Type": "Pass", "End": True}})
    began = time.monotonic()
    for _ in range(20):
        assert server.wait(call(server, "StartExecution", stateMachineArn=machine)["executionArn"])["status"] == "SUCCEEDED"
    assert time.monotonic() - began < 20
    server.stop()
