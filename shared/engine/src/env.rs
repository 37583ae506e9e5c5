//! What surrounds an execution while it decides: the machine, the limits, and the little it must know of the services outside.

use baton_asl::{Resource, StateId, StateMachine};

use crate::{Failure, Limits, Payload, Start, TaskRef};

/// What an execution decides with. None of it is read in a replay but the machine.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The revision that the execution is pinned to.
    pub machine: &'a StateMachine,
    /// Limits of one execution.
    pub limits: &'a Limits,
    /// What the engine cannot know by itself about tasks.
    pub services: &'a dyn Services,
}

/// What the engine must know of the services that tasks call. Pure and deterministic: the same arguments, the same answer.
pub trait Services {
    /// The task token of an attempt: `$$.Task.Token` in its parameters, and what SendTaskSuccess brings back.
    fn task_token(&self, start: &Start, task: TaskRef) -> String;

    /// The ARN of the Map Run that the state begins in the execution's event `event`; without a `label` one is made that is the state's own.
    fn map_run_arn(&self, start: &Start, label: Option<&str>, state: StateId, event: u64) -> String {
        let label = label.map_or_else(|| state.0.to_string(), str::to_owned);
        format!("{}/{label}:{event}", start.execution_arn)
    }

    /// Whether the service can be called with these parameters. An error fails the state before anything is scheduled, as AWS
    /// does with `The Parameters '…' could not be used to start the Task: …`; the engine puts
    /// `An error occurred while executing the state …` before the cause.
    fn check(&self, resource: &Resource, parameters: &Payload) -> Result<(), Failure> {
        let _ = (resource, parameters);
        Ok(())
    }

    /// Whether others wait for their turn: asked before each state that is entered, and never obeyed before the first of a decision.
    /// The answer says only how much one decision does, never what: it ends with [`crate::Effect::Yield`], which no event tells of.
    fn is_turn_over(&self) -> bool {
        false
    }
}

/// No services: tokens are readable, every call is fine. For tests and for machines without callbacks.
pub struct NoServices;

impl Services for NoServices {
    fn task_token(&self, start: &Start, task: TaskRef) -> String {
        format!("{}/{}/{}", start.execution_arn, task.entry, task.attempt)
    }
}
