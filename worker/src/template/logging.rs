//! `Logging` of `AWS::Serverless::StateMachine`, as the API's `loggingConfiguration`.

use serde_json::{Value, json};

use super::intrinsics::Scope;
use super::yaml::{Content, Node};
use crate::functions::ConfigError;

const LEVELS: [&str; 4] = ["ALL", "ERROR", "FATAL", "OFF"];

/// The `loggingConfiguration` of the machine `name`. A log group that has no ARN here, because the template itself makes it, is called
/// `/aws/vendedlogs/states/NAME-Logs`.
pub(super) fn read(scope: &Scope<'_>, name: &str, logging: &Node) -> Result<Value, ConfigError> {
    let level = match logging.get("Level") {
        Some(node) => level(scope, node)?,
        None => "OFF".to_owned(),
    };
    let includes = logging.get("IncludeExecutionData").map(|node| scope.resolve(node)).transpose()?;
    let includes = matches!(&includes, Some(Value::Bool(true))) || includes.as_ref().and_then(Value::as_str) == Some("true");
    let mut configuration = json!({ "level": level, "includeExecutionData": includes });
    if level != "OFF" {
        let group = log_group_arn(scope, name, logging);
        configuration["destinations"] = json!([{ "cloudWatchLogsLogGroup": { "logGroupArn": group } }]);
    }
    Ok(configuration)
}

fn level(scope: &Scope<'_>, node: &Node) -> Result<String, ConfigError> {
    let level = scope.resolve_text(node)?;
    match LEVELS.contains(&&*level) {
        true => Ok(level),
        false => Err(scope.invalid(node.line, format!("Logging Level {level} is not known"), "write ALL, ERROR, FATAL or OFF")),
    }
}

fn log_group_arn(scope: &Scope<'_>, name: &str, logging: &Node) -> String {
    let first = logging.get("Destinations").and_then(|destinations| match &destinations.content {
        Content::Sequence(items) => items.first(),
        Content::Scalar(..) | Content::Mapping(_) => None,
    });
    let given = first.and_then(|first| first.get("CloudWatchLogsLogGroup")?.get("LogGroupArn"));
    // What refers to a log group of the template has no ARN before it is deployed.
    let arn = given.and_then(|node| scope.resolve_text(node).ok()).filter(|arn| arn.starts_with("arn:"));
    let location = scope.location;
    let made = || {
        format!("arn:{}:logs:{}:{}:log-group:/aws/vendedlogs/states/{name}-Logs", location.partition(), location.region, location.account)
    };
    let arn = arn.unwrap_or_else(made);
    if arn.ends_with(":*") { arn } else { arn + ":*" }
}
