//! The service model's constraints on single members, operation by operation: what violates one is named in AWS's words, before
//! anything else is looked at.

use serde_json::{Value, json};

use crate::support::*;

/// A member with a constraint, and what it must be.
struct Member {
    /// As AWS names it: `tags.1.member.key`.
    name: &'static str,
    is_required: bool,
    rule: Rule,
}

enum Rule {
    /// Characters.
    Text {
        shortest: usize,
        longest: usize,
    },
    /// Bytes of a text that is not shown.
    Sensitive {
        shortest: usize,
        longest: usize,
    },
    Number {
        least: i64,
        greatest: i64,
    },
    OneOf(&'static str),
    /// Only whether it is there.
    Anything,
}

const fn text(name: &'static str, shortest: usize, longest: usize) -> Member {
    Member { name, is_required: false, rule: Rule::Text { shortest, longest } }
}

const fn sensitive(name: &'static str, shortest: usize, longest: usize) -> Member {
    Member { name, is_required: false, rule: Rule::Sensitive { shortest, longest } }
}

const fn number(name: &'static str, least: i64, greatest: i64) -> Member {
    Member { name, is_required: false, rule: Rule::Number { least, greatest } }
}

const fn one_of(name: &'static str, values: &'static str) -> Member {
    Member { name, is_required: false, rule: Rule::OneOf(values) }
}

const fn required(member: Member) -> Member {
    Member { is_required: true, ..member }
}

const fn arn(name: &'static str) -> Member {
    required(text(name, 1, 256))
}

const MAX_RESULTS: Member = number("maxResults", 0, 1000);
const NEXT_TOKEN: Member = text("nextToken", 1, 1024);
const INCLUDED_DATA: Member = one_of("includedData", "[ALL_DATA, METADATA_ONLY]");
const LEVEL: Member = one_of("loggingConfiguration.level", "[ALL, ERROR, FATAL, OFF]");
const LOG_GROUP: Member = text("loggingConfiguration.destinations.1.member.cloudWatchLogsLogGroup.logGroupArn", 1, 256);
const DEFINITION: Member = sensitive("definition", 1, 1_048_576);
const TYPE: Member = one_of("type", "[STANDARD, EXPRESS]");
const VERSION_DESCRIPTION: Member = sensitive("versionDescription", 0, 256);
const KEY_TYPE: Member =
    Member { name: "encryptionConfiguration.type", is_required: false, rule: Rule::OneOf("[CUSTOMER_MANAGED_KMS_KEY, AWS_OWNED_KEY]") };
const KEY_ID: Member = text("encryptionConfiguration.kmsKeyId", 1, 2048);
const KEY_PERIOD: Member = number("encryptionConfiguration.kmsDataKeyReusePeriodSeconds", 60, 900);
const TAG_KEY: Member = text("tags.1.member.key", 1, 128);
const TAG_VALUE: Member = text("tags.1.member.value", 0, 256);
const ROUTE: Member = text("routingConfiguration.1.member.stateMachineVersionArn", 1, 2000);
const WEIGHT: Member = number("routingConfiguration.1.member.weight", 0, 100);

/// By operation, all members whose value is bound.
const OPERATIONS: &[(&str, &[Member])] = &[
    ("CreateActivity", &[required(text("name", 1, 80)), TAG_KEY, TAG_VALUE, KEY_TYPE, KEY_ID, KEY_PERIOD]),
    (
        "CreateStateMachine",
        &[
            required(text("name", 1, 80)),
            required(DEFINITION),
            arn("roleArn"),
            TYPE,
            LEVEL,
            LOG_GROUP,
            TAG_KEY,
            TAG_VALUE,
            VERSION_DESCRIPTION,
            KEY_TYPE,
            KEY_ID,
            KEY_PERIOD,
        ],
    ),
    (
        "CreateStateMachineAlias",
        &[
            sensitive("description", 0, 256),
            required(text("name", 1, 80)),
            Member { name: "routingConfiguration", is_required: true, rule: Rule::Anything },
            ROUTE,
            WEIGHT,
        ],
    ),
    ("DeleteActivity", &[arn("activityArn")]),
    ("DeleteStateMachine", &[arn("stateMachineArn")]),
    ("DeleteStateMachineAlias", &[arn("stateMachineAliasArn")]),
    ("DeleteStateMachineVersion", &[required(text("stateMachineVersionArn", 1, 2000))]),
    ("DescribeActivity", &[arn("activityArn")]),
    ("DescribeExecution", &[arn("executionArn"), INCLUDED_DATA]),
    ("DescribeMapRun", &[required(text("mapRunArn", 1, 2000))]),
    ("DescribeStateMachine", &[arn("stateMachineArn"), INCLUDED_DATA]),
    ("DescribeStateMachineAlias", &[arn("stateMachineAliasArn")]),
    ("DescribeStateMachineForExecution", &[arn("executionArn"), INCLUDED_DATA]),
    ("GetActivityTask", &[arn("activityArn"), text("workerName", 1, 80)]),
    ("GetExecutionHistory", &[arn("executionArn"), MAX_RESULTS, NEXT_TOKEN]),
    ("ListActivities", &[MAX_RESULTS, NEXT_TOKEN]),
    (
        "ListExecutions",
        &[
            text("stateMachineArn", 1, 256),
            one_of("statusFilter", "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"),
            MAX_RESULTS,
            text("nextToken", 1, 3096),
            text("mapRunArn", 1, 2000),
            one_of("redriveFilter", "[REDRIVEN, NOT_REDRIVEN]"),
        ],
    ),
    ("ListMapRuns", &[arn("executionArn"), MAX_RESULTS, NEXT_TOKEN]),
    ("ListStateMachineAliases", &[arn("stateMachineArn"), MAX_RESULTS, NEXT_TOKEN]),
    ("ListStateMachineVersions", &[arn("stateMachineArn"), MAX_RESULTS, NEXT_TOKEN]),
    ("ListStateMachines", &[MAX_RESULTS, NEXT_TOKEN]),
    ("ListTagsForResource", &[arn("resourceArn")]),
    ("PublishStateMachineVersion", &[arn("stateMachineArn"), sensitive("description", 0, 256)]),
    ("RedriveExecution", &[arn("executionArn"), text("clientToken", 1, 64)]),
    ("SendTaskFailure", &[required(text("taskToken", 1, 2048)), sensitive("error", 0, 256), sensitive("cause", 0, 32_768)]),
    ("SendTaskHeartbeat", &[required(text("taskToken", 1, 2048))]),
    ("SendTaskSuccess", &[required(text("taskToken", 1, 2048)), required(sensitive("output", 0, 262_144))]),
    ("StartExecution", &[arn("stateMachineArn"), text("name", 1, 80), sensitive("input", 0, 262_144), text("traceHeader", 0, 256)]),
    (
        "StartSyncExecution",
        &[arn("stateMachineArn"), text("name", 1, 80), sensitive("input", 0, 262_144), text("traceHeader", 0, 256), INCLUDED_DATA],
    ),
    ("StopExecution", &[arn("executionArn"), sensitive("error", 0, 256), sensitive("cause", 0, 32_768)]),
    ("TagResource", &[arn("resourceArn"), Member { name: "tags", is_required: true, rule: Rule::Anything }, TAG_KEY, TAG_VALUE]),
    (
        "TestState",
        &[
            required(DEFINITION),
            text("roleArn", 1, 256),
            sensitive("input", 0, 262_144),
            sensitive("variables", 0, 262_144),
            text("stateName", 1, 80),
            sensitive("context", 0, 262_144),
            sensitive("mock.result", 0, 262_144),
            sensitive("mock.errorOutput.error", 0, 256),
            sensitive("mock.errorOutput.cause", 0, 32_768),
            text("stateConfiguration.errorCausedByState", 1, 80),
            sensitive("stateConfiguration.mapItemReaderData", 0, 262_144),
        ],
    ),
    (
        "UntagResource",
        &[arn("resourceArn"), Member { name: "tagKeys", is_required: true, rule: Rule::Anything }, text("tagKeys.1.member", 1, 128)],
    ),
    (
        "UpdateMapRun",
        &[required(text("mapRunArn", 1, 2000)), number("maxConcurrency", 0, 2_147_483_647), number("toleratedFailureCount", 0, i64::MAX)],
    ),
    (
        "UpdateStateMachine",
        &[arn("stateMachineArn"), DEFINITION, text("roleArn", 1, 256), LEVEL, LOG_GROUP, VERSION_DESCRIPTION, KEY_TYPE, KEY_ID, KEY_PERIOD],
    ),
    ("UpdateStateMachineAlias", &[arn("stateMachineAliasArn"), sensitive("description", 0, 256), ROUTE, WEIGHT]),
    ("ValidateStateMachineDefinition", &[required(DEFINITION), TYPE, one_of("severity", "[ERROR, WARNING]"), number("maxResults", 0, 100)]),
];

#[tokio::test]
async fn every_member_is_bound_as_the_model_says() {
    let server = TestServer::start().await;
    let mut checked = 0;
    for (operation, members) in OPERATIONS {
        for member in *members {
            for (value, violation) in violations(member) {
                let message = format!("1 validation error detected: {violation}");
                let refused = server.call(operation, request(members, member, value)).await;
                assert_refused_by(operation, refused, &message);
                checked += 1;
            }
        }
    }
    assert!(checked > 150, "{checked}");
    server.stop().await;
}

#[track_caller]
fn assert_refused_by(operation: &str, answer: Result<Value, Refused>, message: &str) {
    let expected = Refused { status: 400, code: "ValidationException".to_owned(), message: message.to_owned() };
    assert_eq!(answer, Err(expected), "{operation}");
}

/// Values that violate the member's constraint, and what is said of each. `None` leaves the member out.
fn violations(member: &Member) -> Vec<(Option<Value>, String)> {
    let name = member.name;
    let text = |shown: &str, rule: String| format!("{shown} at '{name}' failed to satisfy constraint: Member must {rule}");
    let mut found = Vec::new();
    if member.is_required {
        found.push((None, text("Value null", "not be null".to_owned())));
    }
    match &member.rule {
        Rule::Text { shortest, longest } => {
            let long = "x".repeat(longest + 1);
            found.push((Some(json!(long)), text(&format!("Value '{long}'"), format!("have length less than or equal to {longest}"))));
            if *shortest > 0 {
                found.push((Some(json!("")), text("Value ''", format!("have length greater than or equal to {shortest}"))));
            }
        }
        Rule::Sensitive { shortest, longest } => {
            // Two bytes each: half as many characters and one are too long by two.
            let long = "é".repeat(longest / 2 + 1);
            // Bodies have a bound of their own, which a definition that is too long just fits into.
            found.push((Some(json!(long)), text("Value", format!("have length less than or equal to {longest}"))));
            if *shortest > 0 {
                found.push((Some(json!("")), text("Value", format!("have length greater than or equal to {shortest}"))));
            }
        }
        Rule::Number { least, greatest } => {
            let below = least - 1;
            found.push((Some(json!(below)), text(&format!("Value '{below}'"), format!("have value greater than or equal to {least}"))));
            if let Some(above) = greatest.checked_add(1) {
                let rule = format!("have value less than or equal to {greatest}");
                found.push((Some(json!(above)), text(&format!("Value '{above}'"), rule)));
            }
        }
        Rule::OneOf(values) => {
            found.push((Some(json!("other")), text("Value 'other'", format!("satisfy enum value set: {values}"))));
        }
        Rule::Anything => {}
    }
    found
}

/// A request in which only this member is wrong.
fn request(members: &[Member], wrong: &Member, value: Option<Value>) -> Value {
    let mut request = json!({});
    for member in members.iter().filter(|member| member.is_required) {
        let fine = match member.name {
            "tags" | "tagKeys" => json!([]),
            "routingConfiguration" => {
                json!([{"stateMachineVersionArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m:1", "weight": 100}])
            }
            _ => json!("x"),
        };
        set(&mut request, member.name, Some(fine));
    }
    if wrong.name.starts_with("routingConfiguration.") {
        let fine = json!([{"stateMachineVersionArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m:1", "weight": 100}]);
        set(&mut request, "routingConfiguration", Some(fine));
    }
    if wrong.name.starts_with("encryptionConfiguration.") {
        set(&mut request, "encryptionConfiguration.type", Some(json!("CUSTOMER_MANAGED_KMS_KEY")));
    }
    if wrong.name == "tags.1.member.value" {
        set(&mut request, "tags.1.member.key", Some(json!("k")));
    }
    set(&mut request, wrong.name, value);
    request
}

/// Sets the member with AWS's name for its place; `None` takes it out.
fn set(request: &mut Value, name: &str, value: Option<Value>) {
    let (mut place, mut rest) = (request, name);
    while let Some((step, after)) = rest.split_once('.') {
        rest = after;
        place = match step.parse::<usize>() {
            Ok(number) => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().expect("it was made one");
                if list.len() < number {
                    list.resize(number, json!({}));
                }
                rest = rest.strip_prefix("member.").unwrap_or(rest);
                if rest == "member" {
                    list[number - 1] = value.expect("elements are not left out");
                    return;
                }
                &mut list[number - 1]
            }
            Err(_) => &mut place[step],
        };
    }
    match value {
        Some(value) => place[rest] = value,
        None => {
            place.as_object_mut().expect("a request is an object").remove(rest);
        }
    }
}
