//! `baton lint`: what AWS would say of a definition, drawn in its source.

use std::path::{Path, PathBuf};

use baton_asl::{Diagnostic, Format as Syntax, MachineType, Severity};
use serde_json::{Value, json};

use crate::args::{Format, LintArgs};
use crate::exit::{CliError, CliResult, Exit};
use crate::output;
use crate::project::Project;

pub(crate) fn run(args: LintArgs) -> CliResult {
    let kind = if args.express { MachineType::Express } else { MachineType::Standard };
    let mut found = Vec::new();
    for file in &args.files {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        found.push(findings(file, text, kind));
    }
    match args.output {
        Format::Json => {
            output::json(&found.iter().flat_map(|(file, _, diagnostics)| diagnostics.iter().map(|one| row(file, one))).collect())
        }
        Format::Table => found.iter().for_each(|(file, text, diagnostics)| draw(file, text, diagnostics)),
    }
    let errors = found.iter().flat_map(|(_, _, diagnostics)| diagnostics).filter(|one| one.severity == Severity::Error).count();
    if errors > 0 { Err(CliError::silent(Exit::Lint)) } else { Ok(()) }
}

/// A definition that a template beside it names is checked with the template's substitutions.
fn findings(file: &Path, text: String, kind: MachineType) -> (PathBuf, String, Vec<Diagnostic>) {
    if text.contains("${")
        && let Ok(project) = Project::load_file(file)
        && let [machine] = &project.machines[..]
    {
        let (text, diagnostics) = machine.findings();
        return (file.to_owned(), text.to_owned(), diagnostics.to_vec());
    }
    let (_, diagnostics) = baton_asl::lint(&text, syntax(file), kind);
    (file.to_owned(), text, diagnostics)
}

/// YAML by its ending, JSON with comments otherwise.
pub(crate) fn syntax(file: &Path) -> Syntax {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => Syntax::Yaml,
        _ => Syntax::JsonWithComments,
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> CliError {
    let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
    CliError::new(exit, format!("cannot read {}: {error}", file.display())).next("give the path of an ASL definition")
}

fn row(file: &Path, one: &Diagnostic) -> Value {
    json!({
        "file": file.display().to_string(),
        "severity": one.severity.text(),
        "code": one.code.text(),
        "message": one.message,
        "location": one.location,
        "line": one.span.line,
        "column": one.span.column,
    })
}

/// Draws each finding under the line that it is about.
pub(crate) fn draw(file: &Path, text: &str, diagnostics: &[Diagnostic]) {
    use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, Source};
    let name = file.display().to_string();
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    for one in diagnostics {
        let (kind, colour) = match one.severity {
            Severity::Error => (ReportKind::Error, Color::Red),
            Severity::Warning => (ReportKind::Warning, Color::Yellow),
        };
        let span = (name.clone(), one.span.start..one.span.end.max(one.span.start));
        let label = one.help.clone().unwrap_or_else(|| "here".to_owned());
        let mut report = Report::build(kind, span.clone())
            .with_config(Config::default().with_color(colours).with_index_type(IndexType::Byte))
            .with_code(one.code.text())
            .with_message(&one.message)
            .with_label(Label::new(span).with_message(label).with_color(colour));
        if let Some(location) = &one.location {
            report = report.with_note(format!("{location} · the code is the one that AWS returns"));
        }
        let _ = report.finish().eprint((name.clone(), Source::from(text)));
    }
}
