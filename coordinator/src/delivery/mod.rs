//! Delivery: calls out of this process on behalf of tasks. The start of an attempt is durable before its call is made, and what comes of the
//! call goes back through the cluster like any other outcome. What is under way when the process ends is lost; its attempt fails at
//! the next start, and its state's Retry decides.
//!
//! Today there is one thing to call: functions that no worker serves, at `AWS_ENDPOINT_URL_LAMBDA`.

mod answer;
mod endpoint;
mod request;

pub use crate::aws::EndpointError;
pub use endpoint::LambdaEndpoint;

use std::sync::Arc;
use std::time::Duration;

use baton_engine::Input;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use crate::cluster::{Cluster, Grant, SendError};
use crate::dispatch::{Random, TaskToken};
use request::FunctionCall;

/// Calls at once; Lambda's own concurrency of an account by default.
const CALLS_MAX: usize = 1_000;
/// An outcome that the shard cannot take now is handed in again after this time.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Takes tasks for an endpoint, until [`run`](Delivery::run) calls them.
pub struct Delivery {
    endpoint: Arc<LambdaEndpoint>,
    jobs: mpsc::UnboundedReceiver<Box<Grant>>,
    sender: Arc<dyn Fn(Box<Grant>) + Send + Sync>,
}

impl Delivery {
    /// To this endpoint.
    pub fn new(endpoint: LambdaEndpoint) -> Self {
        let (sender, jobs) = mpsc::unbounded_channel();
        // Jobs after the end are of no use: their attempts fail at the next start.
        let send = move |job| drop(sender.send(job));
        Self { endpoint: Arc::new(endpoint), jobs, sender: Arc::new(send) }
    }

    /// Takes the jobs that the cluster has: [`ClusterConfig::deliver`](crate::cluster::ClusterConfig::deliver).
    pub fn sender(&self) -> Arc<dyn Fn(Box<Grant>) + Send + Sync> {
        self.sender.clone()
    }

    /// Makes the calls until the cluster closes.
    pub async fn run(mut self, cluster: Cluster) {
        let (calls, limit) = (TaskTracker::new(), Arc::new(Semaphore::new(CALLS_MAX)));
        loop {
            let job = tokio::select! {
                job = self.jobs.recv() => job,
                () = cluster.closed() => None,
            };
            let Some(grant) = job else { break };
            let permit = limit.clone().acquire_owned().await.expect("the semaphore is never closed");
            let (cluster, endpoint) = (cluster.clone(), self.endpoint.clone());
            calls.spawn(async move {
                tokio::select! {
                    () = deliver(&cluster, &endpoint, &grant) => {}
                    () = cluster.closed() => {}
                }
                drop(permit);
            });
        }
        calls.close();
        calls.wait().await;
    }
}

async fn deliver(cluster: &Cluster, endpoint: &LambdaEndpoint, grant: &Grant) {
    let input = match FunctionCall::of(grant) {
        Ok(call) => {
            let answer = endpoint.invoke(&call).await;
            answer::read(grant.activation.task, &call, answer, &mut Random::from_system())
        }
        Err(failure) => Input::TaskFailed { task: grant.activation.task, error: failure.error, cause: failure.cause },
    };
    report(cluster, grant, input).await;
}

/// Hands the outcome in until it is decided.
async fn report(cluster: &Cluster, grant: &Grant, input: Input) {
    let shape = crate::dispatch::Shape::Function;
    let token = TaskToken { execution: grant.execution, task: grant.activation.task, shape, claim_id: grant.claim.claim_id };
    loop {
        match cluster.report(&token, input.clone()).await {
            Err(SendError::Throttled | SendError::Unavailable(_)) if !cluster.is_closing() => tokio::time::sleep(RETRY_AFTER).await,
            // Applied, or of no use any more: the task has timed out or was stopped.
            Ok(_) | Err(_) => return,
        }
    }
}
