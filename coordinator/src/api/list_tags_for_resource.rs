//! ListTagsForResource.

use serde::{Deserialize, Serialize};

use super::constraint::{ARN, Constraints};
use super::tag::{self, TagMember};
use super::{Api, ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    resource_arn: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Response {
    tags: Vec<TagMember>,
}

pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("resourceArn", request.resource_arn, ARN);
    check.done()?;
    crate::arn::Arn::parse(&arn)?;
    let tags = api.catalog().tags(&arn).ok_or_else(|| ApiError::no_such_resource(&arn))?;
    Ok(Response { tags: tag::write(&tags) })
}
