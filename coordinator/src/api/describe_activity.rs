//! DescribeActivity.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::configuration::EncryptionOutput;
use super::constraint::{ARN, Constraints};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    activity_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    activity_arn: Arc<str>,
    name: Arc<str>,
    creation_date: EpochSeconds,
    encryption_configuration: EncryptionOutput,
}

pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("activityArn", request.activity_arn, ARN);
    check.done()?;
    resource::check_activity(&arn)?;
    let activity = api.catalog().activity(&arn).ok_or(ApiError::ActivityDoesNotExist(arn))?;
    Ok(Response {
        activity_arn: activity.arn.clone(),
        name: activity.name.clone(),
        creation_date: EpochSeconds(activity.created_at),
        encryption_configuration: EncryptionOutput::of(&activity.encryption),
    })
}
