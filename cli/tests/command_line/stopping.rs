//! How a server ends, and how it is when it was stopped for a while.

use std::time::{Duration, Instant};

use crate::support::{Dev, baton, folder, run};

const SLEEPY: &str = r#"{ "StartAt": "A", "States": { "A": { "Type": "Task", "End": true,
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Slow" } } }"#;
const TABLE: &str = "[functions.Slow]\nruntime = \"python3.11\"\nhandler = \"app.handler\"\ncode = \".\"\ntimeout = 60\n";

/// A server whose only function takes so long, with one execution in which it runs.
fn running(seconds: u32) -> (tempfile::TempDir, Dev) {
    let code = format!(
        "import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep({seconds})\n    return 'done'\n"
    );
    let folder = folder(&[("sleepy.asl.json", SLEEPY), ("baton.toml", TABLE), ("app.py", &code)]);
    let dev = Dev::serve(folder.path());
    let started = run(baton().args(["exec", "start", "sleepy", "--endpoint", &dev.url]));
    assert_eq!(started.code, 0, "{}", started.err);
    dev.prints("begun");
    (folder, dev)
}

#[test]
fn a_second_signal_ends_the_drain() {
    for (second, code) in [("-TERM", 143), ("-INT", 130)] {
        let (_folder, mut dev) = running(40);
        dev.signal("-TERM");
        dev.prints("draining");
        let began = Instant::now();
        dev.signal(second);
        assert_eq!(dev.exit_code(), Some(code), "{}", dev.err());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(dev.err().contains("a second time"), "{}", dev.err());
    }
}

/// Longer than a worker may be silent, so that one that is taken for lost would fail its task.
#[test]
fn a_server_that_was_stopped_for_a_while_loses_no_task() {
    let (_folder, dev) = running(16);
    dev.signal("-STOP");
    std::thread::sleep(Duration::from_secs(13));
    dev.signal("-CONT");
    let listed = || run(baton().args(["exec", "list", "--endpoint", &dev.url])).out;
    let began = Instant::now();
    while listed().contains("RUNNING") {
        assert!(began.elapsed() < Duration::from_secs(40), "{}", dev.err());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(listed().contains("SUCCEEDED"), "{}\n{}", listed(), dev.err());
}
