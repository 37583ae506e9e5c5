//! TestState: one state, run by the engine's own code, with a mock or for real.
//!
//! The way of a request: `request` (members and constraints), `subject` (which state of which definition), `mock` and `context` (what
//! stands in for the world, checked), then the engine; what the state waits for is brought by `bring`, from the mock or by `task`;
//! `response` and `inspection_data` show what came of it. Every text of a refusal is in `refusal`.

mod bench;
mod bring;
mod context;
mod inspection_data;
mod mock;
mod refusal;
mod request;
mod response;
mod schema;
mod start;
mod subject;
mod task;
mod variables;

use baton_engine::{StateTest, TestProgress, TestedState};

use super::start::read_input;
use super::{Api, ApiError, Call};
use bench::Bench;
use request::Request;
use response::Response;
use subject::Subject;

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request = Request::read(api, call)?;
    let subject = Subject::read(&request).await?;
    let input = read_input(request.input.clone())?;
    let variables = variables::read(request.variables.as_deref())?;
    let mock = mock::check(&request, subject.state())?;
    let context = context::check(&request, subject.state())?;
    let tested = TestedState {
        state: subject.id,
        start: start::start(api, call, &request, input).await,
        variables,
        context,
        retries: request.configuration.retries,
        item_reader_data: request.configuration.item_reader_data.clone(),
    };
    let started = tested.start.clone();
    let bench = Bench::new(api, subject);
    let (test, progress) = bench.run(move |env| StateTest::begin(env, tested)).await?;
    let result = match progress {
        TestProgress::Ended(result) => result,
        TestProgress::Waits(pending) => {
            let brought = bring::bring(api, &request, &bench, &started, mock, pending).await?;
            bench.run(move |env| brought.to(&test, env)).await?
        }
    };
    Ok(response::of(bench.machine(), request.inspection, &started.input, result))
}
