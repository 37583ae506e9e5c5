//! StartExecution.

use std::sync::Arc;

use baton_engine::{Payload, Start};
use serde::{Deserialize, Serialize};

use crate::arn::{Arn, Owner};
use crate::catalog::{MachineType, Route};

use super::constraint::{ARN, Constraints, NAME};
use super::epoch::EpochSeconds;
use super::resource::{Qualifier, StateMachineRef};
use super::{Api, ApiError, Call, name, test_case};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    execution_arn: Arc<str>,
    start_date: EpochSeconds,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    let name = check.optional("name", request.name, NAME);
    let input = check.optional_sensitive("input", request.input, 0..=api.limits().payload_bytes_max);
    let trace_header = trace_header(call, request.trace_header, &mut check);
    check.done()?;

    let (arn, test_case) = test_case::split(api, &arn);
    let target = StateMachineRef::resolve_by(api, arn, pick)?;
    if target.machine.machine_type == MachineType::Express {
        return Err(ApiError::ExpressNotYet("baton does not run state machines of the type EXPRESS yet"));
    }
    if let Some(name) = &name {
        name::check(name)?;
    }
    let input = read_input(input)?;
    let test_case = test_case::find(api, &target, test_case).await?;
    let start = Start { test_case, ..start(arn, &target, name, input, trace_header)? };
    let started = api.cluster().start(start).await?;
    Ok(Response { execution_arn: started.arn, start_date: EpochSeconds(started.start_at) })
}

fn start(
    arn: &str,
    target: &StateMachineRef,
    name: Option<String>,
    input: Payload,
    trace_header: Option<String>,
) -> Result<Start, ApiError> {
    let machine = &target.machine;
    // An execution lives where its machine lives, whoever starts it.
    let Arn { partition, region, account, .. } = Arn::parse(arn)?;
    let name = name.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let execution_arn = Owner { partition, region, account }.execution(&machine.name, &name);
    let version = machine.versions.values().find(|version| version.revision == target.revision.record.digest);
    let (version_arn, alias_arn) = match &target.qualifier {
        Qualifier::Unqualified => (None, None),
        Qualifier::Version(_) => (Some(arn.into()), None),
        Qualifier::Alias(_) => (version.map(|version| machine.version_arn(version.number).into()), Some(arn.into())),
    };
    Ok(Start {
        execution_arn: execution_arn.into(),
        state_machine_arn: machine.arn.clone(),
        state_machine_name: machine.name.clone(),
        name: name.into(),
        revision: target.revision.record.digest,
        version_arn,
        alias_arn,
        role_arn: target.revision.record.content.role_arn.clone(),
        input,
        trace_header: trace_header.map(Into::into),
        // The cluster sets these when it takes the start.
        seed: 0,
        at: 0,
        deadline: None,
        test_case: None,
    })
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

fn read_input(input: Option<String>) -> Result<Payload, ApiError> {
    let text = input.unwrap_or_else(|| "{}".to_owned());
    if text.is_empty() {
        return Err(ApiError::InvalidExecutionInput("Invalid execution input.".to_owned()));
    }
    super::json_payload(text).map_err(ApiError::InvalidExecutionInput)
}

/// The header wins over the member.
fn trace_header(call: &Call<'_>, member: Option<String>, check: &mut Constraints) -> Option<String> {
    let member = check.optional("traceHeader", member, 0..=256);
    check.pattern("traceHeader", member.as_deref(), r"\p{ASCII}*", str::is_ascii);
    let header = call.header("x-amzn-trace-id").filter(|header| header.len() <= 256);
    header.map(str::to_owned).or(member)
}
