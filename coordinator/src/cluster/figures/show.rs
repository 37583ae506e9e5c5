//! The figures of a whole system that stand until somebody asks.

use super::HostGauges;
use crate::cluster::Cluster;
use crate::telemetry::{bounded, names};

impl Cluster {
    /// Brings everything that is measured only when somebody looks up to now.
    pub fn show_figures(&self) {
        HostGauges::show(&self.inner.gauges);
        names::SHARDS_LOST.gauge([]).set(self.lost_shards().len() as f64);
        names::CHECKPOINTS_STOPPED.gauge([]).set(self.stopped_checkpoints().len() as f64);
        names::EXECUTIONS_STALLED.gauge([]).set(self.set_aside_executions() as f64);
        names::EXPRESS_OPEN.gauge([]).set(self.express().open() as f64);
        names::EXPRESS_BYTES.gauge([]).set(self.express().bytes() as f64);
        self.show_queues();
    }

    fn show_queues(&self) {
        let own_label = self.queues().into_iter().filter(|queue| bounded("queue", &queue.name) == &*queue.name);
        for queue in own_label {
            let name: &str = &queue.name;
            names::TASK_BACKLOG.gauge([name]).set(queue.waiting as f64);
            names::TASK_OLDEST_AGE.gauge([name]).set(queue.oldest_ms as f64 / 1_000.0);
            names::POLLERS.gauge([name]).set(queue.served_by as f64);
            names::QUEUE_FREE_SLOTS.gauge([name]).set(queue.credits as f64);
        }
    }
}
