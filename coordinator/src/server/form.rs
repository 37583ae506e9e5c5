//! What `/health` says of a server beside its own state: what an acknowledgement of its store is worth, who it is among others, whether its
//! broker is there.

use std::sync::Arc;

use baton_task_queue::TaskQueue;
use serde::Serialize;

use super::config::Storage;
use crate::cluster::Cluster;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Form {
    pub(super) policy: Option<String>,
    /// Name and address, if it is one of several.
    pub(super) member: Option<(Arc<str>, Arc<str>)>,
    pub(super) broker: Option<Arc<dyn TaskQueue>>,
}

/// The part of `/health` that tells it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FormDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    /// This member.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<MemberDetails>,
    /// The others, as they were heard of last.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<Vec<MemberDetails>>,
    /// `connected`, or `away`: then tasks go to workers directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberDetails {
    name: Arc<str>,
    address: Arc<str>,
    /// How many it has; the catalog's is one of them.
    shards: usize,
    sessions: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_leaving: bool,
}

impl Form {
    pub(super) fn details(&self, cluster: &Cluster) -> FormDetails {
        let shards = cluster.directory().mine().map_or(0, |mine| mine.len());
        let sessions = cluster.sessions().all().len();
        let me =
            |(name, address): (Arc<str>, Arc<str>)| MemberDetails { name, address, shards, sessions, is_leaving: cluster.is_closing() };
        FormDetails {
            policy: self.policy.clone(),
            member: self.member.clone().map(me),
            others: self.member.as_ref().map(|_| others(cluster)),
            broker: self.broker.as_ref().map(|broker| if broker.link().borrow().is_up { "connected" } else { "away" }),
        }
    }
}

fn others(cluster: &Cluster) -> Vec<MemberDetails> {
    let others = cluster.directory().others();
    let details = others.iter().map(|member| MemberDetails {
        name: member.name.clone(),
        address: member.address.clone(),
        shards: member.owned.len(),
        sessions: member.sessions.len(),
        is_leaving: member.is_leaving,
    });
    details.collect()
}

/// What an acknowledgement of a storage is worth; of one in memory there is nothing to say.
pub(super) fn policy_of(storage: &Storage) -> Option<String> {
    match storage {
        Storage::Memory => None,
        Storage::Local(_) => Some("fsync".to_owned()),
        Storage::Redis(options) => Some(options.durability.to_string()),
    }
}
