//! A `ResultWriter` of a definition: what each child gave, in the order of their indices, read from the records that executions leave. All of it
//! is written anew when it is asked for again, under the same names.

use std::sync::Arc;
use std::time::Duration;

use baton_asl::{ResultWriter as WriterField, StateKind};
use baton_engine::{Failure, Payload};
use baton_map_items::{ObjectStores, ResultEntry, ResultText, ResultTransformation, ResultWriter, ResultsOf, WriteFailure, WriterSpec};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use crate::cluster::{Cluster, ExecutionId, ExecutionRecord, MapRunContext, MapRunRecord, Status, WrittenResults, child_arn};
use crate::history::status_name;

/// Children that are looked up at once.
const AT_ONCE: usize = 64;
/// A child that cannot be read is asked for again after this time, for so long.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(100);
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// What a run fails with whose results do not fit into its state's.
const TOO_LARGE: &str = "The results of the Map Run exceed the maximum number of bytes service limit. Have a ResultWriter export them.";

pub(super) async fn write(
    stores: &ObjectStores,
    cluster: &Cluster,
    run: &Arc<MapRunContext>,
    record: &MapRunRecord,
) -> Result<WrittenResults, Failure> {
    let target = run.spec.results.as_ref().expect("results are written where there is a ResultWriter");
    match &target.arguments {
        Some(arguments) => export(stores, cluster, run, record, arguments.value()).await,
        None => gather(cluster, run, record).await,
    }
}

async fn export(
    stores: &ObjectStores,
    cluster: &Cluster,
    run: &Arc<MapRunContext>,
    record: &MapRunRecord,
    arguments: &Value,
) -> Result<WrittenResults, Failure> {
    let spec = WriterSpec::new(arguments, &config(field(run))).map_err(failure)?;
    let arn = &run.spec.map_run_arn;
    let uuid = arn.rsplit(':').next().unwrap_or_default();
    let of = ResultsOf { map_run_arn: arn, map_run_uuid: uuid, redrive_count: record.redrive_count };
    let mut writer = ResultWriter::create(stores, &spec, of).await.map_err(failure)?;
    let mut written = Written::default();
    let mut children = std::pin::pin!(children(cluster, run, record));
    while let Some(child) = children.next().await {
        let pushed = match &child {
            Ok(child) => {
                written.note(child);
                push(&mut writer, child).await
            }
            Err(unread) => Err(unread.clone()),
        };
        if let Err(failure) = pushed {
            writer.abort().await;
            return Err(failure);
        }
    }
    let details = writer.finish().await.map_err(failure)?;
    let result = json!({ "MapRunArn": &**arn, "ResultWriterDetails": { "Bucket": details.bucket, "Key": details.key } });
    Ok(written.with(Payload::from_value(result)))
}

async fn push(writer: &mut ResultWriter, child: &ExecutionRecord) -> Result<(), Failure> {
    let entry = entry(child);
    let pushed = if child.status == Status::Succeeded { writer.succeeded(&entry).await } else { writer.failed(&entry).await };
    pushed.map_err(failure)
}

/// The results become the state's own, in the form that its WriterConfig says.
async fn gather(cluster: &Cluster, run: &Arc<MapRunContext>, record: &MapRunRecord) -> Result<WrittenResults, Failure> {
    let (transformation, output_type) = WriterSpec::format(&config(field(run))).map_err(failure)?;
    let output_type = output_type.unwrap_or_default();
    let mut text = ResultText::new(transformation.unwrap_or(ResultTransformation::Compact), output_type);
    let (mut written, mut bytes) = (Written::default(), 0);
    let mut children = std::pin::pin!(children(cluster, run, record));
    while let Some(child) = children.next().await {
        let child = child?;
        bytes += child.output.as_ref().map_or(0, Payload::len) as u64;
        if bytes > run.spec.result_bytes_max + record.issued {
            return Err(Failure::new("States.DataLimitExceeded", TOO_LARGE));
        }
        written.note(&child);
        text.push(&entry(&child));
    }
    let text = text.finish();
    let result = match output_type {
        baton_map_items::OutputType::Json => Payload::from_text(text),
        baton_map_items::OutputType::Jsonl => Payload::from_value(Value::from(text)),
    };
    Ok(written.with(result))
}

