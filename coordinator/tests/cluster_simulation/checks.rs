//! What must be true in the end.
//!
//! The log is the witness: every answer that a client got must fit it at some moment between the question and the answer (so that the operations on
//! one execution are linearizable, in the log's order), and the history on the key-value side must say the same as the log.

use std::collections::{BTreeMap, BTreeSet};

use baton_coordinator::shard::codec::{EntryKind, read_batch};
use baton_coordinator::shard::{ExecutionId, read_events};
use baton_engine::{Event, EventKind, Execution, Status};

use super::clients::{Kind, Operation, Told, arn_of};
use super::cluster::{Cluster, ORDERS};
use super::machine;

impl Cluster {
    pub(crate) fn is_over(&self) -> bool {
        self.clients.operations.iter().all(|operation| operation.told.is_some())
            && (0..ORDERS).all(|n| self.has_succeeded(n))
            && self.children_are_stored()
    }

    /// As the key-value side has it.
    pub(crate) fn has_succeeded(&self, n: u64) -> bool {
        self.stored_status(ExecutionId::of_arn(&arn_of(n))) == Some(Status::Succeeded)
    }

    /// As the key-value side has it.
    pub(crate) fn stored_status(&self, id: ExecutionId) -> Option<Status> {
        let segments = self.segments(id);
        let events = read_events(segments.last()?).expect("a history can be read");
        Some(events.last().map_or(Status::Running, |event| end_of(event).unwrap_or(Status::Running)))
    }

    pub(crate) fn stuck(&self) -> Vec<String> {
        let open = (0..ORDERS).filter(|n| !self.has_succeeded(*n));
        let last = |n| self.events_of_log(ExecutionId::of_arn(&arn_of(n))).pop().map(|event| event.kind);
        let open = open.map(|n| format!("{n}: {:?}", last(n)));
        let unanswered = self.clients.operations.iter().filter(|operation| operation.told.is_none());
        open.chain(unanswered.map(|operation| format!("{operation:?}"))).chain(self.open_children()).collect()
    }

    /// Everything that was ever appended of an execution, without gaps and without repetition.
    pub(crate) fn events_of_log(&self, id: ExecutionId) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        let batches = &self.store.logs[&Self::shard_of(id)].batches;
        for (_, batch) in batches {
            for entry in read_batch(batch).expect("a batch can be read").iter().filter(|entry| entry.id == id) {
                let EntryKind::Events(position) = entry.kind() else { continue };
                assert_eq!(position, events.len() as u64, "I2: events of {id} follow each other");
                events.extend(entry.chunk.events().expect("events can be read"));
            }
        }
        events
    }

    /// I1 to I8, as far as they can be seen in the end.
    pub(crate) fn verify(&self) {
        self.store.check_tokens();
        for n in 0..ORDERS {
            let id = ExecutionId::of_arn(&arn_of(n));
            let events = self.events_of_log(id);
            let output = self.sound(&format!("order {n}"), id, &events);
            assert_eq!(output, machine::order(n, true).1, "order {n}");
            let operations = self.clients.operations.iter().filter(|operation| operation.n == n);
            operations.for_each(|operation| fits(operation, &events));
            redrives_are_asked_for(n, &events, &self.clients.operations);
        }
        self.verify_map_runs();
    }

    /// I2, I3 and I8 of one execution, which has succeeded. Its output.
    pub(crate) fn sound(&self, name: &str, id: ExecutionId, events: &[Event]) -> String {
        let stored: Vec<_> = self.segments(id).iter().flat_map(|value| read_events(value).expect("a history can be read")).collect();
        assert!(stored == events, "I8: the history of {name} is its log");
        if !(self.is_express && id.is_of_map_run()) {
            self.attempts_start_once(name, id, events);
        }
        let machine = &self.revision.machine;
        let mut execution = Execution::recover(machine, &events[0]);
        for event in &events[1..] {
            assert!(event.previous < execution.next_event_id(), "I2: an event follows one before it");
            execution.apply(machine, event);
        }
        assert_eq!(execution.status(), Status::Succeeded, "{name}");
        execution.output().map(|output| output.text().to_owned()).unwrap_or_default()
    }

    /// I3: what ran was started in the history, and nothing is entered twice.
    fn attempts_start_once(&self, name: &str, id: ExecutionId, events: &[Event]) {
        let started = events.iter().filter(|event| matches!(event.kind, EventKind::TaskStarted { .. })).count();
        let ran = self.ledger.iter().filter(|(of, ..)| *of == id).count();
        assert!(ran <= started, "I3: {ran} attempts of {name} ran, {started} were started");
        let mut entered = BTreeSet::new();
        for event in events {
            if let EventKind::StateEntered { state, .. } = event.kind {
                assert!(entered.insert((event.thread, state)), "I2: {name} enters {state:?} twice");
            }
        }
    }
}

