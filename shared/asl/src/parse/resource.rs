//! `Resource` of a Task: a function, an activity or a service integration.

use std::sync::Arc;

use super::cursor::Cursor;
use super::integration::{is_offered, nearest};
use super::{Parsed, Parser, Reported};
use crate::MachineType;
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Integration, Pattern, Resource};

impl Parser<'_> {
    pub(crate) fn resource(&mut self, cursor: &Cursor<'_>) -> Parsed<Resource> {
        let text = self.text(cursor)?;
        let resource = match recognize(text) {
            Recognized::Resource(resource) => resource,
            Recognized::NoArn => return Err(self.bad_resource(cursor, message::NOT_AN_ARN.to_owned(), substitution(text))),
            Recognized::Unknown(help) => {
                let help = substitution(text).or(help);
                return Err(self.bad_resource(cursor, message::unknown_resource(text), help));
            }
        };
        match self.kind {
            MachineType::Standard => Ok(resource),
            MachineType::Express => self.express(cursor, resource),
        }
    }

    /// Express workflows cannot wait for anything but a response.
    fn express(&mut self, cursor: &Cursor<'_>, resource: Resource) -> Parsed<Resource> {
        let refusal = match &resource {
            Resource::Activity { .. } => message::EXPRESS_ACTIVITY,
            Resource::Integration(Integration { pattern: Pattern::Sync | Pattern::Sync2, .. }) => message::EXPRESS_SYNC,
            Resource::Integration(Integration { pattern: Pattern::WaitForTaskToken, .. }) => message::EXPRESS_CALLBACK,
            Resource::Integration(Integration { pattern: Pattern::RequestResponse, .. }) | Resource::Function { .. } => {
                return Ok(resource);
            }
        };
        Err(self.error(cursor, refusal))
    }

    fn bad_resource(&mut self, cursor: &Cursor<'_>, text: String, help: Option<String>) -> Reported {
        self.report_at(Code::SchemaValidationFailed, text, cursor.location(), cursor.node.range, help)
    }
}

enum Recognized {
    Resource(Resource),
    /// Not even an ARN.
    NoArn,
    /// An ARN of something that no Task can be; perhaps with what was meant.
    Unknown(Option<String>),
}

fn substitution(text: &str) -> Option<String> {
    text.contains("${").then(|| "`${…}` is replaced at deployment by the template's DefinitionSubstitutions".to_owned())
}

fn recognize(text: &str) -> Recognized {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &["arn", partition, service, region, account, resource] = parts.as_slice() else { return Recognized::NoArn };
    if partition.is_empty() || text.contains(char::is_whitespace) {
        return Recognized::NoArn;
    }
    match service {
        "lambda" if is_function(resource) => Recognized::Resource(Resource::Function { arn: text.into() }),
        "states" => states_resource(text, region, account, resource),
        _ => Recognized::Unknown(None),
    }
}

/// `function:<name>`, `function:<name>:<version, alias or $LATEST>`.
fn is_function(resource: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let parts: Vec<&str> = resource.split(':').collect();
    match parts.as_slice() {
        ["function", name] => is_name(name),
        ["function", name, qualifier] => is_name(name) && (is_name(qualifier) || *qualifier == "$LATEST"),
        _ => false,
    }
}

fn states_resource(arn: &str, region: &str, account: &str, resource: &str) -> Recognized {
    if let Some(name) = resource.strip_prefix("activity:") {
        let is_complete = !region.is_empty() && !account.is_empty() && !name.is_empty() && !name.contains(':');
        return if is_complete { Recognized::Resource(Resource::Activity { arn: arn.into() }) } else { Recognized::Unknown(None) };
    }
    integration(arn, resource)
}

