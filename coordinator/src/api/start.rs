//! What StartExecution and StartSyncExecution have in common: what they are given, and what an execution starts with.

use std::sync::Arc;

use baton_engine::{Payload, Start};
use baton_proto::trace::TraceContext;
use serde::Deserialize;

use crate::arn::{Arn, Owner};
use crate::catalog::{MachineType, Route};
use crate::telemetry::request::{about_execution, about_trace};

use super::constraint::{ARN, Constraints, NAME};
use super::resource::{Qualifier, StateMachineRef};
use super::{Api, ApiError, Call, name, test_case};

/// The members of both operations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartMembers {
    state_machine_arn: Option<String>,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
}

/// A start whose members are as the model wants them.
pub(super) struct StartRequest {
    /// Of the state machine, without the test case that may be named behind it.
    arn: String,
    test_case: Option<String>,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
}

impl StartRequest {
    /// Checks the members; `check` gathers what is wrong with them.
    pub(super) fn read(api: &Api, call: &Call<'_>, members: StartMembers, check: &mut Constraints) -> Self {
        let arn = check.required("stateMachineArn", members.state_machine_arn, ARN);
        let (arn, test_case) = test_case::split(api, &arn);
        Self {
            arn: arn.to_owned(),
            test_case: test_case.map(str::to_owned),
            name: check.optional("name", members.name, NAME),
            input: check.optional_sensitive("input", members.input, 0..=api.limits().payload_bytes_max),
            trace_header: trace_header(call, members.trace_header, check),
        }
    }

    /// What the ARN leads to; for an alias, one of its versions.
    pub(super) fn target(&self, api: &Api) -> Result<StateMachineRef, ApiError> {
        StateMachineRef::resolve_by(api, &self.arn, pick)
    }

    /// What the execution starts with.
    pub(super) async fn into_start(self, api: &Api, target: &StateMachineRef) -> Result<Start, ApiError> {
        if let Some(name) = &self.name {
            name::check(name)?;
        }
        let input = read_input(self.input)?;
        let test_case = test_case::find(api, target, self.test_case.as_deref()).await?;
        let machine = &target.machine;
        // An execution lives where its machine lives, whoever starts it.
        let Arn { partition, region, account, .. } = Arn::parse(&self.arn)?;
        let owner = Owner { partition, region, account };
        let name = self.name.unwrap_or_else(random_name);
        let execution_arn = match machine.machine_type {
            MachineType::Standard => owner.execution(&machine.name, &name),
            MachineType::Express => api.cluster().name_here(|| owner.express(&machine.name, &name, &random_name())).await,
        };
        let version = machine.versions.values().find(|version| version.revision == target.revision.record.digest);
        let (version_arn, alias_arn) = match &target.qualifier {
            Qualifier::Unqualified => (None, None),
            Qualifier::Version(_) => (Some(self.arn.into()), None),
            Qualifier::Alias(_) => (version.map(|version| machine.version_arn(version.number).into()), Some(self.arn.into())),
        };
        let execution_arn: Arc<str> = execution_arn.into();
        about_execution(execution_arn.clone());
        Ok(Start {
            execution_arn,
            state_machine_arn: machine.arn.clone(),
            state_machine_name: machine.name.clone(),
            name: name.into(),
            revision: target.revision.record.digest,
            version_arn,
            alias_arn,
            role_arn: target.revision.record.content.role_arn.clone(),
            input,
            trace_header: self.trace_header.map(Into::into),
            // The cluster sets these when it takes the start.
            seed: 0,
            at: 0,
            deadline: None,
            test_case,
            map_child: None,
        })
    }
}

fn random_name() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Weighted, anew for each start.
fn pick(routes: &[Route]) -> usize {
    let drawn = getrandom::u32().expect("the operating system gives random numbers") % 100;
    let mut sum = 0;
    let hit = |route: &Route| {
        sum += u32::from(route.weight);
        drawn < sum
    };
    routes.iter().position(hit).unwrap_or(0)
}

pub(super) fn read_input(input: Option<String>) -> Result<Payload, ApiError> {
    let text = input.unwrap_or_else(|| "{}".to_owned());
    if text.is_empty() {
        return Err(ApiError::InvalidExecutionInput("Invalid execution input.".to_owned()));
    }
    super::json_payload(text).map_err(ApiError::InvalidExecutionInput)
}

/// A header wins over the member, and X-Ray's over W3C's, which is kept in X-Ray's form.
fn trace_header(call: &Call<'_>, member: Option<String>, check: &mut Constraints) -> Option<String> {
    let member = check.optional("traceHeader", member, 0..=256);
    check.pattern("traceHeader", member.as_deref(), r"\p{ASCII}*", str::is_ascii);
    let xray = call.header("x-amzn-trace-id").filter(|header| header.len() <= 256).map(str::to_owned);
    let w3c = || call.header("traceparent").and_then(TraceContext::from_traceparent).map(|context| context.xray());
    let header = xray.or_else(w3c).or(member)?;
    if let Some(context) = TraceContext::from_xray(&header) {
        about_trace(&context);
    }
    Some(header)
}
