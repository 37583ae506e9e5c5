//! `baton lint`: what AWS would say of a definition, drawn in its source.

mod excerpt;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use baton_asl::{Code, Diagnostic, Format as Syntax, MachineType, Severity};
use serde_json::{Value, json};

use crate::args::{Format, LintArgs};
use crate::config::client_location;
use crate::exit::{CliError, CliResult, Exit};
use crate::output;
use crate::project::{Machine, Project};
use excerpt::{Excerpt, harmless};

pub(crate) fn run(args: LintArgs) -> CliResult {
    let kind = if args.express { MachineType::Express } else { MachineType::Standard };
    let mut found = Vec::new();
    let mut unread = None;
    for file in &args.files {
        if file.is_dir() {
            found.extend(of_folder(file)?);
            continue;
        }
        match std::fs::read_to_string(file) {
            Ok(text) => found.push(findings(file, text, kind)),
            Err(error) => {
                let error = unreadable(file, &error);
                error.report();
                unread = Some(error.exit);
            }
        }
    }
    match args.output {
        Format::Json => {
            output::json(&found.iter().flat_map(|(file, _, diagnostics)| diagnostics.iter().map(|one| row(file, one))).collect())
        }
        Format::Table => {
            found.iter().for_each(|(file, text, diagnostics)| draw(Stream::Out, file, text, diagnostics));
            if unread.is_none() || !found.is_empty() {
                output::line(&summary(&found));
            }
        }
    }
    let errors = found.iter().flat_map(|(_, _, diagnostics)| diagnostics).filter(|one| one.severity == Severity::Error).count();
    match unread {
        _ if errors > 0 => Err(CliError::silent(Exit::Lint)),
        Some(exit) => Err(CliError::silent(exit)),
        None => Ok(()),
    }
}

/// `3 files, no problems`, `1 file, 2 errors, 1 warning`: of what is drawn.
fn summary(found: &[(PathBuf, String, Vec<Diagnostic>)]) -> String {
    let drawn = || found.iter().flat_map(|(_, _, diagnostics)| diagnostics).filter(|one| !one.is_consequence);
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let of = |severity: Severity, what: &str| {
        Some(drawn().filter(|one| one.severity == severity).count()).filter(|count| *count > 0).map(|count| counted(count, what))
    };
    let problems: Vec<_> = [of(Severity::Error, "error"), of(Severity::Warning, "warning")].into_iter().flatten().collect();
    let problems = if problems.is_empty() { "no problems".to_owned() } else { problems.join(", ") };
    format!("{}, {problems}", counted(found.len(), "file"))
}

/// What `dev` would serve from this folder, each of its own kind.
fn of_folder(folder: &Path) -> CliResult<Vec<(PathBuf, String, Vec<Diagnostic>)>> {
    let project = Project::load(folder, &client_location())?;
    let finding = |machine: &Machine| {
        let (text, diagnostics) = machine.findings();
        (machine.file().to_owned(), text.to_owned(), diagnostics.to_vec())
    };
    Ok(project.machines.iter().map(finding).collect())
}

/// A definition that a template beside it names is checked with the template's substitutions.
fn findings(file: &Path, text: String, kind: MachineType) -> (PathBuf, String, Vec<Diagnostic>) {
    if text.contains("${")
        && let Ok(project) = Project::load_file(file, &client_location())
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
    let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Usage };
    CliError::new(exit, format!("cannot read {}: {error}", file.display()))
        .next("give the path of an ASL definition, or of a folder of them")
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

/// Where findings are drawn: they are what `lint` is asked for, and a remark of the other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Draws each finding under the line that it is about. What only follows from another finding is counted.
pub(crate) fn draw(stream: Stream, file: &Path, text: &str, diagnostics: &[Diagnostic]) {
    let is_terminal = match stream {
        Stream::Out => io::stdout().is_terminal(),
        Stream::Err => io::stderr().is_terminal(),
    };
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let (consequences, causes): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|one| one.is_consequence);
    let mut drawn = Vec::new();
    causes.iter().for_each(|one| draw_one(&mut drawn, colours, file, text, one));
    if !consequences.is_empty() {
        let states = if consequences.len() == 1 {
            "1 state that nothing leads to".into()
        } else {
            format!("{} states that nothing leads to", consequences.len())
        };
        drawn.extend(format!("note: not shown: {states} as long as a transition leads nowhere\n").into_bytes());
    }
    // A reader that has gone away (`| head`) has seen enough.
    let _ = match stream {
        Stream::Out => io::stdout().write_all(&drawn),
        Stream::Err => io::stderr().write_all(&drawn),
    };
}

fn draw_one(out: &mut Vec<u8>, colours: bool, file: &Path, text: &str, one: &Diagnostic) {
    use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, Source};
    let Excerpt { text, span, first_line, is_cut } = Excerpt::around(text, one.span.start..one.span.end.max(one.span.start));
    let mut name = file.display().to_string();
    if is_cut {
        name = format!("{name}, cut around line {} column {}", one.span.line, one.span.column);
    }
    let (kind, colour) = match one.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let span = (name.clone(), span);
    let label = harmless(one.help.as_deref().unwrap_or("here"));
    let (message, location) = without_source(one);
    let mut report = Report::build(kind, span.clone())
        .with_config(Config::default().with_color(colours).with_index_type(IndexType::Byte))
        .with_code(one.code.text())
        .with_message(harmless(message))
        .with_label(Label::new(span).with_message(label).with_color(colour));
    if let Some(location) = location {
        report = report.with_note(format!("{} · the code is the one that AWS returns", harmless(location)));
    }
    report.finish().write((name, Source::from(text).with_display_line_offset(first_line)), out).expect("writing to memory does not fail");
}

/// Message and location. What AWS says of text that is no JSON ends with the text itself, and so does its location: both are drawn already.
fn without_source(one: &Diagnostic) -> (&str, Option<&str>) {
    match one.location.as_deref() {
        Some(location) if one.code == Code::InvalidJsonDescription => {
            let message =
                one.message.strip_suffix(location).map_or(&*one.message, |message| message.trim_end().trim_end_matches(" at").trim_end());
            (message, None)
        }
        location => (&one.message, location),
    }
}
