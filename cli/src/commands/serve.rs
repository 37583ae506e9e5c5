//! What `dev` and `up` share: a server, the folder's state machines, and one worker inside.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use baton_coordinator::server::{Server, ServerConfig, StartError, Storage};
use baton_worker::Worker;
use tokio_util::sync::CancellationToken;

use crate::args::ServeArgs;
use crate::client::Client;
use crate::commands::env;
use crate::commands::stop_signal::StopSignal;
use crate::config::Config;
use crate::exit::{CliError, CliResult, Exit};
use crate::project::{Project, deploy, mocks, watch};

/// How long running handlers get to finish at SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// How long everything else may take then: open requests, checkpoints, logs that are to leave.
const AFTER_DRAIN: Duration = Duration::from_secs(10);

/// Which of the two commands serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Dev,
    Up,
}

pub(crate) fn run(args: ServeArgs, mode: Mode) -> CliResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime needs only threads and file descriptors").block_on(serve(args, mode))
}

async fn serve(args: ServeArgs, mode: Mode) -> CliResult {
    let ServeArgs { dir, ephemeral, config, server, limits, aws } = args;
    let file = Config::of_folder(&config, &dir)?;
    check_unused(&file)?;
    let config = Config { server, limits, aws, ..Config::default() }.over(file);
    let project = Project::load(&dir, &config.aws.checked_location()?)?;
    if mode == Mode::Up && project.has_errors() {
        project.report();
        return Err(CliError::new(Exit::Lint, "the folder has errors").next("mend them, `baton lint` shows them too"));
    }
    let data_dir = config.server.data_dir.clone().unwrap_or_else(|| dir.join(".baton"));
    let storage = if ephemeral { Storage::Memory } else { Storage::Local(data_dir.clone()) };
    let server = Server::start(server_config(&config, storage, &dir, mode)?).await.map_err(not_started)?;
    let endpoint = format!("http://{}", server.address());
    let client = Client::of_project(&endpoint, project.location())?;
    let mut worker = Worker::builder().coordinator([&*endpoint]).functions(project.functions.clone()).in_process(true);
    if let Some(token) = config.server.worker_tokens.iter().flatten().next() {
        worker = worker.token(token.reveal());
    }
    let worker = worker.build().map_err(usage)?;
    let handle = worker.handle();
    let stopping = CancellationToken::new();
    let working = tokio::spawn(worker.run(stopping.clone()));
    deploy::all(&client, &project).await?;
    handle.ready().await;
    if mode == Mode::Dev {
        // Before anybody is told that it is ready: whatever is saved from then on counts.
        let mock_config = mocks::file(config.server.mock_config.as_deref(), &dir);
        watch::start(dir, data_dir, mock_config, client, handle.clone(), project.clone());
    }
    let stop = StopSignal::listen();
    announce(&endpoint, &project, mode);
    tell_outlets(server.outlets(), mode);
    for missing in handle.missing_interpreters().await {
        tracing::warn!("{missing}");
    }
    stop.received(DRAIN + AFTER_DRAIN).await;
    tracing::info!("draining");
    handle.drain(DRAIN).await;
    stopping.cancel();
    let _ = working.await;
    server.shutdown().await;
    Ok(())
}

pub(super) fn not_started(error: StartError) -> CliError {
    CliError::new(Exit::Failed, error.to_string()).next(error.next_step())
}

/// What is wrong with a worker's description is the user's to mend.
pub(crate) fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Usage, error.to_string())
}

/// One process needs neither store nor broker: it keeps its data itself and hands tasks out itself.
fn check_unused(file: &Config) -> CliResult {
    if file.member.tls()?.is_some() {
        let message = "this command serves without TLS, and the file asks for it";
        return Err(CliError::new(Exit::Usage, message).next("serve with `baton coordinator`, or let a proxy speak TLS"));
    }
    for (table, is_there) in [("store", file.store.url.is_some()), ("queue", file.queue.url.is_some())] {
        if is_there {
            tracing::info!("[{table}] is for `baton coordinator` and `baton worker`; this command does without");
        }
    }
    Ok(())
}

fn server_config(config: &Config, storage: Storage, dir: &Path, mode: Mode) -> CliResult<ServerConfig> {
    let named = config.server.mock_config.as_deref();
    // `up` reads its folder once: a file that is not there then is none of its own.
    let mock_config = Some(mocks::file(named, dir)).filter(|file| mode == Mode::Dev || named.is_some() || file.exists());
    config.server_config(storage, mock_config, Some(dir))
}

/// The ready line goes to standard output, alone; everything for people goes to standard error.
fn announce(endpoint: &str, project: &Project, mode: Mode) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "baton ready {endpoint}");
    let _ = out.flush();
    if mode == Mode::Up {
        // Its standard error is a log of JSON lines.
        project.machines.iter().for_each(|machine| tracing::info!("serving {}", project.state_machine_arn(&machine.name)));
    }
    if mode == Mode::Dev {
        for (name, value) in env::variables(endpoint).into_iter().take(1) {
            crate::output::note(&format!("export {name}={value}"));
        }
        crate::output::note(&format!("all that the aws CLI needs: eval \"$(baton env --endpoint {endpoint})\""));
        project.report();
        if project.machines.is_empty() {
            crate::output::note("no definitions here yet: add one, for example hello.asl.json");
        }
        for machine in &project.machines {
            let note = if machine.has_errors() { " (its last good definition, if there is one)" } else { "" };
            crate::output::note(&format!("serving {}{note}", project.state_machine_arn(&machine.name)));
        }
    }
}

/// What leaves the server unasked: for people in `dev`, in the log in `up`.
fn tell_outlets(outlets: &[String], mode: Mode) {
    for outlet in outlets {
        match mode {
            Mode::Dev => crate::output::note(&outlet.to_string()),
            Mode::Up => tracing::info!("{outlet}"),
        }
    }
}
