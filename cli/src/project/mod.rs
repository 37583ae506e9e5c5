//! A folder of workflows: definitions (`*.asl.json`, `*.asl.yaml`), a SAM `template.yaml`, `baton.toml`.

pub(crate) mod deploy;
pub(crate) mod mocks;
mod unsupported;
pub(crate) mod watch;

use std::path::{Path, PathBuf};

use baton_asl::{Diagnostic, Format, MachineType, Severity};
use baton_worker::functions::{FunctionTable, Location};
use baton_worker::template::{DefinitionFormat, StateMachine, Template};

use crate::commands::lint;
use crate::config::Config;
use crate::exit::{CliError, CliResult, Exit};

/// Folders that hold no definitions of the user's.
const SKIPPED: [&str; 4] = [".baton", "node_modules", "target", "__pycache__"];

/// What a folder serves.
#[derive(Clone)]
pub(crate) struct Project {
    pub(crate) machines: Vec<Machine>,
    pub(crate) functions: FunctionTable,
    /// Definitions that are no text, in sentences.
    unreadable: Vec<String>,
    location: Location,
}

/// One state machine of a folder.
#[derive(Clone, PartialEq)]
pub(crate) struct Machine {
    pub(crate) name: String,
    /// JSON text, as it is created.
    pub(crate) definition: String,
    pub(crate) express: bool,
    /// `loggingConfiguration`, if a template gives one.
    pub(crate) logging: Option<serde_json::Value>,
    /// Where it is written, and in what text.
    source: Source,
    diagnostics: Vec<Diagnostic>,
    /// What it asks for that this release cannot run, in sentences.
    unsupported: Vec<String>,
}

#[derive(Clone, PartialEq)]
struct Source {
    file: PathBuf,
    text: String,
}

impl Project {
    /// Reads a folder. Definitions with errors are kept with their diagnostics; a template or function table that cannot be read is
    /// an error.
    pub(crate) fn load(directory: &Path, location: &Location) -> CliResult<Self> {
        if !directory.is_dir() {
            return Err(CliError::new(Exit::NotFound, format!("{} is not a folder", directory.display()))
                .next("give the folder of your definitions"));
        }
        let template =
            Template::find(directory).map(|path| Template::load(&path, location)).transpose().map_err(|error| unusable(&error))?;
        let functions = Config::functions(directory, location)?;
        let mut machines = Vec::new();
        let mut named = Vec::new();
        let mut unreadable = Vec::new();
        for resource in template.iter().flat_map(|template| &template.state_machines) {
            named.extend(resource.definition.file.as_deref().and_then(|file| std::fs::canonicalize(file).ok()));
            machines.push(Machine::of_template(resource, directory));
        }
        for file in definitions(directory) {
            if !std::fs::canonicalize(&file).is_ok_and(|file| named.contains(&file)) {
                match Machine::of_file(&file) {
                    Ok(machine) => machines.push(machine),
                    Err(error) => unreadable.push(error.message),
                }
            }
        }
        Ok(Self { machines, functions, unreadable, location: location.clone() })
    }

    /// Reads one definition, with the functions and substitutions of its folder.
    pub(crate) fn load_file(file: &Path, location: &Location) -> CliResult<Self> {
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if file.is_dir() {
            return Err(CliError::new(Exit::Usage, format!("{} is a folder", file.display()))
                .next("give one definition in it, or serve it: `baton dev DIR`"));
        }
        if !file.is_file() {
            return Err(
                CliError::new(Exit::NotFound, format!("no such file: {}", file.display())).next("give the path of an ASL definition")
            );
        }
        let mut project = Self::load(directory, location)?;
        let wanted = std::fs::canonicalize(file).ok();
        project.machines.retain(|machine| std::fs::canonicalize(&machine.source.file).ok() == wanted);
        if project.machines.is_empty() {
            project.machines.push(Machine::of_file(file)?);
        }
        Ok(project)
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.unreadable.is_empty() || self.machines.iter().any(Machine::has_errors)
    }

    /// Draws the findings of all definitions.
    pub(crate) fn report(&self) {
        self.machines.iter().for_each(Machine::report);
        for sentence in &self.unreadable {
            crate::output::note(&format!("error: {sentence}"));
        }
    }

    /// What its names are completed with.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    pub(crate) fn state_machine_arn(&self, name: &str) -> String {
        self.location.state_machine_arn(name)
    }
}

impl Machine {
    fn of_file(file: &Path) -> CliResult<Self> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| CliError::new(Exit::Failed, format!("cannot read {}: {error}", file.display())))?;
        let stem = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = stem.split(".asl.").next().unwrap_or(stem).to_owned();
        Ok(Self::new(name, file.to_owned(), text, lint::syntax(file), false))
    }

    fn of_template(resource: &StateMachine, directory: &Path) -> Self {
        let definition = &resource.definition;
        let file = definition.file.clone().unwrap_or_else(|| directory.join("template.yaml"));
        let syntax = match definition.format {
            DefinitionFormat::Json => Format::JsonWithComments,
            DefinitionFormat::Yaml => Format::Yaml,
        };
        let machine = Self::new(resource.name.clone(), file, definition.text.clone(), syntax, resource.machine_type.as_str() == "EXPRESS");
        Self { logging: resource.logging.clone(), ..machine }
    }

    fn new(name: String, file: PathBuf, text: String, syntax: Format, express: bool) -> Self {
        let kind = if express { MachineType::Express } else { MachineType::Standard };
        let (machine, diagnostics) = baton_asl::lint(&text, syntax, kind);
        let unsupported = machine.as_ref().map(unsupported::of).unwrap_or_default();
        let definition = baton_asl::to_json(&text, syntax).unwrap_or_else(|_| text.clone());
        Self { name, definition, express, logging: None, source: Source { file, text }, diagnostics, unsupported }
    }

    /// Where it is written.
    pub(crate) fn file(&self) -> &Path {
        &self.source.file
    }

    /// The definition's text with the template's substitutions, and what was found in it.
    pub(crate) fn findings(&self) -> (&str, &[Diagnostic]) {
        (&self.source.text, &self.diagnostics)
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|one| one.severity == Severity::Error)
    }

    pub(crate) fn report(&self) {
        lint::draw(lint::Stream::Err, &self.source.file, &self.source.text, &self.diagnostics);
        for sentence in &self.unsupported {
            tracing::warn!("{}: {sentence}", self.name);
            if !tracing::enabled!(tracing::Level::WARN) {
                crate::output::note(&format!("warning: {}: {sentence}", self.name));
            }
        }
    }
}

fn unusable(error: &dyn std::error::Error) -> CliError {
    CliError::new(Exit::Usage, error.to_string())
}

/// Every definition below a folder, in order of path.
fn definitions(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !SKIPPED.contains(&&*name) => open.push(path),
                Ok(kind) if kind.is_file() && is_definition(&name) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn is_definition(name: &str) -> bool {
    [".asl.json", ".asl.yaml", ".asl.yml"].iter().any(|ending| name.ends_with(ending))
}
