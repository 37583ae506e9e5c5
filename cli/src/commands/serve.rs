//! What `dev` and `up` share: a server, the folder's state machines, and one worker inside.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use baton_coordinator::server::{Server, ServerConfig, StartError, Storage};
use baton_worker::Worker;
use tokio_util::sync::CancellationToken;

use crate::args::ServeArgs;
use crate::client::Client;
use crate::commands::stop_signal::StopSignal;
use crate::commands::{env, outlets};
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
    let project = Project::load(&args.dir)?;
    if mode == Mode::Up && project.has_errors() {
        project.report();
        return Err(CliError::new(Exit::Lint, "the folder has errors").next("mend them, `baton lint` shows them too"));
    }
    let server = Server::start(config(&args, mode)).await.map_err(not_started)?;
    let endpoint = format!("http://{}", server.address());
    let client = Client::new(&endpoint);
    let worker =
        Worker::builder().coordinator([&*endpoint]).functions(project.functions.clone()).in_process(true).build().map_err(usage)?;
    let handle = worker.handle();
    let stopping = CancellationToken::new();
    let working = tokio::spawn(worker.run(stopping.clone()));
    deploy::all(&client, &project).await?;
    handle.ready().await;
    if mode == Mode::Dev {
        // Before anybody is told that it is ready: whatever is saved from then on counts.
        let mock_config = mocks::file(args.mock_config.as_deref(), &args.dir);
        watch::start(args.dir.clone(), data_dir(&args), mock_config, client, handle.clone(), project.clone());
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

fn not_started(error: StartError) -> CliError {
    CliError::new(Exit::Failed, error.to_string()).next(error.next_step())
}

/// What is wrong with a worker's description is the user's to mend.
pub(crate) fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Usage, error.to_string())
}

fn config(args: &ServeArgs, mode: Mode) -> ServerConfig {
    let storage = if args.ephemeral { Storage::Memory } else { Storage::Local(data_dir(args)) };
    // `up` reads its folder once: a file that is not there then is none of its own.
    let mock_config = Some(mocks::file(args.mock_config.as_deref(), &args.dir));
    let mock_config = mock_config.filter(|file| mode == Mode::Dev || mocks::named(args.mock_config.as_deref()).is_some() || file.exists());
    let execution_logs = args.execution_logs.as_deref().map(outlets::log_destinations);
    let status_events = args.status_events.as_deref().map(outlets::status_event_destinations);
    let listen = SocketAddr::new(args.listen, args.port);
    ServerConfig { listen, storage, mock_config, execution_logs, status_events, ..ServerConfig::from_environment() }
}

fn data_dir(args: &ServeArgs) -> PathBuf {
    args.data_dir.clone().unwrap_or_else(|| args.dir.join(".baton"))
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
