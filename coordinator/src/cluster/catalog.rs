//! What members do together about the catalog, which one of them owns: the others have its owner answer what changes it, and know what they are
//! told to know.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};

use super::route::NotAsked;
use super::{Cluster, MOVING, Owner, PeerAnswer, Question, ReadError, Revisions};
use crate::store::ShardId;

/// What a member answers that is asked for what only the catalog's owner can do, and does not own it.
pub(crate) const NOT_THE_OWNER: StatusCode = StatusCode::MISDIRECTED_REQUEST;

impl Cluster {
    /// Has the catalog's owner answer a request, as it came. `None` if `is_owner` says that this process is the owner by now.
    pub(crate) async fn at_catalogs_owner(
        &self,
        is_owner: impl Fn() -> bool,
        request: impl Fn() -> Request<Bytes>,
    ) -> Result<Option<Response<Bytes>>, ReadError> {
        let (is_owner, request) = (&is_owner, &request);
        let ask = |owner| async move {
            match owner {
                Owner::Me => is_owner().then_some(Ok(None)),
                Owner::Member(member) => match self.inner.remote.forward(&member, request()).await {
                    Ok(response) => (response.status() != NOT_THE_OWNER).then_some(Ok(Some(response))),
                    Err(error) => {
                        tracing::debug!(member = %member.name, %error, "a request could not be answered by the catalog's owner");
                        None
                    }
                },
                Owner::Nobody => None,
            }
        };
        Ok(self.until_answered(ShardId::CATALOG, ask).await?)
    }

    /// Workers serve these functions from now on. When this answers, every member that lives knows them. What is refused is lost until the
    /// workers' next sessions say it again.
    pub(crate) async fn register_functions(&self, names: impl Iterator<Item = &str>) {
        let functions = self.router().functions();
        if self.is_alone() {
            join_all(names.map(|name| functions.register(name))).await;
            return;
        }
        let new = names.filter(|name| !functions.knows(name));
        let positions = join_all(new.map(|name| self.register_function(name.into()))).await;
        if let Some(position) = positions.into_iter().flatten().max() {
            self.inner.revisions.reach(position).await;
            self.ask_all(&Question::ReachCatalog { position }).await;
        }
    }

    async fn register_function(&self, name: Arc<str>) -> Option<u64> {
        match self.ask_any(Question::RegisterFunction { name: name.clone() }).await {
            Ok(PeerAnswer::Done { catalog_position }) => Some(catalog_position),
            Ok(_) => unreachable!("what has no answer is answered with how far the catalog is known"),
            Err(error) => {
                let reason = match error {
                    NotAsked::Throttled => MOVING,
                    NotAsked::Unavailable(text) => text,
                };
                tracing::warn!(function = %name, reason, "a function that a worker serves could not be registered");
                None
            }
        }
    }

    /// Registers a function here, where the catalog's owner is said to be.
    pub(super) async fn register_here(&self, name: &str) -> PeerAnswer {
        let functions = self.router().functions();
        functions.register(name).await;
        if functions.knows(name) { self.done() } else { PeerAnswer::NotHere }
    }
}
