//! Results of a Map Run in files.

use std::sync::atomic::{AtomicUsize, Ordering};

use baton_map_items::{PendingEntry, ResultEntry, ResultWriter, ResultsOf, WriteFailure, WriterSpec};
use http::Method;
use serde_json::{Value, json};

use crate::faulty::{Harm, faulty};
use crate::support::{Bucket, stores_at};

const OF: ResultsOf<'static> = ResultsOf { map_run_arn: "arn:run:u", map_run_uuid: "u", redrive_count: 0 };
const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>R</RequestId><HostId>H</HostId></Error>";

fn entry<'a>(name: &'a str, output: Option<&'a str>) -> ResultEntry<'a> {
    ResultEntry {
        execution_arn: "arn:e",
        name,
        state_machine_arn: "arn:m",
        input: "{}",
        output,
        error: output.is_none().then_some("E"),
        cause: output.is_none().then_some("why"),
        status: if output.is_some() { "SUCCEEDED" } else { "FAILED" },
        redrive_count: 0,
        redrive_status: if output.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" },
        redrive_status_reason: None,
        start_ms: 1_738_698_552_201,
        stop_ms: 1_738_698_552_293,
    }
}

fn spec(bucket: &Bucket, config: Value) -> WriterSpec {
    WriterSpec::new(&json!({ "Bucket": bucket.name, "Prefix": "out" }), &config).expect("a writer")
}

fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("JSON")
}

#[tokio::test]
async fn results_are_files_by_status_and_a_manifest() {
    let bucket = Bucket::new("results").await;
    let mut writer = ResultWriter::create(&bucket.stores, &spec(&bucket, Value::Null), OF).await.expect("a writer");
    writer.succeeded(&entry("a", Some("1"))).await.expect("written");
    writer.failed(&entry("b", None)).await.expect("written");
    writer.succeeded(&entry("c", Some("[2]"))).await.expect("written");
    writer.pending(&PendingEntry { input: "3" }).await.expect("written");
    assert_eq!(bucket.keys().await, Vec::<String>::new(), "nothing is there before all is written");
    let details = writer.finish().await.expect("written");
    assert_eq!((details.bucket.as_str(), details.key.as_str()), ("results", "out/u/manifest.json"));
    assert_eq!(bucket.keys().await, ["out/u/FAILED_0.json", "out/u/PENDING_0.json", "out/u/SUCCEEDED_0.json", "out/u/manifest.json"]);

    let succeeded = bucket.get("out/u/SUCCEEDED_0.json").await;
    let names: Vec<&str> = parsed(&succeeded).as_array().expect("an array").iter().map(|_| "").collect();
    assert_eq!(names.len(), 2);
    assert_eq!(parsed(&succeeded)[1]["Name"], "c");
    assert_eq!(parsed(&bucket.get("out/u/FAILED_0.json").await)[0]["Cause"], "why");
    assert_eq!(
        parsed(&bucket.get("out/u/PENDING_0.json").await),
        json!([{ "Input": "3", "InputDetails": { "Included": true }, "Status": "PENDING" }])
    );
    let manifest = parsed(&bucket.get("out/u/manifest.json").await);
    assert_eq!((&manifest["DestinationBucket"], &manifest["MapRunArn"]), (&json!("results"), &json!("arn:run:u")));
    assert_eq!(manifest["ResultFiles"]["SUCCEEDED"], json!([{ "Key": "out/u/SUCCEEDED_0.json", "Size": succeeded.len() }]));
}

#[tokio::test]
async fn nothing_at_all_is_a_manifest_alone() {
    let bucket = Bucket::new("no-results").await;
    let of = ResultsOf { redrive_count: 1, ..OF };
    let writer = ResultWriter::create(&bucket.stores, &spec(&bucket, Value::Null), of).await.expect("a writer");
    writer.finish().await.expect("written");
    assert_eq!(bucket.keys().await, ["out/u/Redrive-1/manifest.json"]);
    assert_eq!(
        parsed(&bucket.get("out/u/Redrive-1/manifest.json").await)["ResultFiles"],
        json!({ "FAILED": [], "PENDING": [], "SUCCEEDED": [] })
    );
}

#[tokio::test]
async fn long_results_are_uploaded_in_parts_and_full_files_followed_by_others() {
    let bucket = Bucket::new("long-results").await;
    let output = format!("\"{}\"", "x".repeat(3_000_000));
    for (type_, config) in [
        ("json", json!({ "Transformation": "COMPACT", "OutputType": "JSON" })),
        ("jsonl", json!({ "Transformation": "FLATTEN", "OutputType": "JSONL" })),
    ] {
        let of = ResultsOf { map_run_uuid: type_, ..OF };
        let spec = spec(&bucket, config);
        let mut writer = ResultWriter::create_with_file_bytes_max(&bucket.stores, &spec, of, 20_000_000).await.expect("a writer");
        for _ in 0..8 {
            writer.succeeded(&entry("a", Some(&output))).await.expect("written");
        }
        writer.succeeded(&entry("b", Some("[1,2]"))).await.expect("written");
        writer.finish().await.expect("written");
        let first = bucket.get(&format!("out/{type_}/SUCCEEDED_0.{type_}")).await;
        let second = bucket.get(&format!("out/{type_}/SUCCEEDED_1.{type_}")).await;
        assert!(first.len() > 18_000_000 && first.len() <= 20_000_000);
        if type_ == "json" {
            assert_eq!(parsed(&first).as_array().map(Vec::len), Some(6));
            assert_eq!(parsed(&second).as_array().map(Vec::len), Some(3));
        } else {
            assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 6);
            assert!(second.ends_with(b"\"\n1\n2\n"));
        }
        let manifest = parsed(&bucket.get(&format!("out/{type_}/manifest.json")).await);
        let sizes: Vec<u64> = (0..2).filter_map(|file| manifest["ResultFiles"]["SUCCEEDED"][file]["Size"].as_u64()).collect();
        assert_eq!(sizes, [first.len() as u64, second.len() as u64]);
    }
}

