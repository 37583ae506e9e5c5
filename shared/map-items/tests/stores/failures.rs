//! What cannot be read fails with AWS's error and says why.

use std::sync::atomic::{AtomicUsize, Ordering};

use baton_map_items::ItemReader;
use serde_json::{Value, json};

use crate::faulty::{Harm, faulty};
use crate::support::{Bucket, stores_at, texts};

#[tokio::test]
async fn what_is_not_there_is_told_as_s3_tells_it() {
    let mut bucket = Bucket::new("missing").await;
    let missing = bucket.object("none.json", json!({ "InputType": "JSON" }));
    let failure = bucket.read(&missing).await.expect_err("there is no such key");
    assert_eq!(&*failure.error, "States.ItemReaderFailed");
    assert!(failure.cause.starts_with("The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "), "{failure}");
    bucket.name = "no-such-bucket".to_owned();
    for spec in [bucket.object("none.json", json!({ "InputType": "JSON" })), bucket.listing("", Value::Null)] {
        let failure = bucket.read(&spec).await.expect_err("there is no such bucket");
        assert!(failure.cause.starts_with("The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: "), "{failure}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_told() {
    let bucket = Bucket::new("bad").await;
    bucket.put("object.json", r#"{"Hello":"world"}"#).await;
    let json = bucket.object("object.json", json!({ "InputType": "JSON" }));
    bucket.check_failure(bucket.read(&json).await, "Attempting to map over non-iterable node.");
    bucket.put("empty.json", "").await;
    let empty = bucket.object("empty.json", json!({ "InputType": "JSON" }));
    bucket.check_failure(bucket.read(&empty).await, "The dataset is not valid JSON: unexpected end-of-input at byte 0.");
    bucket.put("file.csv", "a,b\n1,2\n").await;
    let twice = bucket.object("file.csv", json!({ "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["H1", "H1"] }));
    bucket.check_failure(bucket.read(&twice).await, "CSV headers cannot contain duplicates.");
    let zst = zstd::encode_all(&b"a,b\n1,2\n"[..], 1).expect("memory");
    bucket.put("cut.csv.zst", zst[..zst.len() - 3].to_vec()).await;
    let cut = bucket.object("cut.csv.zst", json!({ "InputType": "CSV" }));
    bucket.check_failure(bucket.read(&cut).await, "The dataset is not valid ZSTD: unexpected end of the compressed data.");
}

#[tokio::test]
async fn items_before_a_failure_are_given_and_the_failure_stays() {
    let bucket = Bucket::new("half").await;
    bucket.put("half.json", "[1, 2, oops").await;
    let mut reader =
        ItemReader::open(&bucket.stores, &bucket.object("half.json", json!({ "InputType": "JSON" })), None).await.expect("a reader");
    let chunk = reader.next(100, usize::MAX).await.expect("two items");
    assert!(chunk.items.len() == 2 && !chunk.is_last);
    let failure = reader.next(100, usize::MAX).await.expect_err("it is broken");
    assert_eq!(reader.next(100, usize::MAX).await.expect_err("it stays broken"), failure);
}

#[tokio::test]
async fn a_dataset_that_has_changed_is_not_gone_on_with() {
    let bucket = Bucket::new("changed").await;
    bucket.put("file.json", "[1,2,3]").await;
    let spec = bucket.object("file.json", json!({ "InputType": "JSON" }));
    let chunk = ItemReader::open(&bucket.stores, &spec, None).await.expect("a reader").next(1, 1).await.expect("an item");
    bucket.put("file.json", "[1,2,4]").await;
    let failure = ItemReader::open(&bucket.stores, &spec, Some(&chunk.cursor)).await.err().expect("it is another one");
    assert!(failure.cause.starts_with("The object 'file.json' has changed since it was read first: its ETag was "), "{failure}");
}

#[tokio::test]
async fn where_nobody_answers_it_ends() {
    let mut bucket = Bucket::new("unreachable").await;
    bucket.stores = stores_at("http://127.0.0.1:1");
    let failure = bucket.read(&bucket.object("a.json", json!({ "InputType": "JSON" }))).await.expect_err("nobody is there");
    assert!(failure.cause.starts_with("Unable to execute HTTP request: 127.0.0.1: "), "{failure}");
}

#[tokio::test]
async fn interruptions_are_survived() {
    let mut bucket = Bucket::new("interrupted").await;
    let values: Vec<String> = (0..20_000).map(|index| format!("{{\"index\":{index}}}")).collect();
    bucket.put("file.json", format!("[{}]", values.join(", "))).await;
    let requests = AtomicUsize::new(0);
    let rule = move |_: &http::Request<hyper::body::Incoming>| match requests.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Harm::Refuse(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
        1 => Harm::CutAfter(70_001),
        _ => Harm::CutAfter(30_000),
    };
    bucket.stores = stores_at(&faulty(rule).await);
    let spec = bucket.object("file.json", json!({ "InputType": "JSON" }));
    let mut reader = ItemReader::open(&bucket.stores, &spec, None).await.expect("a reader");
    let chunk = reader.next(usize::MAX, usize::MAX).await.expect("items");
    assert_eq!(texts(&chunk.items), values);
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_fails() {
    let mut bucket = Bucket::new("changing").await;
    let moto = bucket.stores.clone();
    bucket.put("file.json", format!("[{}1]", "1,".repeat(60_000))).await;
    bucket.stores = stores_at(&faulty(|_| Harm::CutAfter(70_000)).await);
    let spec = bucket.object("file.json", json!({ "InputType": "JSON" }));
    let mut reader = ItemReader::open(&bucket.stores, &spec, None).await.expect("a reader");
    reader.next(10, usize::MAX).await.expect("items");
    bucket.put("file.json", format!("[{}2]", "2,".repeat(60_000))).await;
    let failure = loop {
        match reader.next(10_000, usize::MAX).await {
            Ok(chunk) if chunk.is_last => panic!("it has been read to its end: {}", chunk.items.len()),
            Ok(chunk) => assert!(chunk.items.iter().all(|item| &*item.text == "1"), "nothing of the new object is taken for the old one"),
            Err(failure) => break failure,
        }
    };
    assert!(failure.cause.starts_with("The object 'file.json' has changed since it was read first"), "{failure}");
    let mut again = ItemReader::open(&moto, &spec, None).await.expect("the new one");
    assert_eq!(&*again.next(1, 1).await.expect("an item").items[0].text, "2");
}

#[tokio::test]
async fn what_stays_refused_is_told_as_s3_tells_it() {
    let mut bucket = Bucket::new("denied").await;
    bucket.put("file.json", "[]").await;
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>R</RequestId><HostId>H</HostId></Error>";
    bucket.stores = stores_at(&faulty(move |_| Harm::Refuse(403, denied)).await);
    let spec = bucket.object("file.json", json!({ "InputType": "JSON" }));
    bucket.check_failure(bucket.read(&spec).await, "Access Denied (Service: S3, Status Code: 403, Request ID: R, Extended Request ID: H)");
    bucket.stores = stores_at(&faulty(|_| Harm::Refuse(500, "<html>")).await);
    bucket.check_failure(
        bucket.read(&spec).await,
        "Internal Server Error (Service: S3, Status Code: 500, Request ID: , Extended Request ID: )",
    );
}
