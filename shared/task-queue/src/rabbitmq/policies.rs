//! The policies that baton's queues want from their operator: shipped as definitions that RabbitMQ loads, and read here so that `doctor` can
//! compare.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::settings::QueueType;

/// `deploy/rabbitmq/definitions.json`.
const DEFINITIONS: &str = include_str!("../../../../deploy/rabbitmq/definitions.json");

/// Settings that a type of queue does not have, in every version from 3.10 on.
const CLASSIC_QUEUES_LACK: &[&str] = &["delivery-limit", "dead-letter-strategy", "max-age", "stream-max-segment-size-bytes"];
const QUORUM_QUEUES_LACK: &[&str] = &["max-priority", "queue-mode", "ha-mode", "ha-params", "max-age", "stream-max-segment-size-bytes"];

/// A policy, as the broker's definitions and its management API have it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Policy {
    /// Of its virtual host, unique.
    pub name: String,
    /// A regular expression; what it matches in a queue's name is under the policy.
    pub pattern: String,
    /// `queues`, say.
    #[serde(rename = "apply-to")]
    pub apply_to: String,
    /// Of several that match, the highest rules alone.
    pub priority: i64,
    /// What it sets.
    pub definition: Map<String, Value>,
}

#[derive(Deserialize)]
struct Definitions {
    policies: Vec<Policy>,
}

/// The policies that are shipped.
pub fn shipped_policies() -> &'static [Policy] {
    static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
        let definitions: Definitions =
            serde_json::from_str(DEFINITIONS).expect("the shipped definitions are well-formed, a test reads them");
        definitions.policies
    });
    &POLICIES
}

impl Policy {
    /// The command that puts it in place.
    pub fn command(&self, virtual_host: &str) -> String {
        let Self { name, pattern, apply_to, priority, definition } = self;
        let definition = Value::Object(definition.clone());
        let vhost = quoted(virtual_host);
        format!(
            "rabbitmqctl set_policy --vhost {vhost} --priority {priority} --apply-to {apply_to} {name} {} {}",
            quoted(pattern),
            quoted(&definition.to_string())
        )
    }

    /// A broker leaves a policy out as a whole where it sets anything that the type of queue does not have, hence two are shipped.
    fn is_for(&self, queue_type: QueueType) -> bool {
        let applies = match self.apply_to.as_str() {
            "queues" | "all" => true,
            "classic_queues" => queue_type == QueueType::Classic,
            "quorum_queues" => queue_type == QueueType::Quorum,
            _ => false,
        };
        let without = match queue_type {
            QueueType::Classic => CLASSIC_QUEUES_LACK,
            QueueType::Quorum => QUORUM_QUEUES_LACK,
        };
        applies && !without.iter().any(|setting| self.definition.contains_key(*setting))
    }

    /// Whether another one sets all that this one sets, to the same values. What it sets beside that is the operator's affair.
    fn is_met_by(&self, other: &Self) -> bool {
        self.definition.iter().all(|(key, value)| other.definition.get(key) == Some(value))
    }
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// How the broker's policies suit baton's queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyState {
    /// What is shipped is in force.
    InPlace,
    /// No policy applies.
    Missing,
    /// Another one is in force, and sets something else.
    Other {
        /// Which.
        name: String,
    },
    /// Its pattern is beyond us.
    Unreadable {
        /// Which.
        name: String,
    },
}

/// The policy in force for a queue, compared with the shipped one that would be.
pub(super) fn state_of(policies: &[Policy], queue: &str, queue_type: QueueType) -> PolicyState {
    let wanted = in_force(shipped_policies(), queue, queue_type).ok().flatten().expect("a shipped policy is for our queues, a test looks");
    match in_force(policies, queue, queue_type) {
        Ok(Some(policy)) if wanted.is_met_by(policy) => PolicyState::InPlace,
        Ok(Some(policy)) => PolicyState::Other { name: policy.name.clone() },
        Ok(None) => PolicyState::Missing,
        Err(policy) => PolicyState::Unreadable { name: policy.name.clone() },
    }
}

