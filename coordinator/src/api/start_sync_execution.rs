//! StartSyncExecution. It is for machines of the type EXPRESS, which are not run yet.

use serde::Deserialize;

use crate::catalog::MachineType;

use super::constraint::{ARN, Constraints};
use super::resource::StateMachineRef;
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
}

pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    check.done()?;
    Err(match StateMachineRef::resolve(api, &arn)?.machine.machine_type {
        MachineType::Standard => ApiError::StateMachineTypeNotSupported,
        MachineType::Express => ApiError::ExpressNotYet("baton does not run state machines of the type EXPRESS yet"),
    })
}
