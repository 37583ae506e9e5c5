//! Which way a task goes: to a queue that workers serve, to an endpoint, or nowhere.

use std::sync::Arc;

use baton_asl::{Integration, Resource};
use baton_engine::{Start, TaskActivation};

use super::function_name::FunctionName;
use super::invoke::InvokeRequest;
use crate::arn::Owner;
use crate::lambda_error;
use crate::shard::Functions;
use crate::telemetry::request::trace_of;

/// Where a task goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Into this queue.
    Queue(String),
    /// To the endpoint for functions.
    Endpoint,
    /// Nowhere.
    Refused {
        /// Whether the attempt counts as started.
        started: bool,
        /// Error name.
        error: &'static str,
        /// Cause.
        cause: String,
    },
}

/// Knows the ways.
pub struct Router {
    functions: Arc<dyn Functions>,
    has_endpoint: bool,
    region: String,
    account: String,
}

impl Router {
    /// `region` and `account` complete short names of activities; `has_endpoint` tells whether functions that no worker serves are
    /// called downstream.
    pub fn new(functions: Arc<dyn Functions>, has_endpoint: bool, region: String, account: String) -> Self {
        Self { functions, has_endpoint, region, account }
    }

    /// Functions that workers have served.
    pub fn functions(&self) -> &dyn Functions {
        &*self.functions
    }

    /// The way of a task.
    pub fn route(&self, start: &Start, activation: &TaskActivation) -> Route {
        match &activation.target {
            Resource::Function { arn } => self.route_function(start, arn, None),
            Resource::Activity { arn } => Route::Queue(activity_queue(arn)),
            Resource::Integration(integration) if integration.is_lambda_invoke() => match InvokeRequest::parse(&activation.input) {
                Ok(request) => self.route_function(start, request.function_name, request.qualifier),
                Err(failure) => Route::Refused {
                    started: false,
                    error: "States.Runtime",
                    cause: failure.cause.map(|cause| cause.to_string()).unwrap_or_default(),
                },
            },
            Resource::Integration(integration) => unavailable(integration),
        }
    }

    fn route_function(&self, start: &Start, text: &str, qualifier: Option<&str>) -> Route {
        let Some(function) = FunctionName::parse(text) else {
            return Route::Refused { started: true, error: lambda_error::RESOURCE_NOT_FOUND, cause: format!("Function not found: {text}") };
        };
        if self.functions.knows(function.name) {
            return Route::Queue(function_queue(function.name));
        }
        if self.has_endpoint {
            return Route::Endpoint;
        }
        self.not_found(start, &function, qualifier.or(function.qualifier))
    }

    fn not_found(&self, start: &Start, function: &FunctionName<'_>, qualifier: Option<&str>) -> Route {
        let name = function.name;
        tracing::warn!(
            function = name,
            execution = %start.execution_arn,
            trace_id = trace_of(start.trace_header.as_ref()),
            "no worker has ever served this function: add it to baton.toml or template.yaml of a worker's folder, or name the endpoint that has it in AWS_ENDPOINT_URL_LAMBDA"
        );
        let mut parts = start.execution_arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or(&self.region), parts.next().unwrap_or(&self.account));
        let arn = function.arn(region, account);
        let request_id = super::Random::from_system().uuid();
        Route::Refused {
            started: true,
            error: lambda_error::RESOURCE_NOT_FOUND,
            cause: format!(
                "Function not found: {arn}:{} (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: {request_id}; Proxy: null)",
                qualifier.unwrap_or("$LATEST")
            ),
        }
    }

    /// The queue that a worker means: functions by any form of their name, activities by ARN or, where region and account are this
    /// system's own, by name.
    pub fn queue_name(&self, name: &str) -> String {
        if let Some(function) = name.strip_prefix("lambda:").and_then(FunctionName::parse) {
            return function_queue(function.name);
        }
        match name.strip_prefix("activity:") {
            Some(activity) if !activity.starts_with("arn:") => activity_queue(&Owner::new(&self.region, &self.account).activity(activity)),
            Some(_) | None => name.to_owned(),
        }
    }
}

/// Name of a function's queue.
pub(crate) fn function_queue(name: &str) -> String {
    format!("lambda:{name}")
}

