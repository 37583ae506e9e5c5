//! The store's threads, from start to end.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::checkpointer::{Checkpointer, Request};
use super::kv::Kv;
use super::options::LocalOptions;
use super::prepare::Preparer;
use super::queue::Queue;
use super::recovery::Recovered;
use super::shared::Shared;
use super::writer::{Command, LogWriter, Writer};

/// Running threads and the ways into them. Dropping ends them when they have done what is queued.
pub(crate) struct Threads {
    pub(crate) log: Arc<Queue<Command>>,
    pub(crate) writer: Arc<LogWriter>,
    pub(crate) checkpoints: Arc<Queue<Request>>,
    log_writer: Option<JoinHandle<()>>,
    checkpointer: Option<JoinHandle<()>>,
}

impl Threads {
    pub(crate) fn start(
        dir: &Path,
        options: &LocalOptions,
        shared: &Arc<Shared>,
        kv: &Arc<Kv>,
        marks: Vec<u64>,
        mut recovered: Recovered,
    ) -> io::Result<Threads> {
        let preparer = Preparer::start(dir, shared, options, recovered.spare.take(), std::mem::take(&mut recovered.free))?;
        let log = Arc::new(Queue::new());
        let checkpoints = Arc::new(Queue::new());
        let writer = Writer::new(shared.clone(), options, preparer, recovered);
        let writer = Arc::new(LogWriter::new(log.clone(), writer));
        let log_thread = writer.clone();
        let checkpointer = Checkpointer::new(checkpoints.clone(), log.clone(), kv.clone(), shared.clone(), marks);
        Ok(Threads {
            log,
            writer,
            checkpoints,
            log_writer: Some(spawn("log-write", move || log_thread.run())?),
            checkpointer: Some(spawn("checkpoint", || checkpointer.run())?),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Checkpoints first: what they cover is still given back to the log.
        self.checkpoints.close();
        join(self.checkpointer.take());
        self.log.close();
        join(self.log_writer.take());
    }
}

/// A thread of the store. Without it, callers would wait for ever; so a defect that ends it ends the process.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _guard = AbortOnPanic;
        work();
    })
}

/// Held while something of the store is done: a defect there ends the process.
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("a thread of the store has failed, which is a defect; the process ends here");
            std::process::abort();
        }
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        thread.join().expect("a thread that panics ends the process");
    }
}
