//! Everything that an execution can ask of the world. All of it waits until the events before it are durable.

use std::sync::Arc;

use crate::{MapRunSpec, Payload, TaskRef, Timestamp};

/// Everything that an execution can ask of the world. Timers are not among them: the shard asks [`crate::Execution::next_due`].
#[derive(Clone, Debug)]
pub enum Effect {
    /// Have a task done.
    Dispatch(Box<TaskActivation>),
    /// The attempt's outcome no longer counts; whoever holds it may stop.
    Cancel {
        /// Which attempt.
        task: TaskRef,
    },
    /// Begin a Map Run.
    StartMapRun(Box<MapRunSpec>),
    /// A Map Run goes on with what has not succeeded in it.
    RedriveMapRun {
        /// Its ARN.
        map_run_arn: Arc<str>,
        /// The number of the redrive, as its execution counts them.
        redrive_count: u32,
    },
    /// Nobody waits for the Map Run any more: its children are to stop.
    AbortMapRun {
        /// Its ARN.
        map_run_arn: Arc<str>,
    },
    /// The batch's bound is reached, or others wait for their turn: call `decide` with `Input::Continue` in the next batch.
    Yield,
    /// The execution has ended.
    Ended,
}

/// A task that is ready to be handed out.
#[derive(Clone, Debug)]
pub struct TaskActivation {
    /// Which attempt.
    pub task: TaskRef,
    /// Name of the state.
    pub state_name: Arc<str>,
    /// What is to be called.
    pub target: Target,
    /// Input of a function or activity, parameters of an integration.
    pub input: Payload,
    /// When the attempt times out.
    pub deadline: Option<Timestamp>,
    /// `HeartbeatSeconds`.
    pub heartbeat_seconds: Option<u64>,
    /// `Credentials.RoleArn`.
    pub role_arn: Option<Arc<str>>,
}

/// What a task calls: the state's resource.
pub type Target = baton_asl::Resource;
