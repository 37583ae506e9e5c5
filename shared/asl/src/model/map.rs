//! Map states, inline and distributed.

use std::sync::Arc;

use baton_query::{Expression, Path, PayloadTemplate};

use super::{FlowId, IntegerField, NumberField};

/// A Map state.
#[derive(Debug)]
pub struct Map {
    /// `ItemProcessor`, or the legacy `Iterator`.
    pub processor: FlowId,
    /// `ProcessorConfig`.
    pub mode: MapMode,
    /// `ItemsPath` or `Items`.
    pub items: Items,
    /// `ItemSelector`, or the legacy `Parameters`.
    pub item_selector: Option<PayloadTemplate>,
    /// `MaxConcurrency`, `MaxConcurrencyPath`; `None` and 0 mean the mode's own limit.
    pub max_concurrency: Option<IntegerField>,
    /// What only the distributed mode uses.
    pub distributed: DistributedFields,
}

/// `ProcessorConfig.Mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapMode {
    /// Iterations are part of the execution.
    Inline,
    /// Iterations are executions of their own; `express` tells their type.
    Distributed {
        /// `ExecutionType: EXPRESS`.
        express: bool,
    },
}

/// Where a Map's items come from.
#[derive(Debug)]
pub enum Items {
    /// The effective input itself.
    Input,
    /// `ItemsPath`.
    Path(Path),
    /// `Items`: a literal array or object.
    Literal(PayloadTemplate),
    /// `Items`: an expression.
    Expression(Expression),
}

/// Fields that AWS accepts on every Map and uses in the distributed mode.
#[derive(Debug, Default)]
pub struct DistributedFields {
    /// `Label`.
    pub label: Option<Arc<str>>,
    /// `ItemReader`.
    pub item_reader: Option<ItemReader>,
    /// `ItemBatcher`.
    pub item_batcher: Option<ItemBatcher>,
    /// `ResultWriter`.
    pub result_writer: Option<ResultWriter>,
    /// `ToleratedFailureCount`, `…Path`.
    pub tolerated_failure_count: Option<IntegerField>,
    /// `ToleratedFailurePercentage`, `…Path`.
    pub tolerated_failure_percentage: Option<NumberField>,
}

/// `ItemReader`.
#[derive(Debug)]
pub struct ItemReader {
    /// `Resource`.
    pub resource: Arc<str>,
    /// `Parameters` or `Arguments`.
    pub arguments: Option<PayloadTemplate>,
    /// `ReaderConfig`.
    pub config: ReaderConfig,
}

/// `ReaderConfig`; enumerated texts are validated, `None` where absent.
#[derive(Debug, Default)]
pub struct ReaderConfig {
    /// `InputType`: CSV, JSON, JSONL, PARQUET, MANIFEST.
    pub input_type: Option<Arc<str>>,
    /// `Transformation`: NONE, LOAD_AND_FLATTEN.
    pub transformation: Option<Arc<str>>,
    /// `ManifestType`: ATHENA_DATA, S3_INVENTORY.
    pub manifest_type: Option<Arc<str>>,
    /// `CSVDelimiter`: COMMA, PIPE, SEMICOLON, SPACE, TAB.
    pub csv_delimiter: Option<Arc<str>>,
    /// `CSVHeaderLocation`: FIRST_ROW, GIVEN.
    pub csv_header_location: Option<Arc<str>>,
    /// `CSVHeaders`.
    pub csv_headers: Vec<Arc<str>>,
    /// `ItemsPointer`.
    pub items_pointer: Option<Arc<str>>,
    /// `MaxItems`, `MaxItemsPath`.
    pub max_items: Option<IntegerField>,
}

/// `ItemBatcher`.
#[derive(Debug)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch`, `…Path`.
    pub max_items: Option<IntegerField>,
    /// `MaxInputBytesPerBatch`, `…Path`.
    pub max_input_bytes: Option<IntegerField>,
    /// `BatchInput`.
    pub batch_input: Option<PayloadTemplate>,
}

/// `ResultWriter`.
#[derive(Debug)]
pub struct ResultWriter {
    /// `Resource`.
    pub resource: Option<Arc<str>>,
    /// `Parameters` or `Arguments`.
    pub arguments: Option<PayloadTemplate>,
    /// `WriterConfig.Transformation`: NONE, COMPACT, FLATTEN.
    pub transformation: Option<Arc<str>>,
    /// `WriterConfig.OutputType`: JSON, JSONL.
    pub output_type: Option<Arc<str>>,
}
