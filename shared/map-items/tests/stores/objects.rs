//! What is in one object.

use serde_json::json;

use crate::support::{Bucket, read_all};

#[tokio::test]
async fn json_csv_and_lines_are_read() {
    let bucket = Bucket::new("objects").await;
    bucket.put("file.json", r#"[{"verdict": "true", "statement_date": "6/11/2008"}, {"verdict": "false"}, 3]"#).await;
    let json = bucket.object("file.json", json!({ "InputType": "JSON" }));
    assert_eq!(
        bucket.read(&json).await.expect("items"),
        [r#"{"verdict":"true","statement_date":"6/11/2008"}"#, r#"{"verdict":"false"}"#, "3"]
    );

    bucket.put("dir/a%20b%2Bc.csv", "Col1,Col2\nValue1,Value2\nValue3\n").await;
    let csv = bucket.object("dir/a b+c.csv", json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }));
    let items = read_all(&bucket.stores, &csv).await.expect("items");
    assert_eq!(
        items.iter().map(|item| &*item.text).collect::<Vec<_>>(),
        [r#"{"Col1":"Value1","Col2":"Value2"}"#, r#"{"Col1":"Value3","Col2":""}"#]
    );
    assert_eq!(&*items[0].source, "S3://objects/dir/a b+c.csv");

    bucket.put("file.jsonl", "{\"a\": 1}\n[2]\n").await;
    assert_eq!(bucket.read(&bucket.object("file.jsonl", json!({ "InputType": "JSONL" }))).await.expect("items"), [r#"{"a":1}"#, "[2]"]);
}

#[tokio::test]
async fn entries_of_an_object_have_keys() {
    let bucket = Bucket::new("entries").await;
    bucket.put("file.json", r#"{"inventory":{"products":{"a":1,"b":{"c":2}}},"more":0}"#).await;
    let spec = bucket.object("file.json", json!({ "InputType": "JSON", "ItemsPointer": "/inventory/products" }));
    let items = read_all(&bucket.stores, &spec).await.expect("items");
    let seen: Vec<(&str, Option<&str>)> = items.iter().map(|item| (&*item.text, item.key.as_deref())).collect();
    assert_eq!(seen, [(r#"{"Key":"a","Value":1}"#, Some("a")), (r#"{"Key":"b","Value":{"c":2}}"#, Some("b"))]);
}

#[tokio::test]
async fn max_items_ends_a_dataset() {
    let bucket = Bucket::new("max-items").await;
    bucket.put("file.csv", "Col1,Col2\nValue1,Value2\nValue3,Value4\nValue5,Value6\nValue7,Value8\n").await;
    for (max_items, expected) in [(0, 4), (1, 1), (2, 2), (4, 4), (5, 4), (100_000_001, 4)] {
        let spec = bucket.object("file.csv", json!({ "InputType": "CSV", "MaxItems": max_items }));
        assert_eq!(bucket.read(&spec).await.expect("items").len(), expected, "MaxItems {max_items}");
    }
    // What comes after the last wanted item is not even looked at.
    bucket.put("broken.json", "[1, 2, oops").await;
    let spec = bucket.object("broken.json", json!({ "InputType": "JSON", "MaxItems": 2 }));
    assert_eq!(bucket.read(&spec).await.expect("items"), ["1", "2"]);
}

#[tokio::test]
async fn compressed_files_are_unpacked() {
    let bucket = Bucket::new("compressed").await;
    let rows: Vec<String> = (0..50).map(|row| format!("{row},\"x\n{row}\"")).collect();
    let text = format!("a,b\n{}", rows.join("\n"));
    let items: Vec<String> = (0..50).map(|row| format!(r#"{{"a":"{row}","b":"x\n{row}"}}"#)).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).expect("memory");
    bucket.put("file.csv.gz", gzip.finish().expect("memory")).await;
    bucket.put("file.csv.zst", zstd::encode_all(text.as_bytes(), 1).expect("memory")).await;
    for key in ["file.csv.gz", "file.csv.zst"] {
        let spec = bucket.object(key, json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }));
        assert_eq!(bucket.read(&spec).await.expect("items"), items);
    }
}

#[tokio::test]
async fn a_version_is_read_if_one_is_named() {
    let bucket = Bucket::new("versions").await;
    bucket.put("?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>").await;
    bucket.put("file.json", "[1]").await;
    bucket.put("file.json", "[2]").await;
    let versions = bucket.get("?versions").await;
    let versions = String::from_utf8(versions.to_vec()).expect("text");
    // The latest one comes first.
    let ids: Vec<&str> = versions.split("<VersionId>").skip(1).filter_map(|rest| rest.split("</VersionId>").next()).collect();
    for (id, item) in [(Some(ids[1]), "1"), (Some(ids[0]), "2"), (None, "2")] {
        let mut spec = bucket.object("file.json", json!({ "InputType": "JSON" }));
        spec.version_id = id.map(str::to_owned);
        assert_eq!(bucket.read(&spec).await.expect("items"), [item]);
    }
    let mut spec = bucket.object("file.json", json!({ "InputType": "JSON" }));
    spec.version_id = Some("no-such-version".to_owned());
    assert!(bucket.read(&spec).await.is_err());
}
