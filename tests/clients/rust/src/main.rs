//! AWS SDK for Rust, unmodified. Prints one `name value` line for each thing it saw; sdk.py knows what they must be.
mod refused;
mod without_host_prefix;

use std::time::Duration;

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionStatus, InspectionLevel, MockInput, StateMachineType};
use aws_sdk_sfn::{Client, Error};
use refused::refused;

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn definition(name: &str) -> String {
    let folder = std::env::args().nth(1).expect("the folder of the scenario");
    std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a definition")
}

fn client() -> Client {
    let config = aws_sdk_sfn::Config::builder()
        .behavior_version(aws_sdk_sfn::config::BehaviorVersion::latest())
        .endpoint_url(variable("AWS_ENDPOINT_URL_SFN"))
        .region(aws_sdk_sfn::config::Region::new(variable("AWS_REGION")))
        .credentials_provider(aws_credential_types::Credentials::from_keys(
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
            None,
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .interceptor(without_host_prefix::WithoutHostPrefix)
        .build();
    Client::from_conf(config)
}

async fn create(client: &Client, name: &str, file: &str, kind: StateMachineType) -> Outcome<String> {
    let created = client.create_state_machine().name(name).definition(definition(file)).role_arn(ROLE).r#type(kind).send().await?;
    Ok(created.state_machine_arn)
}

async fn ended(client: &Client, execution: &str) -> Outcome<DescribeExecutionOutput> {
    for _ in 0..600 {
        let description = client.describe_execution().execution_arn(execution).send().await?;
        if description.status != ExecutionStatus::Running {
            return Ok(description);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{execution} is still running");
}

async fn history(client: &Client, execution: &str) -> Outcome<String> {
    let mut pages = client.get_execution_history().execution_arn(execution).max_results(2).into_paginator().items().send();
    let mut events = Vec::new();
    while let Some(event) = pages.next().await {
        let event = event?;
        events.push(format!("{}:{}", event.id, event.r#type));
    }
    Ok(events.join(","))
}

async fn lifecycle(client: &Client) -> Outcome<String> {
    let machine = create(client, "steps", "steps.asl", StateMachineType::Standard).await?;
    let start = |input: &str| client.start_execution().state_machine_arn(&machine).name("one").input(input);
    let started = start(r#"{"number": 21}"#).send().await?;
    let execution = &started.execution_arn;
    let end = ended(client, execution).await?;
    let dated = end.start_date == started.start_date && end.stop_date.is_some_and(|stop| stop >= end.start_date);
    println!("steps.end {} {} {dated}", end.status, end.output.unwrap_or_default());
    println!("steps.history {}", history(client, execution).await?);
    refused!("error.name-taken", ExecutionAlreadyExists, start("{}"));
    refused!("error.not-redrivable", ExecutionNotRedrivable, client.redrive_execution().execution_arn(execution));
    refused!("error.no-execution", ExecutionDoesNotExist, client.describe_execution().execution_arn(format!("{execution}-not")));
    Ok(machine)
}

async fn activity(client: &Client) -> Outcome<String> {
    let activity = client.create_activity().name("review").send().await?.activity_arn;
    let machine = create(client, "review", "review.asl", StateMachineType::Standard).await?;
    let execution = client.start_execution().state_machine_arn(&machine).input(r#"{"page": 1}"#).send().await?.execution_arn;
    let poll = || client.get_activity_task().activity_arn(&activity).worker_name("rust");
    let first = poll().send().await?.task_token.unwrap_or_default();
    client.send_task_failure().task_token(first).error("Refused").cause("a typo").send().await?;
    let failed = ended(client, &execution).await?;
    let redrivable = failed.redrive_status.expect("a redrive status");
    println!("review.failed {} {} {} {redrivable}", failed.status, failed.error.unwrap_or_default(), failed.cause.unwrap_or_default());
    client.redrive_execution().execution_arn(&execution).send().await?;
    let second = poll().send().await?;
    println!("review.input {}", second.input.unwrap_or_default());
    let token = second.task_token.unwrap_or_default();
    client.send_task_heartbeat().task_token(&token).send().await?;
    client.send_task_success().task_token(&token).output(r#"{"approved": true}"#).send().await?;
    let end = ended(client, &execution).await?;
    println!("review.end {} {} {}", end.status, end.output.unwrap_or_default(), end.redrive_count.unwrap_or_default());
    println!("review.history {}", history(client, &execution).await?);
    refused!("error.token-used", TaskTimedOut, client.send_task_heartbeat().task_token(&token));
    refused!("error.token", InvalidToken, client.send_task_success().task_token("none of ours").output("{}"));
    client.delete_activity().activity_arn(&activity).send().await?;
    refused!("error.no-activity", ActivityDoesNotExist, client.describe_activity().activity_arn(&activity));
    Ok(machine)
}

async fn prefixed(client: &Client) -> Outcome<String> {
    let machine = create(client, "quick", "steps.asl", StateMachineType::Express).await?;
    let sync = client.start_sync_execution().state_machine_arn(&machine).input(r#"{"number": 4}"#).send().await?;
    println!("sync.end {} {}", sync.status, sync.output.unwrap_or_default());
    let mock = MockInput::builder().result(r#"{"StatusCode": 200, "Payload": {"cents": 250}}"#).build();
    let test = client.test_state().definition(definition("call.state")).input(r#"{"order": 1}"#).mock(mock);
    let tested = test.inspection_level(InspectionLevel::Debug).send().await?;
    let status = tested.status.expect("a status");
    let parameters = tested.inspection_data.and_then(|data| data.after_parameters).unwrap_or_default();
    println!("test-state.end {status} {} {} {parameters}", tested.next_state.unwrap_or_default(), tested.output.unwrap_or_default());
    Ok(machine)
}

async fn remove(client: &Client, machine: &str) -> Outcome<&'static str> {
    client.delete_state_machine().state_machine_arn(machine).send().await?;
    for _ in 0..200 {
        match client.describe_state_machine().state_machine_arn(machine).send().await.map_err(Error::from) {
            Err(Error::StateMachineDoesNotExist(_)) => return Ok("gone"),
            described => drop(described?),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok("still there")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let client = client();
    let machines = [lifecycle(&client).await?, activity(&client).await?, prefixed(&client).await?];
    let make = |name: &str, definition: String| client.create_state_machine().name(name).definition(definition).role_arn(ROLE);
    refused!("error.definition", InvalidDefinition, make("bad", "{}".to_owned()));
    refused!("error.name", InvalidName, make("a b", definition("steps.asl")));
    let mut removed = Vec::new();
    for machine in &machines {
        removed.push(remove(&client, machine).await?);
    }
    println!("deleted {}", removed.join(","));
    refused!("error.no-machine", StateMachineDoesNotExist, client.start_execution().state_machine_arn(&machines[0]));
    Ok(())
}
