//! Results as text.

use serde::Serialize;

use super::spec::{OutputType, ResultTransformation};
use crate::format::array_elements;

/// A child execution that has ended.
#[derive(Clone, Copy, Debug)]
pub struct ResultEntry<'a> {
    /// Its ARN.
    pub execution_arn: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The state machine's ARN, with the label.
    pub state_machine_arn: &'a str,
    /// JSON.
    pub input: &'a str,
    /// JSON; none if it has not succeeded.
    pub output: Option<&'a str>,
    /// Of a failure.
    pub error: Option<&'a str>,
    /// Of a failure.
    pub cause: Option<&'a str>,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: &'a str,
    /// How often it has been redriven.
    pub redrive_count: u32,
    /// `REDRIVABLE`, `NOT_REDRIVABLE` or `REDRIVABLE_BY_MAP_RUN`.
    pub redrive_status: &'a str,
    /// Why it cannot be redriven by itself.
    pub redrive_status_reason: Option<&'a str>,
    /// Milliseconds since 1970.
    pub start_ms: i64,
    /// Milliseconds since 1970.
    pub stop_ms: i64,
}

/// A child that has not been started.
#[derive(Clone, Copy, Debug)]
pub struct PendingEntry<'a> {
    /// JSON.
    pub input: &'a str,
}

/// The fields as AWS writes them, in its order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Whole<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    execution_arn: &'a str,
    input: &'a str,
    input_details: Details,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    output_details: Details,
    redrive_count: u32,
    redrive_status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<&'a str>,
    start_date: String,
    state_machine_arn: &'a str,
    status: &'a str,
    stop_date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pending<'a> {
    input: &'a str,
    input_details: Details,
    status: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    included: bool,
}

const INCLUDED: Details = Details { included: true };

/// A time as AWS writes it: the fraction only if there is one.
fn iso(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    if ms.rem_euclid(1000) == 0 { format!("{time:.0}") } else { format!("{time:.3}") }
}

/// Results one after another, as an array or as lines.
#[derive(Clone, Debug)]
pub struct ResultText {
    transformation: ResultTransformation,
    output_type: OutputType,
    text: Vec<u8>,
    /// Whether anything has been written, taken away or not.
    begun: bool,
}

impl ResultText {
    /// Nothing so far.
    pub fn new(transformation: ResultTransformation, output_type: OutputType) -> Self {
        Self { transformation, output_type, text: Vec::new(), begun: false }
    }

    /// Appends a result. One that has not succeeded is written with all there is to say, whatever the transformation.
    pub fn push(&mut self, entry: &ResultEntry<'_>) {
        match (self.transformation, entry.output) {
            (ResultTransformation::Compact, Some(output)) => self.push_text(output.as_bytes()),
            (ResultTransformation::Flatten, Some(output)) => match array_elements(output) {
                Some(elements) => elements.iter().for_each(|element| self.push_text(element.as_bytes())),
                None => self.push_text(output.as_bytes()),
            },
            (ResultTransformation::None, _) | (_, None) => self.push_whole(entry),
        }
    }

    /// Appends a child that has not been started.
    pub fn push_pending(&mut self, entry: &PendingEntry<'_>) {
        self.push_value(&Pending { input: entry.input, input_details: INCLUDED, status: "PENDING" });
    }

    /// All of it: a JSON array, or lines.
    pub fn finish(mut self) -> String {
        self.end();
        String::from_utf8(self.text).expect("made of texts")
    }

    fn push_whole(&mut self, entry: &ResultEntry<'_>) {
        self.push_value(&Whole {
            cause: entry.cause,
            error: entry.error,
            execution_arn: entry.execution_arn,
            input: entry.input,
            input_details: INCLUDED,
            name: entry.name,
            output: entry.output,
            output_details: INCLUDED,
            redrive_count: entry.redrive_count,
            redrive_status: entry.redrive_status,
            redrive_status_reason: entry.redrive_status_reason,
            start_date: iso(entry.start_ms),
            state_machine_arn: entry.state_machine_arn,
            status: entry.status,
            stop_date: iso(entry.stop_ms),
        });
    }

    fn push_value(&mut self, value: &impl Serialize) {
        self.separate();
        serde_json::to_writer(&mut self.text, value).expect("plain data into memory");
        self.end_line();
    }

    fn push_text(&mut self, json: &[u8]) {
        self.separate();
        self.text.extend_from_slice(json);
        self.end_line();
    }

    fn separate(&mut self) {
        if self.output_type == OutputType::Json {
            self.text.push(if self.begun { b',' } else { b'[' });
        }
        self.begun = true;
    }

    fn end_line(&mut self) {
        if self.output_type == OutputType::Jsonl {
            self.text.push(b'\n');
        }
    }

