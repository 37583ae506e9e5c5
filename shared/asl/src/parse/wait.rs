//! Wait states.

use super::cursor::Cursor;
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::model::{QueryLanguage, Wait};

/// In AWS's order.
const FIELDS: &[&str] = &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"];

impl Parser<'_> {
    pub(crate) fn wait(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Wait> {
        self.check_exactly_one(state, FIELDS)?;
        let is_jsonata = context.language == QueryLanguage::Jsonata;
        for field in FIELDS {
            let Some(value) = state.get(field) else { continue };
            let is_expression = is_jsonata && value.node.text().is_some_and(|text| text.starts_with("{%"));
            return match *field {
                "Seconds" if is_jsonata && value.node.text().is_some() => {
                    self.expression(&value, Reserved::NONE).map(Wait::SecondsExpression)
                }
                "Seconds" => self.seconds(&value, 0).map(Wait::Seconds),
                "SecondsPath" => self.reference_path(&value).map(Wait::SecondsPath),
                "Timestamp" if is_expression => self.expression(&value, Reserved::NONE).map(Wait::TimestampExpression),
                "Timestamp" => self.timestamp(&value).map(|timestamp| Wait::Timestamp(timestamp.as_millisecond())),
                _ => self.reference_path(&value).map(Wait::TimestampPath),
            };
        }
        unreachable!("one of the fields is there")
    }
}
