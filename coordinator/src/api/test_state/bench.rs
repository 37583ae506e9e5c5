//! Where a state is tested: its machine, the limits, and the little that the engine asks of services.

use std::sync::Arc;

use baton_asl::{Resource, State, StateId, StateMachine};
use baton_engine::{Env, Failure, Limits, Payload, Services, Start, TaskRef};
use uuid::Uuid;

use super::subject::Subject;
use crate::api::{Api, ApiError};
use crate::cluster::check_parameters;

/// See the module.
#[derive(Clone)]
pub(super) struct Bench(Arc<Inner>);

struct Inner {
    machine: StateMachine,
    state: StateId,
    limits: Limits,
    services: TestServices,
}

impl Bench {
    pub(super) fn new(api: &Api, subject: Subject) -> Self {
        let limits = Limits { payload_bytes_max: api.limits().payload_bytes_max, ..Limits::default() };
        let services = TestServices { token: Uuid::new_v4().to_string() };
        Self(Arc::new(Inner { machine: subject.machine, state: subject.id, limits, services }))
    }

    pub(super) fn machine(&self) -> &StateMachine {
        &self.0.machine
    }

    pub(super) fn state(&self) -> &State {
        self.0.machine.state(self.0.state)
    }

    /// Runs the engine apart from the requests beside it: an expression may take its time.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce(Env<'_>) -> T + Send + 'static) -> Result<T, ApiError> {
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let Inner { machine, limits, services, .. } = &*inner;
            work(Env { machine, limits, services })
        });
        done.await.map_err(|error| ApiError::InternalFailure(format!("the state could not be tested: {error}")))
    }
}

/// Tokens that complete nothing, and calls that are looked at only.
struct TestServices {
    token: String,
}

impl Services for TestServices {
    fn task_token(&self, _start: &Start, _task: TaskRef) -> String {
        self.token.clone()
    }

    fn check(&self, resource: &Resource, parameters: &Payload) -> Result<(), Failure> {
        check_parameters(resource, parameters)
    }
}
