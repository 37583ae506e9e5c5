//! The answer to the request of a mocked `.sync` or `.waitForTaskToken` task. A mocked response says how the job or the callback ends;
//! histories also show what the service answered when it was asked, so that answer is made up in the service's shape.

use baton_asl::{Integration, Pattern, Resource};
use baton_query::{Random, Value, text};
use serde_json::{Map, json};

use super::MockedOutcome;
use crate::{Payload, Start, Timestamp, timestamp};

/// What the service answers to the task's request; `None` for tasks that end with their answer.
pub(crate) fn submission(
    start: &Start,
    resource: &Resource,
    parameters: &Payload,
    outcome: &MockedOutcome,
    random: &Random,
    now: Timestamp,
) -> Option<Payload> {
    let Resource::Integration(integration) = resource else { return None };
    match integration.pattern {
        Pattern::RequestResponse => return None,
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => {}
    }
    let mut members = service_members(start, integration, parameters, random, now);
    if let MockedOutcome::Return(result) = outcome {
        members.iter_mut().for_each(|(name, member)| take_over(member, result.value().get(name)));
    }
    if has_sdk_metadata(integration) {
        members.insert("SdkHttpMetadata".to_owned(), json!({"AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200}));
        members.insert("SdkResponseMetadata".to_owned(), json!({"RequestId": random.uuid()}));
    }
    Some(Payload::from_value(Value::Object(members)))
}

/// A job's result repeats what the answer to its request said, the execution's ARN for example: what the mock says counts.
fn take_over(member: &mut Value, mocked: Option<&Value>) {
    if let Some(mocked) = mocked.filter(|mocked| mocked.is_string()) {
        *member = mocked.clone();
    }
}

fn service_members(start: &Start, integration: &Integration, parameters: &Payload, random: &Random, now: Timestamp) -> Map<String, Value> {
    let members = match (&*integration.service, &*integration.action) {
        ("sqs", "sendMessage") => {
            vec![("MD5OfMessageBody", json!(text::md5(&message_body(parameters)))), ("MessageId", json!(random.uuid()))]
        }
        ("sns", "publish") => vec![("MessageId", json!(random.uuid()))],
        ("events", "putEvents") => vec![("Entries", json!([{"EventId": random.uuid()}])), ("FailedEntryCount", json!(0))],
        ("lambda", "invoke") => vec![("ExecutedVersion", json!("$LATEST")), ("Payload", Value::Null), ("StatusCode", json!(200))],
        ("states", "startExecution") => {
            let execution = started_execution(start, parameters, random);
            vec![("ExecutionArn", json!(execution)), ("StartDate", json!(timestamp::format(now)))]
        }
        _ => Vec::new(),
    };
    members.into_iter().map(|(name, member)| (name.to_owned(), member)).collect()
}

/// SQS is sent text: what is none is written as JSON.
fn message_body(parameters: &Payload) -> String {
    match parameters.value().get("MessageBody") {
        Some(Value::String(text)) => text.clone(),
        Some(body) => text::compact(body),
        None => String::new(),
    }
}

/// ARN of the execution that a `states:startExecution` would have started.
fn started_execution(start: &Start, parameters: &Payload, random: &Random) -> String {
    let parameters = parameters.value();
    let machine = parameters.get("StateMachineArn").and_then(Value::as_str).unwrap_or(&start.state_machine_arn);
    let name = parameters.get("Name").and_then(Value::as_str).map_or_else(|| random.uuid(), str::to_owned);
    format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1))
}

/// Whether the integration's answers carry the SDK's metadata. Recorded with: Lambda, SQS, SNS, DynamoDB, ECS, Step Functions; without:
/// EventBridge, API Gateway, and every SDK integration.
fn has_sdk_metadata(integration: &Integration) -> bool {
    !matches!(&*integration.service, "events" | "apigateway") && !integration.service.starts_with("aws-sdk:")
}
