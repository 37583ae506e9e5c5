//! The task queues of this worker, and the slots that it has told the coordinator about.
//!
//! Credits are computed from what is so, never counted up and down on their own: free = capacity − running − already told. A lost or repeated
//! message can therefore not make a queue starve or overflow for longer than one session.

use std::collections::HashMap;

use baton_proto::worker::v1::{Credit, Queue};
use foldhash::fast::RandomState;

use crate::handlers::{Handler, RustFunction};
use crate::invocation::FunctionError;

/// What is served under one queue name.
#[derive(Clone)]
pub(crate) struct Service {
    /// `lambda:<function name>` or `activity:<activity name>`
    pub(crate) queue: String,
    pub(crate) handler: Handler,
    /// Invocations that run at once.
    pub(crate) concurrency: u32,
    /// The function's own timeout; 0 without one.
    pub(crate) timeout_seconds: u32,
}

/// All queues, by an index that stays the same as long as the process runs.
pub(super) struct Queues {
    queues: Vec<QueueState>,
    by_name: HashMap<String, usize, RandomState>,
    /// Slots freed since this was looked at last.
    freed: HashMap<usize, u32, RandomState>,
}

pub(super) struct QueueState {
    service: Service,
    /// False once the function is gone from the table; what runs may end.
    served: bool,
    running: u32,
    /// Slots that the coordinator knows to be free.
    told: u32,
    /// Its offers come from a message broker: the coordinator is told of no free slots.
    is_pulled: bool,
}

impl Queues {
    /// Stands for every queue that has never been served; what comes for it is refused.
    pub(super) const UNKNOWN: usize = 0;

    pub(super) fn new(services: Vec<Service>) -> Self {
        let nothing = RustFunction::new(|_| std::future::ready(Err(FunctionError::new("", ""))));
        let unknown = Service { queue: String::new(), handler: Handler::Rust(nothing), concurrency: 0, timeout_seconds: 0 };
        let unknown = QueueState { service: unknown, served: false, running: 0, told: 0, is_pulled: false };
        let mut queues = Self { queues: vec![unknown], by_name: HashMap::default(), freed: HashMap::default() };
        queues.replace(services);
        queues
    }

    /// Serves these from now on. True if the coordinator has to be told by a new `Hello`.
    pub(super) fn replace(&mut self, services: Vec<Service>) -> bool {
        let before = self.announcement();
        self.queues.iter_mut().for_each(|queue| queue.served = false);
        for service in services {
            match self.by_name.get(&service.queue) {
                Some(&index) => {
                    let queue = &mut self.queues[index];
                    queue.service = service;
                    queue.served = true;
                }
                None => {
                    self.by_name.insert(service.queue.clone(), self.queues.len());
                    self.queues.push(QueueState { service, served: true, running: 0, told: 0, is_pulled: false });
                }
            }
        }
        before != self.announcement()
    }

    fn announcement(&self) -> Vec<(String, u32, u32)> {
        let served = self.queues.iter().filter(|queue| queue.served);
        served.map(|queue| (queue.service.queue.clone(), queue.service.concurrency, queue.service.timeout_seconds)).collect()
    }

    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The handler of a queue; none if it is no longer served.
    pub(super) fn handler(&self, index: usize) -> Option<&Handler> {
        let queue = &self.queues[index];
        queue.served.then_some(&queue.service.handler)
    }

    pub(super) fn handlers(&self) -> impl Iterator<Item = &Handler> {
        self.queues.iter().filter(|queue| queue.served).map(|queue| &queue.service.handler)
    }

    /// An invocation has come for a slot that the coordinator knew to be free.
    pub(super) fn take_slot(&mut self, index: usize) {
        let queue = &mut self.queues[index];
        queue.running += 1;
        queue.told = queue.told.saturating_sub(1);
    }

    /// An offer has been refused: it came for a slot that the coordinator knew to be free.
    pub(super) fn spend_credit(&mut self, index: usize) {
        let queue = &mut self.queues[index];
        queue.told = queue.told.saturating_sub(1);
    }

    /// An offer from a broker is claimed. What the coordinator knows to be free stays so.
    pub(super) fn take_pulled_slot(&mut self, index: usize) {
        self.queues[index].running += 1;
    }

    /// An invocation has ended.
    pub(super) fn free_slot(&mut self, index: usize) {
        let queue = &mut self.queues[index];
        queue.running = queue.running.checked_sub(1).expect("a slot is freed once for each time that it is taken");
        if queue.is_pulled {
            *self.freed.entry(index).or_default() += 1;
        }
    }

    /// Slots of pulled queues that have been freed since the last call.
    pub(super) fn take_freed(&mut self) -> HashMap<usize, u32, RandomState> {
        std::mem::take(&mut self.freed)
    }

    /// Invocations that may run at once.
    pub(super) fn capacity(&self, index: usize) -> u32 {
        let queue = &self.queues[index];
        if queue.served { queue.service.concurrency } else { 0 }
    }

