//! `baton exec list`.

use serde_json::{Value, json};

use super::resolve;
use crate::args::{CommonArgs, Format};
use crate::client::Client;
use crate::exit::CliResult;
use crate::output;

pub(crate) async fn run(client: &Client, common: &CommonArgs, machine: Option<&str>, status: Option<String>, limit: usize) -> CliResult {
    let status = status.map(|status| status.to_uppercase());
    let executions = match machine {
        Some(given) => {
            let arn = resolve::state_machine(client, given).await?;
            resolve::of_machine(client, &arn, status.as_deref(), limit).await?
        }
        None => resolve::recent(client, status.as_deref(), limit).await?,
    };
    match common.output {
        Format::Json => output::json(&json!({ "executions": executions })),
        Format::Table if executions.is_empty() => crate::output::note("no executions yet: `baton exec start STATE_MACHINE --input '{}'`"),
        Format::Table => output::table(&["STATUS", "NAME", "STATE MACHINE", "STARTED", "TOOK"], executions.iter().map(row).collect()),
    }
    Ok(())
}

fn row(execution: &Value) -> Vec<String> {
    let took = match (execution["startDate"].as_f64(), execution["stopDate"].as_f64()) {
        (Some(start), Some(stop)) => output::duration(((stop - start) * 1000.0) as i64),
        _ => String::new(),
    };
    let machine = resolve::text(execution, "stateMachineArn");
    vec![
        resolve::text(execution, "status"),
        resolve::text(execution, "name"),
        machine.rsplit(':').next().unwrap_or_default().to_owned(),
        output::time(&execution["startDate"]),
        took,
    ]
}
