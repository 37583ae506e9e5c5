//! The end that somebody asks for: SIGTERM or ^C begins it, a second one does not wait for it, and it does not last for ever.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// What shells make of a signal that has ended a process.
const SIGNAL_EXIT_BASE: i32 = 128;

/// The signals that ask a process to end, heard from the time on that this was made.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Listens from now on. Whoever has been told that the process is ready may ask it to end at once.
    pub(crate) fn listen() -> Self {
        let install = |kind| signal(kind).expect("signal handlers can be installed");
        Self { terminate: install(SignalKind::terminate()), interrupt: install(SignalKind::interrupt()) }
    }

    /// Waits for SIGTERM or ^C. From then on a second one ends the process at once, and after `at_most` it ends whatever is still under
    /// way: what was acknowledged is in the log, from which the next start goes on.
    pub(crate) async fn received(mut self, at_most: Duration) {
        self.next().await;
        end_at_the_latest(at_most);
        tokio::spawn(async move {
            let number = self.next().await;
            tracing::warn!("asked to end a second time: ending at once; what was under way goes on with the next start");
            std::process::exit(SIGNAL_EXIT_BASE + number);
        });
    }

    /// The number of the next one.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        }
    }
}

/// A thread of its own, so that nothing that keeps the others busy keeps it from ending the process.
fn end_at_the_latest(at_most: Duration) {
    let wait = move || {
        std::thread::sleep(at_most);
        tracing::error!(
            seconds = at_most.as_secs(),
            "not everything ended in order in time: ending now; the next start goes on from the log"
        );
        std::process::exit(Exit::Failed as i32);
    };
    let spawned = std::thread::Builder::new().name("end-at-the-latest".to_owned()).spawn(wait);
    if let Err(error) = spawned {
        tracing::warn!(%error, "nothing bounds how long the end takes");
    }
}
