//! CreateStateMachineAlias, UpdateStateMachineAlias, DescribeStateMachineAlias, ListStateMachineAliases, DeleteStateMachineAlias.

use serde_json::{Value, json};

use crate::support::*;

const ARN: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

/// A machine with versions 1 and 2.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let create = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true});
    server.call("CreateStateMachine", create).await.expect("it is new");
    let update = json!({"stateMachineArn": ARN, "definition": SUCCEED, "publish": true});
    server.call("UpdateStateMachine", update).await.expect("it is there");
    server
}

fn route(version: u64, weight: i64) -> Value {
    json!({"stateMachineVersionArn": format!("{ARN}:{version}"), "weight": weight})
}

async fn create(server: &TestServer, name: &str, routes: Value) -> Result<Value, Refused> {
    server.call("CreateStateMachineAlias", json!({"name": name, "description": "d", "routingConfiguration": routes})).await
}

#[tokio::test]
async fn aliases_are_made_changed_and_go() {
    let server = server().await;
    let alias = format!("{ARN}:prod");
    let created = create(&server, "prod", json!([route(1, 100)])).await.expect("it is new");
    assert_eq!(created["stateMachineAliasArn"], alias);
    assert_eq!(create(&server, "prod", json!([route(1, 100)])).await, Ok(created.clone()));
    let message = "Failed to create alias because an alias with the same name and a different routing configuration already exists.";
    assert_refused(create(&server, "prod", json!([route(2, 100)])).await, "ConflictException", message);
    let described = server.call("DescribeStateMachineAlias", json!({"stateMachineAliasArn": alias})).await.expect("it is there");
    let expected = json!({
        "stateMachineAliasArn": alias, "name": "prod", "description": "d", "routingConfiguration": [route(1, 100)],
        "creationDate": created["creationDate"], "updateDate": created["creationDate"]
    });
    assert_eq!(described, expected);
    let delete = json!({"stateMachineVersionArn": format!("{ARN}:1")});
    let message = "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [prod]";
    assert_refused(server.call("DeleteStateMachineVersion", delete.clone()).await, "ConflictException", message);

    let update = json!({"stateMachineAliasArn": alias, "routingConfiguration": [route(2, 100)]});
    assert_recent(&server.call("UpdateStateMachineAlias", update).await.expect("it is there")["updateDate"]);
    assert_eq!(server.call("DeleteStateMachineVersion", delete).await, Ok(json!({})));
    let message = "Either the description or the routing configuration must be specified";
    assert_refused(server.call("UpdateStateMachineAlias", json!({"stateMachineAliasArn": alias})).await, "ValidationException", message);

    for _ in 0..2 {
        assert_eq!(server.call("DeleteStateMachineAlias", json!({"stateMachineAliasArn": alias})).await, Ok(json!({})));
    }
    let message = "Request references a resource that does not exist.";
    let update = json!({"stateMachineAliasArn": alias, "description": "x"});
    assert_refused(server.call("UpdateStateMachineAlias", update).await, "ResourceNotFound", message);
    assert_refused(server.call("DescribeStateMachineAlias", json!({"stateMachineAliasArn": alias})).await, "ResourceNotFound", message);
    server.stop().await;
}

