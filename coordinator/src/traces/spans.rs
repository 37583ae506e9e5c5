//! What a step makes of spans: states and attempts that have ended with it, and the execution.

use baton_asl::StateId;
use baton_engine::{Event, EventKind, Failure, Since, Status as ExecutionStatus, Timestamp};
use baton_proto::trace::TraceContext;

use super::otlp::{KeyValue, Link, Span, SpanKind, Status, StatusCode};
use crate::cluster::{ExecutionId, StepEvents};
use crate::telemetry::trace::{attempt_span, execution_span, state_span, state_span_of_exit, traced};

/// A step of a traced execution.
struct Traced<'a> {
    step: &'a StepEvents<'a>,
    context: TraceContext,
    id: u128,
    spans: Vec<Span>,
}

/// The spans that end with this step; none of an execution that is not traced.
pub(super) fn of_step(step: &StepEvents<'_>) -> Vec<Span> {
    let start = step.execution.started();
    let id = ExecutionId::of_arn(&start.execution_arn).0;
    let Some(context) = traced(start.trace_header.as_deref(), id) else { return Vec::new() };
    let mut traced = Traced { step, context, id, spans: Vec::new() };
    let mut since = step.since.iter().peekable();
    let mut next_id = step.execution.next_event_id() - step.events.iter().filter(|event| event.kind.is_public()).count() as u64;
    for (place, event) in step.events.iter().enumerate() {
        let since = since.next_if(|since| since.event == place);
        traced.event(event, next_id, since);
        next_id += u64::from(event.kind.is_public());
    }
    traced.spans
}

impl Traced<'_> {
    fn event(&mut self, event: &Event, event_id: u64, since: Option<&Since>) {
        match &event.kind {
            EventKind::StateExited { state, .. } => self.state(event, event_id, since, *state, None),
            EventKind::StateAborted { state } => self.state(event, event_id, since, *state, Some("aborted")),
            EventKind::TaskSucceeded { state, .. } => self.attempt(event, since, *state, None),
            EventKind::TaskFailed { state, failure } | EventKind::TaskRefused { state, failure } => {
                self.attempt(event, since, *state, Some(failure));
            }
            EventKind::TaskTimedOut { state, failure, .. } => self.attempt(event, since, *state, Some(failure)),
            kind => {
                if let Some(change) = kind.execution_change().filter(|change| change.status != ExecutionStatus::Running) {
                    self.execution(event, change.status, change.failure);
                }
            }
        }
    }

    fn execution(&mut self, event: &Event, status: ExecutionStatus, failure: Option<&Failure>) {
        let (start, redrives) = (self.step.execution.started(), self.step.execution.redrive_count());
        let mut span = self.span(&start.state_machine_name, SpanKind::Server, redrives.at.unwrap_or(start.at), event.at);
        span.span_id = execution_span(self.id, redrives.count).to_be_bytes().to_vec();
        span.parent_span_id = self.context.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default();
        span.attributes.push(KeyValue::int("baton.redrive_count", i64::from(redrives.count)));
        if let Some(before) = redrives.count.checked_sub(1) {
            let span_id = execution_span(self.id, before).to_be_bytes().to_vec();
            span.links.push(Link { trace_id: span.trace_id.clone(), span_id });
        }
        if status != ExecutionStatus::Succeeded {
            fail(&mut span, failure);
        }
        self.spans.push(span);
    }

    fn state(&mut self, event: &Event, event_id: u64, since: Option<&Since>, state: StateId, why: Option<&str>) {
        let name = self.state_name(state);
        let mut span = self.span(&name, SpanKind::Internal, since.map_or(event.at, |since| since.began), event.at);
        let id = since.map_or_else(|| state_span_of_exit(self.id, event_id), |since| state_span(self.id, since.entry));
        span.span_id = id.to_be_bytes().to_vec();
        span.parent_span_id = self.own_execution().to_vec();
        span.attributes.push(KeyValue::text("baton.state", &name));
        if let Some(why) = why {
            span.status = Some(Status { message: why.to_owned(), code: StatusCode::Error.into() });
        }
        self.spans.push(span);
    }

    fn attempt(&mut self, event: &Event, since: Option<&Since>, state: StateId, failure: Option<&Failure>) {
        // An attempt always says since when it was out.
        let Some(since) = since else { return };
        let name = self.state_name(state);
        let resource = self.resource(state).unwrap_or_default();
        let mut span = self.span(&format!("{name} attempt"), SpanKind::Client, since.began, event.at);
        span.span_id = attempt_span(self.id, since.entry, since.attempt).to_be_bytes().to_vec();
        span.parent_span_id = state_span(self.id, since.entry).to_be_bytes().to_vec();
        span.attributes.extend([
            KeyValue::text("baton.state", &name),
            KeyValue::int("baton.attempt", i64::from(since.attempt)),
            KeyValue::text("baton.resource", &resource),
        ]);
        if let Some(started) = since.started {
            span.attributes.push(KeyValue::int("baton.waited_ms", started - since.began));
        }
        if let Some(failure) = failure {
            fail(&mut span, Some(failure));
        }
        self.spans.push(span);
    }

    fn span(&self, name: &str, kind: SpanKind, began: Timestamp, ended: Timestamp) -> Span {
        let start = self.step.execution.started();
        Span {
            trace_id: self.context.trace_id.to_be_bytes().to_vec(),
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(began),
            end_time_unix_nano: nanoseconds(ended),
            attributes: vec![
                KeyValue::text("baton.execution", &start.execution_arn),
                KeyValue::text("baton.state_machine", &start.state_machine_arn),
            ],
            ..Span::default()
        }
    }

    fn own_execution(&self) -> [u8; 8] {
        execution_span(self.id, self.step.execution.redrive_count().count).to_be_bytes()
    }

    fn state_name(&self, state: StateId) -> String {
        self.step.revision.machine.state(state).name.to_string()
    }

    fn resource(&self, state: StateId) -> Option<String> {
        self.step.revision.machine.state(state).kind.resource().map(|resource| resource.arn().to_string())
    }
}

fn fail(span: &mut Span, failure: Option<&Failure>) {
    let error = failure.and_then(|failure| failure.error.as_deref()).unwrap_or_default();
    span.attributes.push(KeyValue::text("error.type", error));
    span.status = Some(Status { message: error.to_owned(), code: StatusCode::Error.into() });
}

/// From milliseconds. Before 1970 there were no executions.
fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at).unwrap_or(0).saturating_mul(1_000_000)
}
