//! What is in many objects.

use baton_map_items::{ObjectStores, ReaderSpec, StoresConfig};
use serde_json::json;

use crate::support::{Bucket, read_all, texts};

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

#[tokio::test]
async fn the_objects_under_a_prefix_are_read_one_after_another() {
    let bucket = Bucket::new("flattened").await;
    bucket.put("in/", "").await;
    bucket.put("in/a.json", "[1, 2]").await;
    bucket.put("in/b.json", "[]").await;
    bucket.put("in/c.json.gz", gzip("[3, 4]")).await;
    bucket.put("other.json", "[5]").await;
    let spec = bucket.listing("in/", json!({ "Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON" }));
    let items = read_all(&bucket.stores, &spec).await.expect("items");
    assert_eq!(texts(&items), ["1", "2", "3", "4"]);
    let sources: Vec<&str> = items.iter().map(|item| &*item.source).collect();
    assert_eq!(
        sources,
        ["S3://flattened/in/a.json", "S3://flattened/in/a.json", "S3://flattened/in/c.json.gz", "S3://flattened/in/c.json.gz"]
    );
    let some = bucket.listing("in/", json!({ "Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON", "MaxItems": 3 }));
    assert_eq!(bucket.read(&some).await.expect("items"), ["1", "2", "3"]);

    bucket.put("in/d.json", "{}").await;
    let failure = bucket.read(&spec).await.expect_err("it is no array");
    assert_eq!(&*failure.cause, "Attempting to map over non-iterable node. (S3://flattened/in/d.json)");
}

