//! UntagResource.

use serde::Deserialize;

use crate::catalog::UntagResource;

use super::constraint::{ARN, Constraints};
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("resourceArn", request.resource_arn, ARN);
    let keys = check.required_value("tagKeys", request.tag_keys);
    let read = |(place, key)| check.required(&format!("tagKeys.{}.member", place + 1), Some(key), 1..=128).into();
    let keys = keys.into_iter().enumerate().map(read).collect();
    check.done()?;
    crate::arn::Arn::parse(&arn)?;
    api.catalog().execute(UntagResource { arn: arn.into(), keys }).await?;
    Ok(Empty {})
}
