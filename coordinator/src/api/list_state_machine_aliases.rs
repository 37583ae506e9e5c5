//! ListStateMachineAliases.

use serde::{Deserialize, Serialize};

use crate::catalog::Alias;

use super::constraint::{ARN, Constraints, MAX_RESULTS, PAGE_TOKEN};
use super::epoch::EpochSeconds;
use super::resource::{Qualifier, StateMachineRef};
use super::{Api, ApiError, Call, Operation, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_aliases: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_alias_arn: String,
    creation_date: EpochSeconds,
}

/// In order of creation, as recorded from AWS. With a version's ARN, those that route to it.
pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;
    let StateMachineRef { machine, qualifier, .. } = StateMachineRef::resolve(api, &arn)?;
    let paging = page::Request::new(Operation::ListStateMachineAliases, &[Some(&arn)]);
    let after = token.map(|token| paging.text_place(&token)).transpose()?;
    // An alias that was deleted between two pages would end the list; the list then begins again.
    let seen = after.and_then(|name| machine.aliases.iter().position(|alias| *alias.name == *name)).map_or(0, |place| place + 1);
    let routed = |alias: &&Alias| match qualifier {
        Qualifier::Version(number) => alias.routes.iter().any(|route| route.version == number),
        Qualifier::Unqualified | Qualifier::Alias(_) => true,
    };
    let listed = machine.aliases.iter().skip(seen).filter(routed).take(page::limit(request.max_results) + 1).collect();
    let (listed, next_token) = paging.cut(listed, request.max_results, |alias| alias.name.to_string());
    let item = |alias: &Alias| Item {
        state_machine_alias_arn: format!("{}:{}", machine.arn, alias.name),
        creation_date: EpochSeconds(alias.created_at),
    };
    Ok(Response { state_machine_aliases: listed.into_iter().map(item).collect(), next_token })
}