async fn write_much(bucket: &Bucket) -> Result<(), WriteFailure> {
    let output = format!("\"{}\"", "x".repeat(3_000_000));
    let mut writer = ResultWriter::create(&bucket.stores, &spec(bucket, Value::Null), OF).await?;
    writer.failed(&entry("b", None)).await?;
    for _ in 0..7 {
        if let Err(failure) = writer.succeeded(&entry("a", Some(&output))).await {
            writer.abort().await;
            return Err(failure);
        }
    }
    writer.finish().await.map(drop)
}

#[tokio::test]
async fn a_store_that_fails_midway_has_nothing_of_it() {
    for (name, failing) in [("refused-parts", "partNumber=2"), ("refused-completion", "uploadId="), ("refused-manifest", "manifest.json")] {
        let mut bucket = Bucket::new(name).await;
        let rule = move |request: &http::Request<hyper::body::Incoming>| {
            let concerned = request.uri().to_string().contains(failing);
            let completes = failing != "uploadId=" || request.method() == Method::POST;
            if concerned && completes { Harm::Refuse(403, DENIED) } else { Harm::None }
        };
        bucket.stores = stores_at(&faulty(rule).await);
        let failure = write_much(&bucket).await.expect_err("it is refused");
        assert_eq!(&*failure.error, "States.ResultWriterFailed");
        assert_eq!(&*failure.cause, "Access Denied (Service: S3, Status Code: 403, Request ID: R, Extended Request ID: H)");
        assert_eq!(bucket.keys().await, Vec::<String>::new(), "{name}");
        assert_eq!(bucket.open_uploads().await, 0, "{name}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let mut bucket = Bucket::new("tried-again").await;
    let requests = AtomicUsize::new(0);
    // Every second request fails: those that have an effect after it, so that the answer alone is lost.
    let rule = move |request: &http::Request<hyper::body::Incoming>| match requests.fetch_add(1, Ordering::Relaxed) % 2 {
        0 if request.uri().query().is_some_and(|query| query.starts_with("uploads")) => Harm::Refuse(503, ""),
        0 => Harm::LoseAnswer(500),
        _ => Harm::None,
    };
    bucket.stores = stores_at(&faulty(rule).await);
    write_much(&bucket).await.expect("it passes");
    assert_eq!(bucket.keys().await, ["out/u/FAILED_0.json", "out/u/SUCCEEDED_0.json", "out/u/manifest.json"]);
    assert_eq!(parsed(&bucket.get("out/u/SUCCEEDED_0.json").await).as_array().map(Vec::len), Some(7));
    assert_eq!(bucket.open_uploads().await, 0);
}

#[tokio::test]
async fn what_a_killed_writer_has_left_open_is_taken_back() {
    let bucket = Bucket::new("left-open").await;
    let output = format!("\"{}\"", "x".repeat(9_000_000));
    let mut killed = ResultWriter::create(&bucket.stores, &spec(&bucket, Value::Null), OF).await.expect("a writer");
    killed.succeeded(&entry("a", Some(&output))).await.expect("written");
    drop(killed);
    assert_eq!(bucket.open_uploads().await, 1);
    write_much(&bucket).await.expect("written");
    assert_eq!((bucket.open_uploads().await, bucket.keys().await.len()), (0, 3));
}

#[tokio::test]
async fn without_a_bucket_nothing_is_written() {
    let mut bucket = Bucket::new("was-there").await;
    bucket.name = "was-not-there".to_owned();
    let failure = write_much(&bucket).await.expect_err("there is no such bucket");
    assert!(failure.cause.starts_with("The specified bucket does not exist (Service: S3, Status Code: 404, "), "{failure}");
}

#[tokio::test]
async fn folders_take_results_and_keep_nothing_half_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = baton_map_items::StoresConfig { file_roots: vec![folder.path().to_owned()], ..Default::default() };
    let bucket = Bucket { name: format!("file://{}", folder.path().display()), stores: baton_map_items::ObjectStores::new(config) };
    let names = || {
        let entries = std::fs::read_dir(folder.path().join("out/u")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().display().to_string()).collect();
        names.sort();
        names
    };
    let output = format!("\"{}\"", "x".repeat(9_000_000));
    let mut killed = ResultWriter::create(&bucket.stores, &spec(&bucket, Value::Null), OF).await.expect("a writer");
    killed.succeeded(&entry("a", Some(&output))).await.expect("written");
    // As if the process had been killed: what it would take back on the way out stays.
    std::mem::forget(killed);
    assert_eq!(names(), ["SUCCEEDED_0.json#1"]);
    write_much(&bucket).await.expect("written");
    assert_eq!(names(), ["FAILED_0.json", "SUCCEEDED_0.json", "manifest.json"]);
    let text = std::fs::read(folder.path().join("out/u/SUCCEEDED_0.json")).expect("a file");
    assert_eq!(parsed(&text).as_array().map(Vec::len), Some(7));
}
