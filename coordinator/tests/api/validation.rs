//! ValidateStateMachineDefinition.

use serde_json::{Value, json};

use crate::support::*;

async fn validate(server: &TestServer, definition: Value, more: Value) -> Value {
    let mut members = json!({"definition": definition.to_string()});
    for (member, value) in more.as_object().expect("an object") {
        members[member] = value.clone();
    }
    server.call("ValidateStateMachineDefinition", members).await.expect("problems are part of the answer")
}

#[tokio::test]
async fn problems_are_part_of_the_answer() {
    let server = TestServer::start().await;
    let fine = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}});
    let ok = json!({"result": "OK", "diagnostics": [], "truncated": false});
    assert_eq!(validate(&server, fine.clone(), json!({})).await, ok);
    assert_eq!(validate(&server, fine, json!({"type": "EXPRESS", "severity": "WARNING"})).await, ok);
    let answer = validate(&server, json!({"States": {"A": {"Type": "Pass", "End": true}}}), json!({"type": "STANDARD"})).await;
    let diagnostic = json!({"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": "These fields are required: [StartAt]", "location": "/"});
    assert_eq!(answer, json!({"result": "FAIL", "diagnostics": [diagnostic], "truncated": false}));
    let downgrade = json!({"QueryLanguage": "JSONata", "StartAt": "Pass", "States": {"Pass": {"QueryLanguage": "JSONPath", "Type": "Pass", "End": true}}});
    let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
    let diagnostic = json!({"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": message, "location": "/States/Pass"});
    let answer = validate(&server, downgrade, json!({})).await;
    assert_eq!(answer, json!({"result": "FAIL", "diagnostics": [diagnostic], "truncated": false}));
    let all = server.call("ListStateMachines", json!({})).await;
    assert_eq!(all, Ok(json!({"stateMachines": []})));
    server.stop().await;
}

#[tokio::test]
async fn warnings_are_shown_when_they_are_asked_for() {
    let server = TestServer::start().await;
    let definition = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"x": "$.y"}, "End": true}}});
    let ok = json!({"result": "OK", "diagnostics": [], "truncated": false});
    assert_eq!(validate(&server, definition.clone(), json!({})).await, ok);
    let answer = validate(&server, definition, json!({"severity": "WARNING"})).await;
    assert_eq!((&answer["result"], &answer["diagnostics"][0]["code"]), (&json!("OK"), &json!("NO_DOLLAR")));
    server.stop().await;
}

#[tokio::test]
async fn an_answer_has_a_hundred_diagnostics_at_most() {
    let server = TestServer::start().await;
    let states: serde_json::Map<String, Value> =
        (0..150).map(|number| (format!("S{number}"), json!({"Type": "Nope", "End": true}))).collect();
    let definition = json!({"StartAt": "S0", "States": states});
    for (max_results, count) in [(json!(null), 100), (json!(0), 100), (json!(3), 3)] {
        let answer = validate(&server, definition.clone(), json!({"maxResults": max_results})).await;
        assert_eq!((answer["diagnostics"].as_array().map(Vec::len), &answer["truncated"]), (Some(count), &json!(true)));
    }
    let members = json!({"definition": "{}", "maxResults": 101});
    let message = "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100";
    assert_refused(server.call("ValidateStateMachineDefinition", members).await, "ValidationException", message);
    server.stop().await;
}
