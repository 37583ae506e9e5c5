//! `baton run FILE`: one execution, here and now, without a server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use baton_coordinator::server::{Server, ServerConfig, Storage};
use baton_worker::Worker;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::args::RunArgs;
use crate::client::Client;
use crate::commands::{exec, input, serve};
use crate::config::Config;
use crate::exit::{CliError, CliResult, Exit};
use crate::logs;
use crate::project::{Project, deploy, mocks};

pub(crate) fn run(args: RunArgs) -> CliResult {
    if !args.quiet {
        logs::init(logs::Style::OneExecution);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime needs only threads and file descriptors").block_on(execute(args))
}

async fn execute(args: RunArgs) -> CliResult {
    let input = input::read(&args.input)?;
    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = Config { limits: args.limits.clone(), aws: args.aws.clone(), ..Config::default() };
    let config = flags.over(Config::of_folder(&args.config, folder)?);
    let project = Project::load_file(&args.file, &config.aws.checked_location()?)?;
    let machine = &project.machines[0];
    machine.report();
    if machine.has_errors() {
        return Err(CliError::silent(Exit::Lint));
    }
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mock_config = args.test_case.is_some().then(|| mocks::file(args.mock_config.as_deref(), folder));
    let config = ServerConfig { listen, ..config.server_config(Storage::Memory, mock_config, Some(folder))? };
    let server = Server::start(config).await.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    let endpoint = format!("http://{}", server.address());
    let worker =
        Worker::builder().coordinator([&*endpoint]).functions(project.functions.clone()).in_process(true).build().map_err(serve::usage)?;
    let handle = worker.handle();
    let stopping = CancellationToken::new();
    let working = tokio::spawn(worker.run(stopping.clone()));
    if !project.functions.is_empty() {
        handle.ready().await;
    }
    let client = Client::of_project(&endpoint, project.location())?;
    let result = one(&client, &project, &input, &args).await;
    handle.drain(Duration::from_secs(2)).await;
    stopping.cancel();
    let _ = working.await;
    server.shutdown().await;
    result
}

async fn one(client: &Client, project: &Project, input: &str, args: &RunArgs) -> CliResult {
    let machine = &project.machines[0];
    deploy::one(client, machine, project).await?;
    let mut arn = project.state_machine_arn(&machine.name);
    if let Some(test_case) = &args.test_case {
        arn = format!("{arn}#{test_case}");
    }
    let start = json!({ "stateMachineArn": arn, "input": input });
    let ended = if machine.express { client.call("StartSyncExecution", start).await? } else { followed(client, start, args).await? };
    exec::print_end(&ended);
    exec::exit_of(ended["status"].as_str().unwrap_or_default())
}

async fn followed(client: &Client, start: Value, args: &RunArgs) -> CliResult<Value> {
    let started = client.call("StartExecution", start).await?;
    let execution = started["executionArn"].as_str().unwrap_or_default();
    if !args.quiet {
        exec::follow(client, execution, exec::AtInterrupt::End).await?;
    }
    client.wait(execution).await
}
