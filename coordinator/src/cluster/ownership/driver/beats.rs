//! What the members tell each other: that they live, and what they have.

use std::sync::Arc;
use std::time::Instant;

use super::{Driver, Event, Standing};
use crate::cluster::holders;
use crate::cluster::members::LEVEL;
use crate::cluster::ownership::{Input, Moment};
use crate::cluster::remote::Notice;
use crate::dispatch::SessionItem;
use crate::store::{Member, MemberSession};

/// A member that has not been heard of for this long is none to the others, milliseconds: it sends its workers to them, before they take them for lost.
const CUT_OFF_MS: Moment = 3_000;
/// And again after this time those who have come nevertheless, milliseconds.
const SEND_AWAY_MS: Moment = 5_000;

impl Driver {
    pub(super) fn beat(&mut self) {
        let me = self.me();
        self.beaten = Standing(me.owned.clone(), me.is_leaving);
        let (membership, duration) = (self.member.membership.clone(), self.figures.beat.clone());
        self.under_way.spawn(async move {
            let began = Instant::now();
            match tokio::time::timeout(membership.lifetime(), membership.beat(&me)).await {
                Ok(Ok(members)) => {
                    duration.observe(began.elapsed());
                    Event::Heard(Some(members))
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the other members could not be told that this one lives");
                    Event::Heard(None)
                }
                Err(_) => Event::Heard(None),
            }
        });
    }

    /// How this member stands.
    fn me(&self) -> Member {
        let session = |session: Arc<crate::dispatch::Session>| {
            let info = session.info();
            MemberSession { incarnation: info.incarnation, session_id: info.session_id }
        };
        let mut sessions: Vec<_> = self.sessions.all().into_iter().map(session).collect();
        sessions.sort_unstable();
        Member {
            name: self.member.name.clone(),
            incarnation: self.incarnation,
            address: self.member.address.clone(),
            weight: self.member.weight,
            level: LEVEL,
            is_leaving: self.machine.is_leaving(),
            owned: self.machine.owned(),
            sessions: sessions.into(),
        }
    }

    pub(super) fn heard(&mut self, members: Option<Vec<Arc<Member>>>) {
        let Some(members) = members else {
            self.send_workers_away_if_cut_off();
            return self.step(Input::Unheard);
        };
        (self.heard_at, self.sent_away_at) = (self.now(), None);
        self.figures.stands(members.len(), self.machine.owned().len());
        self.directory.set_others(members.iter().filter(|member| member.incarnation != self.incarnation).cloned().collect());
        self.members.clone_from(&members);
        self.show_others();
        let sessions = members.iter().flat_map(|member| member.sessions.iter().map(|session| (member.incarnation, *session)));
        let heard =
            holders::Input::Heard { members: members.iter().map(|member| member.incarnation).collect(), sessions: sessions.collect() };
        self.step(Input::Members(members));
        self.step_holders(heard);
    }

    /// The others need not wait for their next beats to hear of what has changed here.
    fn show_others(&mut self) {
        if self.shown == self.beaten {
            return;
        }
        self.shown.clone_from(&self.beaten);
        for member in self.members.iter().filter(|member| member.incarnation != self.incarnation) {
            self.remote.tell(member, Notice::Look);
        }
    }

    /// The others do not hear of the sessions here, and would take their workers for lost although they live.
    fn send_workers_away_if_cut_off(&mut self) {
        let now = self.now();
        let was_just_done = self.sent_away_at.is_some_and(|at| now < at + SEND_AWAY_MS);
        if now < self.heard_at + CUT_OFF_MS || was_just_done {
            return;
        }
        self.sent_away_at = Some(now);
        let sessions = self.sessions.all();
        tracing::warn!(workers = sessions.len(), "the store has not been reached for seconds: workers are sent to other coordinators");
        for session in sessions {
            // A session that has ended needs not be told.
            drop(session.push(SessionItem::Drain));
        }
    }
}
