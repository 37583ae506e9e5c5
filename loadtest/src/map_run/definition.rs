//! The machine: one Distributed Map with one task.

use std::path::Path;

use serde_json::{Value, json};

use super::{FUNCTION, items};

/// What is mapped, and how.
pub(crate) struct Machine<'a> {
    /// The file of the items.
    pub(crate) items: &'a Path,
    /// The folder that the results go to.
    pub(crate) results: &'a Path,
    /// `ExecutionType`.
    pub(crate) kind: &'a str,
    /// `MaxConcurrency`.
    pub(crate) concurrency: u32,
    /// `ToleratedFailurePercentage`.
    pub(crate) tolerated: f64,
    /// Whether an attempt that is lost with its worker is made again.
    pub(crate) retries: bool,
}

impl Machine<'_> {
    pub(crate) fn definition(&self) -> String {
        let bucket = |folder: &Path| format!("file://{}", folder.display());
        let folder = self.items.parent().unwrap_or(Path::new("/"));
        let key = self.items.file_name().unwrap_or_default().to_string_lossy();
        let prefix = self.results.file_name().unwrap_or_default().to_string_lossy();
        let mut task =
            json!({"Type": "Task", "Resource": format!("arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"), "End": true});
        if self.retries {
            task["Retry"] =
                json!([{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 1_000}]);
        }
        let each = json!({
            "Type": "Map",
            "Label": "Each",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": items::input_type(self.items)},
                "Parameters": {"Bucket": bucket(folder), "Key": key}},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": self.kind},
                "StartAt": "Item", "States": {"Item": task}},
            "MaxConcurrency": self.concurrency,
            "ToleratedFailurePercentage": self.tolerated,
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": bucket(self.results.parent().unwrap_or(Path::new("/"))), "Prefix": prefix}},
            "End": true});
        let machine: Value = json!({"StartAt": "Each", "States": {"Each": each}});
        machine.to_string()
    }
}
