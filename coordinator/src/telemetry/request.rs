//! What a log line that is written while a request is answered says of that request, and of the execution and the trace it is about.
//!
//! It costs nothing to speak of until a line is written: whoever writes lines as JSON asks for [`current`].

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use baton_proto::trace::TraceContext;
use uuid::Uuid;

tokio::task_local! {
    static REQUEST: Request;
}

struct Request {
    id: Uuid,
    about: RefCell<About>,
}

#[derive(Clone, Default)]
struct About {
    execution: Option<Arc<str>>,
    trace: Option<u128>,
}

/// The request that is being answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentRequest {
    /// `x-amzn-RequestId` of its answer.
    pub request_id: String,
    /// ARN of the execution that it is about, once that is known.
    pub execution: Option<Arc<str>>,
    /// The trace that it is part of, 32 hexadecimal digits, as W3C writes it.
    pub trace_id: Option<String>,
}

/// The request that the caller's task answers, if it does.
pub fn current() -> Option<CurrentRequest> {
    let shown = |request: &Request| {
        let About { execution, trace } = request.about.borrow().clone();
        CurrentRequest { request_id: request.id.to_string(), execution, trace_id: trace.map(trace_id) }
    };
    REQUEST.try_with(shown).ok()
}

/// Answers a request of this name.
pub(crate) async fn answering<T>(id: Uuid, answer: impl Future<Output = T>) -> T {
    REQUEST.scope(Request { id, about: RefCell::default() }, answer).await
}

/// The request is about this execution.
pub(crate) fn about_execution(arn: impl Into<Arc<str>>) {
    note(|about| about.execution = Some(arn.into()));
}

/// The request is part of this trace.
pub(crate) fn about_trace(context: &TraceContext) {
    note(|about| about.trace = Some(context.trace_id));
}

fn note(write: impl FnOnce(&mut About)) {
    // What is not a request's work has nobody to be told of.
    let _ = REQUEST.try_with(|request| write(&mut request.about.borrow_mut()));
}

/// The trace that an execution with this header is part of, as log lines name it.
pub(crate) fn trace_of(trace_header: Option<&Arc<str>>) -> Option<String> {
    trace_header.and_then(|header| TraceContext::from_xray(header)).map(|context| trace_id(context.trace_id))
}

fn trace_id(id: u128) -> String {
    format!("{id:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_known_to_what_answers_it_alone() {
        assert_eq!(current(), None);
        let id = Uuid::from_u128(7);
        let seen = answering(id, async {
            about_execution("arn:e");
            about_trace(&TraceContext { trace_id: 0xab, parent: None, is_sampled: None });
            current()
        });
        let expected = CurrentRequest {
            request_id: id.to_string(),
            execution: Some("arn:e".into()),
            trace_id: Some("000000000000000000000000000000ab".to_owned()),
        };
        assert_eq!(seen.await, Some(expected));
        assert_eq!(answering(id, async { tokio::spawn(async { current() }).await.expect("no panic") }).await, None);
        about_execution("arn:nobody's");
        assert_eq!(current(), None);
    }
}
