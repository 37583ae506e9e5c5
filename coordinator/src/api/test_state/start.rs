//! The execution that the state seems to be part of. As recorded from AWS it is an Express one, under names that nobody else has.

use baton_engine::{Payload, Start};
use uuid::Uuid;

use super::request::Request;
use crate::api::{Api, Call};
use crate::clock;

pub(super) async fn start(api: &Api, call: &Call<'_>, request: &Request, input: Payload) -> Start {
    let owner = call.owner();
    let machine = Uuid::new_v4().to_string();
    let execution_arn = api.cluster().name_here(|| format!("{owner}:express:{machine}:{}", Uuid::new_v4())).await;
    let name = execution_arn.rsplit(':').next().unwrap_or_default().to_owned();
    Start {
        execution_arn: execution_arn.into(),
        state_machine_arn: owner.state_machine(&machine).into(),
        state_machine_name: machine.into(),
        name: name.into(),
        revision: 0,
        version_arn: None,
        alias_arn: None,
        role_arn: request.role_arn.as_deref().unwrap_or_default().into(),
        input,
        trace_header: None,
        seed: getrandom::u64().expect("the operating system gives random numbers"),
        at: clock::now(),
        deadline: None,
        test_case: None,
        map_child: None,
    }
}
