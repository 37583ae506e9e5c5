//! The thread's work: changes become events, and events go to where they are wanted.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::change::StatusChange;
use super::envelope::StatusEvent;
use super::{StatusEventsConfig, StatusEventsError, WAITING_BYTES_MAX, eventbridge, losses, webhook};
use crate::aws::Endpoint;
use crate::sink::{Account, Held, LinesFile, Losses, Work};

/// See the module.
pub(super) struct Outlet {
    /// One line for each event.
    file: Option<(LinesFile, Losses)>,
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
        let file = config.file.map(|path| (LinesFile::new(path, config.rotation), losses("file")));
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
            if let Some((file, losses)) = &mut self.file {
                file.line(&event.envelope(), losses);
            }
        }
    }

    fn idle(&mut self) {
        if let Some((file, losses)) = &mut self.file {
            file.flush(losses);
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
