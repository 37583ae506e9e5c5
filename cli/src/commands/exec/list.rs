//! `baton exec list`.

use serde_json::{Value, json};

use super::resolve;
use crate::args::{CommonArgs, Format, StatusFilter};
use crate::client::Client;
use crate::commands::map_run;
use crate::exit::CliResult;
use crate::output;

/// Whose executions are listed.
pub(super) enum Of {
    All,
    StateMachine(String),
    MapRun(String),
}

pub(super) async fn run(client: &Client, common: &CommonArgs, of: Of, status: Option<StatusFilter>, limit: usize) -> CliResult {
    let status = status.map(StatusFilter::name);
    let executions = match &of {
        Of::StateMachine(given) => {
            let arn = resolve::state_machine(client, given).await?;
            resolve::executions_of(client, "stateMachineArn", &arn, status, limit).await?
        }
        Of::MapRun(given) => {
            let run = map_run::find(client, given).await?;
            resolve::executions_of(client, "mapRunArn", &resolve::text(&run, "mapRunArn"), status, limit).await?
        }
        Of::All => resolve::recent(client, status, limit).await?,
    };
    match common.output {
        Format::Json => output::json(&json!({ "executions": executions })),
        Format::Table if executions.is_empty() && matches!(of, Of::MapRun(_)) => output::note("no such children of this Map Run"),
        Format::Table if executions.is_empty() => output::note(&match status {
            Some(status) => format!("no executions are {status}"),
            None => "no executions yet: `baton exec start STATE_MACHINE --input '{}'`".to_owned(),
        }),
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
