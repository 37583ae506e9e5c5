//! CreateStateMachineAlias.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, Resource};
use crate::catalog::{CreateAlias, Route};

use super::constraint::{Constraints, DESCRIPTION, LONG_ARN, NAME};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call};

const NAME_PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    name: Option<String>,
    description: Option<String>,
    routing_configuration: Option<Vec<RouteMember>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_alias_arn: String,
    creation_date: EpochSeconds,
}

/// One entry of a routing configuration as AWS writes it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RouteMember {
    state_machine_version_arn: Option<String>,
    weight: Option<i64>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let description = check.optional_sensitive("description", request.description, DESCRIPTION);
    let name = check.required("name", request.name, NAME);
    check.pattern("name", Some(&name), NAME_PATTERN, |name| name.is_empty() || name.len() > 80 || is_alias_name(name));
    let routing = request.routing_configuration.map(|routing| read_routes(routing, &mut check));
    let routing = check.required_value("routingConfiguration", routing);
    check.done()?;
    let routes = Routes::of(&routing)?;
    let arn = format!("{}:{name}", routes.machine_arn);
    let command =
        CreateAlias { arn: routes.machine_arn, name: name.into(), description: description.map(Into::into), routes: routes.routes };
    let created = api.catalog().execute(command).await?;
    Ok(Response { state_machine_alias_arn: arn, creation_date: EpochSeconds(created.created_at) })
}

fn is_alias_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    name.bytes().all(allowed) && !name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names what is violated in `check`.
pub(super) fn read_routes(routing: Vec<RouteMember>, check: &mut Constraints) -> Vec<(String, i64)> {
    let shown = || routing.iter().map(shown).collect::<Vec<_>>().join(", ");
    check.count("routingConfiguration", routing.len(), 1..=2, || format!("[{}]", shown()));
    let read = |(place, route): (usize, RouteMember)| {
        let field = format!("routingConfiguration.{}.member", place + 1);
        let arn = check.required(&format!("{field}.stateMachineVersionArn"), route.state_machine_version_arn, LONG_ARN);
        (arn, check.required_number(&format!("{field}.weight"), route.weight, 0..=100))
    };
    routing.into_iter().enumerate().map(read).collect()
}

fn shown(route: &RouteMember) -> String {
    let arn = route.state_machine_version_arn.as_deref().unwrap_or("null");
    let weight = route.weight.map_or("null".to_owned(), |weight| weight.to_string());
    format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
}

/// A routing configuration that can be.
pub(super) struct Routes {
    /// The machine whose versions they are.
    pub(super) machine_arn: Arc<str>,
    pub(super) routes: Vec<Route>,
}

impl Routes {
    pub(super) fn of(routing: &[(String, i64)]) -> Result<Self, ApiError> {
        let arns = || routing.iter().map(|(arn, _)| arn.as_str()).collect::<Vec<_>>().join(", ");
        let mut machine_arn: Option<String> = None;
        let mut routes: Vec<Route> = Vec::new();
        for (text, weight) in routing {
            let arn = Arn::parse(text)?;
            let Resource::Version { number, .. } = arn.resource else {
                let message = format!("Routing configuration must contain state machine version ARNs. Received: [{}]", arns());
                return Err(ApiError::validation(message));
            };
            let machine = arn.state_machine().expect("a version is a version of a machine");
            if machine_arn.get_or_insert_with(|| machine.clone()) != &machine {
                let message = format!("Routing configuration must contain versions of one state machine. Received: [{}]", arns());
                return Err(ApiError::validation(message));
            }
            if routes.iter().any(|route| route.version == number) {
                let message = format!("Routing configuration must contain distinct state machine version ARNs. Received: [{}]", arns());
                return Err(ApiError::validation(message));
            }
            routes.push(Route { version: number, weight: u8::try_from(*weight).expect("weights have been checked") });
        }
        check_sum(&routes)?;
        Ok(Self { machine_arn: machine_arn.expect("there is at least one route").into(), routes })
    }
}

fn check_sum(routes: &[Route]) -> Result<(), ApiError> {
    if routes.iter().map(|route| u32::from(route.weight)).sum::<u32>() == 100 {
        return Ok(());
    }
    let weights: Vec<String> = routes.iter().map(|route| route.weight.to_string()).collect();
    Err(ApiError::validation(format!("Sum of routing configuration weights must equal 100. Received: [{}]", weights.join(", "))))
}

/// As AWS writes them.
pub(super) fn write_routes(machine_arn: &str, routes: &[Route]) -> Vec<RouteMember> {
    let member = |route: &Route| RouteMember {
        state_machine_version_arn: Some(format!("{machine_arn}:{}", route.version)),
        weight: Some(route.weight.into()),
    };
    routes.iter().map(member).collect()
}
