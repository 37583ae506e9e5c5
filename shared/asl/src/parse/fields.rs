//! Which fields each kind of object has, and in which query language. Everything else is "not supported".

use super::cursor::Cursor;
use super::{Parsed, Parser, Reported};
use crate::diagnostic::Code;
use crate::message;
use crate::model::QueryLanguage;
use crate::suggest::{did_you_mean, hint};

/// A field and the query language that it belongs to; `None` means both.
pub(crate) type FieldRule = (&'static str, Option<QueryLanguage>);

const BOTH: Option<QueryLanguage> = None;
const JSON_PATH: Option<QueryLanguage> = Some(QueryLanguage::JsonPath);
const JSONATA: Option<QueryLanguage> = Some(QueryLanguage::Jsonata);

pub(crate) const STATE_MACHINE: &[FieldRule] =
    &[("Comment", BOTH), ("QueryLanguage", BOTH), ("StartAt", BOTH), ("States", BOTH), ("TimeoutSeconds", BOTH), ("Version", BOTH)];
pub(crate) const BRANCH: &[FieldRule] = &[("Comment", BOTH), ("StartAt", BOTH), ("States", BOTH)];
pub(crate) const PROCESSOR: &[FieldRule] = &[("Comment", BOTH), ("ProcessorConfig", BOTH), ("StartAt", BOTH), ("States", BOTH)];
pub(crate) const PROCESSOR_CONFIG: &[FieldRule] = &[("Mode", BOTH), ("ExecutionType", BOTH)];

/// Fields of every state.
pub(crate) const STATE: &[FieldRule] = &[("Type", BOTH), ("Comment", BOTH), ("QueryLanguage", BOTH)];
/// Fields of states that go on or end by themselves.
pub(crate) const TRANSITION: &[FieldRule] = &[("Next", BOTH), ("End", BOTH)];
/// Fields of all states but Fail.
pub(crate) const IN_AND_OUT: &[FieldRule] = &[("InputPath", JSON_PATH), ("OutputPath", JSON_PATH), ("Output", JSONATA)];
pub(crate) const ASSIGN: &[FieldRule] = &[("Assign", BOTH)];
/// Fields of Task, Parallel and Map.
pub(crate) const WORK: &[FieldRule] = &[("ResultSelector", JSON_PATH), ("ResultPath", JSON_PATH), ("Retry", BOTH), ("Catch", BOTH)];

pub(crate) const PASS: &[FieldRule] = &[("Parameters", JSON_PATH), ("Result", JSON_PATH), ("ResultPath", JSON_PATH)];
pub(crate) const TASK: &[FieldRule] = &[
    ("Resource", BOTH),
    ("Parameters", JSON_PATH),
    ("Arguments", JSONATA),
    ("Credentials", BOTH),
    ("TimeoutSeconds", BOTH),
    ("TimeoutSecondsPath", JSON_PATH),
    ("HeartbeatSeconds", BOTH),
    ("HeartbeatSecondsPath", JSON_PATH),
];
pub(crate) const CHOICE: &[FieldRule] = &[("Choices", BOTH), ("Default", BOTH)];
pub(crate) const WAIT: &[FieldRule] = &[("Seconds", BOTH), ("Timestamp", BOTH), ("SecondsPath", JSON_PATH), ("TimestampPath", JSON_PATH)];
pub(crate) const FAIL: &[FieldRule] = &[("Error", BOTH), ("Cause", BOTH), ("ErrorPath", JSON_PATH), ("CausePath", JSON_PATH)];
pub(crate) const PARALLEL: &[FieldRule] = &[("Branches", BOTH), ("Parameters", JSON_PATH), ("Arguments", JSONATA)];
pub(crate) const MAP: &[FieldRule] = &[
    ("ItemProcessor", BOTH),
    ("Iterator", BOTH),
    ("Items", JSONATA),
    ("ItemsPath", JSON_PATH),
    ("ItemSelector", BOTH),
    ("Parameters", JSON_PATH),
    ("MaxConcurrency", BOTH),
    ("MaxConcurrencyPath", JSON_PATH),
    ("ItemReader", BOTH),
    ("ItemBatcher", BOTH),
    ("ResultWriter", BOTH),
    ("ToleratedFailureCount", BOTH),
    ("ToleratedFailureCountPath", JSON_PATH),
    ("ToleratedFailurePercentage", BOTH),
    ("ToleratedFailurePercentagePath", JSON_PATH),
    ("Label", BOTH),
];

pub(crate) const RETRIER: &[FieldRule] = &[
    ("ErrorEquals", BOTH),
    ("IntervalSeconds", BOTH),
    ("MaxAttempts", BOTH),
    ("BackoffRate", BOTH),
    ("MaxDelaySeconds", BOTH),
    ("JitterStrategy", BOTH),
    ("Comment", BOTH),
];
pub(crate) const CATCHER: &[FieldRule] =
    &[("ErrorEquals", BOTH), ("Next", BOTH), ("ResultPath", JSON_PATH), ("Output", JSONATA), ("Assign", BOTH), ("Comment", BOTH)];
/// Fields of a Choice rule beside its comparison.
pub(crate) const RULE: &[FieldRule] = &[("Next", BOTH), ("Assign", BOTH), ("Output", JSONATA), ("Comment", BOTH)];
/// Fields of a condition inside `And`, `Or` and `Not` beside its comparison.
pub(crate) const NESTED_RULE: &[FieldRule] = &[("Comment", BOTH)];
pub(crate) const CONDITION: &[FieldRule] =
    &[("And", JSON_PATH), ("Or", JSON_PATH), ("Not", JSON_PATH), ("Variable", JSON_PATH), ("Condition", JSONATA)];

pub(crate) const ITEM_READER: &[FieldRule] =
    &[("Resource", BOTH), ("Parameters", JSON_PATH), ("Arguments", JSONATA), ("ReaderConfig", BOTH)];
pub(crate) const READER_CONFIG: &[FieldRule] = &[
    ("InputType", BOTH),
    ("Transformation", BOTH),
    ("ManifestType", BOTH),
    ("CSVDelimiter", BOTH),
    ("CSVHeaderLocation", BOTH),
    ("CSVHeaders", BOTH),
    ("ItemsPointer", BOTH),
    ("MaxItems", BOTH),
    ("MaxItemsPath", JSON_PATH),
];
pub(crate) const ITEM_BATCHER: &[FieldRule] = &[
    ("BatchInput", BOTH),
    ("MaxItemsPerBatch", BOTH),
    ("MaxItemsPerBatchPath", JSON_PATH),
    ("MaxInputBytesPerBatch", BOTH),
    ("MaxInputBytesPerBatchPath", JSON_PATH),
];
pub(crate) const RESULT_WRITER: &[FieldRule] =
    &[("Resource", BOTH), ("Parameters", JSON_PATH), ("Arguments", JSONATA), ("WriterConfig", BOTH)];
pub(crate) const WRITER_CONFIG: &[FieldRule] = &[("Transformation", BOTH), ("OutputType", BOTH)];

impl Parser<'_> {
    /// Reports the members of an object that no rule allows, and those of the other query language. AWS locates both at the
    /// object and not at the field.
    pub(crate) fn check_fields(&mut self, owner: &Cursor<'_>, language: QueryLanguage, rules: &[&[FieldRule]]) -> Parsed<()> {
        let mut outcome = Ok(());
        for (key, range, _) in owner.members() {
            let mut all = rules.iter().copied().flatten();
            let text = match all.find(|rule| rule.0 == key) {
                Some((_, None)) => continue,
                Some((_, Some(only))) if *only == language => continue,
                Some((_, Some(only))) => message::other_language(language_name(language), key, language_name(*only)),
                None => message::unsupported_field(key),
            };
            let known = rules.iter().copied().flatten().filter(|rule| rule.1.is_none_or(|only| only == language));
            let names: Vec<&str> = known.map(|rule| rule.0).collect();
            let meant = at_a_path(key, &names).or_else(|| did_you_mean(key, names)).map(hint);
            outcome = Err(self.report_at(Code::SchemaValidationFailed, text, owner.location(), range, meant));
        }
        outcome
    }

    /// Reports fields that an object lacks.
    pub(crate) fn check_required(&mut self, owner: &Cursor<'_>, fields: &[&str]) -> Parsed<()> {
        let missing: Vec<&str> = fields.iter().copied().filter(|field| !owner.has(field)).collect();
        if missing.is_empty() { Ok(()) } else { Err(self.error(owner, message::required(&missing))) }
    }

    /// Reports more than one of fields that exclude each other.
    pub(crate) fn check_exclusive(&mut self, owner: &Cursor<'_>, fields: &[&str]) -> Parsed<()> {
        let given = fields.iter().filter(|field| owner.has(field)).count();
        if given < 2 { Ok(()) } else { Err(self.error(owner, message::only_one_of(fields))) }
    }

    /// Reports an object that has not exactly one of these fields.
    pub(crate) fn check_exactly_one(&mut self, owner: &Cursor<'_>, fields: &[&str]) -> Parsed<()> {
        if fields.iter().any(|field| owner.has(field)) {
            self.check_exclusive(owner, fields)
        } else {
            Err(self.error(owner, message::exactly_one_of(fields)))
        }
    }

    /// A problem of the schema at this value.
    pub(crate) fn error(&mut self, cursor: &Cursor<'_>, text: impl Into<String>) -> Reported {
        self.report(Code::SchemaValidationFailed, cursor, text)
    }
}

/// A field with the suffix of a payload template's: its value is at a path, and there is a field for that.
fn at_a_path<'n>(key: &str, names: &[&'n str]) -> Option<&'n str> {
    let field = key.strip_suffix(".$")?;
    names.iter().copied().find(|name| name.strip_suffix("Path") == Some(field))
}

pub(crate) fn language_name(language: QueryLanguage) -> &'static str {
    match language {
        QueryLanguage::JsonPath => "JSONPath",
        QueryLanguage::Jsonata => "JSONata",
    }
}
