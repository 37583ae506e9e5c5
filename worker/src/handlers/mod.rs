//! What runs an invocation, one file per kind of handler.

mod command;
mod http;
pub(crate) mod lambda_runtime;
mod output;
mod payload;
mod rust_function;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub(crate) use rust_function::RustFunction;

use crate::functions::{Function, Runtime};
use crate::invocation::{Completion, FunctionError, Invocation};
use lambda_runtime::LambdaRuntime;

/// One function's handler, shared by all its invocations.
#[derive(Clone)]
pub(crate) enum Handler {
    /// A function in this process.
    Rust(RustFunction),
    /// Processes that speak the Lambda Runtime API: Python, Node and `provided`.
    LambdaRuntime(Arc<LambdaRuntime>),
    /// A program per invocation.
    Command(Arc<command::Command>),
    /// An endpoint with Lambda's invoke wire format.
    Http(Arc<http::Http>),
    /// A known function that cannot run here.
    Unsupported(Arc<Function>),
}

impl Handler {
    pub(crate) fn of_function(function: Arc<Function>) -> Self {
        match &function.runtime {
            Runtime::Python { .. } | Runtime::Node { .. } | Runtime::Provided { .. } => Self::LambdaRuntime(LambdaRuntime::new(function)),
            Runtime::Command { argv, directory } => {
                Self::Command(Arc::new(command::Command::new(argv.clone(), directory.clone(), function)))
            }
            Runtime::Http { url } => Self::Http(Arc::new(http::Http::new(url, function.clone()))),
            Runtime::Unsupported { .. } => Self::Unsupported(function),
        }
    }

    /// Runs one invocation to its end. Dropping the future ends the handler and everything that it has started.
    pub(crate) fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, Completion> {
        match self {
            Self::Rust(function) => function.invoke(invocation),
            Self::LambdaRuntime(runtime) => Box::pin(runtime.clone().invoke(invocation)),
            Self::Command(command) => Box::pin(command.clone().invoke(invocation)),
            Self::Http(http) => Box::pin(http.clone().invoke(invocation)),
            Self::Unsupported(function) => Box::pin(std::future::ready(unsupported(function).into())),
        }
    }

    /// Forgets what is warm, so that the next invocations see new code.
    pub(crate) fn reload(&self) {
        if let Self::LambdaRuntime(runtime) = self {
            runtime.reload();
        }
    }

    /// Ends processes that have been idle for long.
    pub(crate) fn sweep(&self) {
        if let Self::LambdaRuntime(runtime) = self {
            runtime.sweep();
        }
    }
}

fn unsupported(function: &Function) -> Result<bytes::Bytes, FunctionError> {
    let message = format!(
        "Function {} has runtime {}, which this worker does not run. Run it as provided.al2023 or behind an http endpoint.",
        function.name,
        function.runtime.identifier()
    );
    Err(FunctionError::lambda("Runtime.InvalidEntrypoint", &message).before_handler())
}
