//! `manifest.json`.

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest<'a> {
    destination_bucket: &'a str,
    map_run_arn: &'a str,
    result_files: serde_json::Map<String, serde_json::Value>,
}

/// The manifest of files by status, each with its size.
pub(super) fn text(bucket: &str, map_run_arn: &str, files: &[(&str, Vec<(&str, u64)>)]) -> String {
    let listed = |files: &Vec<(&str, u64)>| files.iter().map(|(key, size)| serde_json::json!({ "Key": key, "Size": size })).collect();
    let result_files = files.iter().map(|(status, files)| ((*status).to_owned(), listed(files))).collect();
    serde_json::to_string(&Manifest { destination_bucket: bucket, map_run_arn, result_files }).expect("plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_name_files_by_status() {
        let files = [("FAILED", vec![]), ("PENDING", vec![]), ("SUCCEEDED", vec![("p/u/SUCCEEDED_0.json", 25262)])];
        let expected = concat!(
            r#"{"DestinationBucket":"b","MapRunArn":"arn:r","ResultFiles":{"FAILED":[],"PENDING":[],"#,
            r#""SUCCEEDED":[{"Key":"p/u/SUCCEEDED_0.json","Size":25262}]}}"#
        );
        assert_eq!(text("b", "arn:r", &files), expected);
    }
}
