//! Paths of JSONPath: which kind a field takes, and what AWS says of any other.

use baton_query::{Path, PathOrIntrinsic, ReferencePath};

use super::cursor::Cursor;
use super::{Parsed, Parser, Reported};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{PathField, ResultPath};
use crate::syntax::Kind;

/// Intrinsic functions that give a text, which ErrorPath and CausePath may call.
const TEXT_INTRINSICS: &[&str] = &[
    "States.Format",
    "States.JsonToString",
    "States.ArrayGetItem",
    "States.Base64Encode",
    "States.Base64Decode",
    "States.Hash",
    "States.UUID",
];

impl Parser<'_> {
    /// `InputPath`, `OutputPath`: any path, or null.
    pub(crate) fn path_field(&mut self, cursor: &Cursor<'_>) -> Parsed<PathField> {
        match &cursor.node.kind {
            Kind::Null => Ok(PathField::Discard),
            Kind::Text(text) if text == "$" => Ok(PathField::Whole),
            Kind::Text(_) | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => self.path(cursor).map(PathField::Path),
        }
    }

    /// Any path: into the input, the Context Object or a variable.
    pub(crate) fn path(&mut self, cursor: &Cursor<'_>) -> Parsed<Path> {
        let text = self.json_path_text(cursor)?;
        Path::parse(text).map_err(|error| self.bad_path(cursor, message::NOT_A_JSONPATH, error.message))
    }

    /// A path to one place: into the input, the Context Object or a variable (`ItemsPath`).
    pub(crate) fn definite_path(&mut self, cursor: &Cursor<'_>) -> Parsed<Path> {
        let path = self.path(cursor)?;
        if path.is_definite() {
            return Ok(path);
        }
        let help = "wildcards, filters and slices may address several places".to_owned();
        Err(self.bad_path(cursor, message::NOT_A_REFERENCE_PATH, help))
    }

    /// A Reference Path into the input or a variable (`SecondsPath`, `MaxConcurrencyPath`).
    pub(crate) fn reference_path(&mut self, cursor: &Cursor<'_>) -> Parsed<ReferencePath> {
        let text = self.json_path_text(cursor)?;
        let path = self.parse_reference_path(cursor, text)?;
        if !path.is_context() {
            return Ok(path);
        }
        Err(self.bad_path(cursor, message::NOT_A_REFERENCE_PATH, "the Context Object cannot be read here".to_owned()))
    }

    /// A Reference Path into the input, the Context Object or a variable (operands of Choice rules).
    pub(crate) fn operand_path(&mut self, cursor: &Cursor<'_>) -> Parsed<ReferencePath> {
        let text = self.reference_path_text(cursor)?;
        self.parse_reference_path(cursor, text)
    }

    /// `Variable` of a Choice rule.
    pub(crate) fn variable_path(&mut self, cursor: &Cursor<'_>) -> Parsed<Path> {
        self.reference_path_text(cursor)?;
        self.definite_path(cursor)
    }

    /// `ResultPath`: a place in the input, or null.
    pub(crate) fn result_path(&mut self, cursor: &Cursor<'_>) -> Parsed<ResultPath> {
        if matches!(cursor.node.kind, Kind::Null) {
            return Ok(ResultPath::Discard);
        }
        let path = self.reference_path(cursor)?;
        if !path.variables().is_empty() {
            let help = "results go into the input; to set a variable use `Assign`".to_owned();
            return Err(self.bad_path(cursor, message::NOT_A_REFERENCE_PATH, help));
        }
        Ok(if path.is_root() { ResultPath::Replace } else { ResultPath::Path(path) })
    }

    /// `ErrorPath`, `CausePath`: a path, or an intrinsic function that gives a text.
    pub(crate) fn text_path(&mut self, cursor: &Cursor<'_>) -> Parsed<PathOrIntrinsic> {
        let text = self.text(cursor)?;
        let parsed = PathOrIntrinsic::parse(text);
        let parsed = parsed.map_err(|error| self.bad_path(cursor, message::NOT_A_JSONPATH, error.message))?;
        match &parsed {
            PathOrIntrinsic::Path(_) => Ok(parsed),
            PathOrIntrinsic::Intrinsic(call) if TEXT_INTRINSICS.contains(&call.function_name()) => Ok(parsed),
            PathOrIntrinsic::Intrinsic(_) => {
                let help = format!("of the intrinsic functions, these may be called here: {}", TEXT_INTRINSICS.join(", "));
                Err(self.bad_path(cursor, message::NOT_A_JSONPATH, help))
            }
        }
    }

    fn parse_reference_path(&mut self, cursor: &Cursor<'_>, text: &str) -> Parsed<ReferencePath> {
        ReferencePath::parse(text).map_err(|error| self.bad_path(cursor, message::NOT_A_REFERENCE_PATH, error.message))
    }

    fn json_path_text<'a>(&mut self, cursor: &Cursor<'a>) -> Parsed<&'a str> {
        let text = self.text(cursor)?;
        if text.starts_with('$') {
            return Ok(text);
        }
        Err(self.bad_path(cursor, message::NOT_A_JSONPATH, "paths start with `$`".to_owned()))
    }

    fn reference_path_text<'a>(&mut self, cursor: &Cursor<'a>) -> Parsed<&'a str> {
        let text = self.text(cursor)?;
        if text.starts_with('$') {
            return Ok(text);
        }
        Err(self.error(cursor, message::REFERENCE_PATH_WITHOUT_DOLLAR))
    }

    fn bad_path(&mut self, cursor: &Cursor<'_>, text: &str, help: String) -> Reported {
        self.report_at(Code::SchemaValidationFailed, text, cursor.location(), cursor.node.range, Some(help))
    }
}
