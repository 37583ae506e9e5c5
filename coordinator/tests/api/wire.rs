//! What lies around the operations: targets, hosts, paths, credentials, request ids, STS.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn any_path_and_any_host_will_do() {
    let server = TestServer::start().await;
    for (path, host) in [("/", "sync-localhost:1"), ("/any/path?x=y", "states.us-east-1.amazonaws.com"), ("/readyz", "x")] {
        let request = Request::post(path).header("host", host).header("x-amz-target", "AWSStepFunctions.ListActivities");
        let (status, body) = server.send(request.body(Full::from("{}")).expect("a request")).await;
        assert_eq!((status, &body[..]), (StatusCode::OK, &b"{\"activities\":[]}"[..]), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_its_content_type() {
    let server = TestServer::start().await;
    let mut ids = std::collections::BTreeSet::new();
    for target in ["AWSStepFunctions.ListActivities", "AWSStepFunctions.DescribeActivity", "AWSStepFunctions.Nope", "Nope"] {
        let request = Request::post("/").header("x-amz-target", target).body(Full::from("{}")).expect("a request");
        let response = server.respond(request).await;
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
        let id = response.headers()["x-amzn-requestid"].to_str().expect("ASCII").to_owned();
        assert_eq!(id.len(), 36);
        assert!(ids.insert(id));
    }
    server.stop().await;
}

#[tokio::test]
async fn unknown_operations_are_named() {
    let server = TestServer::start().await;
    let nope = server.call("Nope", json!({})).await;
    assert_refused(nope, "UnknownOperationException", "AWS Step Functions has no operation Nope");
    let request = Request::post("/").header("x-amz-target", "DynamoDB_20120810.PutItem").body(Full::from("{}")).expect("a request");
    let (status, body) = server.send(request).await;
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, &answer["__type"]), (StatusCode::BAD_REQUEST, &json!("UnknownOperationException")));
    assert!(text(&answer, "message").contains("baton serves AWS Step Functions") && text(&answer, "message").contains("DynamoDB_20120810"));
    let (status, body) = server.get("/").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(&body).contains("baton"));
    server.stop().await;
}

#[tokio::test]
async fn resources_belong_to_the_callers_account_and_region() {
    let server = TestServer::start().await;
    let create = |key: &'static str| server.call_as(key, "CreateActivity", json!({"name": "a"}));
    let of = |created: Result<Value, Refused>| text(&created.expect("it is new"), "activityArn");
    assert_eq!(of(create("000000000000").await), "arn:aws:states:us-east-1:000000000000:activity:a");
    assert_eq!(of(create("AKIAIOSFODNN7EXAMPLE").await), "arn:aws:states:us-east-1:123456789012:activity:a");
    let request = Request::post("/")
        .header("x-amz-target", "AWSStepFunctions.CreateActivity")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=k/20261122/cn-north-1/states/aws4_request, SignedHeaders=host, Signature=0");
    let (_, body) = server.send(request.body(Full::from(r#"{"name":"a"}"#)).expect("a request")).await;
    let created: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(created["activityArn"], "arn:aws-cn:states:cn-north-1:123456789012:activity:a");
    server.stop().await;
}

#[tokio::test]
async fn sts_tells_who_the_caller_is() {
    let server = TestServer::start().await;
    let form = |body: &'static str| {
        Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=000000000000/20261122/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(Full::<Bytes>::from(body))
            .expect("a request")
    };
    let response = server.respond(form("Action=GetCallerIdentity&Version=2011-06-15")).await;
    assert_eq!((response.status(), &response.headers()["content-type"]), (StatusCode::OK, &"text/xml".parse().expect("a value")));
    let body = response.into_body().collect().await.expect("the body arrives").to_bytes();
    let body = String::from_utf8_lossy(&body);
    assert!(body.contains("<Account>000000000000</Account>") && body.contains("<Arn>arn:aws:iam::000000000000:root</Arn>"), "{body}");
    let (status, body) = server.send(form("Action=AssumeRole")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(&body).contains("baton"));
    server.stop().await;
}
