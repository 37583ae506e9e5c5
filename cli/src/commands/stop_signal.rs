//! SIGTERM and Ctrl-C: the orderly end of a server or worker.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for the end. To be made before anybody is told that the process is ready: a signal that comes earlier than this kills it.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> Self {
        let listen = |kind| signal(kind).expect("signal handlers can be installed");
        Self { terminate: listen(SignalKind::terminate()), interrupt: listen(SignalKind::interrupt()) }
    }

    /// Waits for the first of them, also for one that has come since [`listen`](Self::listen).
    pub(crate) async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
