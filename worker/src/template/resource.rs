//! What `Ref` and `GetAtt` answer for a resource, by its type.
//!
//! Functions and state machines are baton's own. For tables, queues, topics and activities the answers are the names and ARNs that AWS and its local
//! stand-ins give, since functions get them through their environment.

use super::intrinsics::Scope;
use super::yaml::Node;
use crate::functions::ConfigError;

/// `Ref`: an ARN for machines, topics and activities, a URL for queues, a name for the rest.
pub(super) fn reference(scope: &Scope<'_>, logical_id: &str, resource: &Node, chain: usize) -> Result<String, ConfigError> {
    let name = name_of(scope, logical_id, resource, chain)?;
    Ok(match type_of(resource) {
        "AWS::Serverless::StateMachine" | "AWS::StepFunctions::StateMachine" => scope.location.state_machine_arn(&name),
        "AWS::StepFunctions::Activity" => arn(scope, "states", &format!("activity:{name}")),
        "AWS::SNS::Topic" => arn(scope, "sns", &name),
        "AWS::SQS::Queue" => format!("https://sqs.{}.amazonaws.com/{}/{name}", scope.location.region, scope.location.account),
        _ => name,
    })
}

/// `GetAtt`: `Arn` of the kinds whose ARN follows from their name, and the name itself.
pub(super) fn attribute(
    scope: &Scope<'_>,
    logical_id: &str,
    resource: &Node,
    attribute: &str,
    line: usize,
    chain: usize,
) -> Result<String, ConfigError> {
    let name = name_of(scope, logical_id, resource, chain)?;
    let kind = type_of(resource);
    match (kind, attribute) {
        ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => Ok(scope.location.function_arn(&name)),
        ("AWS::Serverless::StateMachine" | "AWS::StepFunctions::StateMachine", "Arn") => Ok(scope.location.state_machine_arn(&name)),
        ("AWS::StepFunctions::Activity", "Arn") => Ok(arn(scope, "states", &format!("activity:{name}"))),
        ("AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable", "Arn") => Ok(arn(scope, "dynamodb", &format!("table/{name}"))),
        ("AWS::SQS::Queue", "Arn") => Ok(arn(scope, "sqs", &name)),
        ("AWS::SNS::Topic", "TopicArn") => Ok(arn(scope, "sns", &name)),
        ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:{}:s3:::{name}", scope.location.partition())),
        (_, "Name" | "QueueName" | "TopicName") => Ok(name),
        _ => Err(scope.invalid(
            line,
            format!("{logical_id} is a {kind}, whose attribute {attribute} is not known here"),
            "write the value itself",
        )),
    }
}

/// The resource's own name property, or its logical id.
pub(super) fn name_of(scope: &Scope<'_>, logical_id: &str, resource: &Node, chain: usize) -> Result<String, ConfigError> {
    let property = match type_of(resource) {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => "FunctionName",
        "AWS::Serverless::StateMachine" | "AWS::StepFunctions::Activity" => "Name",
        "AWS::StepFunctions::StateMachine" => "StateMachineName",
        "AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable" => "TableName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::S3::Bucket" => "BucketName",
        _ => return Ok(logical_id.to_owned()),
    };
    match resource.get("Properties").and_then(|properties| properties.get(property)) {
        Some(node) => scope.resolve_text_at(node, chain),
        None => Ok(logical_id.to_owned()),
    }
}

fn type_of(resource: &Node) -> &str {
    resource.get("Type").and_then(Node::text).unwrap_or_default()
}

fn arn(scope: &Scope<'_>, service: &str, rest: &str) -> String {
    format!("arn:{}:{service}:{}:{}:{rest}", scope.location.partition(), scope.location.region, scope.location.account)
}
