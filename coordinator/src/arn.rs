//! ARNs of Step Functions resources: taking them apart and putting them together.

use std::fmt;

pub use baton_proto::names::partition_of;

/// An ARN, taken apart. Borrowed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `us-east-1` and so on.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// What it names.
    pub resource: Resource<'a>,
}

/// What an ARN of the service `states` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// `stateMachine:<name>`
    StateMachine {
        /// Name of the machine.
        name: &'a str,
    },
    /// `stateMachine:<name>:<number>`
    Version {
        /// Name of the machine.
        name: &'a str,
        /// From 1.
        number: u64,
    },
    /// `stateMachine:<name>:<alias>`
    Alias {
        /// Name of the machine.
        name: &'a str,
        /// Name of the alias.
        alias: &'a str,
    },
    /// `stateMachine:<name>/<label>`: a Distributed Map of the machine.
    Labelled {
        /// Name of the machine.
        name: &'a str,
        /// Label of the Map state.
        label: &'a str,
    },
    /// `execution:<machine>:<name>`; the machine may carry a label.
    Execution {
        /// Name of the machine.
        machine: &'a str,
        /// Name of the execution.
        name: &'a str,
    },
    /// `express:<machine>:<name>:<uuid>`
    Express {
        /// Name of the machine.
        machine: &'a str,
    },
    /// `activity:<name>`
    Activity {
        /// Name of the activity.
        name: &'a str,
    },
    /// `mapRun:<machine>/<label>:<uuid>`
    MapRun,
}

impl Resource<'_> {
    /// The resource type as it is written in the ARN.
    pub fn type_name(&self) -> &'static str {
        match self {
            Resource::StateMachine { .. } | Resource::Version { .. } | Resource::Alias { .. } | Resource::Labelled { .. } => "stateMachine",
            Resource::Execution { .. } => "execution",
            Resource::Express { .. } => "express",
            Resource::Activity { .. } => "activity",
            Resource::MapRun => "mapRun",
        }
    }
}

/// What is wrong with an ARN. The texts stand between the quotes of `Invalid Arn: '…'`; the first is as recorded from AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// It does not begin with `arn:`.
    #[error("Invalid ARN prefix: {0}")]
    Prefix(String),
    /// A part is missing or does not have its form.
    #[error("Malformed ARN: {0}")]
    Malformed(String),
    /// It names something of another service.
    #[error("Service not valid in this context: {0}")]
    Service(String),
    /// It names another kind of resource than is asked for.
    #[error("Resource type not valid in this context: {0}")]
    ResourceType(String),
}

impl<'a> Arn<'a> {
    /// Takes `text` apart.
    pub fn parse(text: &'a str) -> Result<Self, ArnError> {
        let rest = text.strip_prefix("arn:").ok_or_else(|| ArnError::Prefix(text.to_owned()))?;
        let malformed = || ArnError::Malformed(text.to_owned());
        let mut parts = rest.splitn(5, ':');
        let mut part = || parts.next().ok_or_else(malformed);
        let (partition, service, region, account, resource) = (part()?, part()?, part()?, part()?, part()?);
        if service != "states" {
            return Err(ArnError::Service(service.to_owned()));
        }
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain(partition) || !plain(region) || !plain(account) {
            return Err(malformed());
        }
        let resource = Resource::parse(resource).ok_or_else(|| unknown_resource(text, resource))?;
        Ok(Self { partition, region, account, resource })
    }

    /// ARN of the machine that this is, or is a version, alias or Map of, or an execution of.
    pub fn state_machine(&self) -> Option<String> {
        let name = match self.resource {
            Resource::StateMachine { name }
            | Resource::Version { name, .. }
            | Resource::Alias { name, .. }
            | Resource::Labelled { name, .. } => name,
            Resource::Execution { machine, .. } | Resource::Express { machine } => machine,
            Resource::Activity { .. } | Resource::MapRun => return None,
        };
        // Children of a Map Run name its label behind the machine.
        let name = name.split('/').next().unwrap_or(name);
        Some(Owner { partition: self.partition, region: self.region, account: self.account }.state_machine(name))
    }
}

fn unknown_resource(text: &str, resource: &str) -> ArnError {
    const KNOWN: [&str; 5] = ["stateMachine", "execution", "express", "activity", "mapRun"];
    match resource.split(':').next() {
        Some(kind) if !kind.is_empty() && !KNOWN.contains(&kind) => ArnError::ResourceType(kind.to_owned()),
        _ => ArnError::Malformed(text.to_owned()),
    }
}