#[tokio::test]
async fn wrong_routes_are_refused() {
    let server = server().await;
    let refused =
        async |routes: Value, message: &str| assert_refused(create(&server, "prod", routes).await, "ValidationException", message);
    refused(json!([route(1, 70), route(2, 29)]), "Sum of routing configuration weights must equal 100. Received: [70, 29]").await;
    let message = format!("Routing configuration must contain distinct state machine version ARNs. Received: [{ARN}:1, {ARN}:1]");
    refused(json!([route(1, 50), route(1, 50)]), &message).await;
    let message = format!("Routing configuration must contain state machine version ARNs. Received: [{ARN}, {ARN}:2]");
    refused(json!([{"stateMachineVersionArn": ARN, "weight": 50}, route(2, 50)]), &message).await;
    let message = "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100";
    refused(json!([route(1, 101)]), message).await;
    let shown =
        |version: u64, weight: i64| format!("RoutingConfigurationListItem(stateMachineVersionArn={ARN}:{version}, weight={weight})");
    let message = format!(
        "1 validation error detected: Value '[{}, {}, {}]' at 'routingConfiguration' failed to satisfy constraint: Member must have length less than or equal to 2",
        shown(1, 50),
        shown(2, 30),
        shown(3, 20)
    );
    refused(json!([route(1, 50), route(2, 30), route(3, 20)]), &message).await;
    let message = "1 validation error detected: Value '[]' at 'routingConfiguration' failed to satisfy constraint: Member must have length greater than or equal to 1";
    refused(json!([]), message).await;
    let missing = create(&server, "prod", json!([route(9, 100)])).await;
    assert_refused(missing, "ResourceNotFound", "Request references a resource that does not exist.");
    server.stop().await;
}

#[tokio::test]
async fn wrong_names_are_refused() {
    let server = server().await;
    for name in ["123", "INVALID ALIAS", "!INVALID", "ALIAS@"] {
        let message = format!(
            r"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
        );
        assert_refused(create(&server, name, json!([route(1, 100)])).await, "ValidationException", &message);
    }
    let long = "A".repeat(81);
    let message = format!(
        "1 validation error detected: Value '{long}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"
    );
    assert_refused(create(&server, &long, json!([route(1, 100)])).await, "ValidationException", &message);
    server.stop().await;
}

#[tokio::test]
async fn aliases_are_listed_in_order_of_creation() {
    let server = server().await;
    for (name, version) in [("c", 1), ("a", 2), ("b", 1)] {
        create(&server, name, json!([route(version, 100)])).await.expect("it is new");
    }
    let list = async |members: Value| {
        let page = server.call("ListStateMachineAliases", members).await.expect("a page");
        let aliases = page["stateMachineAliases"].as_array().expect("a list").iter().map(|item| text(item, "stateMachineAliasArn"));
        (aliases.map(|arn| arn.rsplit(':').next().unwrap_or_default().to_owned()).collect::<Vec<_>>(), page["nextToken"].clone())
    };
    let (first, token) = list(json!({"stateMachineArn": ARN, "maxResults": 2})).await;
    let (second, last) = list(json!({"stateMachineArn": ARN, "maxResults": 2, "nextToken": token})).await;
    assert_eq!((first, second, last), (vec!["c".to_owned(), "a".to_owned()], vec!["b".to_owned()], Value::Null));
    assert_eq!(list(json!({"stateMachineArn": format!("{ARN}:1")})).await.0, ["c", "b"]);
    server.stop().await;
}

#[tokio::test]
async fn executions_of_an_alias_take_one_of_its_routes() {
    let server = server().await;
    create(&server, "prod", json!([route(1, 0), route(2, 100)])).await.expect("it is new");
    let alias = format!("{ARN}:prod");
    let execution = server.begin(&alias).await;
    let ended = server.end(&execution).await;
    let told = (&ended["stateMachineArn"], &ended["stateMachineAliasArn"], &ended["stateMachineVersionArn"]);
    assert_eq!(told, (&json!(ARN), &json!(alias), &json!(format!("{ARN}:2"))));
    let listed = server.call("ListExecutions", json!({"stateMachineArn": alias})).await.expect("a page");
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1));
    let missing = server.call("StartExecution", json!({"stateMachineArn": format!("{ARN}:test")})).await;
    assert_refused(missing, "StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{ARN}:test'"));
    server.stop().await;
}

/// An alias is described as the version of its first route is.
#[tokio::test]
async fn a_machine_is_described_through_its_alias() {
    let server = server().await;
    create(&server, "prod", json!([route(1, 30), route(2, 70)])).await.expect("it is new");
    let alias = format!("{ARN}:prod");
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": alias})).await.expect("it is there");
    assert_eq!((&described["stateMachineArn"], &described["definition"]), (&json!(alias), &json!(PASS)));
    server.stop().await;
}
