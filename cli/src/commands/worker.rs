//! `baton worker`: runs the functions of a folder for a coordinator elsewhere.

use std::io::Write;
use std::time::Duration;

use baton_worker::Worker;
use baton_worker::functions::{FunctionTable, Location};
use tokio_util::sync::CancellationToken;

use crate::args::WorkerArgs;
use crate::commands::stop_signal::StopSignal;
use crate::exit::{CliError, CliResult, Exit};
use crate::logs;

/// How long running handlers get to finish at SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// How long saying goodbye may take then.
const AFTER_DRAIN: Duration = Duration::from_secs(10);

pub(crate) fn run(args: WorkerArgs) -> CliResult {
    logs::init(logs::Style::Json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime needs only threads and file descriptors").block_on(work(args))
}

async fn work(args: WorkerArgs) -> CliResult {
    let table = FunctionTable::load(&args.functions, &Location::from_environment())
        .map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
    if table.is_empty() {
        let message = format!("{} names no functions", args.functions.display());
        return Err(CliError::new(Exit::Usage, message).next("add baton.toml or template.yaml there; docs/functions.md shows both"));
    }
    let mut builder = Worker::builder().coordinator(args.coordinator).functions(table);
    if let Some(name) = args.name {
        builder = builder.name(name);
    }
    let worker = builder.build().map_err(super::serve::usage)?;
    let handle = worker.handle();
    let stopping = CancellationToken::new();
    let working = tokio::spawn(worker.run(stopping.clone()));
    for missing in handle.missing_interpreters().await {
        tracing::warn!("{missing}");
    }
    handle.ready().await;
    let stop = StopSignal::listen();
    println!("baton worker ready");
    let _ = std::io::stdout().flush();
    stop.received(DRAIN + AFTER_DRAIN).await;
    handle.drain(DRAIN).await;
    stopping.cancel();
    let _ = working.await;
    Ok(())
}
