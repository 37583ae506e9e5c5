//! A process that is started, awaited, killed and started again.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A process that is not ready after this long will not be.
const READY_PATIENCE: Duration = Duration::from_secs(60);
/// Longer than a drain takes.
const STOP_PATIENCE: Duration = Duration::from_secs(45);

/// A program with its arguments, and its running process, if there is one.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, PathBuf)>,
    log: PathBuf,
    /// How the line begins that tells that it is ready.
    ready: &'static str,
    running: Option<(Child, Lines<BufReader<ChildStdout>>)>,
}

impl Process {
    pub(super) fn new(name: &str, program: PathBuf, arguments: Vec<String>, log: PathBuf, ready: &'static str) -> Self {
        Self { name: name.to_owned(), program, arguments, environment: Vec::new(), log, ready, running: None }
    }

    pub(super) fn env(mut self, name: &str, value: PathBuf) -> Self {
        self.environment.push((name.to_owned(), value));
        self
    }

    /// Of the running process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.running.as_ref().and_then(|(child, _)| child.id())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Starts it; it need not be ready yet.
    pub(super) fn spawn(&mut self) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_REGION", "us-east-1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let output = child.stdout.take().expect("standard output was asked for");
        self.running = Some((child, BufReader::new(output).lines()));
        Ok(())
    }

    /// The rest of its ready line, once it has printed it.
    pub(super) async fn ready(&mut self) -> anyhow::Result<String> {
        let (_, output) = self.running.as_mut().expect("only a started process gets ready");
        let line = timeout(READY_PATIENCE, output.next_line()).await;
        match line {
            Ok(Ok(Some(line))) if line.starts_with(self.ready) => Ok(line[self.ready.len()..].trim().to_owned()),
            Ok(Ok(line)) => bail!("the {} printed {line:?} instead of being ready, see {}", self.name, self.log.display()),
            Ok(Err(error)) => Err(error).with_context(|| format!("the output of the {} cannot be read", self.name)),
            Err(_) => bail!("the {} is not ready after {} s, see {}", self.name, READY_PATIENCE.as_secs(), self.log.display()),
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        let (mut child, _) = self.running.take().expect("only a started process is killed");
        if let Some(status) = child.try_wait()? {
            bail!("the {} had ended by itself ({status}) before it was killed, see {}", self.name, self.log.display());
        }
        child.kill().await.with_context(|| format!("the {} cannot be killed", self.name))
    }

    /// SIGSTOP, or SIGCONT after it.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let (child, _) = self.running.as_ref().expect("only a started process is signalled");
        send(&self.name, child, signal)
    }

    /// SIGTERM; it must end with status 0.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some((mut child, _)) = self.running.take() else {
            return Ok(());
        };
        send(&self.name, &child, Signal::TERM)?;
        match timeout(STOP_PATIENCE, child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the {} ended with {:?} at SIGTERM, see {}", self.name, status, self.log.display()),
            Err(_) => bail!("the {} has not ended {} s after SIGTERM, see {}", self.name, STOP_PATIENCE.as_secs(), self.log.display()),
        }
    }
}

fn send(name: &str, child: &Child, signal: Signal) -> anyhow::Result<()> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    kill_process(pid.with_context(|| format!("the {name} had ended before it was signalled"))?, signal)?;
    Ok(())
}
