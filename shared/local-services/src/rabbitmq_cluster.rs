//! Several RabbitMQs that are one broker.

use crate::group::Group;
use crate::rabbitmq::{Peers, random_letters, start_epmd};
use crate::{Folder, RabbitMq, RabbitMqOptions, ServiceError, free_port};

/// Members of one broker on loopback, with the user guest; they end when this is dropped.
#[derive(Debug)]
pub struct RabbitMqCluster {
    /// Each by itself. One that is killed takes its share of the broker with it.
    pub members: Vec<RabbitMq>,
    /// They find each other by it.
    _epmd: Group,
    _folder: Folder,
}

impl RabbitMqCluster {
    /// So many members, joined and ready.
    pub fn start(count: usize) -> Result<Self, ServiceError> {
        let (folder, epmd_port) = (Folder::temporary()?, free_port());
        let epmd = start_epmd(epmd_port, &[], &folder)?;
        let names: Vec<_> = (0..count).map(|_| format!("baton-{}", random_letters().to_lowercase())).collect();
        let peers = Peers { epmd_port, cookie: random_letters(), names };
        let mut members = Vec::new();
        for place in 0..count {
            // Those that come later find the first one running, and join it.
            members.push(RabbitMq::start_member(&peers, place, &RabbitMqOptions::default())?);
        }
        Ok(Self { members, _epmd: epmd, _folder: folder })
    }
}
