//! The beginning of a session: who the worker is, what it still holds, which queues it serves.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Claim, Verdict};
use baton_proto::SESSION_PROTOCOL;
use baton_proto::worker::v1::{ClaimRef, Code, Dispatch, Hello, Welcome};
use futures_util::future::join_all;
use hashbrown::HashSet;
use tonic::Status;

use super::connection::{Connection, give_to_others};
use super::outcome;
use crate::cluster::{Cluster, Rejected, SendError};
use crate::dispatch::{Held, Session, SessionInfo, Shape, TaskToken};
use crate::shard::HeldClaim;

/// The coordinator wants to hear from a worker this often.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// Limits of what a worker may say of itself.
const NAME_CHARS_MAX: usize = 256;
const QUEUES_MAX: usize = 10_000;
const QUEUE_CHARS_MAX: usize = 512;
const RUNNING_MAX: usize = 1_000_000;

/// An open session and its welcome.
pub(super) struct Opened {
    pub(super) connection: Arc<Connection>,
    pub(super) welcome: Welcome,
}

/// Begins a session.
pub(super) async fn open(cluster: &Cluster, hello: Hello) -> Result<Opened, Status> {
    check(&hello)?;
    check_release(&hello)?;
    check_broker(cluster, &hello)?;
    let info = SessionInfo {
        session_id: getrandom::u64().map_err(|error| Status::internal(error.to_string()))?,
        worker_name: hello.worker_name.as_str().into(),
        incarnation: hello.incarnation,
        wants_offers: hello.dispatch == i32::from(Dispatch::Offer),
        is_in_process: hello.in_process,
    };
    let session = Arc::new(Session::new(info));
    let connection = Arc::new(Connection { cluster: cluster.clone(), session: session.clone(), queues: Default::default() });
    hold_named(cluster, &session, &hello.running);
    let orphans = take_over(cluster, &session);
    let lost = settle_claims(cluster, &session, orphans, &hello.running).await;
    session.set_settled();
    let welcome = Welcome {
        session_id: session.info().session_id,
        heartbeat_interval_ms: HEARTBEAT_INTERVAL.as_millis() as u32,
        lost,
        broker_queues: broker_queues(cluster, &hello),
    };
    register_functions(cluster, &hello).await;
    join_queues(&connection, &hello);
    tracing::info!(worker = %hello.worker_name, queues = hello.queues.len(), running = hello.running.len(), "a worker has come");
    Ok(Opened { connection, welcome })
}

fn check(hello: &Hello) -> Result<(), Status> {
    let problem = if hello.worker_name.chars().count() > NAME_CHARS_MAX {
        "the worker's name is too long"
    } else if hello.queues.len() > QUEUES_MAX {
        "too many queues"
    } else if hello.queues.iter().any(|queue| queue.name.is_empty() || queue.name.chars().count() > QUEUE_CHARS_MAX) {
        "a queue's name is empty or too long"
    } else if hello.running.len() > RUNNING_MAX {
        "too many running claims"
    } else {
        return Ok(());
    };
    Err(Status::invalid_argument(problem))
}

fn check_release(hello: &Hello) -> Result<(), Status> {
    match hello.protocol {
        // Workers of others need not say it.
        0 | SESSION_PROTOCOL => Ok(()),
        other => Err(Status::failed_precondition(format!(
            "the worker speaks version {other} of the session's protocol, and this coordinator version {SESSION_PROTOCOL}: \
             install the same release of baton on both"
        ))),
    }
}

/// A worker that reads other queues than those that are written would be idle for ever, and nobody would know why.
fn check_broker(cluster: &Cluster, hello: &Hello) -> Result<(), Status> {
    match cluster.broker_namespace() {
        Some(ours) if !hello.broker_namespace.is_empty() && hello.broker_namespace != ours => Err(Status::failed_precondition(format!(
            "the worker looks for tasks in the broker's namespace {:?}, and this coordinator puts them into {ours:?}: \
             start both with the same --queue-namespace",
            hello.broker_namespace
        ))),
        Some(_) | None => Ok(()),
    }
}

fn broker_queues(cluster: &Cluster, hello: &Hello) -> Vec<String> {
    if !cluster.has_broker() {
        return Vec::new();
    }
    hello.queues.iter().map(|queue| cluster.router().queue_name(&queue.name)).collect()
}

