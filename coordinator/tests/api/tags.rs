//! TagResource, UntagResource, ListTagsForResource.

use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn tags_come_and_go() {
    let server = TestServer::start().await;
    let tags = json!([{"key": "key1", "value": "value1"}, {"key": "key2", "value": "value2"}]);
    let machine = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "tags": tags});
    let machine = text(&server.call("CreateStateMachine", machine).await.expect("it is new"), "stateMachineArn");
    let activity = json!({"name": "a", "tags": tags});
    let activity = text(&server.call("CreateActivity", activity).await.expect("it is new"), "activityArn");
    for arn in [machine, activity] {
        let listed = || server.call("ListTagsForResource", json!({"resourceArn": arn}));
        assert_eq!(listed().await, Ok(json!({"tags": tags})));
        let set = json!({"resourceArn": arn, "tags": [{"key": "key3", "value": ""}, {"key": "key1", "value": "other"}]});
        assert_eq!(server.call("TagResource", set).await, Ok(json!({})));
        let keys = json!({"resourceArn": arn, "tagKeys": ["key2", "key2", "key9"]});
        assert_eq!(server.call("UntagResource", keys).await, Ok(json!({})));
        let expected = json!([{"key": "key1", "value": "other"}, {"key": "key3", "value": ""}]);
        assert_eq!(listed().await, Ok(json!({"tags": expected})));
        assert_eq!(server.call("UntagResource", json!({"resourceArn": arn, "tagKeys": []})).await, Ok(json!({})));
        assert_eq!(listed().await, Ok(json!({"tags": expected})));
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_tags_are_refused() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let tag = |arn: &str, tags: Value| server.call("TagResource", json!({"resourceArn": arn, "tags": tags}));
    let message = "1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null";
    assert_refused(tag(&machine, Value::Null).await, "ValidationException", message);
    let message = "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1";
    assert_refused(tag(&machine, json!([{"key": "", "value": "v"}])).await, "ValidationException", message);
    let message = r"1 validation error detected: Value 'a*' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
    assert_refused(tag(&machine, json!([{"key": "a*", "value": "v"}])).await, "ValidationException", message);
    let message = "aws: prefixed tag key names are not allowed for external use.";
    assert_refused(tag(&machine, json!([{"key": "AWS:x", "value": "v"}])).await, "ValidationException", message);
    let many: Vec<Value> = (0..51).map(|number| json!({"key": format!("k{number}"), "value": ""})).collect();
    assert_eq!(tag(&machine, json!(many)).await.expect_err("too many").code, "TooManyTags");

    let published = json!({"stateMachineArn": machine});
    let version = text(&server.call("PublishStateMachineVersion", published).await.expect("it is there"), "stateMachineVersionArn");
    for arn in [version, format!("{machine}x")] {
        let message = format!("Resource not found: '{arn}'");
        assert_refused(tag(&arn, json!([])).await, "ResourceNotFound", &message);
        assert_refused(server.call("ListTagsForResource", json!({"resourceArn": arn})).await, "ResourceNotFound", &message);
        assert_refused(server.call("UntagResource", json!({"resourceArn": arn, "tagKeys": []})).await, "ResourceNotFound", &message);
    }
    assert_refused(tag("x", json!([])).await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'");
    server.stop().await;
}
