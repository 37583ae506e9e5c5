// Runs an unmodified Lambda handler written for Node: CommonJS or ES module, async or with a callback.
//
// Given to the interpreter on standard input by the worker; Node's own modules only, Node 14 and later. It loads the handler named by _HANDLER from
// LAMBDA_TASK_ROOT, then serves invocations from the Lambda Runtime API at AWS_LAMBDA_RUNTIME_API, one at a time, until that goes away.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const { env } = process;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(":");

/** The invocation that runs now: its id, and the function that ends it. */
let current = { id: "", finish: undefined, waiting: undefined, isPromise: false };

class LoadError extends Error {
  constructor(type, message, stack) {
    super(message);
    this.name = type;
    this.stack = stack ?? `${type}: ${message}`;
  }
}

// ---- The worker's end of the Lambda Runtime API ----

function call(method, target, body, headers = {}) {
  return new Promise((resolve) => {
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const options = { host, port, method, agent, path: `/2018-06-01/runtime/${target}`, headers: { "Content-Type": "application/json", "Content-Length": length, ...headers } };
    const request = http.request(options, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(pieces) }));
      response.on("error", gone);
    });
    request.on("error", gone);
    request.end(body);
  });
}

/** The worker has ended, and nobody waits for this process any more. */
function gone() {
  process.exit(0);
}

function respond(id, payload) {
  return call("POST", `invocation/${id}/response`, payload);
}

function fail(id, payload, loading) {
  const headers = { "Lambda-Runtime-Function-Error-Type": String(payload.errorType).replace(/[^\x20-\x7e]/g, "?") };
  if (loading) headers["Baton-Load-Error"] = "1";
  console.error(loading ? "Uncaught Exception" : "Invoke Error", JSON.stringify(payload));
  return call("POST", `invocation/${id}/error`, JSON.stringify(payload), headers);
}

/** Lambda's error payload of whatever was thrown. */
function errorPayload(error) {
  if (error instanceof Error || Object.prototype.toString.call(error) === "[object Error]") {
    return { errorType: error.name, errorMessage: error.message, trace: String(error.stack ?? "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

// ---- Loading ----

async function load(handler) {
  const folder = path.dirname(handler);
  const base = path.basename(handler);
  const dot = base.indexOf(".");
  if (dot < 1 || dot === base.length - 1 || handler.includes("..")) {
    throw new LoadError("Runtime.MalformedHandlerName", "Bad handler");
  }
  const moduleName = path.join(folder, base.slice(0, dot));
  const exported = await loadModule(moduleName);
  const functionName = base.slice(dot + 1);
  const found = member(exported, functionName) ?? member(exported.default, functionName);
  if (found === undefined) throw new LoadError("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  if (typeof found !== "function") throw new LoadError("Runtime.HandlerNotFound", `${handler} is not a function`);
  return found;
}

async function loadModule(name) {
  const file = ["", ".js", ".mjs", ".cjs", "/index.js"].map((end) => path.resolve(env.LAMBDA_TASK_ROOT, name + end)).find(isFile);
  if (file === undefined) throw new LoadError("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw new LoadError("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`, error.stack);
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) throw new LoadError("Runtime.ImportModuleError", `Error: ${error.message}`, error.stack);
    throw error;
  }
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function member(object, dotted) {
  return dotted.split(".").reduce((value, name) => value?.[name], object);
}

// ---- Invoking ----

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: clientContext ? JSON.parse(Buffer.from(clientContext, "latin1").toString("utf8")) : undefined,
    identity: undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** Runs the handler to its end: what it resolves to, calls back with, or leaves undone when nothing can happen any more. */
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const settle = (error, value) => (error === null || error === undefined ? resolve(value) : reject(error));
    const callback = (error, value) => {
      if (context.callbackWaitsForEmptyEventLoop) current.waiting ??= () => settle(error, value);
      else setImmediate(settle, error, value);
    };
    const atOnce = (error, value) => {
      context.callbackWaitsForEmptyEventLoop = false;
      callback(error, value);
    };
    context.done = atOnce;
    context.succeed = (value) => atOnce(null, value);
    context.fail = (error) => atOnce(error ?? "handled");
    current.finish = settle;
    try {
      const result = handler(event, context, callback);
      if (typeof result?.then === "function") {
        current.isPromise = true;
        result.then(resolve, (error) => reject(error ?? new Error(String(error))));
      }
    } catch (error) {
      reject(error);
    }
  });
}

// The event loop is empty: a callback that waited for it goes out now, and a handler that did nothing more has nothing to say.
process.on("beforeExit", () => {
  const { finish, waiting, isPromise } = current;
  current = { ...current, finish: undefined, waiting: undefined };
  if (waiting) waiting();
  else if (finish && isPromise) {
    const error = new Error("The Lambda function exited before the promise it returned was resolved. Check for unresolved promises in your code.");
    error.name = "Runtime.NodeJsExit";
    finish(error);
  } else if (finish) finish(null, null);
});

async function endWith(error, code) {
  if (current.id) await fail(current.id, errorPayload(error), false);
  process.exit(code);
}

process.on("uncaughtException", (error) => endWith(error, 129));
process.on("unhandledRejection", (reason) => {
  const error = new Error(String(reason));
  error.name = "Runtime.UnhandledPromiseRejection";
  if (reason instanceof Error) error.stack = `${error.name}: ${error.message}\n${reason.stack}`;
  endWith(error, 128);
});

async function serve(handler) {
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next");
    const id = headers["lambda-runtime-aws-request-id"];
    current = { id, finish: undefined, waiting: undefined, isPromise: false };
    if (headers["lambda-runtime-trace-id"]) env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    else delete env._X_AMZN_TRACE_ID;
    let answer;
    try {
      const result = await run(handler, JSON.parse(body), contextOf(headers));
      answer = { output: stringified(result) };
    } catch (error) {
      answer = { error: errorPayload(error) };
    }
    current = { id, finish: undefined, waiting: undefined, isPromise: false };
    await (answer.error ? fail(id, answer.error, false) : respond(id, answer.output));
  }
}

function stringified(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch (cause) {
    const error = new Error("Unable to stringify response body");
    error.name = "Runtime.MarshalError";
    error.stack = `${error.name}: ${error.message}\n${cause.stack}`;
    throw error;
  }
}

/** Fails the first invocation and ends, so that the next one finds a process with the code as it is then. */
async function reportLoadFailure(error) {
  const { headers } = await call("GET", "invocation/next");
  current.id = "";
  await fail(headers["lambda-runtime-aws-request-id"], errorPayload(error), true);
  process.exit(1);
}

// ---- Lambda's log lines ----

for (const [method, level] of Object.entries({ log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", debug: "DEBUG", trace: "TRACE" })) {
  console[method] = (...parts) => process.stdout.write(`${new Date().toISOString()}\t${current.id}\t${level}\t${format(...parts)}\n`);
}

load(env._HANDLER).then(serve, reportLoadFailure);
