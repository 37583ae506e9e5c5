//! Finding who answers: every question about an execution goes to the owner of its shard, here or at another member, and again until it has
//! an answer or too much time has passed.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{EventKind, Input, Rejected, Verdict};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::figures::{Outcome, count_question};
use super::{CLOSING, Cluster, MOVING, Owner, PeerAnswer, Question, SendError};
use crate::shard::Answer;
use crate::store::{Member, ShardId};

/// For so long a question looks for an owner that answers it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The directory is looked at again after this time, if it has not changed before.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// Too much at once.
    Throttled,
    /// Not now.
    Unavailable(&'static str),
}

impl Cluster {
    /// Whether this process has the store to itself.
    pub(super) fn is_alone(&self) -> bool {
        self.inner.directory.is_alone()
    }

    /// Asks the shard of the execution that the question is about, wherever it is.
    pub(super) async fn ask(&self, question: Question) -> Result<Answer, NotAsked> {
        match self.ask_any(question).await? {
            PeerAnswer::Shard(answer) => Ok(answer),
            // It says no more than that it was taken.
            PeerAnswer::Done { .. } => Ok(Answer::Sent(Ok(Verdict::Applied))),
            _ => unreachable!("a shard is answered for by a shard"),
        }
    }

    /// As [`ask`](Self::ask), of what is not answered by the shard alone.
    pub(super) async fn ask_any(&self, question: Question) -> Result<PeerAnswer, NotAsked> {
        let answer = if self.is_alone() { self.answer_in_time(question).await } else { self.ask_owner(question).await };
        match answer {
            PeerAnswer::Throttled => Err(NotAsked::Throttled),
            PeerAnswer::Unavailable(text) | PeerAnswer::Shard(Answer::Unavailable(text)) => Err(NotAsked::Unavailable(text)),
            PeerAnswer::NotHere | PeerAnswer::Shard(Answer::NotHere) => Err(NotAsked::Unavailable(CLOSING)),
            answer => Ok(answer),
        }
    }

    /// As [`answer_here`](Self::answer_here). What waits for room in the store is told so after [`PATIENCE`]; it may be done yet.
    async fn answer_in_time(&self, question: Question) -> PeerAnswer {
        let waits_for_an_end = matches!(question, Question::WaitEnd { .. });
        let mut answer = std::pin::pin!(self.answer_here(question));
        if waits_for_an_end {
            return answer.await;
        }
        loop {
            match tokio::time::timeout(PATIENCE, &mut answer).await {
                Ok(answer) => return answer,
                Err(_) => {
                    if let Some(refusal) = self.inner.store.intake_refusal() {
                        return PeerAnswer::Unavailable(refusal);
                    }
                }
            }
        }
    }

    /// Whether what is answered about a question that was asked before says that it counted then.
    async fn has_counted(&self, question: &Question, answer: &PeerAnswer) -> bool {
        let PeerAnswer::Shard(Answer::Sent(result)) = answer else { return false };
        match (result, question) {
            (Ok(Verdict::Duplicate), _) => true,
            // An execution that has ended since remembers no outcomes; its history does.
            (
                Err(SendError::Rejected(Rejected::Ended | Rejected::TimedOut | Rejected::Cancelled)),
                Question::Report { id, input, .. } | Question::Send { id, input, .. },
            ) => match Box::pin(self.history(*id)).await {
                Ok(Some((_, events))) => events.iter().any(|event| is_outcome(&event.kind, input)),
                Ok(None) | Err(_) => false,
            },
            (Ok(Verdict::Applied) | Err(_), _) => false,
        }
    }

    async fn ask_owner(&self, question: Question) -> PeerAnswer {
        let shard = question.execution().map_or(ShardId::CATALOG, |id| self.shard_of(id));
        let mut route = Route::new(self, shard, &question);
        loop {
            let answer = match self.inner.directory.owner(shard) {
                Owner::Me => Some(self.answer_in_time(route.question()).await),
                Owner::Member(member) => route.ask(&member).await,
                Owner::Nobody => None,
            };
            match answer {
                Some(PeerAnswer::NotHere | PeerAnswer::Shard(Answer::NotHere)) | None => {}
                Some(answer) if route.is_repeated && self.has_counted(&question, &answer).await => return applied(),
                Some(answer) => return answer,
            }
            if !route.look_again().await {
                return PeerAnswer::Unavailable(MOVING);
            }
        }
    }
}

