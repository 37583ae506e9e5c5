//! `baton worker`: runs the functions of a folder for coordinators elsewhere.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use baton_worker::{RabbitMqQueue, Refusal, Worker};
use tokio_util::sync::CancellationToken;

use crate::args::WorkerArgs;
use crate::commands::stop_signal::StopSignal;
use crate::config::{Config, pem};
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
    let worker = worker(args)?;
    let handle = worker.handle();
    let stopping = CancellationToken::new();
    let working = tokio::spawn(worker.run(stopping.clone()));
    for missing in handle.missing_interpreters().await {
        tracing::warn!("{missing}");
    }
    if let Some(refusal) = handle.refused().await {
        stopping.cancel();
        let _ = working.await;
        return Err(not_let_in(&refusal));
    }
    let stop = StopSignal::listen();
    println!("baton worker ready");
    let _ = std::io::stdout().flush();
    stop.received(DRAIN + AFTER_DRAIN).await;
    handle.drain(DRAIN).await;
    stopping.cancel();
    let _ = working.await;
    Ok(())
}

fn not_let_in(refusal: &Refusal) -> CliError {
    let error = CliError::new(Exit::Failed, refusal.to_string());
    match refusal {
        Refusal::Credentials(_) => error.next("give one of the coordinators' worker_tokens in BATON_WORKER_TOKEN"),
        // The coordinator's reason ends with it.
        Refusal::Unfit(_) => error,
    }
}

fn worker(args: WorkerArgs) -> CliResult<Worker> {
    let WorkerArgs { coordinator, functions, name, token, coordinator_ca_file, config, queue, aws } = args;
    let config = Config { queue, aws, ..Config::default() }.over(Config::of_folder(&config, &functions)?);
    let table = Config::functions(&functions, &config.aws.checked_location()?)?;
    if table.is_empty() {
        let message = format!("{} names no functions", functions.display());
        return Err(CliError::new(Exit::Usage, message).next("add baton.toml or template.yaml there; docs/functions.md shows both"));
    }
    let mut builder = Worker::builder().coordinator(coordinator).functions(table);
    let name_shown = name.clone();
    if let Some(name) = name {
        builder = builder.name(name);
    }
    if let Some(settings) = config.queue.settings(name_shown.as_deref().unwrap_or("worker"))? {
        builder = builder.queue(Arc::new(RabbitMqQueue::start(settings)));
    }
    if let Some(token) = token {
        builder = builder.token(token.reveal());
    }
    if let Some(file) = coordinator_ca_file {
        builder = builder.ca_certificates(pem(&file)?);
    }
    builder.build().map_err(super::serve::usage)
}