    /// Ends the array.
    pub(super) fn end(&mut self) {
        match self.output_type {
            OutputType::Json if self.begun => self.text.push(b']'),
            OutputType::Json => self.text.extend_from_slice(b"[]"),
            OutputType::Jsonl => {}
        }
    }

    /// Bytes that have not been taken.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Takes what there is; what follows continues it.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// Takes what there is beyond so many bytes, as the beginning of another text.
    pub(super) fn split_off(&mut self, len: usize) -> Self {
        let mut rest = Self::new(self.transformation, self.output_type);
        rest.text = self.text.split_off(len);
        rest.begun = !rest.text.is_empty();
        if let (OutputType::Json, Some(first)) = (self.output_type, rest.text.first_mut()) {
            *first = b'[';
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUCCEEDED: ResultEntry<'static> = ResultEntry {
        execution_arn: "arn:e",
        name: "n",
        state_machine_arn: "arn:m",
        input: r#"{"a":1}"#,
        output: Some("[1,[2]]"),
        error: None,
        cause: None,
        status: "SUCCEEDED",
        redrive_count: 0,
        redrive_status: "NOT_REDRIVABLE",
        redrive_status_reason: Some("Execution is SUCCEEDED and cannot be redriven"),
        start_ms: 1_738_698_552_201,
        stop_ms: 1_738_698_553_000,
    };
    const FAILED: ResultEntry<'static> = ResultEntry {
        output: None,
        error: Some("E"),
        cause: Some("why"),
        status: "FAILED",
        redrive_status: "REDRIVABLE",
        redrive_status_reason: None,
        ..SUCCEEDED
    };

    #[track_caller]
    fn check(transformation: ResultTransformation, output_type: OutputType, entries: &[ResultEntry<'_>], expected: &str) {
        let mut text = ResultText::new(transformation, output_type);
        entries.iter().for_each(|entry| text.push(entry));
        assert_eq!(text.finish(), expected);
    }

    const FAILED_TEXT: &str = concat!(
        r#"{"Cause":"why","Error":"E","ExecutionArn":"arn:e","Input":"{\"a\":1}","InputDetails":{"Included":true},"Name":"n","#,
        r#""OutputDetails":{"Included":true},"RedriveCount":0,"RedriveStatus":"REDRIVABLE","StartDate":"2025-02-04T19:49:12.201Z","#,
        r#""StateMachineArn":"arn:m","Status":"FAILED","StopDate":"2025-02-04T19:49:13Z"}"#
    );

    #[test]
    fn entries_have_the_fields_of_aws() {
        let succeeded = concat!(
            r#"{"ExecutionArn":"arn:e","Input":"{\"a\":1}","InputDetails":{"Included":true},"Name":"n","Output":"[1,[2]]","#,
            r#""OutputDetails":{"Included":true},"RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE","#,
            r#""RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven","StartDate":"2025-02-04T19:49:12.201Z","#,
            r#""StateMachineArn":"arn:m","Status":"SUCCEEDED","StopDate":"2025-02-04T19:49:13Z"}"#
        );
        check(ResultTransformation::None, OutputType::Json, &[SUCCEEDED, FAILED], &format!("[{succeeded},{FAILED_TEXT}]"));
        check(ResultTransformation::None, OutputType::Jsonl, &[SUCCEEDED, FAILED], &format!("{succeeded}\n{FAILED_TEXT}\n"));
    }

    #[test]
    fn transformations_leave_failures_as_they_are() {
        use ResultTransformation::{Compact, Flatten};
        let entries =
            [SUCCEEDED, FAILED, ResultEntry { output: Some("[]"), ..SUCCEEDED }, ResultEntry { output: Some("\"x\""), ..SUCCEEDED }];
        check(Compact, OutputType::Json, &entries, &format!("[[1,[2]],{FAILED_TEXT},[],\"x\"]"));
        check(Flatten, OutputType::Json, &entries, &format!("[1,[2],{FAILED_TEXT},\"x\"]"));
        check(Flatten, OutputType::Jsonl, &entries, &format!("1\n[2]\n{FAILED_TEXT}\n\"x\"\n"));
        check(Flatten, OutputType::Json, &[], "[]");
        check(Flatten, OutputType::Jsonl, &[], "");
    }

    #[test]
    fn what_was_not_started_has_only_its_input() {
        let mut text = ResultText::new(ResultTransformation::None, OutputType::Json);
        text.push_pending(&PendingEntry { input: "1" });
        assert_eq!(text.finish(), r#"[{"Input":"1","InputDetails":{"Included":true},"Status":"PENDING"}]"#);
    }
}
