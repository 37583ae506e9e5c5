//! Map states, inline and distributed.

use std::sync::Arc;

use super::cursor::Cursor;
use super::fields::PROCESSOR_CONFIG;
use super::outline::processor_field;
use super::template::Reserved;
use super::{Context, Label, Parsed, Parser};
use crate::MachineType;
use crate::message;
use crate::model::{DistributedFields, FlowId, Items, Map, MapMode, QueryLanguage};

const MODES: &[&str] = &["INLINE", "DISTRIBUTED"];
const EXECUTION_TYPES: &[&str] = &["STANDARD", "EXPRESS"];

impl Parser<'_> {
    pub(crate) fn map(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Map> {
        let items = self.items(state, context);
        let item_selector = self.item_selector(state, context);
        let max_concurrency = self.integer_field(state, context, ["MaxConcurrency", "MaxConcurrencyPath"], [0, i64::MAX]);
        let distributed = self.distributed_fields(state, context);
        let processor = self.item_processor(state);
        let (mode, processor) = processor?;
        Ok(Map {
            processor,
            mode,
            items: items?,
            item_selector: item_selector?,
            max_concurrency: max_concurrency?,
            distributed: distributed?,
        })
    }

    fn items(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Items> {
        match context.language {
            QueryLanguage::JsonPath => match state.get("ItemsPath") {
                None => Ok(Items::Input),
                Some(path) if path.node.text() == Some("$") => Ok(Items::Input),
                Some(path) => self.definite_path(&path).map(Items::Path),
            },
            QueryLanguage::Jsonata => match state.get("Items") {
                None => Ok(Items::Input),
                Some(items) if items.node.text().is_some() => self.expression(&items, Reserved::NONE).map(Items::Expression),
                Some(items) if items.node.array().is_some() || items.node.object().is_some() => {
                    self.jsonata_template(&items, Reserved::NONE).map(Items::Literal)
                }
                Some(items) => Err(self.error(&items, message::expected_type("[ARRAY]"))),
            },
        }
    }

    /// `ItemSelector`, or in JSONPath its older name `Parameters`.
    fn item_selector(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Option<baton_query::PayloadTemplate>> {
        let older = state.get("Parameters").filter(|_| context.language == QueryLanguage::JsonPath);
        if older.is_some() {
            self.check_exclusive(state, &["ItemSelector", "Parameters"])?;
        }
        let selector = state.get("ItemSelector").or(older);
        selector.map(|selector| self.template(&selector, context, Reserved::NONE)).transpose()
    }

    fn distributed_fields(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<DistributedFields> {
        let label = state.get("Label").map(|label| self.label(&label)).transpose();
        let item_reader = state.get("ItemReader").map(|reader| self.item_reader(&reader, context)).transpose();
        let item_batcher = state.get("ItemBatcher").map(|batcher| self.item_batcher(&batcher, context)).transpose();
        let result_writer = state.get("ResultWriter").map(|writer| self.result_writer(&writer, context)).transpose();
        let count = ["ToleratedFailureCount", "ToleratedFailureCountPath"];
        let count = self.integer_field(state, context, count, [0, i64::MAX]);
        let percentage = ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"];
        let percentage = self.number_field(state, context, percentage, [0.0, 100.0]);
        Ok(DistributedFields {
            label: label?,
            item_reader: item_reader?,
            item_batcher: item_batcher?,
            result_writer: result_writer?,
            tolerated_failure_count: count?,
            tolerated_failure_percentage: percentage?,
        })
    }

    fn label(&mut self, label: &Cursor<'_>) -> Parsed<Arc<str>> {
        let text = self.shared_text(label)?;
        self.labels.push(Label { text: text.to_string(), location: label.location(), range: label.node.range });
        Ok(text)
    }

    /// `ItemProcessor`, or its older name `Iterator`. The child workflows of a distributed Map are machines of their own, of
    /// their own type.
    fn item_processor(&mut self, state: &Cursor<'_>) -> Parsed<(MapMode, FlowId)> {
        self.check_exactly_one(state, &["ItemProcessor", "Iterator"])?;
        let processor = state.get(processor_field(state.node)).expect("one of them is there");
        let mode = processor.get("ProcessorConfig").map(|config| self.processor_config(&config)).transpose();
        let child_type = match mode {
            Ok(Some(MapMode::Distributed { express: true })) => Some(MachineType::Express),
            Ok(Some(MapMode::Distributed { express: false })) => Some(MachineType::Standard),
            Ok(Some(MapMode::Inline) | None) | Err(_) => None,
        };
        let flow = match child_type {
            Some(kind) => self.child_workflow(&processor, kind),
            None => self.processor(&processor),
        };
        Ok((mode?.unwrap_or(MapMode::Inline), flow?))
    }

    fn child_workflow(&mut self, processor: &Cursor<'_>, kind: MachineType) -> Parsed<FlowId> {
        let parent = std::mem::replace(&mut self.kind, kind);
        self.separate_depth += 1;
        self.separate_flows.extend(self.outline.flow_id(processor.node));
        let flow = self.processor(processor);
        self.separate_depth -= 1;
        self.kind = parent;
        flow
    }

    fn processor_config(&mut self, config: &Cursor<'_>) -> Parsed<MapMode> {
        self.object(config)?;
        let fields = self.check_fields(config, QueryLanguage::JsonPath, &[PROCESSOR_CONFIG]);
        let mode = config.get("Mode").map(|mode| self.one_of(&mode, MODES)).transpose();
        let kind = config.get("ExecutionType").map(|kind| self.one_of(&kind, EXECUTION_TYPES)).transpose();
        fields?;
        match (mode?, kind?) {
            (Some("DISTRIBUTED"), kind) => self.distributed_mode(config, kind),
            (Some(_), Some(_)) => Err(self.error(config, message::unsupported_field("ExecutionType"))),
            (Some(_), None) | (None, _) => Ok(MapMode::Inline),
        }
    }

    fn distributed_mode(&mut self, config: &Cursor<'_>, kind: Option<&str>) -> Parsed<MapMode> {
        let required = self.check_required(config, &["ExecutionType"]);
        if self.kind == MachineType::Express {
            let mode = config.get("Mode").expect("the mode is given");
            return Err(self.error(&mode, message::EXPRESS_DISTRIBUTED));
        }
        required?;
        Ok(MapMode::Distributed { express: kind == Some("EXPRESS") })
    }
}
