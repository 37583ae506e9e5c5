//! `baton exec watch`: the states as a live tree.

use serde_json::json;

use super::{exit_of, print_end, resolve};
use crate::args::{Format, OneExecution};
use crate::client::Client;
use crate::exit::{CliError, CliResult, Exit};
use crate::screen::Screen;
use crate::tree::Tree;

/// How often waiting reasons and clocks are brought up to date.
const REFRESH: std::time::Duration = std::time::Duration::from_millis(500);
/// How often Map Runs are told of where there is no terminal.
const REFRESH_PLAIN: std::time::Duration = std::time::Duration::from_secs(2);

pub(crate) async fn run(client: &Client, one: &OneExecution) -> CliResult {
    let arn = resolve::execution(client, &one.execution).await?;
    match one.common.output {
        Format::Json => client.watch(&arn, |event| crate::output::line(&event.to_string())).await?,
        Format::Table => follow(client, &arn, AtInterrupt::Detach).await?,
    }
    let ended = client.call("DescribeExecution", json!({ "executionArn": arn })).await?;
    if one.common.output == Format::Table {
        print_end(&ended);
    }
    exit_of(&resolve::text(&ended, "status"))
}

/// What Ctrl-C does to an execution that is being followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtInterrupt {
    /// It goes on, in a server.
    Detach,
    /// It is gone with the process that runs it.
    End,
}

/// Draws an execution's tree on standard error until it ends.
pub(crate) async fn follow(client: &Client, arn: &str, at_interrupt: AtInterrupt) -> CliResult {
    let (events, mut news) = tokio::sync::mpsc::unbounded_channel();
    let watching = client.clone();
    let watched = arn.to_owned();
    let stream = tokio::spawn(async move { watching.watch(&watched, |event| drop(events.send(event))).await });
    let mut tree = Tree::new(arn);
    let mut screen = Screen::new();
    let mut refresh = tokio::time::interval(if screen.is_live() { REFRESH } else { REFRESH_PLAIN });
    let mut told = Vec::new();
    loop {
        tokio::select! {
            event = news.recv() => match event {
                Some(event) => {
                    tree.apply(&event);
                    while let Ok(event) = news.try_recv() {
                        tree.apply(&event);
                    }
                    screen.draw(&tree);
                }
                None => break,
            },
            _ = refresh.tick() => {
                look_at_map_runs(client, &mut tree).await;
                if screen.is_live() {
                    if let Ok(waiting) = client.waiting(arn).await {
                        tree.set_waiting(&waiting);
                    }
                    screen.draw(&tree);
                } else {
                    let lines = tree.map_run_lines();
                    lines.iter().filter(|line| !told.contains(*line)).for_each(|line| crate::output::note(line));
                    told = lines;
                }
            }
            _ = tokio::signal::ctrl_c() => return Err(interrupted(arn, at_interrupt)),
        }
    }
    look_at_map_runs(client, &mut tree).await;
    screen.finish(&tree);
    stream.await.expect("the watching task does not panic")
}

/// Whatever cannot be seen now is looked at the next time.
async fn look_at_map_runs(client: &Client, tree: &mut Tree) {
    for arn in tree.open_map_runs() {
        if let Ok(run) = client.call("DescribeMapRun", json!({ "mapRunArn": arn })).await {
            tree.set_map_run(&run);
        }
    }
}

fn interrupted(arn: &str, at_interrupt: AtInterrupt) -> CliError {
    crate::output::note(&match at_interrupt {
        AtInterrupt::Detach => format!("\ndetached, the execution goes on; `baton exec watch {arn}` attaches again"),
        AtInterrupt::End => "\nstopped: the execution has ended with this command; `baton dev` runs executions that outlive it".to_owned(),
    });
    CliError::silent(Exit::Interrupted)
}
