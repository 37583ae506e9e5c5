//! Map states, inline and distributed.

use baton_asl::MachineType;

use crate::common::{PROCESSOR, check, check_jsonata, check_state, errors, jsonata_state, state};

#[test]
fn map() {
    let map = |fields: &str| format!(r#""Type": "Map", {PROCESSOR}, {fields}"#);
    check_state(&map(r#""ItemsPath": "$$.Execution.Input.items", "MaxConcurrency": 9223372036854775807"#), &[]);
    check_state(&map(r#""ItemsPath": "$.items[*]""#), &["Value is not a Reference Path @ /States/X/ItemsPath"]);
    check_state(&map(r#""Parameters": {"a.$": "$$.Map.Item.Value"}"#), &[]);
    check_state(
        &map(r#""Parameters": {"a": 1}, "ItemSelector": {"a": 1}"#),
        &["There should only be one of the following fields: [ItemSelector, Parameters] @ /States/X"],
    );
    check_state(r#""Type": "Map""#, &["This object should have only one of the following fields: [ItemProcessor, Iterator] @ /States/X"]);
    check_state(
        &map(r#""Iterator": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}"#),
        &["There should only be one of the following fields: [ItemProcessor, Iterator] @ /States/X"],
    );
    for (fields, text) in [
        (r#""MaxConcurrency": -1"#, "Minimum value is 0 @ /States/X/MaxConcurrency"),
        (
            r#""MaxConcurrency": 1, "MaxConcurrencyPath": "$.m""#,
            "There should only be one of the following fields: [MaxConcurrency, MaxConcurrencyPath] @ /States/X",
        ),
        (r#""MaxConcurrencyPath": "$.m[*]""#, "Value is not a Reference Path @ /States/X/MaxConcurrencyPath"),
        (r#""ToleratedFailureCount": -1"#, "Minimum value is 0 @ /States/X/ToleratedFailureCount"),
        (r#""ToleratedFailurePercentage": -1"#, "Minimum value is 0.0 @ /States/X/ToleratedFailurePercentage"),
        (r#""ToleratedFailurePercentage": 105"#, "Maximum value is 100.0 @ /States/X/ToleratedFailurePercentage"),
    ] {
        check_state(&map(fields), &[text]);
    }
    check_jsonata(&map(r#""Items": "{% $states.input.items %}", "MaxConcurrency": "{% 3 %}""#), &[]);
    check_jsonata(&map(r#""Items": [1, "{% 2 %}"], "ToleratedFailurePercentage": "{% 3 %}""#), &[]);
    check_jsonata(&map(r#""Items": 1"#), &["Expected value of type [ARRAY] @ /States/X/Items"]);
}

#[test]
fn labels() {
    let map = |label: &str| state(&format!(r#""Type": "Map", {PROCESSOR}, "Label": "{label}""#));
    check(&map(&"l".repeat(40)), &[]);
    let long = "l".repeat(41);
    let text = format!("INVALID_LABEL_NAME Invalid Label name: Label '{long}' exceeds the 40-character limit allowed by the service");
    check(&map(&long), &[&format!("{text} @ /States/X/Label")]);
    for bad in ["", "a b", "a:b", "a\\\"b", "a\\u0085b"] {
        assert_eq!(errors(&map(bad), MachineType::Standard).len(), 1, "{bad}");
    }
    let two = format!(
        r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Map", {PROCESSOR}, "Label": "l", "Next": "B"}},
            "B": {{"Type": "Map", {}, "Label": "l", "End": true}}}}}}"#,
        PROCESSOR.replace("\"I\"", "\"J\"")
    );
    check(&two, &["DUPLICATE_LABEL_NAME Duplicate Label name: l @ /States/B/Label"]);
}

fn distributed(fields: &str) -> String {
    format!(
        r#""Type": "Map", "ItemProcessor": {{"ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
            "StartAt": "I", "States": {{"I": {{"Type": "Pass", "End": true}}}}}}, {fields}"#
    )
}

#[test]
fn processor_config() {
    let map = |config: &str| {
        format!(
            r#""Type": "Map", "ItemProcessor": {{"ProcessorConfig": {config}, "StartAt": "I", "States": {{"I": {{"Type": "Succeed"}}}}}}"#
        )
    };
    for config in ["{}", r#"{"Mode": "INLINE"}"#, r#"{"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}"#] {
        check_state(&map(config), &[]);
    }
    let at = "@ /States/X/ItemProcessor/ProcessorConfig";
    check_state(&map(r#"{"Mode": "DISTRIBUTED"}"#), &[&format!("These fields are required: [ExecutionType] {at}")]);
    check_state(&map(r#"{"Mode": "INLINE", "ExecutionType": "EXPRESS"}"#), &[&format!("Field 'ExecutionType' is not supported {at}")]);
    check_state(&map(r#"{"Mode": "inline"}"#), &[&format!("Value should be one of the following: [INLINE, DISTRIBUTED] {at}/Mode")]);
    check_state(
        &map(r#"{"Mode": "DISTRIBUTED", "ExecutionType": "x"}"#),
        &[&format!("Value should be one of the following: [STANDARD, EXPRESS] {at}/ExecutionType")],
    );
}

#[test]
fn child_workflows_choose_their_language() {
    let inner = jsonata_state(&distributed(r#""Label": "l""#))
        .replace(r#""I": {"Type": "Pass","#, r#""I": {"Type": "Pass", "QueryLanguage": "JSONPath", "InputPath": "$.a","#);
    check(&inner, &[]);
}

#[test]
fn item_reader() {
    let reader = |config: &str| {
        distributed(&format!(
            r#""ItemReader": {{"Resource": "arn:aws:states:::s3:getObject", "Parameters": {{"Bucket": "b", "Key.$": "$.k"}}, "ReaderConfig": {config}}}"#
        ))
    };
    for config in [
        "{}",
        r#"{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "TAB", "MaxItems": 0}"#,
        r#"{"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "MaxItemsPath": "$.m"}"#,
        r#"{"InputType": "JSON", "ItemsPointer": "/a/b"}"#,
        r#"{"InputType": "PARQUET"}"#,
        r#"{"InputType": "MANIFEST"}"#,
        r#"{"ManifestType": "S3_INVENTORY"}"#,
        r#"{"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL"}"#,
    ] {
        check_state(&reader(config), &[]);
    }
    let at = "@ /States/X/ItemReader/ReaderConfig";
    for (config, text) in [
        (r#"{"InputType": "CSV"}"#, format!("The field 'CSVHeaderLocation' is required {at}")),
        (r#"{"InputType": "JSON", "CSVHeaderLocation": "FIRST_ROW"}"#, format!("Field 'CSVHeaderLocation' is not supported {at}")),
        (r#"{"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}"#, format!("These fields are required: [CSVHeaders] {at}")),
        (r#"{"InputType": "XML"}"#, format!("Value should be one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST] {at}/InputType")),
        (r#"{"MaxItems": 100000001}"#, format!("Maximum value is 100000000 {at}/MaxItems")),
        (r#"{"MaxItems": -1}"#, format!("Minimum value is 0 {at}/MaxItems")),
        (
            r#"{"MaxItems": 1, "MaxItemsPath": "$.m"}"#,
            format!("There should only be one of the following fields: [MaxItems, MaxItemsPath] {at}"),
        ),
        (r#"{"Foo": 1}"#, format!("Field 'Foo' is not supported {at}")),
    ] {
        check_state(&reader(config), &[&text]);
    }
    check_state(
        &distributed(r#""ItemReader": {"Resource": "arn:aws:states:::s3:putObject"}"#),
        &[
            "The field 'Resource' does not match any of the allowed values. Examples: [arn:<partition>:states:::s3:getObject, arn:<partition>:states:::s3:listObjectsV2] @ /States/X/ItemReader/Resource",
        ],
    );
    check_state(&distributed(r#""ItemReader": {}"#), &["These fields are required: [Resource] @ /States/X/ItemReader"]);
}

#[test]
fn item_batcher() {
    check_state(&distributed(r#""ItemBatcher": {"MaxItemsPerBatch": 3, "BatchInput": {"a.$": "$.a"}}"#), &[]);
    check_state(&distributed(r#""ItemBatcher": {"MaxInputBytesPerBatchPath": "$.b"}"#), &[]);
    check_jsonata(&distributed(r#""ItemBatcher": {"MaxItemsPerBatch": "{% 2 %}", "BatchInput": {"a": "{% $a %}"}}"#), &[]);
    check_state(
        &distributed(r#""ItemBatcher": {"MaxInputBytesPerBatch": 262145}"#),
        &["Maximum value is 262144 @ /States/X/ItemBatcher/MaxInputBytesPerBatch"],
    );
    check_jsonata(
        &distributed(r#""ItemBatcher": {"MaxItemsPerBatch": 1, "MaxItemsPerBatchPath": "$.m"}"#),
        &[
            "The QueryLanguage is set to 'JSONata', but field 'MaxItemsPerBatchPath' is only supported for the 'JSONPath' QueryLanguage @ /States/X/ItemBatcher",
            "There should only be one of the following fields: [MaxItemsPerBatch, MaxItemsPerBatchPath] @ /States/X/ItemBatcher",
        ],
    );
}

#[test]
fn result_writer() {
    let writer = |fields: &str| distributed(&format!(r#""ResultWriter": {{{fields}}}"#));
    let put = r#""Resource": "arn:aws:states:::s3:putObject""#;
    check_state(&writer(&format!(r#"{put}, "Parameters": {{"Bucket.$": "$.b", "Prefix": "p"}}"#)), &[]);
    check_state(&writer(r#""WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"}"#), &[]);
    check_jsonata(&writer(&format!(r#"{put}, "Arguments": "{{% $states.input.destination %}}""#)), &[]);
    check_state(&writer(""), &["Value cannot be empty @ /States/X/ResultWriter"]);
    check_state(&writer(put), &["These fields are required: [Parameters] @ /States/X/ResultWriter"]);
    check_state(
        &writer(r#""WriterConfig": {"Transformation": "COMPACT"}"#),
        &["These fields are required: [OutputType] @ /States/X/ResultWriter/WriterConfig"],
    );
    check_state(
        &writer(r#""WriterConfig": {"Transformation": "X", "OutputType": "JSON"}"#),
        &["Value should be one of the following: [NONE, COMPACT, FLATTEN] @ /States/X/ResultWriter/WriterConfig/Transformation"],
    );
}
