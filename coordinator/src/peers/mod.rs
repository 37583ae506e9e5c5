//! Coordinators speak to each other: `baton/peer/v1/peer.proto`.
//!
//! [`Peers`] is the way to the other members: one [`link`] for each that something was asked of. [`PeerService`] is the other end: it hands what
//! comes to the cluster of this process, which answers from what it has.

mod answering;
mod codec;
mod forward;
mod link;
mod service;

pub use service::{AnswersApi, PeerService};

use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;
use futures_util::future::BoxFuture;
use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::cluster::{ExecutionId, Notice, PeerAnswer, Question, Remote, RemoteWatch, Unreachable};
use crate::dispatch::PeerSecret;
use crate::store::Member;
use link::Link;

/// Links to members that have gone are given up when there are more than this.
const LINKS_MAX: usize = 64;

/// Ways to the other members. See the module.
pub struct Peers {
    secret: PeerSecret,
    ca_pem: Option<String>,
    /// By address.
    links: Mutex<HashMap<Arc<str>, Arc<Link>, FixedState>>,
}

impl Peers {
    /// Ways to members that share this secret. `ca_pem`: who vouches for members that are spoken to over TLS, if not those whom the system trusts.
    pub fn new(secret: PeerSecret, ca_pem: Option<String>) -> Self {
        Self { secret, ca_pem, links: Mutex::default() }
    }

    fn link(&self, member: &Member) -> Result<Arc<Link>, Unreachable> {
        let mut links = self.links.lock();
        if let Some(link) = links.get(&member.address) {
            return Ok(link.clone());
        }
        if links.len() >= LINKS_MAX {
            links.retain(|_, link| !link.is_idle());
        }
        let link = Link::open(&member.address, &self.secret, self.ca_pem.as_deref())?;
        links.insert(member.address.clone(), link.clone());
        Ok(link)
    }
}

impl Remote for Peers {
    fn ask<'a>(&'a self, member: &'a Arc<Member>, question: Question) -> BoxFuture<'a, Result<PeerAnswer, Unreachable>> {
        Box::pin(async move { self.link(member)?.ask(&question)?.await })
    }

    fn tell(&self, member: &Arc<Member>, notice: Notice) {
        // Whoever cannot be reached is told nothing.
        if let Ok(link) = self.link(member) {
            link.tell(&notice);
        }
    }

    fn watch<'a>(&'a self, member: &'a Arc<Member>, id: ExecutionId) -> BoxFuture<'a, Result<Option<RemoteWatch>, Unreachable>> {
        Box::pin(async move { self.link(member)?.watch(id).await })
    }

    fn forward<'a>(
        &'a self,
        member: &'a Arc<Member>,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'a, Result<http::Response<Bytes>, Unreachable>> {
        Box::pin(async move { self.link(member)?.forward(request).await })
    }
}
