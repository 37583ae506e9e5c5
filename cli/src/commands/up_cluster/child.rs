//! A coordinator or a worker in a process of its own, which ends with this one.

use std::fmt;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use baton_worker::child::MARKER;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::last_lines;
use crate::exit::{CliError, CliResult, Exit};

/// A process that is not ready after this time will not be.
const READY_MAX: Duration = Duration::from_secs(60);
/// Longer than a worker's drain takes.
const END_MAX: Duration = Duration::from_secs(45);

pub(super) struct Child {
    name: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    address: String,
    log: PathBuf,
    process: Option<tokio::process::Child>,
    /// Until the ready line has come.
    ready: Option<oneshot::Receiver<()>>,
}

impl Child {
    pub(super) fn new(name: String, arguments: Vec<String>, address: String, log: PathBuf) -> Self {
        Self { name, arguments, variables: Vec::new(), address, log, process: None, ready: None }
    }

    /// With this variable beside those of this process.
    pub(super) fn told(mut self, name: &str, value: String) -> Self {
        self.variables.push((name.to_owned(), value));
        self
    }

    /// Its URL, if it listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Starts it; what it says is in its log.
    pub(super) fn start(&mut self) -> CliResult {
        let failed = |error: std::io::Error| CliError::new(Exit::Failed, format!("{} cannot be started: {error}", self.name));
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(failed)?;
        let program = std::env::current_exe().map_err(failed)?;
        // Started in two steps: the first asks for the signal that ends it with this process.
        let mut command = Command::new(&program);
        command.arg(MARKER).arg(std::process::id().to_string()).arg(&program).args(&self.arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // They are each one's own; the file of the folder may still say them for all.
        command.env_remove("BATON_ADVERTISE").env_remove("BATON_TLS_CERTIFICATE").env_remove("BATON_TLS_KEY");
        // ^C in a terminal goes to this process alone, which ends the others in order.
        command.process_group(0).kill_on_drop(true);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().map_err(failed)?;
        let output = process.stdout.take().expect("standard output was asked for");
        let (ready, ready_out) = oneshot::channel();
        tokio::spawn(forward(BufReader::new(output).lines(), ready));
        self.ready = Some(ready_out);
        self.process = Some(process);
        Ok(())
    }

    /// Waits for its ready line.
    pub(super) async fn ready(&mut self) -> CliResult {
        let ready = self.ready.take().expect("what is started gets ready once");
        if matches!(timeout(READY_MAX, ready).await, Ok(Ok(()))) {
            return Ok(());
        }
        let text = format!("{} does not get ready; the end of {}:\n{}", self.name, self.log.display(), last_lines(&self.log));
        Err(CliError::new(Exit::Failed, text))
    }

    /// Waits until it has ended, and says how.
    pub(super) async fn ended(&mut self) -> String {
        let status = match &mut self.process {
            Some(process) => process.wait().await,
            None => return std::future::pending().await,
        };
        // Once it is started again nobody waits for its ready line: it may be whole again, or will end again.
        format!("{} has ended ({}), see {}; it is started again", self.name, how(&status), self.log.display())
    }

    /// SIGTERM, and kill -9 if it is not gone in time.
    pub(super) async fn end(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if let Some(pid) = process.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
            // One that has ended by itself needs no signal.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        match timeout(END_MAX, process.wait()).await {
            Ok(Ok(status)) if status.success() => {}
            Ok(status) => tracing::warn!("{} has ended ({}), see {}", self.name, how(&status), self.log.display()),
            // Dropped, it is killed.
            Err(_) => tracing::warn!("{} has not ended in {} s; it is killed", self.name, END_MAX.as_secs()),
        }
    }
}

fn how(status: &std::io::Result<ExitStatus>) -> String {
    status.as_ref().map_or_else(ToString::to_string, ExitStatus::to_string)
}

/// Tells of the ready line. What comes after it, execution logs say, is for whoever reads this process.
async fn forward(mut output: Lines<BufReader<ChildStdout>>, ready: oneshot::Sender<()>) {
    if !matches!(output.next_line().await, Ok(Some(line)) if line.starts_with("baton ")) {
        return;
    }
    // Of one that is started again nobody waits for it.
    let _ = ready.send(());
    while let Ok(Some(line)) = output.next_line().await {
        crate::output::line(&line);
    }
}

/// Name and process.
impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.process.as_ref().and_then(tokio::process::Child::id).unwrap_or_default();
        write!(f, "{} (process {pid})", self.name)
    }
}
