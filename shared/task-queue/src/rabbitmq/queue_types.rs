//! Of which type queues are made.

use parking_lot::Mutex;

use super::facts::QUORUM_MEMBERS_MIN;
use super::management::{Management, NoAnswer};
use super::settings::{QueueType, RabbitMqSettings};

/// What was found out about the broker's members; asked once, unless there was no answer.
#[derive(Debug, Default)]
pub(super) struct QueueTypes(Mutex<Option<QueueType>>);

impl QueueTypes {
    /// As the settings say, or as the broker's members allow. A client sees them by the management API alone; without it, classic. A queue that
    /// is there is taken as it is.
    pub(super) async fn of_new(&self, settings: &RabbitMqSettings) -> QueueType {
        let known = settings.queue_type.or(*self.0.lock());
        if let Some(known) = known {
            return known;
        }
        let members = match Management::of(settings) {
            Ok(management) => management.members().await,
            Err(none) => Err(none),
        };
        let found = match members {
            Ok(members) if members >= QUORUM_MEMBERS_MIN => Some(QueueType::Quorum),
            Ok(_) | Err(NoAnswer::Settled(_)) => Some(QueueType::Classic),
            Err(NoAnswer::Passing(reason)) => {
                tracing::debug!(reason, "the broker's members are not known");
                None
            }
        };
        *self.0.lock() = found;
        found.unwrap_or(QueueType::Classic)
    }
}
