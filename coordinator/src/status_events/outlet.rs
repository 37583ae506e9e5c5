//! The thread's work: changes become events, and events go to where they are wanted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::change::StatusChange;
use super::envelope::StatusEvent;
use super::{StatusEventsConfig, StatusEventsError, WAITING_BYTES_MAX, eventbridge, losses, webhook};
use crate::aws::Endpoint;
use crate::sink::{Account, Held, Losses, RotatedFile, Rotation, Work};

/// A file that could not be written is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Outlet {
    file: Option<EventsFile>,
    remote: Vec<Remote>,
}

/// An event on its way.
pub(super) struct Queued {
    pub(super) event: StatusEvent,
    _held: Held,
}

/// The thread's end of a destination whose calls a task makes.
struct Remote {
    events: mpsc::UnboundedSender<Queued>,
    account: Arc<Account>,
}

impl Outlet {
    /// What the configuration asks for; `None` if that is nothing. Within a runtime.
    pub(super) fn start(config: StatusEventsConfig) -> Result<Option<Self>, StatusEventsError> {
        let mut remote = Vec::new();
        if let Some(url) = &config.eventbridge_endpoint {
            let endpoint = Endpoint::new(url, &config.region)?;
            remote.push(Remote::start("eventbridge", |events, account| eventbridge::run(endpoint, events, account)));
        }
        if let Some(url) = &config.webhook {
            let endpoint = Endpoint::new(url, &config.region)?;
            remote.push(Remote::start("webhook", |events, account| webhook::run(endpoint, events, account)));
        }
        let file = config.file.map(|path| EventsFile::new(path, config.rotation));
        Ok((file.is_some() || !remote.is_empty()).then_some(Self { file, remote }))
    }

    /// Those whose deliveries the end waits for.
    pub(super) fn accounts(&self) -> Vec<Arc<Account>> {
        self.remote.iter().map(|remote| remote.account.clone()).collect()
    }
}

impl Work<Vec<StatusChange>> for Outlet {
    fn take(&mut self, changes: Vec<StatusChange>) {
        for change in &changes {
            let event = StatusEvent::of(change);
            self.remote.iter().for_each(|remote| remote.send(&event));
            if let Some(file) = &mut self.file {
                file.line(&event.envelope());
            }
        }
    }

    fn idle(&mut self) {
        if let Some(file) = &mut self.file {
            file.flush();
        }
    }
}

impl Remote {
    fn start<F: Future<Output = ()> + Send + 'static>(
        destination: &'static str,
        run: impl FnOnce(mpsc::UnboundedReceiver<Queued>, Arc<Account>) -> F,
    ) -> Self {
        let account = Account::new(losses(destination), WAITING_BYTES_MAX);
        let (events, queued) = mpsc::unbounded_channel();
        account.tasks().spawn(run(queued, account.clone()));
        Self { events, account }
    }

    fn send(&self, event: &StatusEvent) {
        let Some(held) = self.account.admit(event.detail.len()) else { return };
        if self.events.send(Queued { event: event.clone(), _held: held }).is_err() {
            self.account.lost(1, "shutdown", "the server ends");
        }
    }
}

/// A file of events, one line each.
struct EventsFile {
    path: PathBuf,
    rotation: Rotation,
    file: Option<RotatedFile>,
    /// Lines that were not handed to the system yet.
    unflushed: u64,
    /// Nothing is tried before this time.
    paused_until: Option<Instant>,
    losses: Losses,
}

impl EventsFile {
    fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self { path, rotation, file: None, unflushed: 0, paused_until: None, losses: losses("file") }
    }

    fn line(&mut self, line: &str) {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            return self.losses.lost(1, "cannot_write", "the last write has failed");
        }
        match self.write(line) {
            Ok(()) => self.unflushed += 1,
            Err(error) => self.failed(1, &error),
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(RotatedFile::open(&self.path, self.rotation)?),
        };
        file.line(line)
    }

    fn flush(&mut self) {
        let Some(file) = self.file.as_mut().filter(|_| self.unflushed > 0) else { return };
        match file.flush() {
            Ok(()) => self.losses.sent(std::mem::take(&mut self.unflushed)),
            Err(error) => self.failed(0, &error),
        }
    }

    fn failed(&mut self, lines: u64, error: &io::Error) {
        self.file = None;
        let lost = lines + std::mem::take(&mut self.unflushed);
        self.losses.lost(lost, "cannot_write", format_args!("{}: {error}", self.path.display()));
        self.paused_until = Some(Instant::now() + PAUSE);
    }
}