impl<'a> Resource<'a> {
    /// `None` unless it has the form of one of the resources, every part of which has at least one character.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(':');
        let kind = parts.next()?;
        let (first, second, third) = (parts.next().filter(|part| !part.is_empty())?, parts.next(), parts.next());
        if parts.next().is_some() || second == Some("") || third == Some("") {
            return None;
        }
        match (kind, second, third) {
            ("stateMachine", None, None) => Some(Self::machine(first)),
            ("stateMachine", Some(qualifier), None) => Self::qualified(first, qualifier),
            ("execution", Some(name), None) => Some(Self::Execution { machine: first, name }),
            ("express", Some(_), Some(_)) => Some(Self::Express { machine: first }),
            ("activity", None, None) => Some(Self::Activity { name: first }),
            ("mapRun", Some(_), None) => Some(Self::MapRun),
            _ => None,
        }
    }

    fn machine(text: &'a str) -> Self {
        match text.split_once('/') {
            Some((name, label)) => Self::Labelled { name, label },
            None => Self::StateMachine { name: text },
        }
    }

    /// An alias has at least one character that is no digit, so that it never looks like a version.
    fn qualified(name: &'a str, qualifier: &'a str) -> Option<Self> {
        if qualifier.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = qualifier.parse().ok().filter(|number| *number > 0)?;
            return Some(Self::Version { name, number });
        }
        Some(Self::Alias { name, alias: qualifier })
    }
}

/// Partition, region and account: what all ARNs of one owner have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `us-east-1` and so on.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

impl<'a> Owner<'a> {
    /// The owner in the region's partition.
    pub fn new(region: &'a str, account: &'a str) -> Self {
        Self { partition: partition_of(region), region, account }
    }

    /// ARN of a state machine.
    pub fn state_machine(&self, name: &str) -> String {
        format!("{self}:stateMachine:{name}")
    }

    /// ARN of an activity.
    pub fn activity(&self, name: &str) -> String {
        format!("{self}:activity:{name}")
    }

    /// ARN of a Standard execution.
    pub fn execution(&self, machine: &str, name: &str) -> String {
        format!("{self}:execution:{machine}:{name}")
    }

    /// ARN of an Express execution. `id` tells it from others of the same name.
    pub fn express(&self, machine: &str, name: &str, id: &str) -> String {
        format!("{self}:express:{machine}:{name}:{id}")
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:states:{}:{}", self.partition, self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "arn:aws:states:us-east-1:123456789012";

    fn resource(text: &str) -> Result<String, String> {
        let text = format!("{PREFIX}:{text}");
        Arn::parse(&text).map(|arn| format!("{:?}", arn.resource)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_resource_has_its_form() {
        let is = |text: &str, expected: Resource<'_>| assert_eq!(resource(text), Ok(format!("{expected:?}")), "{text}");
        is("stateMachine:m", Resource::StateMachine { name: "m" });
        is("stateMachine:m:12", Resource::Version { name: "m", number: 12 });
        is("stateMachine:m:prod-1", Resource::Alias { name: "m", alias: "prod-1" });
        is("stateMachine:m/label", Resource::Labelled { name: "m", label: "label" });
        is("execution:m:e", Resource::Execution { machine: "m", name: "e" });
        is("execution:m/label:e", Resource::Execution { machine: "m/label", name: "e" });
        is("express:m:e:uuid", Resource::Express { machine: "m" });
        is("activity:a", Resource::Activity { name: "a" });
        is("mapRun:m/label:uuid", Resource::MapRun);
    }

    #[test]
    fn what_is_no_arn_says_so() {
        let error = |text: &str| Arn::parse(text).expect_err("not an ARN").to_string();
        assert_eq!(error("not_a_valid_arn"), "Invalid ARN prefix: not_a_valid_arn");
        assert_eq!(error("arn:aws:states"), "Malformed ARN: arn:aws:states");
        assert_eq!(error("arn:aws:sqs:us-east-1:123456789012:q"), "Service not valid in this context: sqs");
        let malformed = |text: &str| Err(format!("Malformed ARN: {PREFIX}:{text}"));
        for text in [
            "stateMachine",
            "stateMachine:",
            "stateMachine:m:",
            "stateMachine:m:0",
            "stateMachine:m:1:2",
            "execution:m",
            "activity:a:b",
            "express:m:e",
        ] {
            assert_eq!(resource(text), malformed(text));
        }
        assert_eq!(resource("topic:a"), Err("Resource type not valid in this context: topic".to_owned()));
    }

    #[test]
    fn arns_are_put_together_in_the_partition_of_their_region() {
        assert_eq!(Owner::new("eu-west-1", "000000000000").state_machine("m"), "arn:aws:states:eu-west-1:000000000000:stateMachine:m");
        assert_eq!(Owner::new("cn-north-1", "123456789012").activity("a"), "arn:aws-cn:states:cn-north-1:123456789012:activity:a");
        assert_eq!(
            Owner::new("us-gov-east-1", "123456789012").execution("m", "e"),
            "arn:aws-us-gov:states:us-gov-east-1:123456789012:execution:m:e"
        );
        let version = format!("{PREFIX}:stateMachine:m:3");
        assert_eq!(Arn::parse(&version).expect("a version").state_machine(), Some(format!("{PREFIX}:stateMachine:m")));
    }
}