impl Cluster {
    /// Tries each owner of the shard that there is, until one answers.
    pub(super) async fn until_answered<T, F>(&self, shard: ShardId, mut attempt: impl FnMut(Owner) -> F) -> Result<T, NotAsked>
    where
        F: Future<Output = Option<Result<T, NotAsked>>>,
    {
        let mut changes = self.inner.directory.changes();
        let until = Instant::now() + PATIENCE;
        loop {
            changes.borrow_and_update();
            if let Some(answer) = attempt(self.inner.directory.owner(shard)).await {
                return answer;
            }
            if self.is_alone() {
                return Err(NotAsked::Unavailable(CLOSING));
            }
            if Instant::now() >= until {
                return Err(NotAsked::Unavailable(MOVING));
            }
            let _ = timeout_at(Instant::now() + LOOK_AGAIN, changes.changed()).await;
        }
    }
}

fn applied() -> PeerAnswer {
    PeerAnswer::Shard(Answer::Sent(Ok(Verdict::Applied)))
}

/// Whether the event says that the reported outcome has counted.
fn is_outcome(event: &EventKind, input: &Input) -> bool {
    match (event, input) {
        (EventKind::TaskSucceeded { output, .. }, Input::TaskSucceeded { output: reported, .. }) => output == reported,
        (EventKind::TaskFailed { failure, .. }, Input::TaskFailed { error, cause, .. }) => {
            (&failure.error, &failure.cause) == (error, cause)
        }
        _ => false,
    }
}

/// What became of a question to another member.
fn outcome(answer: Option<&PeerAnswer>) -> Outcome {
    match answer {
        Some(PeerAnswer::NotHere | PeerAnswer::Shard(Answer::NotHere)) => Outcome::Moved,
        Some(_) => Outcome::Answered,
        None => Outcome::Unreachable,
    }
}

/// A question on its way.
struct Route<'a> {
    cluster: &'a Cluster,
    shard: ShardId,
    question: &'a Question,
    changes: watch::Receiver<u64>,
    /// When whoever asks gives up.
    until: Instant,
    /// When it was asked last; `None` as long as nobody can have done what it says.
    asked_at: Option<Instant>,
    is_repeated: bool,
}

impl<'a> Route<'a> {
    fn new(cluster: &'a Cluster, shard: ShardId, question: &'a Question) -> Self {
        let mut changes = cluster.inner.directory.changes();
        changes.borrow_and_update();
        Self { cluster, shard, question, changes, until: Instant::now() + PATIENCE, asked_at: None, is_repeated: false }
    }

    /// The question, for whoever is asked next.
    fn question(&mut self) -> Question {
        self.is_repeated = self.asked_at.is_some();
        self.asked_at = Some(Instant::now());
        if self.is_repeated { self.question.repeated() } else { self.question.clone() }
    }

    /// Whether it may go unanswered for as long as its execution runs.
    fn waits(&self) -> bool {
        matches!(self.question, Question::WaitEnd { .. })
    }

    /// Asks the member; `None` if there is no answer: it cannot be reached, or is too slow, or does not own the shard any more.
    async fn ask(&mut self, member: &Arc<Member>) -> Option<PeerAnswer> {
        let question = self.question();
        let until = if self.waits() { None } else { Some(self.until) };
        let Self { cluster, shard, changes, .. } = self;
        let asked = cluster.inner.remote.ask(member, question);
        let moved = async {
            while changes.changed().await.is_ok() {
                let owner = cluster.inner.directory.owner(*shard);
                if !matches!(owner, Owner::Member(owner) if owner.incarnation == member.incarnation) {
                    return;
                }
            }
            std::future::pending().await
        };
        let answered = async {
            tokio::select! {
                answer = asked => answer.inspect_err(|error| tracing::debug!(member = %member.name, %error, "a question has no answer")).ok(),
                () = moved => None,
            }
        };
        let began = Instant::now();
        let answer = match until {
            Some(until) => timeout_at(until, answered).await.ok().flatten(),
            None => answered.await,
        };
        count_question(self.question.kind(), outcome(answer.as_ref()), self.is_repeated, began.elapsed());
        answer
    }

    /// Waits until there may be an answer to be had; false if it has taken too long.
    async fn look_again(&mut self) -> bool {
        // Whoever has waited well for a long time has all of its patience left.
        if self.waits() && self.asked_at.is_some_and(|asked_at| asked_at.elapsed() > LOOK_AGAIN) {
            self.until = Instant::now() + PATIENCE;
        }
        if Instant::now() >= self.until {
            return false;
        }
        // A directory that is given up changes no more: the time goes by all the same.
        let _ = timeout_at(Instant::now() + LOOK_AGAIN, self.changes.changed()).await;
        true
    }
}
