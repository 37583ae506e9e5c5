//! What cannot be read fails with AWS's error and says why.

use baton_map_items::ItemReader;
use serde_json::{Value, json};

use crate::support::{Bucket, stores_at};

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
