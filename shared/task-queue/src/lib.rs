//! Task queues between coordinators and workers.
//!
//! A queue carries *offers*, not truth: which tasks are outstanding is in the executions. An offer may be lost, repeated or late; whoever takes one
//! claims it at a coordinator before anything runs, and a second claim is denied. Nothing sits unacknowledged for longer than a claim takes.

mod memory;
mod queue;
mod rabbitmq;

pub use baton_proto::offer::v1::Offer;
pub use memory::{Faults, MemoryQueue};
pub use queue::{Consumer, Delivery, Depth, Link, QueueError, Settlement, TaskQueue};
pub use rabbitmq::{
    AddressError, BrokerAddress, BrokerFacts, Fact, Policy, PolicyState, QueueType, RabbitMqQueue, RabbitMqSettings, inspect,
    shipped_policies,
};

/// Most offers that one message carries; [`TaskQueue::publish`] splits what is longer.
pub const OFFERS_PER_MESSAGE_MAX: usize = 64;
