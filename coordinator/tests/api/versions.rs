//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion, and `publish`.

use serde_json::{Value, json};

use crate::support::*;

const ARN: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

#[tokio::test]
async fn versions_are_published_with_creation_and_update() {
    let server = TestServer::start().await;
    let create = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true, "versionDescription": "first"});
    let created = server.call("CreateStateMachine", create.clone()).await.expect("it is new");
    assert_eq!(created["stateMachineVersionArn"], format!("{ARN}:1"));
    assert_eq!(server.call("CreateStateMachine", create).await, Ok(created));
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": format!("{ARN}:1")})).await.expect("it is there");
    assert_eq!((&described["stateMachineArn"], &described["description"]), (&json!(format!("{ARN}:1")), &json!("first")));
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": ARN})).await.expect("it is there");
    assert_eq!(described.get("description"), None);

    let update = |definition: &str| json!({"stateMachineArn": ARN, "definition": definition, "publish": true});
    let unchanged = server.call("UpdateStateMachine", update(PASS)).await.expect("it is there");
    assert_eq!((unchanged.get("revisionId"), &unchanged["stateMachineVersionArn"]), (None, &json!(format!("{ARN}:1"))));
    let changed = server.call("UpdateStateMachine", update(SUCCEED)).await.expect("it is there");
    assert_eq!(changed["stateMachineVersionArn"], format!("{ARN}:2"));
    for members in [json!({"definition": PASS}), json!({"definition": PASS, "publish": true})] {
        let mut members = members;
        members["stateMachineArn"] = json!(format!("{ARN}:2"));
        let gone = format!("State Machine Does Not Exist: '{ARN}:2'");
        assert_refused(server.call("UpdateStateMachine", members).await, "StateMachineDoesNotExist", &gone);
    }
    assert_eq!(versions(&server, json!({"stateMachineArn": ARN})).await.0, [format!("{ARN}:2"), format!("{ARN}:1")]);
    server.stop().await;
}

async fn versions(server: &TestServer, members: Value) -> (Vec<String>, Value) {
    let page = server.call("ListStateMachineVersions", members).await.expect("a page");
    let versions =
        page["stateMachineVersions"].as_array().expect("a list").iter().map(|item| text(item, "stateMachineVersionArn")).collect();
    (versions, page["nextToken"].clone())
}

#[tokio::test]
async fn version_numbers_are_never_given_again() {
    let server = TestServer::start().await;
    server.create("m", PASS).await;
    let publish = || server.call("PublishStateMachineVersion", json!({"stateMachineArn": ARN}));
    let first = publish().await.expect("it is there");
    assert_eq!(publish().await, Ok(first.clone()));
    for _ in 0..2 {
        let delete = json!({"stateMachineVersionArn": first["stateMachineVersionArn"]});
        assert_eq!(server.call("DeleteStateMachineVersion", delete).await, Ok(json!({})));
    }
    assert_eq!(versions(&server, json!({"stateMachineArn": ARN})).await.0, [""; 0]);
    assert_eq!(publish().await.expect("it is there")["stateMachineVersionArn"], format!("{ARN}:2"));
    assert_eq!(versions(&server, json!({"stateMachineArn": format!("{ARN}x")})).await.0, [""; 0]);
    server.stop().await;
}

#[tokio::test]
async fn a_publication_may_name_its_revision() {
    let server = TestServer::start().await;
    server.create("m", PASS).await;
    let publish = |revision: &str| server.call("PublishStateMachineVersion", json!({"stateMachineArn": ARN, "revisionId": revision}));
    let message = "Failed to publish the State Machine version for revision r. The current State Machine revision is INITIAL.";
    assert_refused(publish("r").await, "ConflictException", message);
    publish("INITIAL").await.expect("it is the current one");
    let updated = server.call("UpdateStateMachine", json!({"stateMachineArn": ARN, "definition": SUCCEED})).await.expect("it is there");
    let revision = text(&updated, "revisionId");
    let message =
        format!("Failed to publish the State Machine version for revision INITIAL. The current State Machine revision is {revision}.");
    assert_refused(publish("INITIAL").await, "ConflictException", &message);
    assert_eq!(publish(&revision).await.expect("it is the current one")["stateMachineVersionArn"], format!("{ARN}:2"));
    server.stop().await;
}

#[tokio::test]
async fn executions_of_a_version_run_its_definition_and_say_so() {
    let server = TestServer::start().await;
    let create = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true});
    server.call("CreateStateMachine", create).await.expect("it is new");
    server.call("UpdateStateMachine", json!({"stateMachineArn": ARN, "definition": FAIL})).await.expect("it is there");
    let version = format!("{ARN}:1");
    let execution = server.begin(&version).await;
    server.begin(ARN).await;
    let ended = server.end(&execution).await;
    let told = (&ended["status"], &ended["stateMachineArn"], &ended["stateMachineVersionArn"]);
    assert_eq!(told, (&json!("SUCCEEDED"), &json!(ARN), &json!(version)));
    let listed = server.call("ListExecutions", json!({"stateMachineArn": version})).await.expect("a page");
    let listed = listed["executions"].as_array().expect("a list");
    assert_eq!((listed.len(), &listed[0]["stateMachineVersionArn"]), (1, &json!(version)));
    let history = server.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it is there");
    assert_eq!(history["events"][0]["executionStartedEventDetails"]["stateMachineVersionArn"], version);
    let definition = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await.expect("it is there");
    assert_eq!((&definition["stateMachineArn"], &definition["definition"]), (&json!(ARN), &json!(PASS)));
    server.stop().await;
}

#[tokio::test]
async fn versions_page() {
    let server = TestServer::start().await;
    server.create("m", PASS).await;
    for number in 0..5 {
        let update = json!({"stateMachineArn": ARN, "roleArn": format!("{ROLE}{number}"), "publish": true});
        server.call("UpdateStateMachine", update).await.expect("it is there");
    }
    let (first, token) = versions(&server, json!({"stateMachineArn": ARN, "maxResults": 3})).await;
    let (second, last) = versions(&server, json!({"stateMachineArn": ARN, "maxResults": 3, "nextToken": token})).await;
    assert_eq!(first, [5, 4, 3].map(|number| format!("{ARN}:{number}")));
    assert_eq!((second, last), ([2, 1].map(|number| format!("{ARN}:{number}")).to_vec(), Value::Null));
    server.stop().await;
}
