//! `ItemReader`: where a distributed Map reads its items from.

use super::cursor::Cursor;
use super::fields::{ITEM_READER, READER_CONFIG};
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::message;
use crate::model::{ItemReader, QueryLanguage, ReaderConfig};

const RESOURCES: &[&str] = &["s3:getObject", "s3:listObjectsV2"];
const EXAMPLES: &[&str] = &["arn:<partition>:states:::s3:getObject", "arn:<partition>:states:::s3:listObjectsV2"];
const INPUT_TYPES: &[&str] = &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"];
const TRANSFORMATIONS: &[&str] = &["NONE", "LOAD_AND_FLATTEN"];
const MANIFEST_TYPES: &[&str] = &["ATHENA_DATA", "S3_INVENTORY"];
const DELIMITERS: &[&str] = &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"];
const HEADER_LOCATIONS: &[&str] = &["FIRST_ROW", "GIVEN"];
const MAX_ITEMS: i64 = 100_000_000;

impl Parser<'_> {
    pub(crate) fn item_reader(&mut self, reader: &Cursor<'_>, context: Context) -> Parsed<ItemReader> {
        self.object(reader)?;
        let fields = self.check_fields(reader, context.language, &[ITEM_READER]);
        let required = self.check_required(reader, &["Resource"]);
        let resource = reader.get("Resource").map(|resource| self.s3_resource(&resource, RESOURCES, EXAMPLES)).transpose();
        let arguments = self.s3_arguments(reader, context);
        let config = reader.get("ReaderConfig").map(|config| self.reader_config(&config, context)).transpose();
        fields?;
        required?;
        Ok(ItemReader { resource: resource?.expect("required above"), arguments: arguments?, config: config?.unwrap_or_default() })
    }

    /// `arn:<partition>:states:::<one of actions>`.
    pub(crate) fn s3_resource(&mut self, resource: &Cursor<'_>, actions: &[&str], examples: &[&str]) -> Parsed<std::sync::Arc<str>> {
        let text = self.text(resource)?;
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "states", _, _, action] if actions.contains(action) => Ok(text.into()),
            _ => Err(self.error(resource, message::one_of_resources(examples))),
        }
    }

    /// `Parameters` or `Arguments`, by language.
    pub(crate) fn s3_arguments(&mut self, owner: &Cursor<'_>, context: Context) -> Parsed<Option<baton_query::PayloadTemplate>> {
        let field = match context.language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        owner.get(field).map(|arguments| self.template(&arguments, context, Reserved::NONE)).transpose()
    }

    fn reader_config(&mut self, config: &Cursor<'_>, context: Context) -> Parsed<ReaderConfig> {
        self.object(config)?;
        let fields = self.check_fields(config, context.language, &[READER_CONFIG]);
        let mut one_of = |field: &'static str, values| config.get(field).map(|value| self.one_of(&value, values)).transpose();
        let input_type = one_of("InputType", INPUT_TYPES);
        let transformation = one_of("Transformation", TRANSFORMATIONS);
        let manifest_type = one_of("ManifestType", MANIFEST_TYPES);
        let delimiter = one_of("CSVDelimiter", DELIMITERS);
        let header_location = one_of("CSVHeaderLocation", HEADER_LOCATIONS);
        let headers = config.get("CSVHeaders").map(|headers| self.csv_headers(&headers)).transpose();
        let pointer = config.get("ItemsPointer").map(|pointer| self.shared_text(&pointer)).transpose();
        let max_items = self.integer_field(config, context, ["MaxItems", "MaxItemsPath"], [0, MAX_ITEMS]);
        fields?;
        let (input_type, header_location) = (input_type?, header_location?);
        self.check_csv(config, input_type, header_location)?;
        Ok(ReaderConfig {
            input_type: input_type.map(Into::into),
            transformation: transformation?.map(Into::into),
            manifest_type: manifest_type?.map(Into::into),
            csv_delimiter: delimiter?.map(Into::into),
            csv_header_location: header_location.map(Into::into),
            csv_headers: headers?.unwrap_or_default(),
            items_pointer: pointer?,
            max_items: max_items?,
        })
    }

    fn csv_headers(&mut self, headers: &Cursor<'_>) -> Parsed<Vec<std::sync::Arc<str>>> {
        self.filled_array(headers)?;
        let headers: Vec<_> = headers.items().map(|header| self.shared_text(&header)).collect();
        headers.into_iter().collect()
    }

    fn check_csv(&mut self, config: &Cursor<'_>, input_type: Option<&str>, location: Option<&str>) -> Parsed<()> {
        match (input_type, location) {
            (Some("CSV"), None) if !config.has("ManifestType") => Err(self.error(config, message::CSV_HEADER_LOCATION)),
            (Some("JSON" | "JSONL" | "PARQUET"), Some(_)) => Err(self.error(config, message::unsupported_field("CSVHeaderLocation"))),
            (_, Some("GIVEN")) => self.check_required(config, &["CSVHeaders"]),
            _ => Ok(()),
        }
    }
}
