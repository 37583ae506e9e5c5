//! CreateStateMachine, UpdateStateMachine, DescribeStateMachine, DeleteStateMachine, ListStateMachines.

use serde_json::{Value, json};

use crate::support::*;

const ARN: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

#[tokio::test]
async fn a_definition_comes_back_byte_for_byte() {
    let server = TestServer::start().await;
    let definition = "{ \"Comment\": \"caf\\u00e9 é\",\r\n\t\"States\":{\"A\":{\"End\":true,\"Type\":\"Pass\"}},\n\"StartAt\":\"A\"}  ";
    let created = server.call("CreateStateMachine", json!({"name": "m", "definition": definition, "roleArn": ROLE})).await;
    let created = created.expect("it is new");
    assert_eq!(created["stateMachineArn"], ARN);
    assert_recent(&created["creationDate"]);
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": ARN})).await.expect("it is there");
    let expected = json!({
        "stateMachineArn": ARN, "name": "m", "status": "ACTIVE", "definition": definition, "roleArn": ROLE, "type": "STANDARD",
        "creationDate": created["creationDate"], "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": false}, "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}
    });
    assert_eq!(described, expected);
    let metadata = json!({"stateMachineArn": ARN, "includedData": "METADATA_ONLY"});
    let described = server.call("DescribeStateMachine", metadata).await.expect("it is there");
    assert_eq!(described["definition"], "{}");
    server.stop().await;
}