/// `<service>:<action>[.<pattern>]`, `aws-sdk:<service>:<action>[.<pattern>]`.
fn integration(arn: &str, resource: &str) -> Recognized {
    let sdk_prefix = if resource.starts_with("aws-sdk:") { "aws-sdk:".len() } else { 0 };
    let Some(colon) = resource[sdk_prefix..].find(':') else { return Recognized::Unknown(None) };
    let (service, call) = (&resource[..sdk_prefix + colon], &resource[sdk_prefix + colon + 1..]);
    let (action, suffix) = call.find('.').map_or((call, ""), |dot| call.split_at(dot));
    let pattern = match suffix {
        "" => Pattern::RequestResponse,
        ".sync" => Pattern::Sync,
        ".sync:2" => Pattern::Sync2,
        ".waitForTaskToken" => Pattern::WaitForTaskToken,
        _ => return Recognized::Unknown(None),
    };
    if !is_offered(service, action, pattern) {
        return Recognized::Unknown(advice(service, action, pattern));
    }
    let (arn, service, action): (Arc<str>, Arc<str>, Arc<str>) = (arn.into(), service.into(), action.into());
    Recognized::Resource(Resource::Integration(Integration { arn, service, action, pattern }))
}

fn advice(service: &str, action: &str, pattern: Pattern) -> Option<String> {
    if service == "s3" {
        return Some("`s3` is for ItemReader and ResultWriter; in a Task use `aws-sdk:s3`".to_owned());
    }
    if pattern != Pattern::RequestResponse && is_offered(service, action, Pattern::RequestResponse) {
        return Some(format!("`{service}:{action}` does not offer this pattern"));
    }
    nearest(service, action).map(|meant| crate::suggest::hint(&meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        let found = match recognize(text) {
            Recognized::Resource(Resource::Function { .. }) => "function".to_owned(),
            Recognized::Resource(Resource::Activity { .. }) => "activity".to_owned(),
            Recognized::Resource(Resource::Integration(integration)) => {
                format!("{} {}", integration.service, integration.resource())
            }
            Recognized::NoArn => "no arn".to_owned(),
            Recognized::Unknown(_) => "unknown".to_owned(),
        };
        assert_eq!(found, wanted, "{text}");
    }

    #[test]
    fn recognizes_resources() {
        check("arn:aws:lambda:us-east-1:123456789012:function:HelloWorld", "function");
        check("arn:aws-cn:lambda:cn-north-1:123456789012:function:HelloWorld:$LATEST", "function");
        check("arn:aws:lambda:us-east-1:123456789012:function:HelloWorld:7", "function");
        check("arn:aws:lambda:::function:hello-world_2", "function");
        check("arn:aws:states:us-east-1:123456789012:activity:ship", "activity");
        check("arn:aws:states:::lambda:invoke", "lambda invoke");
        check("arn:aws:states:::lambda:invoke.waitForTaskToken", "lambda invoke.waitForTaskToken");
        check("arn:aws:states:::states:startExecution.sync:2", "states startExecution.sync:2");
        check("arn:aws:states:::aws-sdk:s3:listBuckets", "aws-sdk:s3 listBuckets");
        check("arn:aws:states:eu-west-1:123456789012:aws-sdk:s3:getObject", "aws-sdk:s3 getObject");
    }

    #[test]
    fn refuses_everything_else() {
        check("", "no arn");
        check("foo:bar", "no arn");
        check("arn:aws:states:::", "unknown");
        check("arn::states:::lambda:invoke", "no arn");
        check("arn:aws:lambda:us-east-1:123456789012:function:", "unknown");
        check("arn:aws:lambda:us-east-1:123456789012:function:f:", "unknown");
        check("arn:aws:lambda:us-east-1:123456789012:function:f:$*#$7485", "unknown");
        check("arn:aws:lambda:us-east-1:123456789012:layer:f", "unknown");
        check("arn:aws:states:us-east-1:123456789012:activity:", "unknown");
        check("arn:aws:states:us-east-1:123456789012:stateMachine:m", "unknown");
        check("arn:aws:states:::lambda:invoke.sync", "unknown");
        check("arn:aws:states:::lambda:invoke.sync:3", "unknown");
        check("arn:aws:states:::dynamodb:query", "unknown");
        check("arn:aws:states:::aws-sdk:s3", "unknown");
        check("arn:aws:swf:us-east-1:123456789012:task:X", "unknown");
        check("arn:aws:states:::lambda:in voke", "no arn");
    }
}
