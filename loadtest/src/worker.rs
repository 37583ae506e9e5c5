//! The worker that serves a scenario's functions: Rust functions on the `baton-worker` crate, in this process or in one of its own.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, bail};
use baton_task_queue::{RabbitMqQueue, RabbitMqSettings, TaskQueue};
use baton_worker::{Bytes, CancellationToken, FunctionError, Invocation, Worker};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::WorkerArgs;
use crate::map_run;
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
        let worker = build(functions, &[coordinator], None, concurrency)?;
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
            .args(["worker", scenario, "--coordinator", coordinator, "--concurrency", &concurrency.to_string(), "--until-input-ends"])
            // It is open as long as this process lives.
            .stdin(Stdio::piped())
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

/// `loadtest worker`: serves until SIGTERM, or the end of its standard input.
pub(crate) async fn run(args: &WorkerArgs) -> anyhow::Result<()> {
    let functions =
        if args.scenario == map_run::NAME { vec![map_run::FUNCTION.to_owned()] } else { Scenario::find(&args.scenario)?.functions };
    if functions.is_empty() {
        bail!("{} has no functions", args.scenario);
    }
    let stopping = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = stopping.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.cancel();
    });
    if args.until_input_ends {
        let stop = stopping.clone();
        std::thread::spawn(move || {
            // An error is an end, too.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            stop.cancel();
        });
    }
    let announce = || {
        println!("{READY_LINE}");
        // Whoever started this process may have gone; then nobody waits for the line.
        let _ = std::io::stdout().flush();
    };
    let broker = args.queue.as_deref().map(broker).transpose()?;
    let coordinators: Vec<&str> = args.coordinator.iter().map(String::as_str).collect();
    serve(build(&functions, &coordinators, broker, args.concurrency)?, stopping, announce).await;
    Ok(())
}

/// The broker of a cluster that has the usual namespace.
fn broker(url: &str) -> anyhow::Result<Arc<dyn TaskQueue>> {
    Ok(Arc::new(RabbitMqQueue::start(RabbitMqSettings::new(url, "default")?)))
}

/// A worker with every function, not yet running.
fn build(functions: &[String], coordinators: &[&str], broker: Option<Arc<dyn TaskQueue>>, concurrency: u32) -> anyhow::Result<Worker> {
    let builder = Worker::builder().coordinator(coordinators.iter().copied()).name("loadtest");
    let builder = broker.into_iter().fold(builder, |builder, broker| builder.queue(broker));
    let ledger = Ledger::of_environment()?;
    let builder = functions.iter().fold(builder, |builder, function| {
        if function == map_run::FUNCTION {
            let ledger = ledger.clone();
            return builder.function(function, concurrency, move |invocation| std::future::ready(item(&invocation, ledger.as_deref())));
        }
        builder.function(function, concurrency, count_up)
    });
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

/// What the items fail with that are to.
pub(crate) const ITEM_ERROR: &str = "ItemRefused";

/// What the function of the Distributed Map does: counts up, and fails for the items that are to fail.
fn item(invocation: &Invocation, ledger: Option<&Ledger>) -> Result<Bytes, FunctionError> {
    let counter: Counter = invocation.json()?;
    if let Some(ledger) = ledger {
        ledger.note(&counter, invocation);
    }
    if map_run::items::fails(counter.n) && !is_mended() {
        return Err(FunctionError::new(ITEM_ERROR, "as its number says"));
    }
    Ok(serde_json::to_vec(&Counter { n: counter.n + 1 }).expect("a counter is JSON").into())
}

/// Whether what items fail for has been mended meanwhile: the file that this variable names is there.
pub(crate) const MENDED: &str = "BATON_ITEMS_MENDED";

fn is_mended() -> bool {
    std::env::var_os(MENDED).is_some_and(|path| Path::new(&path).exists())
}

/// A file with a line for each attempt that has really begun to run.
struct Ledger(Mutex<File>);

impl Ledger {
    /// In the folder that `BATON_LEDGER` names, a file of this process's own.
    fn of_environment() -> anyhow::Result<Option<Arc<Self>>> {
        let Some(folder) = std::env::var_os("BATON_LEDGER") else { return Ok(None) };
        let path = Path::new(&folder).join(format!("{}.jsonl", std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Some(Arc::new(Self(Mutex::new(file)))))
    }

    /// One write, so that a kill tears no line.
    fn note(&self, counter: &Counter, invocation: &Invocation) {
        let attempt = u64::from(invocation.attempt()).saturating_sub(1);
        let line = serde_json::json!({"execution": invocation.execution_arn(), "state": counter.n.to_string(), "attempt": attempt});
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{line}\n").as_bytes());
        written.expect("the ledger can be written");
    }
}

/// What every function of a scenario does.
async fn count_up(invocation: Invocation) -> Result<Bytes, FunctionError> {
    let counter: Counter = invocation.json()?;
    let next = Counter { n: counter.n + 1 };
    Ok(serde_json::to_vec(&next).expect("a counter is JSON").into())
}