/// What has been written so far.
#[derive(Default)]
struct Written {
    executions: u64,
    items: u64,
}

impl Written {
    fn note(&mut self, child: &ExecutionRecord) {
        self.executions += 1;
        self.items += child.start.map_child.as_ref().map_or(1, |child| u64::from(child.items));
    }

    fn with(self, result: Payload) -> WrittenResults {
        WrittenResults { result, executions: self.executions, items: self.items }
    }
}

fn entry(child: &ExecutionRecord) -> ResultEntry<'_> {
    let has_succeeded = child.status == Status::Succeeded;
    let failure = child.failure.as_ref();
    ResultEntry {
        execution_arn: &child.start.execution_arn,
        name: &child.start.name,
        state_machine_arn: &child.start.state_machine_arn,
        input: child.start.input.text(),
        output: child.output.as_ref().map(Payload::text),
        error: failure.and_then(|failure| failure.error.as_deref()),
        cause: failure.and_then(|failure| failure.cause.as_deref()),
        status: status_name(child.status),
        redrive_count: child.redrives.count,
        redrive_status: if has_succeeded { "NOT_REDRIVABLE" } else { "REDRIVABLE_BY_MAP_RUN" },
        redrive_status_reason: has_succeeded.then_some("Execution is SUCCEEDED and cannot be redriven"),
        start_ms: child.start.at,
        stop_ms: child.stop_at.unwrap_or(child.start.at),
    }
}

/// The children that have begun, as they ended.
fn children<'a>(
    cluster: &'a Cluster,
    run: &'a MapRunContext,
    record: &'a MapRunRecord,
) -> impl stream::Stream<Item = Result<ExecutionRecord, Failure>> + 'a {
    let looked_up = stream::iter(0..record.issued).map(move |index| child(cluster, run, index, record.redrive_count));
    looked_up.buffered(AT_ONCE).filter_map(|child| std::future::ready(child.transpose()))
}

/// The last execution that the child was: an Express one is another after each redrive.
async fn child(cluster: &Cluster, run: &MapRunContext, index: u64, redrives: u32) -> Result<Option<ExecutionRecord>, Failure> {
    let first = if run.spec.is_express { redrives } else { 0 };
    for redrive in (0..=first).rev() {
        let (arn, _) = child_arn(&run.spec.map_run_arn, index, run.spec.is_express, redrive);
        let found = described(cluster, &arn, redrives > 0).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A shard that is on its way from one member to another answers a moment later.
async fn described(cluster: &Cluster, arn: &str, may_go_on: bool) -> Result<Option<ExecutionRecord>, Failure> {
    let (id, begun) = (ExecutionId::of_arn(arn), tokio::time::Instant::now());
    loop {
        match if may_go_on { cluster.describe(id).await } else { cluster.describe_ended(id).await } {
            Ok(found) => return Ok(found),
            Err(_) if begun.elapsed() < READ_PATIENCE => tokio::time::sleep(READ_AGAIN_AFTER).await,
            Err(error) => return Err(Failure::new("States.ResultWriterFailed", format!("{arn} cannot be read: {error}"))),
        }
    }
}

fn field(run: &MapRunContext) -> &WriterField {
    let StateKind::Map(map) = &run.revision.machine.state(run.spec.state).kind else { unreachable!("a Map Run is a Map state's") };
    map.distributed.result_writer.as_ref().expect("results are written where there is a ResultWriter")
}

/// As the definition has it.
fn config(field: &WriterField) -> Value {
    let mut config = serde_json::Map::new();
    let named = [("Transformation", &field.transformation), ("OutputType", &field.output_type)];
    for (name, value) in named {
        value.iter().for_each(|value| drop(config.insert(name.to_owned(), json!(&**value))));
    }
    Value::Object(config)
}

fn failure(WriteFailure { error, cause }: WriteFailure) -> Failure {
    Failure { error: Some(error), cause: Some(cause) }
}
