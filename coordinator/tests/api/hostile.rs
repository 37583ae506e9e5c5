//! Bodies that no client should send. Each gets an error, and the next request is served.

use std::io::{Read, Write};

use baton_coordinator::api::Operation;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let server = TestServer::start().await;
    let deep_array = "[".repeat(100_000);
    let deep_member = format!("{{\"stateMachineArn\":{}", "[".repeat(100_000));
    let deep_object = "{\"a\":".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"not json",
        b"[]",
        b"[\"arn\"]",
        b"5",
        b"null",
        b"{",
        b"{\"stateMachineArn\":\"\xff\xfe\"}",
        b"{\"stateMachineArn\":\"\\ud800\"}",
        b"{\"stateMachineArn\":\"a\0b\"}",
        b"{\"stateMachineArn\":5}",
        b"{\"stateMachineArn\":{}}",
        deep_array.as_bytes(),
        deep_member.as_bytes(),
        deep_object.as_bytes(),
    ];
    for body in bodies {
        let refused = server.raw("StartExecution", body.to_vec()).await.expect_err("it is refused");
        assert_eq!((refused.status, refused.code.as_str()), (400, "SerializationException"), "{:?}", &body[..body.len().min(40)]);
        assert!(!refused.message.is_empty());
    }
    for body in ["", "  ", "{}", "{\"stateMachineArn\":null,\"unknown\":[[[]]]}"] {
        let message = "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be null";
        assert_refused(server.raw("StartExecution", body).await, "ValidationException", message);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_has_1049600_bytes_at_most() {
    let server = TestServer::start().await;
    let body = |len: usize| {
        let frame = "{\"stateMachineArn\":\"x\",\"ignored\":\"\"}";
        frame.replace("\"\"", &format!("\"{}\"", "x".repeat(len - frame.len())))
    };
    assert_eq!(server.raw("StartExecution", body(1_049_600)).await.expect_err("it is read").code, "InvalidArn");
    for len in [1_049_601, 2_000_000, 12_000_000] {
        let refused = server.raw("StartExecution", body(len)).await.expect_err("it is refused");
        let expected = Refused {
            status: 413,
            code: "RequestEntityTooLargeException".to_owned(),
            message: "HTTP content length exceeded 1049600 bytes.".to_owned(),
        };
        assert_eq!(refused, expected);
    }
    server.stop().await;
}

/// The answer to a body that is too large leaves the connection as it was.
#[tokio::test]
async fn the_connection_outlives_a_body_that_is_too_large() {
    let server = TestServer::start().await;
    let address = server.address();
    let answers = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
        let head = |len: usize| {
            format!("POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AWSStepFunctions.ListActivities\r\ncontent-length: {len}\r\n\r\n")
        };
        stream.write_all(head(3_000_000).as_bytes()).expect("it is sent");
        stream.write_all(&vec![b'x'; 3_000_000]).expect("it is sent");
        stream.write_all(head(2).as_bytes()).expect("it is sent");
        stream.write_all(b"{}").expect("it is sent");
        let mut answers = Vec::new();
        let mut buffer = [0; 4096];
        while !answers.ends_with(b"{\"activities\":[]}") {
            let count = stream.read(&mut buffer).expect("an answer comes");
            assert_ne!(count, 0, "the connection stays");
            answers.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&answers).into_owned()
    });
    let answers = answers.await.expect("the client does not panic");
    assert!(answers.starts_with("HTTP/1.1 413") && answers.contains("HTTP/1.1 200"), "{answers}");
    server.stop().await;
}

#[tokio::test]
async fn targets_of_any_bytes_are_refused() {
    let server = TestServer::start().await;
    for target in [&b"\xff\xfe"[..], b"", b"AWSStepFunctions.", b"AWSStepFunctions", &b"x".repeat(8000)] {
        let request = Request::post("/").header("x-amz-target", http::HeaderValue::from_bytes(target).expect("a value"));
        let (status, body) = server.send(request.body(Full::<Bytes>::default()).expect("a request")).await;
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((status, &answer["__type"]), (StatusCode::BAD_REQUEST, &json!("UnknownOperationException")));
        assert!(text(&answer, "message").len() < 400);
    }
    server.stop().await;
}

