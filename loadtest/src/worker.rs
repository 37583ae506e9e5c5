//! The worker that serves a scenario's functions: Rust functions on the `baton-worker` crate, in this process or in one of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail};
use baton_worker::{Bytes, CancellationToken, FunctionError, Invocation, Worker};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::WorkerArgs;
use crate::scenario::Scenario;

const READY_LINE: &str = "loadtest worker ready";
/// A worker that has not reached the coordinator after this long will not.
const READY_PATIENCE: Duration = Duration::from_secs(15);
const DRAIN: Duration = Duration::from_secs(5);

/// A worker that runs until this is dropped.
#[derive(Debug)]
pub(crate) enum WorkerHandle {
    /// A thread with a runtime of its own, so that functions and load do not wait for each other.
    InProcess(CancellationToken),
    OwnProcess(Child),
}

impl WorkerHandle {
    pub(crate) fn in_process(functions: &[String], coordinator: &str, concurrency: u32) -> anyhow::Result<Self> {
        let worker = build(functions, coordinator, concurrency)?;
        let stopping = CancellationToken::new();
        let (tell_ready, ready) = mpsc::channel();
        let stopped = stopping.clone();
        std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Nobody listens any more if it took too long.
            let on_ready = move || _ = tell_ready.send(());
            runtime.expect("a runtime can be made").block_on(serve(worker, stopped, on_ready));
        })?;
        ready.recv_timeout(READY_PATIENCE).map_err(|_| anyhow::anyhow!("the worker does not reach the coordinator"))?;
        Ok(Self::InProcess(stopping))
    }

    pub(crate) fn in_own_process(scenario: &str, coordinator: &str, concurrency: u32) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program does not know where it lies")?;
        let mut child = Command::new(program)
            .args(["worker", scenario, "--coordinator", coordinator, "--concurrency", &concurrency.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the worker process")?;
        let output = child.stdout.take().expect("standard output was asked for");
        let worker = Self::OwnProcess(child);
        let (tell_ready, ready) = mpsc::channel();
        std::thread::spawn(move || {
            let line = BufReader::new(output).lines().next();
            // Nobody listens any more if the worker took too long.
            let _ = tell_ready.send(matches!(line, Some(Ok(line)) if line == READY_LINE));
        });
        match ready.recv_timeout(READY_PATIENCE) {
            Ok(true) => Ok(worker),
            Ok(false) | Err(_) => bail!("the worker process does not reach the coordinator"),
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Self::InProcess(_) => None,
            Self::OwnProcess(child) => Some(child.id()),
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        match self {
            Self::InProcess(stopping) => stopping.cancel(),
            // Every execution has ended, or the run has failed: there is nothing to drain.
            Self::OwnProcess(child) => _ = child.kill().and_then(|()| child.wait()),
        }
    }
}

/// `loadtest worker`: serves until SIGTERM.
pub(crate) async fn run(args: &WorkerArgs) -> anyhow::Result<()> {
    let scenario = Scenario::find(&args.scenario)?;
    if scenario.functions.is_empty() {
        bail!("{} has no functions", scenario.name);
    }
    let stopping = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = stopping.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.cancel();
    });
    let announce = || {
        println!("{READY_LINE}");
        // Whoever started this process may have gone; then nobody waits for the line.
        let _ = std::io::stdout().flush();
    };
    serve(build(&scenario.functions, &args.coordinator, args.concurrency)?, stopping, announce).await;
    Ok(())
}

/// A worker with every function, not yet running.
fn build(functions: &[String], coordinator: &str, concurrency: u32) -> anyhow::Result<Worker> {
    let builder = Worker::builder().coordinator([coordinator]).name("loadtest");
    let builder = functions.iter().fold(builder, |builder, function| builder.function(function, concurrency, count_up));
    builder.build().context("the worker cannot be built")
}

async fn serve(worker: Worker, stopping: CancellationToken, on_ready: impl FnOnce()) {
    let handle = worker.handle();
    let ended = CancellationToken::new();
    let working = tokio::spawn(worker.run(ended.clone()));
    tokio::select! {
        () = handle.ready() => on_ready(),
        () = stopping.cancelled() => {}
    }
    stopping.cancelled().await;
    handle.drain(DRAIN).await;
    ended.cancel();
    // It has been told to end, and nothing is left to do if it does so badly.
    let _ = working.await;
}

#[derive(Deserialize, Serialize)]
struct Counter {
    n: u64,
}

/// What every function of a scenario does.
async fn count_up(invocation: Invocation) -> Result<Bytes, FunctionError> {
    let counter: Counter = invocation.json()?;
    let next = Counter { n: counter.n + 1 };
    Ok(serde_json::to_vec(&next).expect("a counter is JSON").into())
}
