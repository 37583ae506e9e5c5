"""Runs an unmodified Lambda handler written in Python.

Given to the interpreter on standard input by the worker; standard library only, Python 3.6 and later. It loads the handler named by
_HANDLER from LAMBDA_TASK_ROOT, then serves invocations from the Lambda Runtime API at AWS_LAMBDA_RUNTIME_API, one at a time, until that goes away.
"""

import decimal
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

OUR_FRAMES = ("<stdin>", "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


class RuntimeApi:
    """The worker's end of the Lambda Runtime API, over one connection. Reads only what that server writes."""

    def __init__(self, address):
        self.host = address
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def next(self):
        return self.call("GET", "invocation/next", b"", "")

    def respond(self, request_id, payload):
        self.call("POST", "invocation/%s/response" % request_id, payload, "")

    def fail(self, request_id, payload, error_type, loading):
        headers = "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type.encode("ascii", "replace").decode("ascii")
        if loading:
            headers += "Baton-Load-Error: 1\r\n"
        self.call("POST", "invocation/%s/error" % request_id, payload, headers)

    def call(self, method, path, body, headers):
        head = "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        self.socket.sendall((head % (method, path, self.host, len(body), headers)).encode("ascii") + body)
        if not self.reader.readline():
            # The worker has ended, and nobody waits for this process any more.
            os._exit(0)
        answer = {}
        while True:
            line = self.reader.readline().rstrip(b"\r\n")
            if not line:
                break
            name, _, value = line.partition(b":")
            answer[name.strip().lower().decode("ascii")] = value.strip().decode("utf-8", "replace")
        return answer, self.reader.read(int(answer.get("content-length", 0)))


class Attributes:
    """Named values of a JSON object as attributes; absent ones are None."""

    def __init__(self, names, values):
        for name in names:
            setattr(self, name, values.get(name))


class Context:
    """The second argument of every handler."""

    def __init__(self, headers):
        environment = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Attributes(("cognito_identity_id", "cognito_identity_pool_id"), {})
        self.client_context = client_context(headers.get("lambda-runtime-client-context"))
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


def client_context(text):
    if not text:
        return None
    values = json.loads(text)
    context = Attributes(("custom", "env"), values)
    client = values.get("client")
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    context.client = Attributes(names, client) if isinstance(client, dict) else None
    return context


class LoadError(Exception):
    """The handler cannot be loaded; carries the error that Lambda reports then."""

    def __init__(self, error_type, message, stack_trace=()):
        Exception.__init__(self, message)
        self.error_type = error_type
        self.stack_trace = list(stack_trace)


def load(handler):
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise LoadError("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (handler, error))
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise LoadError("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise LoadError("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), [place])
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise LoadError("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))


def frames(error):
    """The lines of a traceback that are the function's own, as Lambda shows them: without position markers."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename not in OUR_FRAMES:
            line = '  File "%s", line %d, in %s\n' % (frame.filename, frame.lineno, frame.name)
            lines.append(line + ("    %s\n" % frame.line.strip() if frame.line else ""))
    return lines


def error_payload(error_type, message, request_id, stack_trace):
    text = "[ERROR] %s: %s" % (error_type, message) if message else "[ERROR] %s" % error_type
    if stack_trace:
        text += "\nTraceback (most recent call last):\n" + "".join(stack_trace).rstrip("\n")
    print(text)
    values = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": stack_trace}
    return json.dumps(values, ensure_ascii=ENSURE_ASCII).encode("utf-8", "replace")


def plain_number(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def report_load_failure(api, error):
    """Fails the first invocation and ends, so that the next one finds a process with the code as it is then."""
    headers, _ = api.next()
    request_id = headers["lambda-runtime-aws-request-id"]
    if isinstance(error, LoadError):
        error_type, stack_trace = error.error_type, error.stack_trace
    else:
        error_type, stack_trace = type(error).__name__, frames(error)
    api.fail(request_id, error_payload(error_type, str(error), request_id, stack_trace), error_type, True)
    sys.exit(1)


def serve(api, handler):
    while True:
        headers, payload = api.next()
        request_id = headers["lambda-runtime-aws-request-id"]
        RequestIds.current = request_id
        if "lambda-runtime-trace-id" in headers:
            os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        invoke(api, handler, request_id, headers, payload)
        sys.stdout.flush()


def invoke(api, handler, request_id, headers, payload):
    def fail(error_type, message, stack_trace):
        api.fail(request_id, error_payload(error_type, message, request_id, stack_trace), error_type, False)

    try:
        event = json.loads(payload.decode("utf-8"))
    except ValueError as error:
        return fail("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error, [])
    try:
        result = handler(event, Context(headers))
    except Exception as error:
        return fail(type(error).__name__, str(error), frames(error))
    try:
        output = json.dumps(result, default=plain_number, allow_nan=False, ensure_ascii=ENSURE_ASCII).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        return fail("Runtime.MarshalError", "Unable to marshal response: %s" % error, [])
    api.respond(request_id, output)


class RequestIds(logging.Filter):
    """Gives each log record the id of the running invocation."""

    current = ""

    def filter(self, record):
        record.aws_request_id = RequestIds.current
        return True


def set_up_logging():
    """Lambda's log lines: a root handler is there, so that `logging.getLogger().info()` shows without more."""
    formatter = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(RequestIds())
    logging.getLogger().addHandler(handler)


def main():
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[:] = [task_root] + [path for path in sys.path if path]
    sys.argv = [os.environ["_HANDLER"]]
    set_up_logging()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        report_load_failure(api, error)
    try:
        serve(api, handler)
    except (ConnectionError, KeyboardInterrupt):
        os._exit(0)


# Lambda's runtimes write characters beyond ASCII as they are since Python 3.12.
ENSURE_ASCII = tuple(map(int, os.environ.get("AWS_EXECUTION_ENV", "_python3.11").rsplit("python", 1)[-1].split("."))) < (3, 12)

main()