#[tokio::test]
async fn definitions_may_be_as_hostile_as_they_like() {
    let server = TestServer::start().await;
    let nested = format!("{}{}", "{\"a\":".repeat(50_000), "1");
    let brackets = "[".repeat(100_000);
    for definition in ["", " ", "null", "[]", "{}", "\u{0}", "{\"StartAt\":\"\\ud800\"}", &nested, &brackets] {
        let members = json!({"name": "m", "definition": definition, "roleArn": ROLE});
        let refused = server.call("CreateStateMachine", members).await.expect_err("it is refused");
        assert!(["InvalidDefinition", "ValidationException"].contains(&refused.code.as_str()), "{refused:?}");
        let members = json!({"definition": definition});
        let validated = server.call("ValidateStateMachineDefinition", members).await;
        assert!(
            validated.is_err() == definition.is_empty()
                && validated.is_ok_and(|answer| answer["result"] == "FAIL") != definition.is_empty()
        );
    }
    server.create("m", PASS).await;
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_takes_nothing_along() {
    let server = TestServer::start().await;
    let address = server.address();
    for head in [
        &b""[..],
        b"POST",
        b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\n{",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxx",
    ] {
        let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
        stream.write_all(head).expect("it is sent");
    }
    server.create("m", PASS).await;
    server.stop().await;
}

/// Members that operations know, with values of all kinds, right ones among them.
fn members() -> impl Strategy<Value = Value> {
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    let names = [
        "stateMachineArn",
        "executionArn",
        "activityArn",
        "resourceArn",
        "mapRunArn",
        "name",
        "definition",
        "roleArn",
        "type",
        "input",
        "output",
        "error",
        "cause",
        "taskToken",
        "nextToken",
        "maxResults",
        "statusFilter",
        "reverseOrder",
        "includedData",
        "tags",
        "tagKeys",
        "loggingConfiguration",
        "tracingConfiguration",
        "encryptionConfiguration",
        "publish",
        "versionDescription",
        "revisionId",
        "stateMachineVersionArn",
        "stateMachineAliasArn",
        "routingConfiguration",
        "severity",
        "traceHeader",
        "workerName",
        "description",
        "redriveFilter",
    ];
    let texts = [
        "",
        "x",
        PASS,
        ROLE,
        machine,
        "arn:aws:states:us-east-1:123456789012:stateMachine:m:1",
        "arn:aws:states:us-east-1:123456789012:stateMachine:m:prod",
        "arn:aws:states:us-east-1:123456789012:execution:m:e",
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "arn:aws:states:::",
        "STANDARD",
        "ALL_DATA",
        "RUNNING",
        "{}",
        "\u{0}",
        "\u{10ffff}",
        "😀",
    ];
    let text = prop_oneof![prop::sample::select(texts.to_vec()).prop_map(Value::from), any::<String>().prop_map(Value::from)];
    let scalar = prop_oneof![4 => text, 1 => any::<i64>().prop_map(Value::from), 1 => Just(json!(1e300)), 1 => Just(json!(true)), 1 => Just(Value::Null)];
    let key =
        prop_oneof![3 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => "key|value|level|destinations|weight|enabled"];
    let value = scalar.prop_recursive(3, 24, 4, move |inner| {
        let object = prop::collection::vec(
            (prop::sample::select(vec!["key", "value", "level", "type", "weight", "stateMachineVersionArn"]), inner.clone()),
            0..3,
        );
        let object = object.prop_map(|pairs| Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()));
        prop_oneof![prop::collection::vec(inner, 0..3).prop_map(Value::from), object]
    });
    prop::collection::vec((key, value), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

/// Whatever the members are, the answer is JSON and no defect of ours, and the server lives.
#[test]
fn no_members_are_too_much() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(async {
        let server = TestServer::start().await;
        server.create("m", PASS).await;
        server
    });
    // GetActivityTask would wait for a task of an activity that another case has made.
    let operations: Vec<&str> = Operation::ALL.into_iter().map(Operation::name).filter(|name| *name != "GetActivityTask").collect();
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let case = (prop::sample::select(operations), members(), any::<prop::sample::Index>(), any::<Option<u8>>());
    TestRunner::new(config)
        .run(&case, |(operation, members, place, replaced)| {
            let mut body = members.to_string().into_bytes();
            if let Some(byte) = replaced {
                let place = place.index(body.len());
                body[place] = byte;
            }
            if let Err(refused) = runtime.block_on(server.raw(operation, body)) {
                prop_assert_eq!(refused.status, 400, "{}: {:?}", operation, refused);
                prop_assert!(!refused.code.is_empty() && !refused.message.is_empty());
            }
            Ok(())
        })
        .expect("every body is answered");
    runtime.block_on(server.stop());
}
