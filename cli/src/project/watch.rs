//! `dev` follows its folder: definitions are checked and updated, functions reloaded, as soon as they are saved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baton_worker::WorkerHandle;
use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::{Project, deploy, mocks};
use crate::client::Client;

/// Editors save in several steps; what comes within this time is one change.
const SETTLED: Duration = Duration::from_millis(20);

/// Follows changes in the background, until the process ends.
pub(crate) fn start(directory: PathBuf, data: PathBuf, mock_config: PathBuf, client: Client, worker: WorkerHandle, project: Project) {
    let (changed, changes) = mpsc::unbounded_channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if let Ok(event) = event
            && !matches!(event.kind, EventKind::Access(_))
        {
            let _ = changed.send(event.paths);
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => return tracing::warn!("changes are not followed: {error}"),
    };
    if let Err(error) = watcher.watch(&directory, RecursiveMode::Recursive) {
        return tracing::warn!("changes in {} are not followed: {error}", directory.display());
    }
    tokio::spawn(async move {
        let _watcher = watcher;
        Follower { directory, data, mock_config, client, worker, project }.run(changes).await;
    });
}

struct Follower {
    directory: PathBuf,
    data: PathBuf,
    mock_config: PathBuf,
    client: Client,
    worker: WorkerHandle,
    project: Project,
}

impl Follower {
    async fn run(mut self, mut changes: mpsc::UnboundedReceiver<Vec<PathBuf>>) {
        let data = std::fs::canonicalize(&self.data).unwrap_or_else(|_| self.data.clone());
        while let Some(mut paths) = changes.recv().await {
            tokio::time::sleep(SETTLED).await;
            while let Ok(more) = changes.try_recv() {
                paths.extend(more);
            }
            paths.retain(|path| !is_ours(path, &data) && !is_ours(path, &self.data));
            if !paths.is_empty() {
                self.reload(&paths).await;
            }
        }
    }

    async fn reload(&mut self, paths: &[PathBuf]) {
        if paths.iter().any(|path| is_same_file(path, &self.mock_config)) && self.mock_config.exists() {
            mocks::report(&self.mock_config);
        }
        let project = match Project::load(&self.directory, self.project.location()) {
            Ok(project) => project,
            Err(error) => {
                error.report();
                return tracing::warn!("the folder cannot be loaded; functions and definitions keep serving as they were");
            }
        };
        for machine in &project.machines {
            if self.project.machines.contains(machine) {
                continue;
            }
            machine.report();
            if machine.has_errors() {
                tracing::warn!("{} keeps its last good definition", machine.name);
            } else if let Err(error) = deploy::one(&self.client, machine, &project).await {
                error.report();
            } else {
                tracing::info!("updated {}", machine.name);
            }
        }
        for gone in self.project.machines.iter().filter(|old| !project.machines.iter().any(|new| new.name == old.name)) {
            let arn = project.state_machine_arn(&gone.name);
            tracing::warn!(
                "{} is no longer in the folder, but is still served; `aws stepfunctions delete-state-machine --state-machine-arn {arn}` ends that",
                gone.name
            );
        }
        self.reload_functions(&project, paths);
        self.project = project;
    }

    fn reload_functions(&self, project: &Project, paths: &[PathBuf]) {
        if project.functions != self.project.functions
            && let Err(error) = self.worker.set_functions(project.functions.clone())
        {
            tracing::warn!("functions stay as they are: {error}");
        }
        let changed: BTreeSet<_> =
            paths.iter().flat_map(|path| project.functions.affected_by(path)).map(|function| &*function.name).collect();
        if !changed.is_empty() {
            tracing::info!("reloaded {}", changed.iter().copied().collect::<Vec<_>>().join(", "));
            self.worker.reload(changed);
        }
    }
}

/// The data folder and the functions' own by-products are not the user's changes.
fn is_ours(path: &Path, data: &Path) -> bool {
    path.starts_with(data) || path.components().any(|part| part.as_os_str() == "__pycache__" || part.as_os_str() == ".git")
}

/// Changes are told by absolute paths, whatever path the folder was given by.
fn is_same_file(changed: &Path, file: &Path) -> bool {
    changed.file_name() == file.file_name() && std::fs::canonicalize(changed).ok() == std::fs::canonicalize(file).ok()
}
