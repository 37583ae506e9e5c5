//! The objects of a bucket.

use serde_json::{Value, json};

use crate::support::{Bucket, read_all};

#[tokio::test]
async fn objects_are_listed_with_their_metadata() {
    let bucket = Bucket::new("listed").await;
    for index in 0..3 {
        bucket.put(&format!("file_{index}.txt"), format!("{index}HelloWorld!")).await;
    }
    bucket.put("folder/a%20b%2Bc.txt", "").await;
    let items = read_all(&bucket.stores, &bucket.listing("", Value::Null)).await.expect("items");
    let parsed: Vec<Value> = items.iter().map(|item| serde_json::from_str(&item.text).expect("JSON")).collect();
    let keys: Vec<&str> = parsed.iter().filter_map(|item| item["Key"].as_str()).collect();
    assert_eq!(keys, ["file_0.txt", "file_1.txt", "file_2.txt", "folder/a b+c.txt"]);
    let fields: Vec<&String> = parsed[0].as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["Etag", "Key", "LastModified", "Size", "StorageClass"]);
    assert_eq!((&parsed[0]["Size"], &parsed[0]["StorageClass"]), (&json!(12), &json!("STANDARD")));
    assert!(parsed[0]["LastModified"].as_i64().is_some_and(|seconds| seconds > 1_700_000_000));
    assert!(parsed[0]["Etag"].as_str().is_some_and(|etag| etag.len() == 34 && etag.starts_with('"')));
    assert_eq!(&*items[0].source, "S3://listed");

    let some = bucket.read(&bucket.listing("file_", json!({ "MaxItems": 2 }))).await.expect("items");
    assert_eq!(some.len(), 2);
    assert_eq!(bucket.read(&bucket.listing("none", Value::Null)).await.expect("items"), Vec::<String>::new());
}

#[tokio::test]
async fn long_listings_have_pages() {
    let bucket = Bucket::new("pages").await;
    for index in 0..1003 {
        bucket.put(&format!("{index:04}"), "").await;
    }
    let mut reader = baton_map_items::ItemReader::open(&bucket.stores, &bucket.listing("", Value::Null), None).await.expect("a reader");
    let first = reader.next(1001, usize::MAX).await.expect("items");
    assert!(!first.is_last && first.items[1000].text.contains(r#""Key":"1000""#));
    let rest = reader.next(1001, usize::MAX).await.expect("items");
    assert!(rest.is_last && rest.items.len() == 2);
    let mut again =
        baton_map_items::ItemReader::open(&bucket.stores, &bucket.listing("", Value::Null), Some(&first.cursor)).await.expect("a reader");
    assert_eq!(again.next(1001, usize::MAX).await.expect("items"), rest);
}
