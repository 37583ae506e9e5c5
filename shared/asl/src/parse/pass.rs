//! Pass states.

use super::cursor::Cursor;
use super::template::looks_dynamic;
use super::{Context, Parsed, Parser};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Pass, QueryLanguage};

impl Parser<'_> {
    pub(crate) fn pass(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Pass> {
        let result = state.get("Result").filter(|_| context.language == QueryLanguage::JsonPath);
        if let Some(result) = &result {
            self.warn_of_static_result(result);
        }
        Ok(Pass { result: result.map(|result| result.node.to_value()) })
    }

    fn warn_of_static_result(&mut self, value: &Cursor<'_>) {
        if value.node.text().is_some_and(looks_dynamic) {
            let help = || Some("`Result` is never evaluated; use `Parameters`".to_owned());
            self.warn(Code::PassResultIsStatic, value, message::PASS_RESULT_IS_STATIC, help);
        }
        for item in value.items() {
            self.warn_of_static_result(&item);
        }
        for (_, _, member) in value.members() {
            self.warn_of_static_result(&member);
        }
    }
}
