//! The fields that move data in and out of a state.

use super::cursor::Cursor;
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::model::{DataFlow, JsonPathData, JsonataData, PathField, QueryLanguage, ResultPath};

/// Which of the fields a state type has beside `InputPath`, `OutputPath` and `Output`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataFields {
    /// `Parameters`, `Arguments`.
    pub(crate) payload: bool,
    /// `ResultSelector`.
    pub(crate) selector: bool,
    /// `ResultPath`.
    pub(crate) result_path: bool,
    /// What `Output` may read of `$states`.
    pub(crate) reserved: Reserved,
}

impl DataFields {
    /// Wait, Choice, Succeed.
    pub(crate) const PLAIN: Self = Self { payload: false, selector: false, result_path: false, reserved: Reserved::NONE };
    pub(crate) const PASS: Self = Self { payload: true, selector: false, result_path: true, reserved: Reserved::NONE };
    /// Task, Parallel.
    pub(crate) const WORK: Self = Self { payload: true, selector: true, result_path: true, reserved: Reserved::RESULT };
    pub(crate) const MAP: Self = Self { payload: false, selector: true, result_path: true, reserved: Reserved::RESULT };
}

impl Parser<'_> {
    pub(crate) fn data_flow(&mut self, state: &Cursor<'_>, context: Context, fields: DataFields) -> Parsed<DataFlow> {
        match context.language {
            QueryLanguage::JsonPath => self.json_path_data(state, context, fields).map(DataFlow::JsonPath),
            QueryLanguage::Jsonata => self.jsonata_data(state, context, fields).map(DataFlow::Jsonata),
        }
    }

    fn json_path_data(&mut self, state: &Cursor<'_>, context: Context, fields: DataFields) -> Parsed<JsonPathData> {
        let input_path = state.get("InputPath").map(|path| self.path_field(&path)).transpose();
        let parameters = self.data_template(state, "Parameters", fields.payload, context, Reserved::NONE);
        let result_selector = self.data_template(state, "ResultSelector", fields.selector, context, Reserved::NONE);
        let result_path = state.get("ResultPath").filter(|_| fields.result_path).map(|path| self.result_path(&path)).transpose();
        let output_path = state.get("OutputPath").map(|path| self.path_field(&path)).transpose();
        Ok(JsonPathData {
            input_path: input_path?.unwrap_or(PathField::Whole),
            parameters: parameters?,
            result_selector: result_selector?,
            result_path: result_path?.unwrap_or(ResultPath::Replace),
            output_path: output_path?.unwrap_or(PathField::Whole),
        })
    }

    fn jsonata_data(&mut self, state: &Cursor<'_>, context: Context, fields: DataFields) -> Parsed<JsonataData> {
        let arguments = self.data_template(state, "Arguments", fields.payload, context, Reserved::NONE);
        let output = self.data_template(state, "Output", true, context, fields.reserved);
        Ok(JsonataData { arguments: arguments?, output: output? })
    }

    /// An optional template; one that the type does not have is reported elsewhere.
    fn data_template(
        &mut self,
        state: &Cursor<'_>,
        field: &'static str,
        exists: bool,
        context: Context,
        reserved: Reserved,
    ) -> Parsed<Option<baton_query::PayloadTemplate>> {
        let template = state.get(field).filter(|_| exists);
        template.map(|template| self.template(&template, context, reserved)).transpose()
    }
}