#[tokio::test]
async fn creation_is_idempotent() {
    let server = TestServer::start().await;
    let members = json!({"name": "m", "definition": PASS, "roleArn": ROLE});
    let created = server.call("CreateStateMachine", members.clone()).await.expect("it is new");
    let mut again = members.clone();
    again["roleArn"] = json!("arn:aws:iam::123456789012:role/other");
    again["tags"] = json!([{"key": "k", "value": "v"}]);
    assert_eq!(server.call("CreateStateMachine", again).await, Ok(created));
    assert_eq!(server.call("ListTagsForResource", json!({"resourceArn": ARN})).await, Ok(json!({"tags": []})));

    let exists = format!("State Machine Already Exists: '{ARN}'");
    for (member, value) in [
        ("definition", json!(PASS.replace(':', ": "))),
        ("type", json!("EXPRESS")),
        ("tracingConfiguration", json!({"enabled": true})),
        ("loggingConfiguration", json!({"includeExecutionData": true})),
        ("publish", json!(true)),
    ] {
        let mut different = members.clone();
        different[member] = value;
        assert_refused(server.call("CreateStateMachine", different).await, "StateMachineAlreadyExists", &exists);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_definition_is_told() {
    let server = TestServer::start().await;
    let create = |definition: &str| server.call("CreateStateMachine", json!({"name": "m", "definition": definition, "roleArn": ROLE}));
    let message = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'";
    assert_refused(create(r#"{"StartAt":"A"}"#).await, "InvalidDefinition", message);
    let refused = create("not json").await.expect_err("it is no JSON");
    assert_eq!(refused.code, "InvalidDefinition");
    assert!(
        refused.message.starts_with("Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: Unrecognized token 'not'"),
        "{}",
        refused.message
    );
    let callback =
        r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}"#;
    let express = json!({"name": "m", "definition": callback, "roleArn": ROLE, "type": "EXPRESS"});
    let message = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at /States/A/Resource'";
    assert_refused(server.call("CreateStateMachine", express).await, "InvalidDefinition", message);
    server.stop().await;
}

#[tokio::test]
async fn members_have_their_constraints() {
    let server = TestServer::start().await;
    let refused = server.call("CreateStateMachine", json!({})).await;
    let message = "3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; \
                   Value null at 'definition' failed to satisfy constraint: Member must not be null; \
                   Value null at 'roleArn' failed to satisfy constraint: Member must not be null";
    assert_refused(refused, "ValidationException", message);
    let create = |name: &str| server.call("CreateStateMachine", json!({"name": name, "definition": PASS, "roleArn": ROLE}));
    let long = "x".repeat(81);
    let message = format!(
        "1 validation error detected: Value '{long}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"
    );
    assert_refused(create(&long).await, "ValidationException", &message);
    assert_refused(create("a b").await, "InvalidName", "Invalid Name: 'a b'");
    assert_refused(create("a\u{0}").await, "InvalidName", "Invalid Name: 'a\u{0}'");
    let mut members = json!({"name": "m", "definition": PASS, "roleArn": "role"});
    assert_refused(server.call("CreateStateMachine", members.clone()).await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: role'");
    members["roleArn"] = json!(ROLE);
    members["versionDescription"] = json!("d");
    let message = "Version description can only be set when publish is true";
    assert_refused(server.call("CreateStateMachine", members).await, "ValidationException", message);
    let large = "x".repeat(1_048_577);
    let message = "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must have length less than or equal to 1048576";
    let large = json!({"name": "m", "definition": large, "roleArn": ROLE});
    assert_refused(server.call("CreateStateMachine", large).await, "ValidationException", message);
    server.stop().await;
}

#[tokio::test]
async fn logging_needs_one_destination_unless_it_is_off() {
    let server = TestServer::start().await;
    let destination = json!({"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}});
    let create = |name: &str, logging: Value| {
        server.call("CreateStateMachine", json!({"name": name, "definition": PASS, "roleArn": ROLE, "loggingConfiguration": logging}))
    };
    let message = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
    for logging in [
        json!({"level": "ALL"}),
        json!({"level": "ERROR", "destinations": [destination, destination]}),
        json!({"level": "FATAL", "destinations": []}),
    ] {
        assert_refused(create("m", logging).await, "InvalidLoggingConfiguration", message);
    }
    let level = "1 validation error detected: Value 'all' at 'loggingConfiguration.level' failed to satisfy constraint: Member must satisfy enum value set: [ALL, ERROR, FATAL, OFF]";
    assert_refused(create("m", json!({"level": "all"})).await, "ValidationException", level);
    let described = |given: Value, expected: Value| {
        let name = format!("m{}", given.to_string().len());
        let (server, create) = (&server, &create);
        async move {
            let created = create(&name, given).await.expect("it is new");
            let machine = server.call("DescribeStateMachine", json!({"stateMachineArn": created["stateMachineArn"]})).await;
            assert_eq!(machine.expect("it is there")["loggingConfiguration"], expected);
        }
    };
    described(json!({}), json!({"level": "OFF", "includeExecutionData": false})).await;
    described(json!({"destinations": []}), json!({"level": "OFF", "includeExecutionData": false, "destinations": []})).await;
    let full = json!({"level": "ALL", "includeExecutionData": true, "destinations": [destination]});
    described(full.clone(), full).await;
    server.stop().await;
}

#[tokio::test]
async fn an_update_makes_a_revision_only_when_it_changes_something() {
    let server = TestServer::start().await;
    server.create("m", PASS).await;
    let update = |members: Value| {
        let mut members = members;
        members["stateMachineArn"] = json!(ARN);
        server.call("UpdateStateMachine", members)
    };
    let message = "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified";
    assert_refused(update(json!({})).await, "MissingRequiredParameter", message);
    let unchanged = update(json!({"definition": PASS})).await.expect("it is there");
    assert_eq!(unchanged.get("revisionId"), None);
    let changed = update(json!({"roleArn": "arn:aws:iam::123456789012:role/other"})).await.expect("it is there");
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": ARN})).await.expect("it is there");
    assert_eq!(described["revisionId"], changed["revisionId"]);
    assert_eq!((&described["definition"], &described["roleArn"]), (&json!(PASS), &json!("arn:aws:iam::123456789012:role/other")));
    let again = update(json!({"roleArn": "arn:aws:iam::123456789012:role/other"})).await.expect("it is there");
    assert_eq!(again, changed);
    let other = update(json!({"definition": SUCCEED})).await.expect("it is there");
    assert_ne!(other["revisionId"], changed["revisionId"]);
    let missing = server.call("UpdateStateMachine", json!({"stateMachineArn": format!("{ARN}x"), "roleArn": ROLE})).await;
    assert_refused(missing, "StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{ARN}x'"));
    let message = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'";
    assert_refused(update(json!({"definition": "{}"})).await, "InvalidDefinition", message);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_machine_is_gone_and_its_executions_are_aborted() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let executions = [server.begin(&machine).await, server.begin(&machine).await];
    for _ in 0..2 {
        assert_eq!(server.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await, Ok(json!({})));
    }
    let gone = format!("State Machine Does Not Exist: '{machine}'");
    assert_refused(server.call("DescribeStateMachine", json!({"stateMachineArn": machine})).await, "StateMachineDoesNotExist", &gone);
    assert_refused(server.call("StartExecution", json!({"stateMachineArn": machine})).await, "StateMachineDoesNotExist", &gone);
    for execution in executions {
        assert_eq!(server.end(&execution).await["status"], "ABORTED");
        let definition = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await.expect("it is kept");
        assert_eq!(definition["definition"], WAIT);
    }
    server.create("m", PASS).await;
    let refused = server.call("DeleteStateMachine", json!({"stateMachineArn": "m"})).await;
    assert_refused(refused, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'");
    server.stop().await;
}

#[tokio::test]
async fn machines_are_listed_by_name_and_page() {
    let server = TestServer::start().await;
    for name in ["c", "a", "b", "d", "e"] {
        server.create(name, PASS).await;
    }
    let foreign = json!({"name": "foreign", "definition": PASS, "roleArn": ROLE});
    server.call_as("999999999999", "CreateStateMachine", foreign).await.expect("it is new");
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let page = server.call("ListStateMachines", json!({"maxResults": 2, "nextToken": token})).await.expect("a page");
        let machines = page["stateMachines"].as_array().expect("a list").clone();
        assert!(machines.len() <= 2);
        for machine in &machines {
            assert_eq!(
                machine.as_object().expect("an object").keys().collect::<Vec<_>>(),
                ["stateMachineArn", "name", "type", "creationDate"]
            );
            names.push(text(machine, "name"));
        }
        match page.get("nextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let all = server.call_as("999999999999", "ListStateMachines", json!({"maxResults": 0})).await.expect("a page");
    assert_eq!(all["stateMachines"].as_array().map(Vec::len), Some(1));
    let stolen = server.call_as("999999999999", "ListStateMachines", json!({"nextToken": token})).await;
    assert_refused(stolen, "InvalidToken", "Invalid Token: 'Invalid token'");
    let message = "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000";
    assert_refused(server.call("ListStateMachines", json!({"maxResults": 1001})).await, "ValidationException", message);
    server.stop().await;
}

#[tokio::test]
async fn wrong_arns_are_told_apart() {
    let server = TestServer::start().await;
    let describe = |arn: &str| server.call("DescribeStateMachine", json!({"stateMachineArn": arn}));
    assert_refused(describe("not_a_valid_arn").await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'");
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    assert_refused(describe(activity).await, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: activity'");
    assert_refused(describe(ARN).await, "StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{ARN}'"));
    let version = format!("{ARN}:1");
    assert_refused(describe(&version).await, "StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{version}'"));
    let label = server.call("DeleteStateMachine", json!({"stateMachineArn": format!("{ARN}/label")})).await.expect_err("a label");
    assert_eq!(label.code, "ValidationException");
    server.stop().await;
}

#[tokio::test]
async fn encryption_is_kept_and_told() {
    let server = TestServer::start().await;
    let encryption = json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 60});
    let members = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "encryptionConfiguration": encryption});
    server.call("CreateStateMachine", members).await.expect("it is new");
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": ARN})).await.expect("it is there");
    assert_eq!(described["encryptionConfiguration"], encryption);
    let members =
        json!({"name": "n", "definition": PASS, "roleArn": ROLE, "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}});
    assert_eq!(server.call("CreateStateMachine", members).await.expect_err("no key").code, "InvalidEncryptionConfiguration");
    // A key that would not be used must not look as if it were.
    let update = |encryption: Value| json!({"stateMachineArn": ARN, "encryptionConfiguration": encryption});
    let in_vain = update(json!({"type": "AWS_OWNED_KEY", "kmsKeyId": "k"}));
    assert_eq!(server.call("UpdateStateMachine", in_vain).await.expect_err("a key").code, "InvalidEncryptionConfiguration");
    // Executions are told with the configuration that they began with.
    let execution = server.begin(ARN).await;
    server.call("UpdateStateMachine", update(json!({"type": "AWS_OWNED_KEY"}))).await.expect("an update");
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": ARN})).await.expect("it is there");
    assert_eq!(described["encryptionConfiguration"], json!({"type": "AWS_OWNED_KEY"}));
    let described = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await.expect("it is there");
    assert_eq!(described["encryptionConfiguration"], encryption);
    server.stop().await;
}

#[tokio::test]
async fn variables_that_states_read_are_told() {
    let server = TestServer::start().await;
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"b": 1, "a": 2}, "Next": "B"},
            "B": {"Type": "Pass", "Output": "{% $b + $a %}", "End": true}
        }
    });
    let machine = server.create("m", &definition.to_string()).await;
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": machine})).await.expect("it is there");
    assert_eq!(described["variableReferences"], json!({"B": ["a", "b"]}));
    server.stop().await;
}