/// How an execution stands after this event, if the event ends it.
fn end_of(event: &Event) -> Option<Status> {
    match event.kind {
        EventKind::ExecutionSucceeded { .. } => Some(Status::Succeeded),
        EventKind::ExecutionFailed { .. } => Some(Status::Failed),
        EventKind::ExecutionAborted { .. } => Some(Status::Aborted),
        EventKind::ExecutionTimedOut { .. } => Some(Status::TimedOut),
        _ => None,
    }
}

/// How it stood, from each moment on.
fn timeline(events: &[Event]) -> Vec<(i64, Option<Status>)> {
    let mut timeline = vec![(i64::MIN, None)];
    for event in events {
        let is_beginning = matches!(event.kind, EventKind::ExecutionStarted(_) | EventKind::ExecutionRedriven { .. });
        let status = if is_beginning { Some(Status::Running) } else { end_of(event) };
        timeline.extend(status.map(|status| (event.at, Some(status))));
    }
    timeline
}

/// Whether it stood so at some moment between these.
fn stood(events: &[Event], from: i64, until: i64, is_meant: impl Fn(Option<Status>) -> bool) -> bool {
    let timeline = timeline(events);
    let ends = timeline.iter().skip(1).map(|(at, _)| *at).chain([i64::MAX]);
    timeline.iter().zip(ends).any(|((at, status), end)| *at <= until && end >= from && is_meant(*status))
}

/// The answer was true at some moment between the question and the answer.
fn fits(operation: &Operation, events: &[Event]) {
    let Operation { kind, invoked_at: from, told, .. } = operation;
    let (until, told) = told.as_ref().expect("everything has been answered");
    let has =
        |is_meant: &dyn Fn(&EventKind) -> bool| events.iter().any(|event| is_meant(&event.kind) && (*from..=*until).contains(&event.at));
    let is_right = match (kind, told) {
        (Kind::Start, Told::Started(at)) => events[0].at == *at && at <= until && at >= from,
        (Kind::Start, _) => false,
        (Kind::Stop, Told::Stopped) => has(&|kind| matches!(kind, EventKind::ExecutionAborted { .. })),
        (Kind::Stop, Told::NotStopped) => stood(events, *from, *until, |status| status.is_some_and(|status| status != Status::Running)),
        (Kind::Redrive(token), Told::Redriven(at)) => {
            events.iter().any(|event| event.at == *at && is_redrive(&event.kind, token)) && (*from..=*until).contains(at)
        }
        (Kind::Redrive(_), Told::NotRedrivable) => {
            stood(events, *from, *until, |status| matches!(status, Some(Status::Running | Status::Succeeded)))
        }
        (Kind::Describe, Told::Seen(seen)) => stood(events, *from, *until, |status| status == *seen),
        _ => false,
    };
    assert!(is_right, "I1: {operation:?} does not fit the history {:?}", timeline(events));
}

fn is_redrive(kind: &EventKind, wanted: &str) -> bool {
    matches!(kind, EventKind::ExecutionRedriven { client_token: Some(token), .. } if **token == *wanted)
}

/// Each redrive in the history is one that was asked for, once, and follows an end.
fn redrives_are_asked_for(n: u64, events: &[Event], operations: &[Operation]) {
    let mut seen = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let follows_an_end = index > 0 && end_of(&events[index - 1]).is_some();
        let EventKind::ExecutionRedriven { client_token, .. } = &event.kind else {
            assert!(!follows_an_end, "I2: {:?} of order {n} follows an end", event.kind);
            continue;
        };
        assert!(follows_an_end, "I2: a redrive of order {n} follows an end");
        let token = client_token.clone().expect("all requests of these clients have tokens");
        let is_asked_for = operations.iter().any(|operation| operation.n == n && operation.kind == Kind::Redrive(token.clone()));
        assert!(is_asked_for, "I1: nobody has asked for redrive {token} of order {n}");
        assert!(seen.insert(token, event.at).is_none(), "I1: one request redrives order {n} once");
    }
}
