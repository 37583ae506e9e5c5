//! What can be found out about a broker, for `doctor`. What cannot says why.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;

use super::greeting::{Greeting, greeting_of};
use super::management::{Management, NoAnswer};
use super::names::queue_name;
use super::policies::{PolicyState, state_of};
use super::settings::{QueueType, RabbitMqSettings};

const PATIENCE: Duration = Duration::from_secs(5);
/// From so many members on a queue that lives on a majority outlives the loss of one.
pub(super) const QUORUM_MEMBERS_MIN: usize = 3;

/// About one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerFacts {
    /// Which member has answered, without its password.
    pub address: String,
    /// `RabbitMQ`, if it says so.
    pub product: Fact<String>,
    /// `3.10.8`
    pub version: Fact<String>,
    /// The cluster's name, if the broker is one.
    pub cluster_name: Fact<String>,
    /// How many of its members run.
    pub members: Fact<usize>,
    /// Whether the shipped policies are in force for queues of the type that we make.
    pub policies: Fact<PolicyState>,
}

/// Something that is known, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It is so.
    Known(T),
    /// It could not be found out.
    Unknown(String),
}

impl fmt::Display for BrokerFacts {
    /// `RabbitMQ 3.10.8 (rabbit@host) at amqp://guest@host:5672`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |fact: &Fact<String>, or: &str| match fact {
            Fact::Known(text) => text.clone(),
            Fact::Unknown(_) => or.to_owned(),
        };
        let (product, version) = (known(&self.product, "a broker"), known(&self.version, "of unknown version"));
        write!(f, "{product} {version} ({}) at {}", known(&self.cluster_name, "unnamed"), self.address)
    }
}

impl<T> Fact<T> {
    fn of(value: Option<T>) -> Self {
        value.map_or_else(|| Self::Unknown("the broker does not say".to_owned()), Self::Known)
    }

    fn answered(answer: Result<T, NoAnswer>) -> Self {
        answer.map_or_else(|no_answer| Self::Unknown(no_answer.reason()), Self::Known)
    }
}

/// Asks the first member that answers. An error says for each why it does not.
pub async fn inspect(settings: &RabbitMqSettings) -> Result<BrokerFacts, String> {
    let mut reasons = Vec::new();
    for address in &settings.addresses {
        let late = || format!("no answer within {} s", PATIENCE.as_secs());
        let asked = timeout(PATIENCE, greeting_of(address, settings.certificates.as_deref())).await;
        match asked.unwrap_or_else(|_| Err(late())) {
            Ok(greeting) => return Ok(facts_of(settings, address.to_string(), greeting).await),
            Err(reason) => reasons.push(format!("{address}: {reason}")),
        }
    }
    Err(reasons.join("; "))
}

async fn facts_of(settings: &RabbitMqSettings, address: String, greeting: Greeting) -> BrokerFacts {
    let (members, policies) = match Management::of(settings) {
        Ok(management) => (management.members().await, management.policies().await),
        Err(none) => (Err(none.clone()), Err(none)),
    };
    let queue = queue_name(&settings.namespace, "lambda:any");
    let queue_type = settings.queue_type.unwrap_or(match members {
        Ok(members) if members >= QUORUM_MEMBERS_MIN => QueueType::Quorum,
        Ok(_) | Err(_) => QueueType::Classic,
    });
    BrokerFacts {
        address,
        product: Fact::of(greeting.product),
        version: Fact::of(greeting.version),
        cluster_name: Fact::of(greeting.cluster_name),
        members: Fact::answered(members),
        policies: Fact::answered(policies.map(|policies| state_of(&policies, &queue, queue_type))),
    }
}
