//! Handlers end with their worker, and a missing interpreter is a clear error. Without the usual test harness, because children are made by
//! starting this same executable anew, and because one test needs an environment of its own.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use baton_worker::functions::{FunctionTable, Location, baton_toml};
use baton_worker::{Worker, child};
use support::*;

const APP: &str = "import os, time\ndef handler(event, context):\n    open(event['pid_file'], 'w').write(str(os.getpid()))\n    time.sleep(event.get('seconds', 0))\n    return os.getpid()\n";
const SCRIPT: &str = "#!/bin/sh\nread input\nsleep 61 &\necho $! > \"$PID_FILE.child\"\necho $$ > \"$PID_FILE\"\nsleep 60\ntrue\n";

fn main() {
    child::run_if_requested();
    match std::env::args().nth(1).as_deref() {
        Some("victim") => runtime().block_on(victim(Path::new(&std::env::args().nth(2).expect("a folder")))),
        Some("no-interpreters") => runtime().block_on(no_interpreters()),
        // What test runners ask of a test program: its tests, or one of them.
        _ => {
            handlers_die_with_their_worker();
            no_interpreter_is_a_clear_error();
            println!("test result: ok. 2 passed; 0 failed");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let toml = format!(
        "[functions.P]\nruntime = \"python3.11\"\nhandler = \"app.handler\"\ncode = \".\"\ntimeout = 60\n[functions.C]\nruntime = \"command\"\ncode = [\"sh\", \"script.sh\"]\ntimeout = 60\nenvironment = {{ PID_FILE = \"{}\" }}\n",
        path.join("command.pid").display()
    );
    for (name, text) in [("baton.toml", toml.as_str()), ("app.py", APP), ("script.sh", SCRIPT)] {
        std::fs::write(path.join(name), text).expect("a file");
    }
    folder
}

fn table(folder: &Path) -> FunctionTable {
    baton_toml::load(&folder.join("baton.toml"), &Location::default()).expect("a table")
}

/// The process that is killed: a worker with a busy Python process, an idle one, and a busy command.
async fn victim(folder: &Path) {
    let mut coordinator = Coordinator::start().await;
    let _worker = run(Worker::builder().coordinator([&*coordinator.url]).functions(table(folder)));
    let (mut session, _) = coordinator.welcomed().await;
    let input = |name: &str, seconds: u32| serde_json::json!({"pid_file": folder.join(name), "seconds": seconds}).to_string();
    session.grants(vec![
        granted("lambda:P", "t1", 1, &input("idle.pid", 0)),
        granted("lambda:P", "t2", 2, &input("busy.pid", 60)),
        granted("lambda:C", "t3", 3, "{}"),
    ]);
    session.applied().await;
    std::fs::write(folder.join("ready"), "").expect("a file");
    std::future::pending().await
}

fn handlers_die_with_their_worker() {
    let folder = folder();
    let executable = std::env::current_exe().expect("this executable");
    let mut victim = Command::new(executable).arg("victim").arg(folder.path()).stdout(Stdio::null()).spawn().expect("started");
    let files = ["idle.pid", "busy.pid", "command.pid", "command.pid.child"].map(|name| folder.path().join(name));
    let processes = until("the handlers run", || {
        let texts: Option<Vec<_>> = files.iter().map(|file| std::fs::read_to_string(file).ok()?.trim().parse::<u32>().ok()).collect();
        texts.filter(|_| folder.path().join("ready").exists())
    });
    assert!(processes.iter().all(|&id| is_alive(id)), "{processes:?}");
    victim.kill().expect("killed");
    victim.wait().expect("waited for");
    let since = Instant::now();
    until("the handlers have ended", || processes.iter().all(|&id| !is_alive(id)).then_some(()));
    assert!(since.elapsed() < Duration::from_secs(1), "they took {:?}", since.elapsed());
    println!("test handlers_die_with_their_worker ... ok");
}

fn is_alive(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn no_interpreter_is_a_clear_error() {
    let executable = std::env::current_exe().expect("this executable");
    let bin = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink("/bin/cat", bin.path().join("cat")).expect("a link");
    // A shim that is there and does not run is as good as none.
    std::fs::write(bin.path().join("python3.11"), "#!/bin/sh\nexit 127\n").expect("a file");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(bin.path().join("python3.11"), std::fs::Permissions::from_mode(0o755)).expect("permissions");
    let status = Command::new(executable).arg("no-interpreters").env("PATH", bin.path()).status().expect("started");
    assert!(status.success());
    println!("test no_interpreter_is_a_clear_error ... ok");
}

async fn no_interpreters() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = "[functions.P]\nruntime = \"python3.11\"\nhandler = \"app.handler\"\ncode = \".\"\n[functions.Q]\nruntime = \"python3.11\"\nhandler = \"app.handler\"\ncode = \".\"\n[functions.N]\nruntime = \"nodejs20.x\"\nhandler = \"app.handler\"\ncode = \".\"\n[functions.C]\nruntime = \"command\"\ncode = [\"cat\"]\n";
    std::fs::write(folder.path().join("baton.toml"), toml).expect("a file");
    let mut coordinator = Coordinator::start().await;
    let worker = run(Worker::builder().coordinator([&*coordinator.url]).functions(table(folder.path())));
    let missing: Vec<_> = worker.handle.missing_interpreters().await.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "node20 is not installed; needed by N. Their tasks will fail until it is on PATH, everything else works",
            "python3.11 is not installed; needed by P, Q. Their tasks will fail until it is on PATH, everything else works"
        ]
    );
    let (mut session, _) = coordinator.welcomed().await;
    session.grant(granted("lambda:P", "t1", 1, "{}"));
    let outcome = session.applied().await;
    let failure = failure(&outcome);
    assert_eq!((failure.error.as_str(), failure.function_error), ("Runtime.InvalidEntrypoint", false));
    assert!(failure.cause.contains("function P needs python3.11, and none of python3.11, python3 on PATH runs"), "{}", failure.cause);
    session.grant(granted("lambda:C", "t2", 2, "[1]"));
    assert_eq!(output(&session.applied().await), "[1]");
}
