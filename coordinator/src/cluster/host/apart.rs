//! A thread of a host's own, for rounds that take long.
//!
//! The threads of the runtime stay with everybody else. The thread is always the same one: what a host allocates then lies together, while a
//! pool whose threads take turns holds several times the memory that is in use.

use std::sync::mpsc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Host;

/// The thread, once there has been need of it. It ends with its host.
#[derive(Default)]
pub(super) struct Apart {
    rounds: Option<mpsc::Sender<Round>>,
}

struct Round {
    host: Host,
    done: oneshot::Sender<Host>,
}

impl Host {
    /// One round on the host's own thread. `None` after a panic there, which has dropped the host.
    pub(super) async fn round_apart(mut self) -> Option<Self> {
        let rounds = self.apart.rounds.get_or_insert_with(|| begin(self.number)).clone();
        let (done, host) = oneshot::channel();
        // Whoever does not take it drops it, which is seen below.
        let _ = rounds.send(Round { host: self, done });
        drop(rounds);
        host.await.ok()
    }
}

fn begin(number: usize) -> mpsc::Sender<Round> {
    let (rounds, received) = mpsc::channel::<Round>();
    let runtime = Handle::current();
    let work = move || {
        let _context = runtime.enter();
        while let Ok(Round { mut host, done }) = received.recv() {
            host.round();
            // The runtime may have ended meanwhile, and the host ends with it.
            let _ = done.send(host);
        }
    };
    std::thread::Builder::new().name(format!("host-{number}")).spawn(work).expect("the system has room for a thread");
    rounds
}
