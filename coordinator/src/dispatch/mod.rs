//! Tasks and those who do them: which queue a task belongs to, who has a free slot, what a worker is told and what it tells back.
//!
//! [`Queues`] brings tasks and slots together. When a session has a free slot while a task is being scheduled, the slot is
//! reserved on the spot, so that scheduled and started are one append (*sync match*); otherwise the task waits in its queue until a
//! slot comes free. With a broker, what waits is offered through it meanwhile ([`offers`]). Nothing here is durable: what waits is rebuilt from
//! the executions.

mod call;
mod claim_id;
mod function_name;
mod invoke;
mod json;
mod noted;
mod offers;
mod peer_secret;
mod queue;
mod queues;
mod random;
mod route;
mod services;
mod session;
mod sessions;
mod token;

pub use call::TaskCall;
pub(crate) use claim_id::{is_of_worker, new_claim_id};
pub use function_name::FunctionName;
pub use invoke::{InvocationType, InvokeRequest, InvokeResult};
pub(crate) use json::compacted;
pub use json::{NotJson, payload_of};
pub(crate) use offers::{Batch, BatchOffer, Published};
pub use peer_secret::{PEER_HEADER, PeerSecret};
pub(crate) use queue::{ClaimedOffer, QueueFigures};
pub use queue::{Poller, QueueFull, Slot};
pub(crate) use queues::SharedQueue;
pub use queues::{QueueStatus, Queues};
pub use random::Random;
pub(crate) use route::activity_queue;
pub use route::{Route, Router};
pub use services::TaskServices;
pub(crate) use services::check_invoke;
pub(crate) use session::Held;
pub use session::{Session, SessionInfo, SessionItem};
pub(crate) use sessions::GRACE;
pub use sessions::Sessions;
pub use token::{Shape, TaskToken, TokenKey, TokenKeyError};
