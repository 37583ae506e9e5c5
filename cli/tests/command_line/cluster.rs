//! Coordinators that share a store and a broker: `up --cluster`, and what is said about neighbours that do not suit.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use baton_local_services::{Folder, RabbitMq, Redis};

use crate::support::{Process, baton, call, folder, get, run, url_of};

/// Executions end in this time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const ECHO: &str = "[functions.Echo]\nruntime = \"command\"\ncode = [\"cat\"]\n";
const CALLS_ECHO: &str = r#"{ "StartAt": "A", "States": { "A": { "Type": "Task", "End": true,
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Echo" } } }"#;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folders can be made");
    for entry in fs::read_dir(from).expect("the example is there") {
        let entry = entry.expect("the example can be read");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a kind of file").is_dir() {
            // What was kept of earlier runs.
            true if entry.file_name() == ".baton" => {}
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("files can be copied")),
        }
    }
}

/// Processes that have to do with a folder: they name it.
fn processes_of(folder: &Path) -> BTreeMap<u32, String> {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
    let pids = fs::read_dir("/proc").expect("there is /proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let command = |pid: u32| {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        // What has ended and waits to be asked for its status has neither.
        [read("cmdline"), read("environ")].map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " ")).join(" ")
    };
    pids.map(|pid| (pid, command(pid))).filter(|(_, command)| command.contains(name)).collect()
}

/// N of `SERVICE (process N)`.
fn process_in(line: &str, service: &str) -> Option<i32> {
    let (_, behind) = line.split_once(&format!("{service} (process "))?;
    behind.split_once(')')?.0.parse().ok()
}

fn kill(process: i32) {
    let process = rustix::process::Pid::from_raw(process).expect("a process has a number");
    rustix::process::kill_process(process, rustix::process::Signal::KILL).expect("it can be killed");
}

#[test]
fn a_cluster_that_is_tried_runs_orders_at_each_coordinator_and_leaves_nothing_behind() {
    let folder = tempfile::Builder::new().prefix("baton-cluster-").tempdir().expect("a folder for the test");
    let example = folder.path().join("orders");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/order-processing"), &example);
    let mut cluster = Process::start(baton().args(["up", "--cluster", "--port", "0"]).arg(&example));
    cluster.says("baton ready http://127.0.0.1:");
    // The last of what it says about itself.
    cluster.says("end one of these processes with kill -9");
    let coordinators: Vec<String> = cluster
        .heard
        .iter()
        .filter(|line| line.contains("coordinator-"))
        .filter_map(|line| line.split_whitespace().last())
        .map(str::to_owned)
        .collect();
    assert_eq!(coordinators.len(), 3, "{}", cluster.heard.join("\n"));
    let running = processes_of(folder.path());
    // Three coordinators, two workers and their functions, Redis, RabbitMQ and its port mapper.
    assert!(running.len() >= 8, "{running:#?}");
    let order_at = |url: &str| {
        let order = example.join("inputs/completed.json");
        run(baton().args(["exec", "start", "order-processing", "--wait", "--endpoint", url, "--input"]).arg(order))
    };
    for url in &coordinators {
        let ended = order_at(url);
        assert_eq!(ended.code, 0, "{url}: {}", ended.err);
        assert!(ended.out.contains("o-1001"), "{}", ended.out);
    }
    for service in ["Redis", "RabbitMQ"] {
        kill(cluster.heard.iter().find_map(|line| process_in(line, service)).expect("its process is told"));
        cluster.says(&format!("{service} has ended"));
        cluster.says(&format!("runs again: {service} (process"));
    }
    let begun = Instant::now();
    while order_at(&coordinators[0]).code != 0 {
        assert!(begun.elapsed() < PATIENCE, "both are there again");
    }
    assert_eq!(cluster.stop(), Some(0), "{}", cluster.heard.join("\n"));
    let left = processes_of(folder.path());
    assert!(left.is_empty(), "{left:#?}");
}

/// A store that keeps what the policy `fsync` promises.
fn store() -> Redis {
    store_with(&[])
}

fn store_with(options: &[&str]) -> Redis {
    let usual = ["--appendfsync", "always"];
    Redis::start_with(Folder::temporary().expect("a folder"), &[&usual[..], options].concat()).expect("Redis is installed")
}

fn coordinator(store: &str) -> Command {
    let mut command = baton();
    command.args(["coordinator", "--name", "a", "--port", "0", "--store", store]);
    command
}

/// A coordinator that does not start says all of this, the next step included.
fn assert_refused(command: &mut Command, texts: &[&str]) {
    let refused = run(command);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert_eq!(refused.out, "");
    for text in texts.iter().chain(&["next: "]) {
        assert!(refused.err.contains(text), "{text:?} is not in: {}", refused.err);
    }
}

#[test]
fn a_store_that_is_not_there_or_does_not_suit_is_refused_with_what_to_do() {
    assert_refused(
        &mut coordinator("redis://127.0.0.1:1"),
        &["127.0.0.1:1 cannot be reached", "Start it, or name another one", "baton doctor"],
    );
    let evicting = store_with(&["--maxmemory-policy", "allkeys-lru"]);
    assert_refused(&mut coordinator(&evicting.url()), &["deletes acknowledged work", "CONFIG SET maxmemory-policy noeviction"]);
    let forgetful = store_with(&["--appendonly", "no"]);
    assert_refused(&mut coordinator(&forgetful.url()), &["a restart loses everything", "CONFIG SET appendonly yes"]);
}

