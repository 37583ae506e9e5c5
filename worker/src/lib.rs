//! The worker: claims task activations, runs Lambda-like handlers and reports back.
//!
//! Read in this order: [`worker`] is the library's face; `session` speaks `baton/worker/v1/worker.proto` with a coordinator; `handlers` runs invocations, one
//! file per kind; [`functions`] and [`template`] say which functions there are. Deliberately absent: any knowledge of states and
//! executions beyond what a grant says, and any retry of a handler, which is the state's business.

pub mod child;
pub mod functions;
mod handlers;
mod invocation;
mod logs;
mod session;
pub mod template;
mod watchdog;
pub mod worker;

pub use baton_proto::worker::v1::Dispatch;
pub use baton_task_queue::{RabbitMqQueue, TaskQueue};
pub use bytes::Bytes;
pub use invocation::{FunctionError, Invocation};
pub use session::{Refusal, WorkerStatus};
pub use tokio_util::sync::CancellationToken;
pub use worker::{BuildError, DrainReport, MissingInterpreter, Worker, WorkerBuilder, WorkerHandle};
