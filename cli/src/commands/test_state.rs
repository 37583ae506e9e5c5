//! `baton test-state`: one state by itself, at a server.

use std::path::Path;

use serde_json::{Value, json};

use super::exec::resolve;
use super::{block_on, input, lint};
use crate::args::{Format, TestStateArgs};
use crate::client::Client;
use crate::exit::{CliError, CliResult, Exit};
use crate::output;

/// Any role will do: nothing is authorized by it.
const ROLE: &str = "arn:aws:iam::123456789012:role/test-state";

pub(crate) fn run(args: TestStateArgs, endpoint: &str) -> CliResult {
    let client = Client::new(endpoint)?;
    block_on(async {
        let answer = client.call("TestState", request(&client, &args).await?).await?;
        match args.common.output {
            Format::Json => output::json(&answer),
            Format::Table => print(&answer),
        }
        match answer["status"].as_str() {
            Some("SUCCEEDED" | "CAUGHT_ERROR") => Ok(()),
            _ => Err(CliError::silent(Exit::Failed)),
        }
    })
}

async fn request(client: &Client, args: &TestStateArgs) -> CliResult<Value> {
    let mut body =
        json!({ "definition": definition(client, &args.definition).await?, "input": input::read(&args.input)?, "roleArn": ROLE });
    if let Some(state) = &args.state {
        body["stateName"] = json!(state);
    }
    if let Some(variables) = &args.variables {
        body["variables"] = json!(input::read(variables)?);
    }
    if let Some(result) = &args.mock {
        body["mock"] = json!({ "result": input::read(result)? });
    }
    if let Some(error) = &args.mock_error {
        body["mock"] = json!({ "errorOutput": error_output(error) });
    }
    if args.inspect {
        body["inspectionLevel"] = json!("DEBUG");
    }
    Ok(body)
}

/// What fails: an object as it stands, or an error's name.
fn error_output(given: &str) -> Value {
    let object: Option<Value> = serde_json::from_str(given).ok().filter(Value::is_object);
    object.unwrap_or_else(|| json!({ "error": given }))
}

/// The text of a file, or the definition of a state machine that the server has.
async fn definition(client: &Client, given: &str) -> CliResult<String> {
    let file = Path::new(given);
    if !file.is_file() && looks_like_a_file(given) {
        return Err(CliError::new(Exit::NotFound, format!("there is no file {given}"))
            .next("give a definition's file, or the name of a state machine at the server"));
    }
    if !file.is_file() {
        let arn = resolve::state_machine(client, given).await?;
        let described = client.call("DescribeStateMachine", json!({ "stateMachineArn": arn })).await?;
        return Ok(resolve::text(&described, "definition"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| CliError::new(Exit::NotFound, format!("cannot read {given}: {error}")))?;
    let read = baton_asl::to_json(&text, lint::syntax(file));
    read.map_err(|problem| CliError::new(Exit::Usage, format!("{given}: {}", problem.message)).next(format!("`baton lint {given}`")))
}

/// Names of state machines have neither slashes nor such an ending.
fn looks_like_a_file(given: &str) -> bool {
    given.contains('/') || [".json", ".yaml", ".yml", ".json5"].iter().any(|ending| given.ends_with(ending))
}

/// How it ended, then what became of its data, in the order in which it happened.
fn print(answer: &Value) {
    const STEPS: [&str; 12] = [
        "input",
        "afterInputPath",
        "afterParameters",
        "afterArguments",
        "afterItemsPointer",
        "afterItemsPath",
        "afterItemSelector",
        "afterItemBatcher",
        "result",
        "afterResultSelector",
        "afterResultPath",
        "variables",
    ];
    let steps = STEPS.map(|step| (step, resolve::text(&answer["inspectionData"], step)));
    let part = |member: &str| resolve::text(answer, member);
    let mut fields = vec![("status", output::status(&part("status"))), ("error", part("error")), ("cause", part("cause"))];
    fields.extend(steps);
    fields.extend([("output", part("output")), ("next state", part("nextState"))]);
    output::fields(&fields);
}
