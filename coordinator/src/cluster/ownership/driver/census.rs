//! Who holds claims of tasks that run here, and which of these workers are lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{Driver, Event};
use crate::cluster::holders;
use crate::cluster::host::HostMessage;
use crate::cluster::members::Holding;
use crate::cluster::ownership::Moment;
use crate::shard::HeldClaim;
use crate::store::Member;

/// How often hosts are asked who holds something, milliseconds.
const CENSUS_MS: Moment = 1_000;

impl Driver {
    /// Asks the hosts from time to time who holds something here.
    pub(super) fn census_if_due(&mut self) {
        let now = self.now();
        if now < self.next_census {
            return;
        }
        self.next_census = now + CENSUS_MS;
        let asked = self.hosts.iter().map(|host| {
            let (reply, holders) = oneshot::channel();
            host.push(HostMessage::Holders { reply });
            holders
        });
        let asked: Vec<_> = asked.collect();
        self.under_way.spawn(async move {
            let holders = join_all(asked).await;
            Event::Holding(holders.into_iter().flatten().flatten().collect())
        });
    }

    pub(super) fn step_holders(&mut self, input: holders::Input) {
        for action in self.holders.step(self.now(), input) {
            match action {
                holders::Action::Ask { worker, members } => self.ask_hosts(worker, members),
                holders::Action::Lost { worker } => self.hosts.iter().for_each(|host| host.push(HostMessage::WorkerLost(worker))),
            }
        }
    }

    /// What the worker holds here, as far as it has left.
    fn ask_hosts(&mut self, worker: u64, members: BTreeSet<u64>) {
        let asked = self.hosts.iter().map(|host| {
            let (reply, held) = oneshot::channel();
            host.push(HostMessage::HeldBy { worker, reply });
            held
        });
        let asked: Vec<_> = asked.collect();
        self.under_way.spawn(async move {
            let held = join_all(asked).await;
            Event::Held(worker, members, held.into_iter().flatten().flatten().collect())
        });
    }

    /// What none of the members knows has never reached the worker.
    pub(super) fn ask_members(&mut self, worker: u64, members: &BTreeSet<u64>, claims: Vec<HeldClaim>) {
        let mut unknown = Some(claims);
        if members.contains(&self.incarnation) {
            unknown = unknown.and_then(|claims| (self.local)(worker, &claims));
        }
        let others: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.incarnation != self.incarnation && members.contains(&member.incarnation))
            .cloned()
            .collect();
        let has_all = others.len() == members.iter().filter(|member| **member != self.incarnation).count();
        let holding = self.member.holding.clone();
        self.under_way.spawn(async move {
            let unknown = if has_all { unknown_at_all(holding, worker, &others, unknown).await } else { None };
            Event::NotHeld(worker, unknown)
        });
    }

    pub(super) fn not_held(&mut self, worker: u64, claims: Option<Vec<HeldClaim>>) {
        let Some(claims) = claims else { return self.step_holders(holders::Input::Unanswered { worker }) };
        if !claims.is_empty() {
            tracing::info!(worker, claims = claims.len(), "grants have not reached their worker and go to others");
            self.hosts.iter().for_each(|host| host.push(HostMessage::NotHeld(claims.clone())));
        }
        self.step_holders(holders::Input::Answered { worker });
    }
}

/// What no member knows of; `None` if one of them cannot tell.
async fn unknown_at_all(
    holding: Option<Arc<dyn Holding>>,
    worker: u64,
    members: &[Arc<Member>],
    mut unknown: Option<Vec<HeldClaim>>,
) -> Option<Vec<HeldClaim>> {
    for member in members {
        let claims = unknown.take()?;
        unknown = holding.as_ref()?.not_held(member, worker, claims).await;
    }
    unknown
}
