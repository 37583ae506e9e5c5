use serde_json::json;

use super::*;

const GET: &str = "arn:aws:states:::s3:getObject";
const LIST: &str = "arn:aws:states:::s3:listObjectsV2";

#[track_caller]
fn check_failure(resource: &str, parameters: Value, config: Value, max_items: Option<i64>, cause: &str) {
    let failure = ReaderSpec::new(resource, &parameters, &config, max_items).expect_err("it must be refused");
    assert_eq!((&*failure.error, &*failure.cause), ("States.ItemReaderFailed", cause));
}

#[test]
fn fields_are_read() {
    let parameters = json!({ "Bucket": "b", "Key": "k", "VersionId": "v", "ExpectedBucketOwner": "123456789012", "Prefix": "no" });
    let config =
        json!({ "InputType": "CSV", "CSVDelimiter": "PIPE", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"], "MaxItems": 7 });
    let spec = ReaderSpec::new(GET, &parameters, &config, None).expect("a reader");
    let expected = ReaderSpec {
        resource: ReaderResource::GetObject,
        bucket: "b".into(),
        key: "k".into(),
        prefix: String::new(),
        version_id: Some("v".into()),
        expected_bucket_owner: Some("123456789012".into()),
        config: ReaderConfig {
            input_type: Some(InputType::Csv),
            csv_delimiter: CsvDelimiter::Pipe,
            csv_header_location: CsvHeaderLocation::Given,
            csv_headers: vec!["a".into(), "b".into()],
            max_items: 7,
            ..ReaderConfig::default()
        },
    };
    assert_eq!(spec, expected);
    let bytes = bincode::encode_to_vec(&spec, bincode::config::standard()).expect("plain data");
    let (decoded, _): (ReaderSpec, _) = bincode::decode_from_slice(&bytes, bincode::config::standard()).expect("plain data");
    assert_eq!(decoded, expected);
}

#[test]
fn listings_need_no_config() {
    let spec = ReaderSpec::new(LIST, &json!({ "Bucket": "b", "Prefix": "p/" }), &Value::Null, Some(3)).expect("a reader");
    assert_eq!((spec.resource, spec.prefix.as_str(), spec.config.max_items, spec.loads()), (ReaderResource::ListObjectsV2, "p/", 3, false));
}

#[test]
fn a_manifest_is_an_inventory_unless_it_says_otherwise() {
    let manifest = |config| {
        let config = ReaderSpec::new(GET, &json!({ "Bucket": "b", "Key": "k" }), &config, None).expect("a reader").config;
        (config.input_type, config.manifest_type)
    };
    assert_eq!(manifest(json!({ "InputType": "MANIFEST" })), (None, Some(ManifestType::S3Inventory)));
    let athena = json!({ "InputType": "JSONL", "ManifestType": "ATHENA_DATA" });
    assert_eq!(manifest(athena), (Some(InputType::Jsonl), Some(ManifestType::AthenaData)));
}

#[test]
fn what_is_wrong_is_said() {
    let object = || json!({ "Bucket": "b", "Key": "k" });
    check_failure(GET, object(), json!({ "InputType": "CSV" }), Some(-1), "field MaxItems must be positive");
    check_failure(GET, object(), json!({ "InputType": "CSV", "MaxItems": -1 }), None, "field MaxItems must be positive");
    check_failure(GET, json!({ "Bucket": "b" }), json!({ "InputType": "CSV" }), None, "The field 'Key' is required but was missing.");
    check_failure(GET, object(), Value::Null, None, "The field 'InputType' is required in ReaderConfig.");
    check_failure(GET, json!({ "Bucket": 1 }), Value::Null, None, "The field 'Bucket' must be a string but was: 1");
    check_failure(
        "arn:aws:states:::s3:putObject",
        object(),
        Value::Null,
        None,
        "The resource 'arn:aws:states:::s3:putObject' is not supported by ItemReader.",
    );
}