#[tokio::test]
async fn manifests_of_athena_name_the_data() {
    let bucket = Bucket::new("athena").await;
    bucket.put("out/1", "a,1\nb,2\n").await;
    bucket.put("out/2.gz", gzip("c,3\n")).await;
    bucket.put("out-manifest.csv", "s3://athena/out/1\ns3://athena/out/2.gz\n").await;
    let config = json!({ "ManifestType": "ATHENA_DATA", "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["x", "y"] });
    let items = read_all(&bucket.stores, &bucket.object("out-manifest.csv", config)).await.expect("items");
    assert_eq!(texts(&items), [r#"{"x":"a","y":"1"}"#, r#"{"x":"b","y":"2"}"#, r#"{"x":"c","y":"3"}"#]);
    assert_eq!(&*items[2].source, "S3://athena/out/2.gz");
    bucket.put("bad-manifest.csv", "s3://athena/out/1\ns3://athena/none\n").await;
    let config = json!({ "ManifestType": "ATHENA_DATA", "InputType": "JSONL" });
    bucket.put("out/1", "1\n").await;
    let failure = bucket.read(&bucket.object("bad-manifest.csv", config)).await.expect_err("an object is missing");
    assert!(
        failure.cause.starts_with("The specified key does not exist. (Service: S3, Status Code: 404, ")
            && failure.cause.ends_with(" (S3://athena/none)")
    );
}

#[tokio::test]
async fn inventories_are_read_by_their_manifest() {
    let bucket = Bucket::new("inventory").await;
    bucket.put("i/1.csv.gz", gzip("\"source\",\"a%20b.txt\",\"3\",\"2022-11-16T00:29:32.000Z\"\n")).await;
    bucket.put("i/2.csv.gz", gzip("\"source\",\"c.txt\",\"4\",\"2022-11-16T00:29:32.000Z\"\n")).await;
    let manifest = json!({
        "sourceBucket": "source", "destinationBucket": "arn:aws:s3:::inventory", "version": "2016-11-30", "creationTimestamp": "1668556800000",
        "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size, LastModifiedDate",
        "files": [{ "key": "i/1.csv.gz", "size": 1, "MD5checksum": "x" }, { "key": "i/2.csv.gz", "size": 1, "MD5checksum": "x" }]
    });
    bucket.put("i/manifest.json", manifest.to_string()).await;
    for config in [json!({ "InputType": "MANIFEST" }), json!({ "ManifestType": "S3_INVENTORY" })] {
        let items = bucket.read(&bucket.object("i/manifest.json", config)).await.expect("items");
        let item =
            |key, size| format!(r#"{{"LastModifiedDate":"2022-11-16T00:29:32.000Z","Bucket":"source","Size":"{size}","Key":"{key}"}}"#);
        assert_eq!(items, [item("a%20b.txt", 3), item("c.txt", 4)]);
    }
}

#[tokio::test]
async fn folders_are_buckets_where_the_configuration_allows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    for (name, text) in [("in/b.csv", "a\n3\n"), ("in/a.csv", "a\n1\n2\n"), ("c.csv", "a\n4\n")] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let stores = |roots: &[&std::path::Path]| {
        let file_roots = roots.iter().map(|root| root.to_path_buf()).collect();
        ObjectStores::new(StoresConfig { file_roots, ..StoresConfig::default() })
    };
    let bucket = format!("file://{}", folder.path().display());
    let spec = |config| {
        let parameters = json!({ "Bucket": bucket, "Prefix": "in/" });
        ReaderSpec::new("arn:aws:states:::s3:listObjectsV2", &parameters, &config, None).expect("a reader")
    };
    let allowed = stores(&[folder.path()]);
    let listed = read_all(&allowed, &spec(json!(null))).await.expect("items");
    assert!(listed.len() == 2 && listed[0].text.contains(r#""Key":"in/a.csv""#) && listed[1].text.contains(r#""Key":"in/b.csv""#));
    let flattened = read_all(&allowed, &spec(json!({ "Transformation": "LOAD_AND_FLATTEN", "InputType": "CSV" }))).await.expect("items");
    assert_eq!(texts(&flattened), [r#"{"a":"1"}"#, r#"{"a":"2"}"#, r#"{"a":"3"}"#]);
    assert_eq!(&*flattened[0].source, format!("{bucket}/in/a.csv"));

    let elsewhere = tempfile::tempdir().expect("a folder");
    for stores in [stores(&[]), stores(&[elsewhere.path()])] {
        let failure = read_all(&stores, &spec(json!(null))).await.expect_err("it is not allowed");
        assert!(failure.cause.starts_with(&format!("The bucket '{bucket}' is not a folder that the configuration allows: ")), "{failure}");
    }
    let outside = json!({ "Bucket": bucket, "Key": "../c.csv" });
    let outside = ReaderSpec::new("arn:aws:states:::s3:getObject", &outside, &json!({ "InputType": "CSV" }), None).expect("a reader");
    assert!(
        read_all(&stores(&[folder.path()]), &outside)
            .await
            .expect_err("it is outside")
            .cause
            .starts_with("'../c.csv' leads out of its folder.")
    );
}

#[tokio::test]
async fn a_web_server_is_read_if_the_configuration_allows_it() {
    let bucket = Bucket::new("web").await;
    bucket.put("folder/file.jsonl", "1\n2\n3\n").await;
    // Anybody may read it without a signature.
    let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::web/*" });
    bucket.put("?policy", json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()).await;
    let address = format!("{}/web", crate::support::moto());
    let parameters = json!({ "Bucket": address, "Key": "folder/file.jsonl" });
    let spec = ReaderSpec::new("arn:aws:states:::s3:getObject", &parameters, &json!({ "InputType": "JSONL" }), None).expect("a reader");
    let stores = |http| ObjectStores::new(StoresConfig { http, ..StoresConfig::default() });
    let items = read_all(&stores(true), &spec).await.expect("items");
    assert_eq!(texts(&items), ["1", "2", "3"]);
    assert_eq!(&*items[0].source, format!("{address}/folder/file.jsonl"));
    let failure = read_all(&stores(false), &spec).await.expect_err("it is not allowed");
    assert_eq!(&*failure.cause, format!("The configuration does not allow the bucket '{address}'."));
}
