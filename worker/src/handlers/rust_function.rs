//! Rust functions in the worker's own process.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::invocation::{Completion, FunctionError, Invocation};

type Function = dyn Fn(Invocation) -> BoxFuture<'static, Completion> + Send + Sync;

/// An async Rust function as a handler. A panic in it fails its own invocation only.
#[derive(Clone)]
pub(crate) struct RustFunction(Arc<Function>);

impl RustFunction {
    pub(crate) fn new<F, R>(function: F) -> Self
    where
        F: Fn(Invocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
    {
        Self(Arc::new(move |invocation| {
            // The call itself may panic too, before there is a future.
            let called = std::panic::catch_unwind(AssertUnwindSafe(|| function(invocation)));
            match called {
                Ok(future) => Box::pin(
                    AssertUnwindSafe(future).catch_unwind().map(|result| result.unwrap_or_else(|panic| Err(panicked(&*panic))).into()),
                ),
                Err(panic) => Box::pin(std::future::ready(Err(panicked(&*panic)).into())),
            }
        }))
    }

    pub(crate) fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Completion> {
        (self.0)(invocation)
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> FunctionError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    FunctionError::lambda("Runtime.Panic", &format!("Lambda panicked: {}", text.unwrap_or("without a message")))
}