#[test]
fn what_others_keep_in_a_store_is_refused_with_what_to_do() {
    let store = store();
    let mut connection = TcpStream::connect(("127.0.0.1", store.port())).expect("it listens");
    connection.write_all(b"SET baton:{s:3}:record mine\r\n").expect("it takes commands");
    connection.read_exact(&mut [0; 5]).expect("it answers");
    assert_refused(&mut coordinator(&store.url()), &["holds something that baton did not write", "choose another database"]);
    connection.write_all(b"FLUSHALL\r\n").expect("it takes commands");
    connection.read_exact(&mut [0; 5]).expect("it answers");
    let mut first = Process::start(coordinator(&store.url()).args(["--store-cluster", "one"]));
    first.says("baton ready");
    assert_refused(coordinator(&store.url()).args(["--store-cluster", "two"]), &["belongs to the cluster `one`", "two databases"]);
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let store = store();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut command = baton();
    command.args(["coordinator", "--name", "a", "--store", &store.url(), "--port", &port]);
    assert_refused(&mut command, &[&format!("cannot listen on 127.0.0.1:{port}"), "choose another port with --port"]);
}

#[test]
fn a_coordinator_starts_without_its_broker_and_says_so() {
    let store = store();
    let mut started = Process::start(coordinator(&store.url()).args(["--queue", "amqp://guest:secret@127.0.0.1:1/%2f"]));
    let url = url_of(&started.says("baton ready"));
    let told = started.says("no connection to the broker");
    assert!(told.contains("127.0.0.1:1") && told.contains("refused") && told.contains("baton doctor --queue"), "{told}");
    assert!(get(&url, "/health").contains("\"broker\":\"away\""));
    assert_eq!(get(&url, "/readyz"), "ok");
    assert_eq!(started.stop(), Some(0));
    assert!(!started.heard.iter().any(|line| line.contains("secret")), "{:?}", started.heard);
}

/// One broker for what follows, which takes its time to start.
#[test]
fn workers_and_queues_at_the_broker_that_do_not_suit_are_named_with_what_to_do() {
    let (store, broker) = (store(), RabbitMq::start().expect("RabbitMQ is installed"));
    // Somebody else's, with a limit that is not ours.
    let declare = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"q.default.lambda:Echo\">>), true, false, \
                   [{<<\"x-max-length\">>, long, 5}], none, <<\"somebody\">>).";
    broker.ctl(&["eval", declare]).expect("queues can be declared");
    let mut started = Process::start(coordinator(&store.url()).args(["--queue", &broker.url()]));
    let url = url_of(&started.says("baton ready"));
    let functions = folder(&[("baton.toml", ECHO)]);
    let worker = |namespace: &[&str]| {
        let mut worker = baton();
        worker.args(["worker", "--coordinator", &url, "--queue", &broker.url(), "--functions"]).arg(functions.path()).args(namespace);
        worker
    };
    let refused = run(&mut worker(&["--queue-namespace", "elsewhere"]));
    assert_eq!(refused.code, 1, "{}", refused.err);
    for text in ["\"elsewhere\"", "\"default\"", "start both with the same --queue-namespace"] {
        assert!(refused.err.contains(text), "{text:?} is not in: {}", refused.err);
    }
    // The queue is left alone; its tasks come over the session.
    let role = "arn:aws:iam::123456789012:role/r";
    call(&url, "CreateStateMachine", serde_json::json!({"name": "echo", "definition": CALLS_ECHO, "roleArn": role}));
    let start = || {
        let mut start = baton();
        start.args(["exec", "start", "echo", "--endpoint", &url, "--input", "[7]"]);
        start
    };
    let mut first = Process::start(&mut worker(&[]));
    first.says("its tasks come over the session meanwhile");
    let ended = run(start().arg("--wait"));
    assert_eq!((ended.code, ended.out.trim()), (0, "[7]"), "{}", ended.err);
    assert_eq!(first.stop(), Some(0));
    // The broker's client says nothing of its own to what is tried again and again.
    assert!(!first.heard.iter().any(|line| line.contains("lapin")), "{}", first.heard.join("\n"));
    // Nobody is there to have it at once.
    let begun = run(&mut start());
    assert_eq!(begun.code, 0, "{}", begun.err);
    let told = started.says("declared by somebody else");
    assert!(told.contains("PRECONDITION_FAILED") && told.contains("choose another --queue-namespace"), "{told}");
    let _second = Process::start(&mut worker(&[]));
    let until = Instant::now() + PATIENCE;
    let listed = || run(baton().args(["exec", "list", "--endpoint", &url])).out;
    while listed().matches("SUCCEEDED").count() < 2 {
        assert!(Instant::now() < until, "{}", listed());
    }
}

#[test]
fn doctor_shows_the_members_of_a_cluster_and_who_is_silent() {
    let store = store();
    let doctor = || {
        let told = run(baton().args(["doctor", "--store", &store.url()]));
        told.out.lines().filter(|line| line.contains("coordinator")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(doctor(), ["ok the cluster has no coordinator at the moment"]);
    let mut first = Process::start(&mut coordinator(&store.url()));
    let url = url_of(&first.says("baton ready"));
    let told = doctor();
    let begin = format!("ok coordinator a at {url} lives: heard of ");
    assert!(told[0].starts_with(&begin) && told[0].ends_with(" shards, 0 sessions of workers"), "{told:?}");
    assert!(told[1].starts_with("ok coordinator a is of version "), "{told:?}");
    assert!(told[2].starts_with("ok the store's clock and coordinator a's agree within 500 ms"), "{told:?}");
    drop(first);
    std::thread::sleep(std::time::Duration::from_millis(1_700));
    let told = doctor();
    assert!(told.len() == 1 && told[0].starts_with("!! not so: coordinator a at "), "{told:?}");
}