/// Whoever asks what the worker holds hears of all that it names, before the session can be found.
fn hold_named(cluster: &Cluster, session: &Session, running: &[ClaimRef]) {
    let named = running.iter().filter_map(|claim| outcome::claimed(cluster.token_key(), &claim.token, claim.claim_id));
    named.for_each(|token| session.hold(token.execution, token.task, held(&token, token.shape)));
}

fn held(token: &TaskToken, shape: Shape) -> Held {
    Held { claim_id: token.claim_id, wants_heartbeats: true, shape, is_claimed: token.shape == Shape::Offered }
}

/// Ends the session that the same process had before; answers what it held.
fn take_over(cluster: &Cluster, session: &Arc<Session>) -> Vec<HeldClaim> {
    let (previous, mut orphans) = cluster.sessions().connect(session);
    if let Some(previous) = previous {
        let (unsent, held) = previous.close();
        orphans.extend(give_to_others(cluster, unsent));
        orphans.extend(held);
    }
    orphans
}

/// What the worker still holds is its own from now on; what it held and does not name has never reached it and goes to others. Answers the
/// claims that it must give up.
async fn settle_claims(cluster: &Cluster, session: &Arc<Session>, orphans: Vec<HeldClaim>, running: &[ClaimRef]) -> Vec<ClaimRef> {
    let named: Vec<(Option<TaskToken>, &ClaimRef)> =
        running.iter().map(|claim| (outcome::claimed(cluster.token_key(), &claim.token, claim.claim_id), claim)).collect();
    let known: HashSet<_> =
        named.iter().filter_map(|(token, _)| *token).map(|token| (token.execution, token.task, token.claim_id)).collect();
    for orphan in orphans {
        if !known.contains(&(orphan.execution, orphan.task, orphan.claim.claim_id)) {
            cluster.grant_lost(orphan.execution, orphan.task, orphan.claim.claim_id);
        }
    }
    let asserted = named.into_iter().map(|(token, claim)| async move {
        let is_held = match token {
            Some(token) => is_still_held(cluster, session, &token).await,
            None => false,
        };
        (!is_held).then(|| claim.clone())
    });
    join_all(asserted).await.into_iter().flatten().collect()
}

async fn is_still_held(cluster: &Cluster, session: &Arc<Session>, token: &TaskToken) -> bool {
    let claim: Claim = session.claim(token.claim_id);
    let (id, task) = (token.execution, token.task);
    let shape = match outcome::resolved(cluster, *token).await {
        Ok(resolved) => resolved.shape,
        // Not known now: its shape is looked up again with its report.
        Err(Code::RetryLater) => token.shape,
        Err(_) => {
            session.release(id, task, token.claim_id);
            return false;
        }
    };
    let is_held = match cluster.assert_claim(id, task, claim).await {
        Ok(Verdict::Applied | Verdict::Duplicate) => true,
        // A finished attempt's outcome may have been applied without its report having been acknowledged: the worker reports it again and is told.
        Err(SendError::Rejected(
            Rejected::Ended | Rejected::TimedOut | Rejected::Cancelled | Rejected::UnknownTask | Rejected::AlreadyClaimed,
        )) => false,
        Err(SendError::NoSuchExecution) => false,
        // Not decided: the worker keeps it, and learns with its report.
        Err(SendError::Rejected(Rejected::NotSubmitted) | SendError::Throttled | SendError::Unavailable(_)) => true,
    };
    match is_held {
        true => session.hold(id, task, held(token, shape)),
        false => session.release(id, task, token.claim_id),
    }
    is_held
}

/// Before the worker is welcome: whoever starts an execution because it is finds its functions known.
async fn register_functions(cluster: &Cluster, hello: &Hello) {
    let names: Vec<_> = hello.queues.iter().map(|queue| cluster.router().queue_name(&queue.name)).collect();
    let functions = names.iter().filter_map(|name| name.strip_prefix("lambda:"));
    cluster.register_functions(functions).await;
}

fn join_queues(connection: &Connection, hello: &Hello) {
    let (cluster, session) = (&connection.cluster, &connection.session);
    let mut joined = Vec::with_capacity(hello.queues.len());
    for queue in &hello.queues {
        let name = cluster.router().queue_name(&queue.name);
        joined.push((Arc::<str>::from(queue.name.as_str()), cluster.task_queues().get(&name), queue.credits));
    }
    // The session knows its queues before anything can come from them.
    connection.queues.lock().extend(joined.iter().map(|(name, queue, _)| (name.clone(), queue.clone())));
    for (name, queue, credits) in joined {
        cluster.task_queues().join(&queue, session, name, credits);
    }
}
