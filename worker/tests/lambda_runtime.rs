//! Unmodified Lambda handlers in real Python and Node processes, and the other kinds that run outside the worker.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::{Cancel, Failure, Granted, Outcome};
use baton_worker::functions::{FunctionTable, Location, baton_toml};
use baton_worker::{Bytes, Worker};
use serde_json::{Value, json};
use support::*;

/// A folder of functions, a worker that serves them, and a session with it.
struct Stage {
    folder: tempfile::TempDir,
    coordinator: Coordinator,
    session: Session,
    worker: Running,
    next_claim: u64,
}

impl Stage {
    /// `files` are paths and texts; a `baton.toml` is among them.
    async fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        files.iter().for_each(|(path, text)| write(folder.path(), path, text));
        let mut coordinator = Coordinator::start().await;
        let worker = run(Worker::builder().coordinator([&*coordinator.url]).functions(table(folder.path())));
        let (session, _) = coordinator.welcomed().await;
        Self { folder, coordinator, session, worker, next_claim: 0 }
    }

    fn write(&self, path: &str, text: &str) {
        write(self.folder.path(), path, text);
    }

    fn grant_with(&mut self, function: &str, input: &str, change: impl FnOnce(&mut Granted)) -> u64 {
        self.next_claim += 1;
        let mut grant = granted(&format!("lambda:{function}"), &format!("t{}", self.next_claim), self.next_claim, input);
        change(&mut grant);
        self.session.grant(grant);
        self.next_claim
    }

    fn grant(&mut self, function: &str, input: &str) -> u64 {
        self.grant_with(function, input, |_| {})
    }

    async fn call(&mut self, function: &str, input: &str) -> Outcome {
        self.grant(function, input);
        self.session.applied().await
    }

    async fn output(&mut self, function: &str, input: &str) -> Value {
        let outcome = self.call(function, input).await;
        serde_json::from_str(output(&outcome)).expect("JSON")
    }

    async fn failure(&mut self, function: &str, input: &str) -> Failure {
        failure(&self.call(function, input).await).clone()
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(&path, text).expect("a file");
    if path.file_name().is_some_and(|name| name == "bootstrap") {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    }
}

fn table(folder: &Path) -> FunctionTable {
    baton_toml::load(&folder.join("baton.toml"), &Location::default()).expect("a table")
}

fn payload(failure: &Failure) -> Value {
    serde_json::from_str(&failure.cause).unwrap_or_else(|_| panic!("an error payload, not {}", failure.cause))
}

fn is_alive(process: &Value) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state follows the name in parentheses; a zombie is no longer alive.
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

