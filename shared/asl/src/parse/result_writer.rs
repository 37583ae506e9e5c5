//! `ResultWriter`: where and how a distributed Map leaves its results.

use super::cursor::Cursor;
use super::fields::{RESULT_WRITER, WRITER_CONFIG};
use super::{Context, Parsed, Parser};
use crate::message;
use crate::model::{QueryLanguage, ResultWriter};

const RESOURCES: &[&str] = &["s3:putObject"];
const EXAMPLES: &[&str] = &["arn:<partition>:states:::s3:putObject"];
const TRANSFORMATIONS: &[&str] = &["NONE", "COMPACT", "FLATTEN"];
const OUTPUT_TYPES: &[&str] = &["JSON", "JSONL"];

impl Parser<'_> {
    /// `WriterConfig` alone formats the state's output; `Resource` with its parameters exports; both do both.
    pub(crate) fn result_writer(&mut self, writer: &Cursor<'_>, context: Context) -> Parsed<ResultWriter> {
        if self.object(writer)?.members.is_empty() {
            return Err(self.error(writer, message::EMPTY));
        }
        let fields = self.check_fields(writer, context.language, &[RESULT_WRITER]);
        let resource = writer.get("Resource").map(|resource| self.s3_resource(&resource, RESOURCES, EXAMPLES)).transpose();
        let arguments = self.s3_arguments(writer, context);
        let complete = self.check_export(writer, context.language);
        let config = writer.get("WriterConfig").map(|config| self.writer_config(&config)).transpose();
        fields?;
        complete?;
        let (transformation, output_type) = config?.unzip();
        Ok(ResultWriter {
            resource: resource?,
            arguments: arguments?,
            transformation: transformation.map(Into::into),
            output_type: output_type.map(Into::into),
        })
    }

    fn check_export(&mut self, writer: &Cursor<'_>, language: QueryLanguage) -> Parsed<()> {
        let arguments = match language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        if writer.has("Resource") || writer.has(arguments) { self.check_required(writer, &["Resource", arguments]) } else { Ok(()) }
    }

    fn writer_config(&mut self, config: &Cursor<'_>) -> Parsed<(&'static str, &'static str)> {
        self.object(config)?;
        let fields = self.check_fields(config, QueryLanguage::JsonPath, &[WRITER_CONFIG]);
        let required = self.check_required(config, &["Transformation", "OutputType"]);
        let transformation = config.get("Transformation").map(|value| self.one_of(&value, TRANSFORMATIONS)).transpose();
        let output_type = config.get("OutputType").map(|value| self.one_of(&value, OUTPUT_TYPES)).transpose();
        fields?;
        required?;
        Ok((transformation?.expect("required above"), output_type?.expect("required above")))
    }
}
