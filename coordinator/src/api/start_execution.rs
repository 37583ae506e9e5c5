//! StartExecution.

use std::sync::Arc;

use serde::Serialize;

use crate::catalog::MachineType;

use super::constraint::Constraints;
use super::epoch::EpochSeconds;
use super::start::StartRequest;
use super::{Api, ApiError, Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    execution_arn: Arc<str>,
    start_date: EpochSeconds,
}

/// Of a Standard machine once for each name, of an Express machine anew with every call.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let mut check = Constraints::new();
    let request = StartRequest::read(api, call, call.members()?, &mut check);
    check.done()?;
    let target = request.target(api)?;
    let start = request.into_start(api, &target).await?;
    let started = match target.machine.machine_type {
        MachineType::Standard => api.cluster().start(start).await?,
        MachineType::Express => api.cluster().start_express(start).await?,
    };
    Ok(Response { execution_arn: started.arn, start_date: EpochSeconds(started.start_at) })
}