/// Name of an activity's queue.
pub(crate) fn activity_queue(arn: &str) -> String {
    format!("activity:{arn}")
}

fn unavailable(integration: &Integration) -> Route {
    let arn = &integration.arn;
    Route::Refused {
        started: false,
        error: "States.Runtime",
        cause: format!(
            "The resource '{arn}' cannot be called by this release of baton yet. Functions by their ARN, lambda:invoke and activities can."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_asl::Pattern;
    use baton_engine::{Payload, TaskRef};
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use serde_json::json;

    struct Known;

    impl Functions for Known {
        fn knows(&self, name: &str) -> bool {
            name == "known"
        }

        fn register<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
            std::future::ready(()).boxed()
        }
    }

    fn start() -> Start {
        Start {
            execution_arn: "arn:aws:states:eu-west-1:111122223333:execution:m:e".into(),
            state_machine_arn: "arn:aws:states:eu-west-1:111122223333:stateMachine:m".into(),
            state_machine_name: "m".into(),
            name: "e".into(),
            revision: 1,
            version_arn: None,
            alias_arn: None,
            role_arn: "r".into(),
            input: Payload::from_value(json!({})),
            trace_header: None,
            seed: 0,
            at: 0,
            deadline: None,
            test_case: None,
            map_child: None,
        }
    }

    fn route(target: Resource, input: serde_json::Value, has_endpoint: bool) -> Route {
        let router = Router::new(Arc::new(Known), has_endpoint, "us-east-1".to_owned(), "123456789012".to_owned());
        let activation = TaskActivation {
            task: TaskRef { entry: 2, attempt: 1 },
            state_name: "s".into(),
            target,
            input: Payload::from_value(input),
            deadline: None,
            heartbeat_seconds: None,
            role_arn: None,
        };
        router.route(&start(), &activation)
    }

    fn function(name: &str) -> Resource {
        Resource::Function { arn: format!("arn:aws:lambda:us-east-1:123456789012:function:{name}").into() }
    }

    fn integration(service: &str, action: &str) -> Resource {
        let arn = format!("arn:aws:states:::{service}:{action}").into();
        Resource::Integration(Integration { arn, service: service.into(), action: action.into(), pattern: Pattern::RequestResponse })
    }

    #[test]
    fn known_functions_go_to_their_queue_by_arn_and_by_invoke() {
        assert_eq!(route(function("known:PROD"), json!({}), true), Route::Queue("lambda:known".to_owned()));
        let parameters = json!({"FunctionName": "123456789012:function:known", "Payload": 1});
        assert_eq!(route(integration("lambda", "invoke"), parameters, true), Route::Queue("lambda:known".to_owned()));
    }

    #[test]
    fn others_go_to_the_endpoint_or_are_not_found() {
        assert_eq!(route(function("other"), json!({}), true), Route::Endpoint);
        let Route::Refused { started: true, error, cause } =
            route(integration("lambda", "invoke"), json!({"FunctionName": "other"}), false)
        else {
            panic!("an unknown function is refused");
        };
        assert_eq!(error, "Lambda.ResourceNotFoundException");
        let head = "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:other:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ";
        assert!(cause.starts_with(head) && cause.ends_with("; Proxy: null)"), "{cause}");
    }

    #[test]
    fn integrations_that_are_not_there_are_named() {
        let Route::Refused { started: false, cause, .. } = route(integration("sqs", "sendMessage"), json!({}), true) else {
            panic!("not available yet");
        };
        assert!(cause.contains("arn:aws:states:::sqs:sendMessage"), "{cause}");
    }

    #[test]
    fn workers_may_name_queues_in_short() {
        let router = Router::new(Arc::new(Known), false, "us-east-1".to_owned(), "123456789012".to_owned());
        assert_eq!(router.queue_name("lambda:arn:aws:lambda:us-east-1:1:function:f"), "lambda:f");
        assert_eq!(router.queue_name("activity:a"), "activity:arn:aws:states:us-east-1:123456789012:activity:a");
        let arn = "activity:arn:aws:states:eu-west-1:1:activity:a";
        assert_eq!(router.queue_name(arn), arn);
    }
}