/// Of those that apply, the highest; an error is one above it whose pattern cannot be read.
fn in_force<'a>(policies: &'a [Policy], queue: &str, queue_type: QueueType) -> Result<Option<&'a Policy>, &'a Policy> {
    let mut candidates: Vec<&Policy> = policies.iter().filter(|policy| policy.is_for(queue_type)).collect();
    candidates.sort_by_key(|policy| std::cmp::Reverse(policy.priority));
    for policy in candidates {
        if regex::Regex::new(&policy.pattern).map_err(|_| policy)?.is_match(queue) {
            return Ok(Some(policy));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, pattern: &str, priority: i64, definition: Value) -> Policy {
        let Value::Object(definition) = definition else { panic!("an object") };
        Policy { name: name.to_owned(), pattern: pattern.to_owned(), apply_to: "queues".to_owned(), priority, definition }
    }

    #[test]
    fn the_highest_that_matches_is_compared() {
        let ours = shipped_policies().to_vec();
        let with = |more: &[&Policy]| ours.iter().chain(more.iter().copied()).cloned().collect::<Vec<_>>();
        let lower = policy("all", ".*", 0, serde_json::json!({"max-length": 5}));
        let higher = policy("strict", "^q", 99, serde_json::json!({"max-length": 5}));
        let elsewhere = policy("elsewhere", "^amq", 99, serde_json::json!({"max-length": 5}));
        let odd = policy("odd", "(?<=q)x", 50, serde_json::json!({}));
        let more =
            policy("more", "^q", 50, serde_json::json!({"max-length": 7, "max-length-bytes": 1_073_741_824, "overflow": "reject-publish"}));
        for queue_type in [QueueType::Classic, QueueType::Quorum] {
            let state = |policies: &[Policy]| state_of(policies, "q.prod.lambda:Pay", queue_type);
            assert_eq!(state(&[]), PolicyState::Missing);
            assert_eq!(state(std::slice::from_ref(&elsewhere)), PolicyState::Missing);
            assert_eq!(state(&with(&[&lower, &elsewhere])), PolicyState::InPlace);
            assert_eq!(state(&with(&[&higher])), PolicyState::Other { name: "strict".to_owned() });
            assert_eq!(state(&with(&[&odd])), PolicyState::Unreadable { name: "odd".to_owned() });
            // It lacks the limit of deliveries, which classic queues do without.
            let is_enough = queue_type == QueueType::Classic;
            let other = PolicyState::Other { name: "more".to_owned() };
            assert_eq!(state(std::slice::from_ref(&more)), if is_enough { PolicyState::InPlace } else { other });
        }
    }

    #[test]
    fn a_policy_that_sets_too_much_does_not_apply_at_all() {
        let quorum_only =
            shipped_policies().iter().filter(|policy| policy.definition.contains_key("delivery-limit")).cloned().collect::<Vec<_>>();
        assert_eq!(state_of(&quorum_only, "q.a", QueueType::Classic), PolicyState::Missing);
        assert_eq!(state_of(&quorum_only, "q.a", QueueType::Quorum), PolicyState::InPlace);
        let classic = Policy { apply_to: "classic_queues".to_owned(), ..shipped_policies()[0].clone() };
        assert_eq!(state_of(std::slice::from_ref(&classic), "q.a", QueueType::Classic), PolicyState::InPlace);
        assert_eq!(state_of(&[classic], "q.a", QueueType::Quorum), PolicyState::Missing);
    }

    #[test]
    fn the_cluster_of_our_manifests_has_the_shipped_policies() {
        let manifests: Definitions =
            serde_json::from_str(include_str!("../../../../deploy/k8s/overlays/cluster/definitions.json")).expect("definitions");
        assert_eq!(manifests.policies, shipped_policies());
    }

    #[test]
    fn commands_are_safe_for_a_shell() {
        let policy = policy("p", "^it's\\.", 1, serde_json::json!({"overflow": "reject-publish"}));
        let command = policy.command("/");
        assert_eq!(
            command,
            r#"rabbitmqctl set_policy --vhost '/' --priority 1 --apply-to queues p '^it'\''s\.' '{"overflow":"reject-publish"}'"#
        );
    }
}
