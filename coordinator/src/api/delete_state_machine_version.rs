//! DeleteStateMachineVersion.

use serde::Deserialize;

use crate::arn::{Arn, Resource};
use crate::catalog::DeleteVersion;

use super::constraint::{Constraints, LONG_ARN};
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_version_arn: Option<String>,
}

/// Succeeds for versions that are not there.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let text = check.required("stateMachineVersionArn", request.state_machine_version_arn, LONG_ARN);
    check.done()?;
    let arn = Arn::parse(&text)?;
    let Resource::Version { number, .. } = arn.resource else {
        return Err(ApiError::wrong_resource_type(arn.resource.type_name()));
    };
    let machine = arn.state_machine().expect("a version is a version of a machine");
    api.catalog().execute(DeleteVersion { arn: machine.into(), number }).await?;
    Ok(Empty {})
}
