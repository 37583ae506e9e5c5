//! TagResource.

use serde::Deserialize;

use crate::catalog::TagResource;

use super::constraint::{ARN, Constraints};
use super::tag::{self, TagMember};
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    resource_arn: Option<String>,
    tags: Option<Vec<TagMember>>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("resourceArn", request.resource_arn, ARN);
    let tags = check.required_value("tags", request.tags);
    let tags = tag::read(tags, &mut check);
    check.done()?;
    crate::arn::Arn::parse(&arn)?;
    tag::check_reserved(tags.iter().map(|tag| &*tag.key))?;
    api.catalog().execute(TagResource { arn: arn.into(), tags }).await?;
    Ok(Empty {})
}