async fn dies(process: &Value) -> bool {
    for _ in 0..100 {
        if !is_alive(process) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

const PYTHON: &str = "
[functions.P]
runtime = \"python3.11\"
handler = \"app.handler\"
code = \"p\"
timeout = 2
memory = 256
concurrency = 2
environment = { TABLE = \"orders\" }
";

const PYTHON_APP: &str = r#"
import decimal, logging, os, subprocess, sys, time

class Declined(Exception):
    pass

count = 0

def handler(event, context):
    global count
    count += 1
    do = event.get("do")
    if do == "context":
        names = ["function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "aws_request_id", "log_group_name", "log_stream_name"]
        values = {name: getattr(context, name) for name in names}
        values["remaining"] = context.get_remaining_time_in_millis()
        values["client"] = context.client_context and context.client_context.custom
        values["env"] = {name: os.environ.get(name) for name in ["TABLE", "_HANDLER", "LAMBDA_TASK_ROOT", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV", "_X_AMZN_TRACE_ID"]}
        return values
    if do == "raise":
        raise Declined("card declined")
    if do == "set":
        return {1, 2}
    if do == "nan":
        return float("nan")
    if do == "exit":
        sys.exit(3)
    if do == "kill":
        os.kill(os.getpid(), 9)
    if do == "sleep":
        child = subprocess.Popen(["sleep", "60"])
        with open(event["pid_file"], "w") as file:
            file.write("%d %d" % (os.getpid(), child.pid))
        time.sleep(60)
    if do == "log":
        print("printed")
        logging.getLogger().warning("warned")
        sys.stderr.write("no line end")
    return {"pid": os.getpid(), "count": count, "n": decimal.Decimal("1.5"), "text": "ü"}
"#;

#[tokio::test]
async fn python_handlers_run_warm_with_lambdas_context() {
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", PYTHON_APP)]).await;
    let first = stage.output("P", "{}").await;
    let second = stage.output("P", "{}").await;
    assert_eq!((&first["count"], &second["count"], &first["pid"]), (&json!(1), &json!(2), &second["pid"]));
    assert_eq!((&first["n"], &first["text"]), (&json!(1.5), &json!("ü")));

    stage.grant_with("P", r#"{"do": "context"}"#, |grant| {
        grant.resource.push_str(":live");
        grant.trace_header = "Root=1-2".to_owned();
        // {"custom": {"k": "v"}}
        grant.client_context = "eyJjdXN0b20iOiB7ImsiOiAidiJ9fQ==".to_owned();
    });
    let outcome = stage.session.applied().await;
    let context: Value = serde_json::from_str(output(&outcome)).expect("JSON");
    assert_eq!(context["function_name"], "P");
    assert_eq!(context["function_version"], "$LATEST");
    assert_eq!(context["invoked_function_arn"], "arn:aws:lambda:us-east-1:123456789012:function:P:live");
    assert_eq!(context["memory_limit_in_mb"], "256");
    assert_eq!(context["log_group_name"], "/aws/lambda/P");
    assert!(context["log_stream_name"].as_str().is_some_and(|name| name.contains("/[$LATEST]")));
    assert_eq!(context["aws_request_id"].as_str().map(str::len), Some(36));
    assert!(context["remaining"].as_i64().is_some_and(|left| (1..=2_000).contains(&left)), "{context}");
    assert_eq!(context["client"], json!({"k": "v"}));
    let env = &context["env"];
    assert_eq!((&env["TABLE"], &env["_HANDLER"], &env["AWS_REGION"]), (&json!("orders"), &json!("app.handler"), &json!("us-east-1")));
    assert_eq!((&env["AWS_EXECUTION_ENV"], &env["_X_AMZN_TRACE_ID"]), (&json!("AWS_Lambda_python3.11"), &json!("Root=1-2")));
    assert_eq!(env["LAMBDA_TASK_ROOT"], json!(stage.folder.path().join("p")));
}

#[tokio::test]
async fn python_exceptions_have_lambdas_payload() {
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", PYTHON_APP)]).await;
    let pid = stage.output("P", "{}").await["pid"].clone();
    let failure = stage.failure("P", r#"{"do": "raise"}"#).await;
    assert_eq!((failure.error.as_str(), failure.function_error), ("Declined", true));
    let file = stage.folder.path().join("p/app.py");
    let id = payload(&failure)["requestId"].as_str().expect("an id").to_owned();
    let frame = format!("  File \\\"{}\\\", line 21, in handler\\n    raise Declined(\\\"card declined\\\")\\n", file.display());
    assert_eq!(
        failure.cause,
        format!(r#"{{"errorMessage": "card declined", "errorType": "Declined", "requestId": "{id}", "stackTrace": ["{frame}"]}}"#)
    );
    assert_eq!(stage.output("P", "{}").await["pid"], pid, "an exception does not cost the process");

    let failure = stage.failure("P", r#"{"do": "set"}"#).await;
    assert_eq!(failure.error, "Runtime.MarshalError");
    assert_eq!(payload(&failure)["errorMessage"], "Unable to marshal response: Object of type set is not JSON serializable");
    assert_eq!(stage.failure("P", r#"{"do": "nan"}"#).await.error, "Runtime.MarshalError");
}

#[tokio::test]
async fn python_load_errors_have_lambdas_texts_and_are_tried_anew() {
    let functions =
        ["missing.handler", "broken.handler", "app.nothing", "nodot", "imports.handler", "raises.handler", "sub/nested.handler"];
    let toml: String = functions
        .iter()
        .enumerate()
        .map(|(n, handler)| format!("[functions.F{n}]\nruntime = \"python3.11\"\nhandler = \"{handler}\"\ncode = \"p\"\n"))
        .collect();
    let files = [
        ("baton.toml", toml.as_str()),
        ("p/app.py", "def handler(event, context):\n    return 1\n"),
        ("p/broken.py", "def handler(:\n"),
        ("p/imports.py", "import nowhere_to_be_found\n"),
        ("p/raises.py", "def load():\n    raise ValueError('at import')\nload()\n"),
        ("p/sub/nested.py", "def handler(event, context):\n    return event\n"),
    ];
    let mut stage = Stage::new(&files).await;
    for (function, error, message) in [
        ("F0", "Runtime.ImportModuleError", "Unable to import module 'missing': No module named 'missing'"),
        ("F1", "Runtime.UserCodeSyntaxError", "Syntax error in module 'broken': invalid syntax (broken.py, line 1)"),
        ("F2", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
        ("F3", "Runtime.MalformedHandlerName", "Bad handler 'nodot': not enough values to unpack (expected 2, got 1)"),
        ("F4", "Runtime.ImportModuleError", "Unable to import module 'imports': No module named 'nowhere_to_be_found'"),
        ("F5", "ValueError", "at import"),
    ] {
        let failure = stage.failure(function, "{}").await;
        assert_eq!((failure.error.as_str(), failure.function_error), (error, false), "{function}: {failure:?}");
        assert_eq!(payload(&failure)["errorMessage"], message, "{function}");
        assert_eq!(payload(&failure)["requestId"].as_str().map(str::len), Some(36));
    }
    assert_eq!(stage.output("F6", "[1]").await, json!([1]));
    stage.write("p/missing.py", "def handler(event, context):\n    return 'mended'\n");
    assert_eq!(stage.output("F0", "{}").await, json!("mended"));
}

#[tokio::test]
async fn a_timeout_kills_the_process_with_its_children() {
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", PYTHON_APP)]).await;
    let pid_file = stage.folder.path().join("pids");
    let started = Instant::now();
    let failure = stage.failure("P", &json!({"do": "sleep", "pid_file": pid_file}).to_string()).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(failure.error, "Sandbox.Timedout");
    let message = payload(&failure)["errorMessage"].as_str().expect("text").to_owned();
    assert!(message.starts_with("RequestId: ") && message.ends_with(" Error: Task timed out after 2.00 seconds"), "{message}");
    for process in std::fs::read_to_string(&pid_file).expect("process ids").split(' ') {
        assert!(dies(&json!(process.parse::<u32>().expect("a number"))).await, "{process} lives on");
    }
    assert_eq!(stage.output("P", "{}").await["count"], 1, "another process serves the next");
}

#[tokio::test]
async fn crashes_are_exit_errors_and_the_process_is_replaced() {
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", PYTHON_APP)]).await;
    for (input, reason) in [(r#"{"do": "exit"}"#, "exit status 3"), (r#"{"do": "kill"}"#, "signal: killed")] {
        let failure = stage.failure("P", input).await;
        assert_eq!((failure.error.as_str(), failure.function_error), ("Runtime.ExitError", true));
        let message = payload(&failure)["errorMessage"].as_str().expect("text").to_owned();
        assert!(
            message.starts_with("RequestId: ") && message.ends_with(&format!(" Error: Runtime exited with error: {reason}")),
            "{message}"
        );
        assert_eq!(stage.output("P", "{}").await["count"], 1);
    }
    // One that dies between two invocations costs none of them.
    let pid = stage.output("P", "{}").await["pid"].clone();
    let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(status.success() && dies(&pid).await);
    assert_eq!(stage.output("P", "{}").await["count"], 1);
}

#[tokio::test]
async fn cancel_kills_the_process() {
    let mut stage = Stage::new(&[("baton.toml", &PYTHON.replace("timeout = 2", "timeout = 60")), ("p/app.py", PYTHON_APP)]).await;
    let pid_file = stage.folder.path().join("pids");
    let id = stage.grant("P", &json!({"do": "sleep", "pid_file": pid_file}).to_string());
    while std::fs::read_to_string(&pid_file).map_or(0, |text| text.len()) < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.session.send(ToWorker::Cancel(Cancel { token: Bytes::from(format!("t{id}")), claim_id: id }));
    for process in std::fs::read_to_string(&pid_file).expect("process ids").split(' ') {
        assert!(dies(&json!(process.parse::<u32>().expect("a number"))).await, "{process} lives on");
    }
    assert!(stage.session.is_quiet(Duration::from_millis(200)).await);
    assert_eq!(stage.session.credits, [("lambda:P".to_owned(), 1)]);
}

#[tokio::test]
async fn slots_run_at_once_in_processes_of_their_own() {
    let app = "import os, time\ndef handler(event, context):\n    time.sleep(0.5)\n    return os.getpid()\n";
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", app)]).await;
    let ids: Vec<_> = (0..4).map(|_| stage.grant("P", "{}")).collect();
    let mut pids = std::collections::BTreeSet::new();
    for _ in ids {
        pids.insert(output(&stage.session.applied().await).to_owned());
    }
    assert_eq!(pids.len(), 2, "four invocations, two slots, each process used twice");
}

#[tokio::test]
async fn reload_replaces_idle_processes_at_once_and_busy_ones_when_they_have_answered() {
    let app = |version: u32| {
        format!("import os, time\ndef handler(event, context):\n    time.sleep(event)\n    return [{version}, os.getpid()]\n")
    };
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", &app(1))]).await;
    let idle = stage.output("P", "0").await[1].clone();
    stage.write("p/app.py", &app(2));
    assert_eq!(stage.output("P", "0").await, json!([1, idle]), "nobody has said that the code has changed");
    stage.worker.handle.reload(["P"]);
    assert!(dies(&idle).await);
    assert_eq!(stage.output("P", "0").await[0], 2);

    stage.grant("P", "1");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.write("p/app.py", &app(3));
    stage.worker.handle.reload(["P"]);
    let busy: Value = serde_json::from_str(output(&stage.session.applied().await)).expect("JSON");
    assert_eq!(busy[0], 2, "it ends what it has begun");
    assert!(dies(&busy[1]).await);
    assert_eq!(stage.output("P", "0").await[0], 3);
}

#[tokio::test]
async fn another_table_changes_queues_and_keeps_what_is_the_same_warm() {
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", PYTHON_APP)]).await;
    let pid = stage.output("P", "{}").await["pid"].clone();
    stage.write("baton.toml", &format!("{PYTHON}\n[functions.New]\nruntime = \"command\"\ncode = [\"cat\"]\n"));
    // An outcome whose acknowledgement is still on its way would be reported on the next session again.
    while stage.worker.handle.status().unacknowledged > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.worker.handle.set_functions(table(stage.folder.path())).expect("a table");
    let (session, hello) = stage.coordinator.welcomed().await;
    stage.session = session;
    let queues: Vec<_> = hello.queues.iter().map(|queue| (queue.name.as_str(), queue.timeout_seconds)).collect();
    assert_eq!(queues, [("lambda:P", 2), ("lambda:New", 3)]);
    assert_eq!(stage.output("P", "{}").await["pid"], pid);
    assert_eq!(stage.output("New", "[1]").await, json!([1]));
}

#[tokio::test]
async fn logs_go_to_the_execution_and_their_tail_to_the_outcome() {
    let mut stage = Stage::new(&[("baton.toml", PYTHON), ("p/app.py", PYTHON_APP)]).await;
    stage.grant_with("P", r#"{"do": "log"}"#, |grant| grant.log_tail = true);
    let outcome = stage.session.applied().await;
    let tail = String::from_utf8(outcome.log_tail.to_vec()).expect("UTF-8");
    let lines: Vec<_> = tail.lines().collect();
    assert!(lines[0].starts_with("START RequestId: ") && lines[0].ends_with(" Version: $LATEST"), "{tail}");
    assert!(lines.contains(&"printed") && lines.contains(&"no line end"), "{tail}");
    assert!(lines.iter().any(|line| line.starts_with("[WARNING]\t20") && line.ends_with("\twarned")), "{tail}");
    assert!(lines[lines.len() - 1].starts_with("REPORT RequestId: ") && tail.contains("\tMemory Size: 256 MB"), "{tail}");
    while stage.session.lines.len() < 3 {
        assert!(stage.session.take_one().await);
    }
    assert!(stage.session.lines.iter().all(|line| &line.token[..] == b"t1" && line.at_ms > 1_600_000_000_000));
    assert!(stage.session.lines.iter().any(|line| line.text == "printed"));
    let outcome = stage.call("P", "{}").await;
    assert!(outcome.log_tail.is_empty());
}

#[tokio::test]
async fn node_handlers_of_all_kinds_run() {
    let handlers = [
        (
            "cjs.handler",
            "exports.handler = async (event, context) => ({ event, id: context.awsRequestId.length, left: context.getRemainingTimeInMillis() > 0 });",
        ),
        ("esm.handler", ""),
        ("back.handler", "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, 'called back'), 20); };"),
        ("lib/deep.nested.handler", "module.exports = { nested: { handler: async () => 'nested' } };"),
        (
            "early.handler",
            "exports.handler = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); callback(null, 'early'); };",
        ),
        ("nothing.handler", "exports.handler = () => {};"),
        ("warm.handler", "let count = 0; exports.handler = async () => [process.pid, ++count];"),
    ];
    let toml: String = handlers
        .iter()
        .enumerate()
        .map(|(n, (handler, _))| {
            format!("[functions.F{n}]\nruntime = \"nodejs20.x\"\nhandler = \"{handler}\"\ncode = \"n\"\ntimeout = 10\n")
        })
        .collect();
    let mut stage = Stage::new(&[
        ("baton.toml", &toml),
        ("n/esm.mjs", "const late = await Promise.resolve('esm');\nexport const handler = async () => late;\n"),
    ])
    .await;
    for (handler, text) in handlers.iter().filter(|(_, text)| !text.is_empty()) {
        let module = &handler
            [..handler.rfind('/').map_or(0, |at| at + 1) + handler.rsplit('/').next().and_then(|base| base.find('.')).expect("a dot")];
        stage.write(&format!("n/{module}.js"), text);
    }
    assert_eq!(stage.output("F0", r#"{"a": [1, "ü"]}"#).await, json!({"event": {"a": [1, "ü"]}, "id": 36, "left": true}));
    assert_eq!(stage.output("F1", "{}").await, json!("esm"));
    assert_eq!(stage.output("F2", "{}").await, json!("called back"));
    assert_eq!(stage.output("F3", "{}").await, json!("nested"));
    assert_eq!(stage.output("F4", "{}").await, json!("early"));
    assert_eq!(stage.output("F5", "{}").await, json!(null));
    let (first, second) = (stage.output("F6", "{}").await, stage.output("F6", "{}").await);
    assert_eq!((&first[0], &first[1], &second[1]), (&second[0], &json!(1), &json!(2)));
}

#[tokio::test]
async fn node_errors_have_lambdas_payload() {
    let app = r#"
class Declined extends Error { constructor(message) { super(message); this.name = "Declined"; } }
exports.handler = async (event) => {
  if (event === "throw") throw new Declined("card declined");
  if (event === "string") throw "just text";
  if (event === "bigint") return 1n;
  if (event === "late") { setTimeout(() => { throw new Declined("nobody waits"); }, 5); await new Promise((resolve) => setTimeout(resolve, 5000)); }
  if (event === "rejection") { Promise.reject(new Error("forgotten")); await new Promise((resolve) => setTimeout(resolve, 5000)); }
  if (event === "never") await new Promise(() => {});
  if (event === "exit") process.exit(4);
  console.log("said", { a: 1 });
  return process.pid;
};
exports.calledBack = (event, context, callback) => callback(new Declined("by callback"));
exports.text = "not a function";
"#;
    let handlers =
        ["app.handler", "app.calledBack", "app.absent", "app.text", "absent.handler", "broken.handler", "imports.handler", "nodot"];
    let toml: String = handlers
        .iter()
        .enumerate()
        .map(|(n, handler)| format!("[functions.F{n}]\nruntime = \"nodejs20.x\"\nhandler = \"{handler}\"\ncode = \"n\"\ntimeout = 10\n"))
        .collect();
    let mut stage = Stage::new(&[
        ("baton.toml", &toml),
        ("n/app.js", app),
        ("n/broken.js", "exports.handler = (;"),
        ("n/imports.js", "require('nowhere-to-be-found');"),
    ])
    .await;

    let pid = stage.output("F0", "1").await;
    let failure = stage.failure("F0", r#""throw""#).await;
    assert_eq!(failure.error, "Declined");
    let trace = payload(&failure)["trace"].as_array().expect("a trace").clone();
    assert_eq!(
        (&trace[0], failure.cause.starts_with(r#"{"errorType":"Declined","errorMessage":"card declined","trace":["#)),
        (&json!("Declined: card declined"), true)
    );
    assert!(trace[1].as_str().is_some_and(|line| line.contains("app.js:4:")), "{trace:?}");
    assert_eq!(
        payload(&stage.failure("F0", r#""string""#).await),
        json!({"errorType": "string", "errorMessage": "just text", "trace": []})
    );
    let failure = stage.failure("F0", r#""bigint""#).await;
    assert_eq!(
        (failure.error.as_str(), &payload(&failure)["errorMessage"]),
        ("Runtime.MarshalError", &json!("Unable to stringify response body"))
    );
    assert_eq!(stage.output("F0", "1").await, pid, "none of these cost the process");
    assert_eq!(payload(&stage.failure("F0", r#""never""#).await)["errorType"], "Runtime.NodeJsExit");
    assert_eq!(stage.output("F0", "1").await, pid);

    assert_eq!(stage.failure("F0", r#""late""#).await.error, "Declined");
    assert_eq!(stage.failure("F0", r#""rejection""#).await.error, "Runtime.UnhandledPromiseRejection");
    let failure = stage.failure("F0", r#""exit""#).await;
    assert!(failure.error == "Runtime.ExitError" && failure.cause.contains("Runtime exited with error: exit status 4"), "{failure:?}");
    assert_eq!(stage.failure("F1", "{}").await.error, "Declined");

    for (function, error, message) in [
        ("F2", "Runtime.HandlerNotFound", "app.absent is undefined or not exported"),
        ("F3", "Runtime.HandlerNotFound", "app.text is not a function"),
        ("F4", "Runtime.ImportModuleError", "Error: Cannot find module 'absent'"),
        ("F5", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        ("F6", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere-to-be-found'\nRequire stack:\n- "),
        ("F7", "Runtime.MalformedHandlerName", "Bad handler"),
    ] {
        let failure = stage.failure(function, "{}").await;
        assert_eq!((failure.error.as_str(), failure.function_error), (error, false), "{function}: {failure:?}");
        assert!(payload(&failure)["errorMessage"].as_str().is_some_and(|text| text.starts_with(message)), "{function}: {failure:?}");
    }
    assert!(
        stage.session.lines.iter().any(|line| line.text.ends_with("\tINFO\tsaid { a: 1 }") && line.text.matches('\t').count() == 3),
        "{:?}",
        stage.session.lines
    );
}

/// A custom runtime in Python, used as any language would be: over the Runtime API alone.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import os, sys, urllib.request
base = "http://%s/2018-06-01/runtime/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
def post(path, body):
    return urllib.request.urlopen(urllib.request.Request(base + path, body, method="POST"))
if os.environ["_HANDLER"] == "fails":
    post("init/error", b'{"errorType": "Init.Failed", "errorMessage": "no database"}')
    sys.exit(1)
while True:
    with urllib.request.urlopen(base + "invocation/next") as answer:
        request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read()
    if event == b'"error"':
        post("invocation/%s/error" % request_id, b'{"errorMessage": "without a type"}')
    elif event == b'"garbage"':
        post("invocation/%s/response" % request_id, b"{nonsense")
    elif event == b'"large"':
        try:
            post("invocation/%s/response" % request_id, b'"' + b"x" * 6300000 + b'"')
        except Exception as error:
            print(error)
    elif event == b'"stranger"':
        try:
            post("invocation/1234/response", b"1")
        except Exception as error:
            post("invocation/%s/response" % request_id, b"%d" % error.code)
    else:
        post("invocation/%s/response" % request_id, event)
"#;

#[tokio::test]
async fn custom_runtimes_run() {
    let function = |name: &str, handler: &str, code: &str| {
        format!("[functions.{name}]\nruntime = \"provided.al2023\"\nhandler = \"{handler}\"\ncode = \"{code}\"\n")
    };
    let toml =
        [function("Custom", "h", "c"), function("Fails", "fails", "c"), function("Empty", "h", "empty"), function("Locked", "h", "locked")]
            .concat();
    let mut stage =
        Stage::new(&[("baton.toml", ""), ("c/bootstrap", BOOTSTRAP), ("empty/readme", ""), ("locked/bootstrap", "#!/bin/sh\n")]).await;
    std::process::Command::new("chmod").arg("-x").arg(stage.folder.path().join("locked/bootstrap")).status().expect("chmod");
    stage.write("baton.toml", &toml);
    stage.worker.handle.set_functions(table(stage.folder.path())).expect("a table");
    stage.session = stage.coordinator.welcomed().await.0;

    assert_eq!(stage.output("Custom", r#"{"a":  1}"#).await, json!({"a": 1}));
    assert_eq!(stage.output("Custom", r#""stranger""#).await, json!(403));
    assert_eq!(stage.failure("Custom", r#""error""#).await.error, "Lambda.Unknown");
    assert_eq!(stage.failure("Custom", r#""garbage""#).await.error, "Runtime.MarshalError");
    assert_eq!(stage.failure("Custom", r#""large""#).await.error, "Function.ResponseSizeTooLarge");
    assert_eq!(stage.output("Custom", "1").await, json!(1));
    let failure = stage.failure("Fails", "1").await;
    assert_eq!(
        (failure.error.as_str(), failure.function_error, failure.cause.as_str()),
        ("Init.Failed", false, r#"{"errorType": "Init.Failed", "errorMessage": "no database"}"#)
    );
    let failure = stage.failure("Empty", "1").await;
    assert!(failure.error == "Runtime.InvalidEntrypoint" && failure.cause.contains("Couldn't find valid bootstrap(s): ["), "{failure:?}");
    assert!(stage.failure("Locked", "1").await.cause.contains("permission denied"));
}

#[tokio::test]
async fn commands_read_stdin_and_write_stdout() {
    let toml = r#"
[functions.Cat]
runtime = "command"
code = "cat"
[functions.Script]
runtime = "command"
code = ["./script.sh", "argument"]
timeout = 1
[functions.Nowhere]
runtime = "command"
code = ["no-such-program-anywhere"]
"#;
    let script = "#!/bin/sh\nread input\ncase $input in\n1) echo \"a line\" >&2; echo \"\\\"$1 $AWS_LAMBDA_FUNCTION_NAME\\\"\" ;;\n2) exit 7 ;;\n3) sleep 30 ;;\n4) echo not json ;;\n5) ;;\n6) kill -SEGV $$ ;;\nesac\n";
    let mut stage = Stage::new(&[("baton.toml", toml), ("bootstrap", script)]).await;
    std::fs::rename(stage.folder.path().join("bootstrap"), stage.folder.path().join("script.sh")).expect("renamed");
    let large = json!(vec!["x".repeat(1_000); 200]);
    assert_eq!(stage.output("Cat", &large.to_string()).await, large);
    assert_eq!(stage.output("Script", "1").await, json!("argument Script"));
    assert!(stage.session.lines.iter().any(|line| line.text == "a line"));
    let failure = stage.failure("Script", "2").await;
    assert!(failure.error == "Runtime.ExitError" && failure.cause.contains("exit status 7"), "{failure:?}");
    let failure = stage.failure("Script", "3").await;
    assert!(failure.error == "Sandbox.Timedout" && failure.cause.contains("Task timed out after 1.00 seconds"), "{failure:?}");
    assert_eq!(stage.failure("Script", "4").await.error, "Runtime.MarshalError");
    assert_eq!(stage.output("Script", "5").await, json!(null));
    let failure = stage.failure("Script", "6").await;
    assert!(failure.error == "Runtime.ExitError" && failure.cause.contains("signal: segmentation fault"), "{failure:?}");
    assert_eq!(stage.failure("Nowhere", "1").await.error, "Runtime.InvalidEntrypoint");
}

#[tokio::test]
async fn endpoints_are_called_in_lambdas_wire_format() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // Answers by what it is asked with; one request per connection.
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|window| window == b"\r\n\r\n") || !request.ends_with(b"}") {
                    if stream.read_buf(&mut request).await.expect("a request") == 0 {
                        return;
                    }
                }
                let text = String::from_utf8(request).expect("UTF-8");
                let answer = |head: &str, body: &str| {
                    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                };
                let answer = match text.split("\r\n\r\n").nth(1).expect("a body") {
                    r#"{"do":"error"}"# => answer("200 OK\r\nX-Amz-Function-Error: Unhandled", r#"{"errorType": "Declined", "errorMessage": "no"}"#),
                    r#"{"do":"throttle"}"# => answer("429 Too Many", "slow down"),
                    r#"{"do":"break"}"# => answer("503 Broken", ""),
                    r#"{"do":"absent"}"# => answer("404 Absent", "no such function"),
                    r#"{"do":"hang"}"# => std::future::pending().await,
                    body => answer("200 OK", &json!({"body": body, "post": text.starts_with("POST /2015-03-31/functions/f/invocations "), "context": text.to_lowercase().contains("x-amz-client-context: abc")}).to_string()),
                };
                stream.write_all(answer.as_bytes()).await.expect("written");
            });
        }
    });
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone_port = gone.local_addr().expect("an address").port();
    drop(gone);
    let toml = format!(
        "[functions.H]\nruntime = \"http\"\ncode = \"http://127.0.0.1:{port}/2015-03-31/functions/f/invocations\"\ntimeout = 1\n[functions.Gone]\nruntime = \"http\"\ncode = \"http://127.0.0.1:{gone_port}/\"\n"
    );
    let mut stage = Stage::new(&[("baton.toml", &toml)]).await;
    stage.grant_with("H", r#"{"a":1}"#, |grant| grant.client_context = "abc".to_owned());
    let outcome = stage.session.applied().await;
    assert_eq!(serde_json::from_str::<Value>(output(&outcome)).expect("JSON"), json!({"body": "{\"a\":1}", "post": true, "context": true}));
    let failure = stage.failure("H", r#"{"do":"error"}"#).await;
    assert_eq!((failure.error.as_str(), failure.cause.as_str()), ("Declined", r#"{"errorType": "Declined", "errorMessage": "no"}"#));
    for (input, error) in [
        (r#"{"do":"throttle"}"#, "Lambda.TooManyRequestsException"),
        (r#"{"do":"break"}"#, "Lambda.ServiceException"),
        (r#"{"do":"absent"}"#, "Lambda.ResourceNotFoundException"),
        (r#"{"do":"hang"}"#, "Sandbox.Timedout"),
    ] {
        assert_eq!(stage.failure("H", input).await.error, error);
    }
    let failure = stage.failure("Gone", "{}").await;
    assert!(failure.error == "Lambda.SdkClientException" && failure.cause.contains("refused"), "{failure:?}");
    server.abort();
}
