//! Fail states.

use super::cursor::Cursor;
use super::template::{Reserved, looks_like_path};
use super::{Context, Parsed, Parser};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Fail, QueryLanguage, TextField};

impl Parser<'_> {
    pub(crate) fn fail(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Fail> {
        let error = self.text_field(state, context, ["Error", "ErrorPath"]);
        let cause = self.text_field(state, context, ["Cause", "CausePath"]);
        Ok(Fail { error: error?, cause: cause? })
    }

    fn text_field(&mut self, state: &Cursor<'_>, context: Context, [name, path]: [&'static str; 2]) -> Parsed<TextField> {
        self.check_exclusive(state, &[name, path])?;
        if let Some(path) = state.get(path).filter(|_| context.language == QueryLanguage::JsonPath) {
            return self.text_path(&path).map(TextField::Path);
        }
        let Some(value) = state.get(name) else { return Ok(TextField::Absent) };
        let text = self.text(&value)?;
        let is_jsonata = context.language == QueryLanguage::Jsonata;
        if is_jsonata && (text.starts_with("{%") || text.ends_with("%}")) {
            return self.expression(&value, Reserved::NONE).map(TextField::Expression);
        }
        if !is_jsonata && looks_like_path(text) {
            self.warn(Code::NoPath, &value, message::NO_PATH, || Some(format!("to evaluate it, name the field `{path}`")));
        }
        Ok(TextField::Literal(text.into()))
    }
}
