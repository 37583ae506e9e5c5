//! What members are asked, by clients, by workers and by each other, and what they answer.

use super::*;

impl Cluster {
    pub(super) fn tell_worker(&mut self, member: usize, worker: usize, incarnation: u64, what: ToWorker) {
        let what = || Happening::Worker { worker, incarnation, what: what.clone() };
        self.send(Place::Member(member), Place::Worker(worker), what);
    }

    /// What has not been written down is true only as long as nobody else can write.
    pub(super) fn may_say(&self, member: usize, shard: ShardId, answer: &Answer) -> bool {
        let is_written = matches!(answer, Answer::Started(Ok(_)) | Answer::Redriven(Ok(_)) | Answer::Sent(Ok(_)));
        let is_held = self.members[member].shards.get(&shard).is_some_and(|held| self.now < held.lease_until);
        is_written || is_held || self.has(Mutant::ReadsWithoutLease)
    }

    pub(super) fn answer(&mut self, member: usize, shard: ShardId, asker: Asker, answer: Answer) {
        match asker {
            Asker::Errand { .. } => {
                if let Some(said) = Said::of(&answer).filter(|_| self.may_say(member, shard, &answer)) {
                    self.errand_told(member, asker, said);
                }
            }
            Asker::Client { operation } => {
                let id = self.clients.id_of(operation);
                if !self.may_say(member, shard, &answer) {
                    return;
                }
                let told = match answer {
                    Answer::Started(Ok(started)) => Told::Started(started.start_at),
                    Answer::Started(Err(baton_coordinator::shard::StartError::AlreadyExists { .. })) => Told::Exists,
                    Answer::Redriven(Ok(at)) => Told::Redriven(at),
                    Answer::Redriven(Err(baton_coordinator::shard::RedriveError::NotRedrivable(_))) => Told::NotRedrivable,
                    Answer::Sent(Ok(_)) => Told::Stopped,
                    Answer::Sent(Err(baton_coordinator::shard::SendError::Rejected(_))) => Told::NotStopped,
                    Answer::Seen(Seen::Here(record)) => Told::Seen(Some(record.status)),
                    Answer::Seen(Seen::Elsewhere { .. }) => Told::Seen(self.stored_status(id)),
                    // Not now: the client tries again.
                    _ => return,
                };
                self.send(Place::Member(member), Place::Clients, || Happening::Told { operation, told: told.clone() });
            }
            Asker::Worker { worker, incarnation, claim_id } => {
                if let Answer::Sent(
                    Ok(_) | Err(baton_coordinator::shard::SendError::Rejected(_) | baton_coordinator::shard::SendError::NoSuchExecution),
                ) = answer
                {
                    if let Some(held) = self.members[member].shards.get_mut(&shard) {
                        held.holders.remove(&claim_id);
                    }
                    self.tell_worker(member, worker, incarnation, ToWorker::Acknowledged { claim_id });
                }
            }
        }
    }

    // What is asked.

    pub(crate) fn asked(&mut self, member: usize, ask: Ask, hops: u32) {
        self.members[member].world.now_ms = self.now as u64;
        let shard = Self::shard_of(ask.id);
        let mate = &self.members[member];
        let ignores_lease = self.has(Mutant::ReadsWithoutLease);
        let is_at_work = |held: &&Held| !held.is_leaving && held.shard.lost().is_none() && (self.now < held.lease_until || ignores_lease);
        let here = mate.shards.get(&shard).filter(|_| mate.mine.contains(shard)).filter(is_at_work);
        if let Some(held) = here {
            let token = held.token;
            return self.ask_shard(member, shard, token, ask);
        }
        let owner = mate.others.iter().find(|other| other.owned.contains(shard));
        let owner = owner.and_then(|owner| owner.address.parse::<usize>().ok()).filter(|owner| *owner != member && hops < 3);
        if let Some(owner) = owner {
            let what = || Happening::Ask { member: owner, ask: ask.clone(), hops: hops + 1 };
            self.send(Place::Member(member), Place::Member(owner), what);
        }
    }

    pub(super) fn ask_shard(&mut self, member: usize, shard: ShardId, token: Token, ask: Ask) {
        let id = ask.id;
        let client = |operation| Asker::Client { operation };
        let input = match ask.what {
            What::Start { n, is_again, seed, operation } => {
                let start = Box::new(start_of(n, seed));
                let reply = client(operation);
                if is_again { ShardInput::StartAgain { start, reply } } else { ShardInput::Start { start, reply } }
            }
            What::Stop { operation } => {
                let input = Input::Stop { error: None, cause: None };
                ShardInput::Send { id, input, claim_id: None, reply: Some(client(operation)) }
            }
            What::Redrive { token, operation } => ShardInput::Redrive { id, client_token: Some(token), reply: client(operation) },
            What::Describe { operation } => ShardInput::Describe { id, reply: client(operation) },
            What::Claim { task, claim, slot } => {
                self.heard_of(member, shard, claim.claim_id);
                ShardInput::Claim { id, task, slot, claim }
            }
            What::Report { claim_id, asker: Asker::Worker { worker, incarnation, .. }, input }
                if self.has(Mutant::AcknowledgesReportsEarly) =>
            {
                self.tell_worker(member, worker, incarnation, ToWorker::Acknowledged { claim_id });
                ShardInput::Send { id, input, claim_id: Some(claim_id), reply: None }
            }
            What::Errand { wish, asker } => wish.input(id, asker),
            What::Report { input, claim_id, asker } => ShardInput::Send { id, input, claim_id: Some(claim_id), reply: Some(asker) },
        };
        self.step_owned(member, shard, token, input);
        self.publish(member);
    }
}
