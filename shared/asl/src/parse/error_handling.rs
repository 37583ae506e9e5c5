//! `Retry` and `Catch`.

use std::sync::Arc;

use super::cursor::Cursor;
use super::fields::{CATCHER, RETRIER};
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::message;
use crate::model::{Catcher, Jitter, QueryLanguage, ResultPath, Retrier};

const STATES_ALL: &str = "States.ALL";
const JITTER_STRATEGIES: &[&str] = &["NONE", "FULL"];
/// `MaxDelaySeconds`: 366 days.
const MAX_DELAY_SECONDS: i64 = 31_622_400;

impl Parser<'_> {
    pub(crate) fn retry(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Vec<Retrier>> {
        self.handlers(state, "Retry", |parser, retrier, is_last| parser.retrier(retrier, is_last, context))
    }

    pub(crate) fn catch(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Vec<Catcher>> {
        self.handlers(state, "Catch", |parser, catcher, is_last| parser.catcher(catcher, is_last, context))
    }

    fn handlers<T>(
        &mut self,
        state: &Cursor<'_>,
        field: &'static str,
        read: impl Fn(&mut Self, &Cursor<'_>, bool) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let Some(list) = state.get(field) else { return Ok(Vec::new()) };
        let last = self.array(&list)?.len().saturating_sub(1);
        let handlers: Vec<_> = list.items().enumerate().map(|(index, item)| read(self, &item, index == last)).collect();
        handlers.into_iter().collect()
    }

    fn retrier(&mut self, retrier: &Cursor<'_>, is_last: bool, context: Context) -> Parsed<Retrier> {
        self.object(retrier)?;
        let fields = self.check_fields(retrier, context.language, &[RETRIER]);
        let comment = self.comment(retrier);
        let error_equals = self.error_equals(retrier, is_last);
        let interval = retrier.get("IntervalSeconds").map(|value| self.seconds(&value, 0)).transpose();
        let attempts = retrier.get("MaxAttempts").map(|value| self.seconds(&value, 0)).transpose();
        let rate = retrier.get("BackoffRate").map(|value| self.number(&value, 1.0, f64::MAX)).transpose();
        let delay = retrier.get("MaxDelaySeconds").map(|value| self.integer(&value, 1, MAX_DELAY_SECONDS)).transpose();
        let jitter = retrier.get("JitterStrategy").map(|value| self.one_of(&value, JITTER_STRATEGIES)).transpose();
        fields?;
        comment?;
        Ok(Retrier {
            error_equals: error_equals?,
            interval_seconds: interval?.unwrap_or(1),
            max_attempts: attempts?.unwrap_or(3),
            backoff_rate: rate?.unwrap_or(2.0),
            max_delay_seconds: delay?.map(i64::unsigned_abs),
            jitter: if jitter? == Some("FULL") { Jitter::Full } else { Jitter::None },
        })
    }

    fn catcher(&mut self, catcher: &Cursor<'_>, is_last: bool, context: Context) -> Parsed<Catcher> {
        self.object(catcher)?;
        let fields = self.check_fields(catcher, context.language, &[CATCHER]);
        let comment = self.comment(catcher);
        let error_equals = self.error_equals(catcher, is_last);
        let required = self.check_required(catcher, &["Next"]);
        let next = catcher.get("Next").map(|next| self.target(&next, context)).transpose();
        let is_json_path = context.language == QueryLanguage::JsonPath;
        let result_path = catcher.get("ResultPath").filter(|_| is_json_path);
        let result_path = result_path.map(|path| self.result_path(&path)).transpose();
        let output = catcher.get("Output").filter(|_| !is_json_path);
        let output = output.map(|output| self.jsonata_template(&output, Reserved::ERROR_OUTPUT)).transpose();
        let assign = self.assign(catcher, context, Reserved::ERROR_OUTPUT);
        fields?;
        comment?;
        required?;
        Ok(Catcher {
            error_equals: error_equals?,
            next: next?.expect("required above"),
            result_path: result_path?.unwrap_or(ResultPath::Replace),
            output: output?,
            assign: assign?,
        })
    }

    /// Free names, except that `States.ALL` stands alone and comes last.
    fn error_equals(&mut self, handler: &Cursor<'_>, is_last: bool) -> Parsed<Vec<Arc<str>>> {
        self.check_required(handler, &["ErrorEquals"])?;
        let list = handler.get("ErrorEquals").expect("required above");
        let is_alone = self.filled_array(&list)?.len() == 1;
        let may_be_all = is_alone && is_last;
        let names: Vec<_> = list.items().map(|item| self.error_name(&item, may_be_all)).collect();
        names.into_iter().collect()
    }

    fn error_name(&mut self, item: &Cursor<'_>, may_be_all: bool) -> Parsed<Arc<str>> {
        let name = self.text(item)?;
        let is_misplaced = name == STATES_ALL && !may_be_all;
        if is_misplaced { Err(self.error(item, message::STATES_ALL)) } else { Ok(Arc::from(name)) }
    }
}