    /// Slots that are free and not promised to the coordinator.
    pub(super) fn free_beside_credits(&self, index: usize) -> u32 {
        self.capacity(index).saturating_sub(self.queues[index].running + self.queues[index].told)
    }

    /// Says whether the queue's offers come from a broker.
    pub(super) fn set_pulled(&mut self, index: usize, is_pulled: bool) {
        self.queues[index].is_pulled = is_pulled;
    }

    /// As [`set_pulled`](Self::set_pulled), of all queues.
    pub(super) fn set_all_pulled(&mut self, is_pulled: bool) {
        self.queues.iter_mut().for_each(|queue| queue.is_pulled = is_pulled);
    }

    /// The queues that `Hello` names, in its order.
    pub(super) fn served(&self) -> Vec<usize> {
        (0..self.queues.len()).filter(|index| self.queues[*index].served).collect()
    }

    /// True if another invocation could run now.
    pub(super) fn has_room(&self, index: usize) -> bool {
        let queue = &self.queues[index];
        queue.served && queue.running < queue.service.concurrency
    }

    /// Queues with their free slots, for `Hello`; none are free while draining.
    pub(super) fn hello(&mut self, draining: bool) -> Vec<Queue> {
        let served = self.queues.iter_mut().filter(|queue| queue.served);
        served
            .map(|queue| {
                queue.told = if draining || queue.is_pulled { 0 } else { queue.service.concurrency.saturating_sub(queue.running) };
                Queue { name: queue.service.queue.clone(), credits: queue.told, timeout_seconds: queue.service.timeout_seconds }
            })
            .collect()
    }

    /// Slots that are free and that the coordinator does not know of yet; it does when they are sent.
    pub(super) fn credits(&mut self) -> Vec<Credit> {
        let owing = self.queues.iter_mut().filter(|queue| queue.owed() > 0);
        owing
            .map(|queue| {
                let slots = queue.owed();
                queue.told += slots;
                Credit { queue: queue.service.queue.clone(), slots }
            })
            .collect()
    }

    pub(super) fn owes_credits(&self) -> bool {
        self.queues.iter().any(|queue| queue.owed() > 0)
    }
}

impl QueueState {
    fn owed(&self) -> u32 {
        if self.served && !self.is_pulled { self.service.concurrency.saturating_sub(self.running + self.told) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, concurrency: u32) -> Service {
        let handler = Handler::Rust(RustFunction::new(|_| std::future::ready(Ok(bytes::Bytes::new()))));
        Service { queue: name.to_owned(), handler, concurrency, timeout_seconds: 0 }
    }

    fn credits(queues: &mut Queues) -> Vec<(String, u32)> {
        queues.credits().into_iter().map(|credit| (credit.queue, credit.slots)).collect()
    }

    #[test]
    fn each_free_slot_is_told_once() {
        let mut queues = Queues::new(vec![service("a", 2), service("b", 1)]);
        assert_eq!(queues.hello(false).iter().map(|queue| queue.credits).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(credits(&mut queues), []);
        queues.take_slot(1);
        queues.take_slot(1);
        assert!(!queues.has_room(1) && queues.has_room(2) && !queues.owes_credits());
        queues.free_slot(1);
        assert_eq!(credits(&mut queues), [("a".to_owned(), 1)]);
        assert_eq!(credits(&mut queues), []);
        queues.free_slot(1);
        assert_eq!(credits(&mut queues), [("a".to_owned(), 1)]);
    }

    #[test]
    fn more_grants_than_credits_do_not_make_more_credits() {
        let mut queues = Queues::new(vec![service("a", 1)]);
        queues.hello(false);
        queues.take_slot(1);
        queues.take_slot(1);
        queues.free_slot(1);
        assert_eq!(credits(&mut queues), []);
        queues.free_slot(1);
        assert_eq!(credits(&mut queues), [("a".to_owned(), 1)]);
    }

    #[test]
    fn a_new_session_starts_from_what_is_so() {
        let mut queues = Queues::new(vec![service("a", 3)]);
        queues.hello(false);
        queues.take_slot(1);
        assert_eq!(queues.hello(false)[0].credits, 2);
        assert_eq!(queues.hello(true)[0].credits, 0);
    }

    #[test]
    fn replacing_tells_whether_the_coordinator_must_know() {
        let mut queues = Queues::new(vec![service("a", 1), service("b", 1)]);
        assert!(!queues.replace(vec![service("a", 1), service("b", 1)]), "only the code has changed");
        assert!(queues.replace(vec![service("a", 2), service("b", 1)]));
        assert!(queues.replace(vec![service("b", 1), service("c", 1)]));
        assert_eq!(queues.hello(false).iter().map(|queue| queue.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!(queues.handler(1).is_none() && queues.index_of("a") == Some(1));
        queues.replace(vec![service("a", 1)]);
        assert_eq!(queues.index_of("a"), Some(1), "the index of a queue never changes");
    }
}
