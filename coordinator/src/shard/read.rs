//! What is read from a shard's memory. Only what is durable is told.

use baton_engine::{RedriveCount, Status};

use super::given_up::GivenUp;
use super::live::{Ended, Live};
use super::{Answer, ExecutionId, ExecutionSummary, ListQuery, Output, Seen, SeenHistory, Shard, World};

impl<W: World> Shard<W> {
    pub(super) fn describe(&mut self, id: ExecutionId, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let seen = if let Some(live) = self.live.get(&id) {
            Seen::Here(Box::new(live.record()))
        } else if let Some(ended) = self.ended.get(&id) {
            Seen::Here(ended.record.clone())
        } else {
            self.given_up.get(&id).map_or(Seen::Elsewhere { set_aside: None }, GivenUp::seen)
        };
        self.log.hold(Output::Reply(reply, Answer::Seen(seen)), out);
    }

    pub(super) fn history(&mut self, id: ExecutionId, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let seen = self.seen_history(id);
        self.log.hold(Output::Reply(reply, Answer::History(seen)), out);
    }

    fn seen_history(&self, id: ExecutionId) -> Option<SeenHistory> {
        let of_live = |live: &Live| SeenHistory {
            record: Box::new(live.record()),
            saved_events: live.history.saved_events,
            parts: live.history.parts(),
        };
        let of_ended = |ended: &Ended| SeenHistory {
            record: ended.record.clone(),
            saved_events: ended.history.saved_events,
            parts: ended.history.parts(),
        };
        let running = self.live.get(&id).map(|live| of_live(live));
        let ended = || self.ended.get(&id).map(|ended| of_ended(ended));
        running.or_else(ended).or_else(|| self.given_up.get(&id).and_then(GivenUp::seen_history))
    }

    /// Answers at once unless the execution is in memory and runs. One that is not in memory may yet run: whoever asks looks into the
    /// key-value side and, if it does, asks again.
    pub(super) fn wait_end(&mut self, id: ExecutionId, is_absent_running: bool, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let is_absent = !self.ended.contains_key(&id);
        let stands_still = self.given_up.get(&id).is_some_and(|given_up| given_up.record().is_some());
        if self.live.contains_key(&id) || stands_still || (is_absent && is_absent_running) {
            self.waiting_for_end.entry(id).or_default().push(reply);
        } else {
            self.describe(id, reply, out);
        }
    }

    /// Follows an execution that is in memory.
    pub(super) fn watch(&mut self, id: ExecutionId, watcher: W::Watcher, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let seen = self.seen_history(id);
        if self.live.contains_key(&id) {
            self.watchers.entry(id).or_default().push(watcher);
        } else {
            self.log.hold(Output::WatchedEnd(watcher), out);
        }
        self.log.hold(Output::Reply(reply, Answer::History(seen)), out);
    }

    /// Executions of a state machine that the index does not show as they stand. What is not durable is not told.
    pub fn list(&self, state_machine_arn: &str, listed: &mut Vec<ExecutionSummary>) {
        let durable_seq = self.log.durable_seq;
        let is_child = |live: &Live| live.execution.started().map_child.is_some();
        let is_changed = |live: &Live| live.is_dirty || live.history.saving.is_some();
        let is_listed = |live: &Live| if live.express.is_some() { is_child(live) } else { is_changed(live) };
        let live = self.live.iter().filter(|(_, live)| is_listed(live));
        let live =
            live.filter(|(_, live)| live.first_seq <= durable_seq && super::listed_under(live.execution.started()) == state_machine_arn);
        listed.extend(live.map(|(id, live)| live.told(*id, durable_seq)));
        let again = self.open_express.iter().map(|(id, open)| (id, &*open.start));
        let again = again.filter(|(_, start)| start.map_child.is_some() && super::listed_under(start) == state_machine_arn);
        listed.extend(again.map(|(id, start)| ExecutionSummary::running(*id, start, RedriveCount::default())));
        let ended = self
            .ended
            .iter()
            .filter(|(_, ended)| ended.first_seq <= durable_seq && super::listed_under(&ended.record.start) == state_machine_arn);
        listed.extend(ended.map(|(id, ended)| ended.summary(*id, durable_seq)));
        let given_up = self.given_up.iter().filter_map(|(id, given_up)| given_up.summary(*id, durable_seq));
        listed.extend(given_up.filter(|summary| *summary.state_machine_arn == *state_machine_arn));
    }

    /// Forgets who has gone away while waiting for an end or following an execution.
    pub fn forget_absent(&mut self, is_gone: impl Fn(&W::Reply) -> bool, has_gone: impl Fn(&W::Watcher) -> bool) {
        self.waiting_for_end.retain(|_, replies| {
            replies.retain(|reply| !is_gone(reply));
            !replies.is_empty()
        });
        let checkpoint = &mut self.checkpoint;
        self.watchers.retain(|id, watchers| {
            watchers.retain(|watcher| !has_gone(watcher));
            if watchers.is_empty() {
                checkpoint.reconsider(*id);
            }
            !watchers.is_empty()
        });
    }
}

impl ListQuery {
    /// Whether the line is asked for. `status` of the line is as it is told.
    pub(crate) fn matches(&self, summary: &ExecutionSummary) -> bool {
        let status = self.status.is_none_or(|status: Status| status == summary.status);
        let through =
            self.through.as_ref().is_none_or(|arn| summary.version_arn.as_ref() == Some(arn) || summary.alias_arn.as_ref() == Some(arn));
        let after = self
            .after
            .is_none_or(|cursor| (std::cmp::Reverse(summary.start_at), summary.id) > (std::cmp::Reverse(cursor.start_at), cursor.id));
        let redriven = self.redriven.is_none_or(|redriven| redriven == (summary.redrives.count > 0));
        status && through && after && redriven
    }
}
