//! CreateActivity.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::CreateActivity;

use super::configuration::EncryptionInput;
use super::constraint::{Constraints, NAME};
use super::epoch::EpochSeconds;
use super::tag::{self, TagMember};
use super::{Api, ApiError, Call, name};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    name: Option<String>,
    tags: Option<Vec<TagMember>>,
    encryption_configuration: Option<EncryptionInput>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    activity_arn: Arc<str>,
    creation_date: EpochSeconds,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let name = check.required("name", request.name, NAME);
    let tags = tag::read(request.tags.unwrap_or_default(), &mut check);
    let encryption = request.encryption_configuration.map(|encryption| encryption.read(&mut check));
    check.done()?;
    let encryption = encryption.transpose()?.unwrap_or_default();
    name::check(&name)?;
    tag::check_reserved(tags.iter().map(|tag| &*tag.key))?;

    let arn: Arc<str> = call.owner().activity(&name).into();
    let command = CreateActivity { arn: arn.clone(), name: name.into(), encryption, tags };
    let created = api.catalog().execute(command).await?;
    Ok(Response { activity_arn: arn, creation_date: EpochSeconds(created.created_at) })
}
