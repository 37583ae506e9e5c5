//! `baton doctor --data-dir` and `--repair`: what is wrong with a data folder, and what can be kept of it.

use std::path::Path;

use baton_coordinator::dispatch::{TokenKey, TokenKeyError};
use baton_coordinator::server::{StartError, token_key_file};
use baton_coordinator::store::ShardId;
use baton_coordinator::store::local::{self, Behind, Loss, RepairReport};

use crate::exit::{CliError, CliResult, Exit};

/// Checks the folder as a start does.
pub(crate) fn inspect(folder: &Path) -> CliResult {
    exists(folder)?;
    local::inspect(folder).map_err(|error| failed(error.into()))?;
    TokenKey::check(&token_key_file(folder)).map_err(|error| failed(error.into()))?;
    println!("{} is sound", folder.display());
    Ok(())
}

/// Repairs the folder, or says what that would cost.
pub(crate) fn repair(folder: &Path, accept_loss: bool) -> CliResult {
    exists(folder)?;
    let report = local::repair(folder, accept_loss).map_err(|error| failed(error.into()))?;
    if let RepairReport::WouldLose(loss) = &report {
        return Err(would_lose(folder, loss));
    }
    let has_new_key = repair_token_key(folder)?;
    match report {
        RepairReport::Sound if has_new_key => println!("everything else in {} is sound", folder.display()),
        RepairReport::Sound => println!("{} is sound; nothing was changed", folder.display()),
        RepairReport::Repaired { found, lost, kept_in } => {
            found.iter().for_each(|found| println!("found: {found}"));
            match lost.is_nothing() {
                true => println!("repaired without loss: the log has everything"),
                false => lines(&lost).iter().for_each(|line| println!("lost: {line}")),
            }
            println!("{}", left(&lost));
            println!("{} opens again; log and key-value side as they were are kept in {}", folder.display(), kept_in.display());
        }
        RepairReport::WouldLose(_) => unreachable!("it has been answered above"),
    }
    Ok(())
}

/// A folder that is not there must not be made by looking for it.
fn exists(folder: &Path) -> CliResult {
    match folder.is_dir() {
        true => Ok(()),
        false => Err(CliError::new(Exit::NotFound, format!("there is no folder {}", folder.display()))
            .next("give the data folder itself, for example `.baton` in the project's folder")),
    }
}

fn failed(error: StartError) -> CliError {
    CliError::new(Exit::Failed, error.to_string()).next(error.next_step())
}

fn repair_token_key(folder: &Path) -> CliResult<bool> {
    let file = token_key_file(folder);
    match TokenKey::check(&file) {
        Ok(()) => Ok(false),
        Err(error @ TokenKeyError::Io { .. }) => Err(failed(error.into())),
        Err(error @ TokenKeyError::NotAKey { .. }) => {
            println!("found: {error}");
            let kept = TokenKey::replace(&file).map_err(|error| failed(error.into()))?;
            println!("made a new key: task tokens that are out are invalid from now on; the old file is kept as {}", kept.display());
            Ok(true)
        }
    }
}

fn would_lose(folder: &Path, loss: &Loss) -> CliError {
    let mut text = loss.found.join("; ");
    text.push_str("\nA repair would lose:");
    for line in lines(loss) {
        text.push_str("\n  - ");
        text.push_str(&line);
    }
    text.push('\n');
    text.push_str(&left(loss));
    CliError::new(Exit::Failed, text).next(format!(
        "restore the folder from a backup; or accept the loss with `baton doctor --repair {} --accept-loss`, which keeps log and \
         key-value side as they are in a folder beside them",
        folder.display()
    ))
}

/// What is lost, a sentence each.
fn lines(loss: &Loss) -> Vec<String> {
    let mut lines = loss.key_value.clone();
    let (catalog, shards): (Vec<_>, Vec<_>) = loss.behind.iter().copied().partition(|behind: &Behind| behind.shard == ShardId::CATALOG);
    for behind in catalog {
        lines.push(format!("state machines and activities: changes {} to {} of the catalog", behind.mark + 1, behind.trimmed));
    }
    if !shards.is_empty() {
        let batches: u64 = shards.iter().map(|behind| behind.trimmed - behind.mark).sum();
        lines.push(format!("what {batches} batches of {} shards said of their executions", shards.len()));
    }
    if loss.cuts_log {
        let batches: u64 = loss.batches.iter().map(|cut| cut.last_seq - cut.first_seq + 1).sum();
        let of_catalog = loss.batches.iter().any(|cut| cut.shard == ShardId::CATALOG);
        let catalog = if of_catalog { ", changes of the catalog among them" } else { "" };
        lines.push(format!(
            "the end of the log from the damage on: up to {batches} readable batches of {} shards{catalog}, and what cannot be read",
            loss.batches.len()
        ));
    }
    lines
}

fn left(loss: &Loss) -> String {
    let (executions, catalog) = (loss.executions_left, loss.catalog_left);
    format!("left: records of {executions} executions and {catalog} of the catalog, and what the log has on top")
}
