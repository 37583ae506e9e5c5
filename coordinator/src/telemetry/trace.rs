//! Which executions are traced, and what their spans are called by: known without asking anybody, so that what is handed to a worker names the
//! span that is told of later.

use std::sync::{Arc, OnceLock};

use baton_proto::trace::TraceContext;
use xxhash_rust::xxh3::xxh3_64;

/// What of all executions is traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Whether what a caller says counts.
    pub is_parent_based: bool,
    /// The part of the others, from 0 to 1.
    pub ratio: f64,
}

impl Sampler {
    /// By the names of `OTEL_TRACES_SAMPLER` and its argument; whoever asks a parent and traces everything else, as OpenTelemetry has it, by default.
    pub fn parse(name: Option<&str>, argument: Option<&str>) -> Option<Self> {
        let name = name.filter(|name| !name.is_empty()).unwrap_or("parentbased_always_on");
        let (is_parent_based, rule) = name.strip_prefix("parentbased_").map_or((false, name), |rule| (true, rule));
        let ratio = match rule {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => argument.map_or(Some(1.0), |argument| argument.parse().ok()).filter(|ratio| (0.0..=1.0).contains(ratio))?,
            _ => return None,
        };
        Some(Self { is_parent_based, ratio })
    }

    fn samples(&self, context: &TraceContext) -> bool {
        match context.is_sampled.filter(|_| self.is_parent_based) {
            Some(is_sampled) => is_sampled,
            // The lower half of an id is random in every system.
            None => ((context.trace_id as u64 >> 11) as f64) < self.ratio * (1_u64 << 53) as f64,
        }
    }
}

/// The process's, once spans leave it.
static SAMPLER: OnceLock<Sampler> = OnceLock::new();

/// Spans leave the process from now on. The first call counts.
pub fn begin_tracing(sampler: Sampler) {
    let _ = SAMPLER.set(sampler);
}

/// Whose part an execution is, if it is traced: as its caller said, or a trace of its own.
pub fn traced(trace_header: Option<&str>, execution: u128) -> Option<TraceContext> {
    let sampler = SAMPLER.get()?;
    let own = TraceContext { trace_id: execution.max(1), parent: None, is_sampled: None };
    let context = trace_header.and_then(TraceContext::from_xray).unwrap_or(own);
    sampler.samples(&context).then_some(context)
}

/// The trace header that goes with a task: of a traced execution it names the attempt's span as parent.
pub fn header_of_attempt(trace_header: Option<&Arc<str>>, execution: u128, entry: u64, attempt: u32) -> Option<Arc<str>> {
    let Some(context) = traced(trace_header.map(|header| &**header), execution) else { return trace_header.cloned() };
    let parent = Some(attempt_span(execution, entry, attempt));
    Some(TraceContext { parent, is_sampled: Some(true), ..context }.xray().into())
}

/// The W3C trace context that goes with the offer of a task. Where nobody has named a span, the attempt's own is the parent, told of or not.
pub fn traceparent_of_attempt(trace_header: Option<&Arc<str>>, execution: u128, entry: u64, attempt: u32) -> Option<String> {
    let context = TraceContext::from_xray(&header_of_attempt(trace_header, execution, entry, attempt)?)?;
    let parent = context.parent.or_else(|| Some(attempt_span(execution, entry, attempt)));
    TraceContext { parent, ..context }.traceparent()
}

/// The span of an execution from its start, or from a redrive, to its end.
pub fn execution_span(execution: u128, redrives: u32) -> u64 {
    span(execution, 0, u64::from(redrives))
}

/// The span of a state, by the id of its StateEntered event.
pub fn state_span(execution: u128, entry: u64) -> u64 {
    span(execution, 1, entry)
}

/// The span of a state of which only the id of its last event is known.
pub fn state_span_of_exit(execution: u128, exit: u64) -> u64 {
    span(execution, 2, exit)
}

/// The span of an attempt.
pub fn attempt_span(execution: u128, entry: u64, attempt: u32) -> u64 {
    span(execution, 3 + u64::from(attempt), entry)
}

fn span(execution: u128, kind: u64, number: u64) -> u64 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&execution.to_be_bytes());
    bytes[16..24].copy_from_slice(&kind.to_be_bytes());
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    // 0 is no span.
    xxh3_64(&bytes).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samplers_have_opentelemetrys_names() {
        assert_eq!(Sampler::parse(None, None), Some(Sampler { is_parent_based: true, ratio: 1.0 }));
        assert_eq!(Sampler::parse(Some("traceidratio"), Some("0.25")), Some(Sampler { is_parent_based: false, ratio: 0.25 }));
        assert_eq!(Sampler::parse(Some("parentbased_always_off"), None), Some(Sampler { is_parent_based: true, ratio: 0.0 }));
        assert_eq!(Sampler::parse(Some("traceidratio"), Some("2")), None);
        assert_eq!(Sampler::parse(Some("xray"), None), None);
    }

    #[test]
    fn a_parents_word_counts_where_it_is_asked_and_the_ratio_is_met() {
        let sampler = Sampler { is_parent_based: true, ratio: 0.25 };
        let context = |trace_id, is_sampled| TraceContext { trace_id, parent: None, is_sampled };
        assert!(sampler.samples(&context(u128::from(u64::MAX), Some(true))) && !sampler.samples(&context(1, Some(false))));
        let sampled = (0..10_000_u64).filter(|number| sampler.samples(&context(u128::from(xxh3_64(&number.to_be_bytes())), None))).count();
        assert!((2_300..2_700).contains(&sampled), "{sampled}");
        assert!(!Sampler { is_parent_based: false, ratio: 0.0 }.samples(&context(0, Some(true))));
    }

    #[test]
    fn spans_have_names_of_their_own() {
        let spans = [
            execution_span(7, 0),
            execution_span(7, 1),
            state_span(7, 1),
            state_span_of_exit(7, 1),
            attempt_span(7, 1, 1),
            attempt_span(7, 1, 2),
            state_span(8, 1),
        ];
        let different: std::collections::BTreeSet<_> = spans.into_iter().collect();
        assert_eq!(different.len(), spans.len());
        assert_eq!(attempt_span(7, 1, 1), attempt_span(7, 1, 1));
    }
}
