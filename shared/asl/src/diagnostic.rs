//! What a definition is told to be wrong with: codes, texts and places in the words of AWS, plus the span in the text.

use std::fmt::Write;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition is accepted, but probably does not do what was meant.
    Warning,
}

impl Severity {
    /// As the API writes it: `ERROR`, `WARNING`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

/// The kinds of problems. All but [`Code::DuplicateKey`] are codes of ValidateStateMachineDefinition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The text is no JSON (or YAML).
    InvalidJsonDescription,
    /// A field is missing, superfluous, of the wrong type or out of its range.
    SchemaValidationFailed,
    /// A transition leads to no state, or no transition leads to a state.
    MissingTransitionTarget,
    /// No state of the top level can end the execution.
    MissingEndState,
    /// Two states of one machine have the same name.
    DuplicateStateName,
    /// A state's name is empty or too long.
    InvalidStateName,
    /// Two Map states of one machine have the same `Label`.
    DuplicateLabelName,
    /// A `Label` is empty, too long or has characters that an ARN cannot hold.
    InvalidLabelName,
    /// Parallel and Map states, or values, are nested too deeply.
    TooDeeplyNested,
    /// A JSONata expression does not parse.
    InvalidJsonataExpression,
    /// A JSONata expression reads what Step Functions does not offer at its place.
    UnsupportedJsonataExpression,
    /// `Assign` names something that cannot be a variable.
    InvalidVariableName,
    /// `Assign` names `states`.
    ReservedVariableName,
    /// A value looks like a path or an intrinsic function, but its key lacks `.$`.
    NoDollar,
    /// A value looks like a path, but its field's name does not end in `Path`.
    NoPath,
    /// The `Result` of a Pass state looks like a path; it is never evaluated.
    PassResultIsStatic,
    /// `Assign` names a variable that an outer scope assigns, too. AWS takes such a definition, as recorded.
    DuplicateVariableName,
    /// An expression or path reads a variable that no state assigns.
    PossiblyUndefinedVariable,
    /// A key is given twice in one object; the last one counts. Not a code of AWS, which says nothing.
    DuplicateKey,
}

impl Code {
    /// As AWS writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::InvalidStateName => "INVALID_STATE_NAME",
            Self::DuplicateLabelName => "DUPLICATE_LABEL_NAME",
            Self::InvalidLabelName => "INVALID_LABEL_NAME",
            Self::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Self::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Self::InvalidVariableName => "INVALID_VARIABLE_NAME",
            Self::ReservedVariableName => "RESERVED_VARIABLE_NAME",
            Self::DuplicateVariableName => "DUPLICATE_VARIABLE_NAME",
            Self::NoDollar => "NO_DOLLAR",
            Self::NoPath => "NO_PATH",
            Self::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
            Self::PossiblyUndefinedVariable => "POSSIBLY_UNDEFINED_VARIABLE",
            Self::DuplicateKey => "DUPLICATE_KEY",
        }
    }

    /// Whether the definition is refused for it.
    pub fn severity(self) -> Severity {
        match self {
            Self::InvalidJsonDescription
            | Self::SchemaValidationFailed
            | Self::MissingTransitionTarget
            | Self::MissingEndState
            | Self::DuplicateStateName
            | Self::InvalidStateName
            | Self::DuplicateLabelName
            | Self::InvalidLabelName
            | Self::TooDeeplyNested
            | Self::InvalidJsonataExpression
            | Self::UnsupportedJsonataExpression
            | Self::InvalidVariableName
            | Self::ReservedVariableName => Severity::Error,
            Self::NoDollar
            | Self::NoPath
            | Self::PassResultIsStatic
            | Self::DuplicateVariableName
            | Self::PossiblyUndefinedVariable
            | Self::DuplicateKey => Severity::Warning,
        }
    }
}

/// A stretch of the definition's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte behind the last one.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
}

/// One problem of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the definition is refused for it.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// AWS's text.
    pub message: String,
    /// Where in the definition: `/States/X/Next`, `/States/C/Choices[0]/Next`. `None` where AWS gives none.
    pub location: Option<String>,
    /// Where in the text.
    pub span: Span,
    /// What to do about it; not part of AWS's answer.
    pub help: Option<String>,
    /// May well go away with another error that is reported, so that people need not be told: a state that nothing leads to, in a flow with a
    /// transition that leads nowhere. AWS reports both.
    pub is_consequence: bool,
}

/// The text of `InvalidDefinition` between the quotes: `<CODE>: <message> at <location>`, joined with `, `. A diagnostic without a
/// location prints `at null`, as AWS does. Warnings are left out, since they refuse nothing.
pub fn invalid_definition_text(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let separator = if text.is_empty() { "" } else { ", " };
        let location = diagnostic.location.as_deref().unwrap_or("null");
        write!(text, "{separator}{}: {} at {location}", diagnostic.code.text(), diagnostic.message)
            .expect("writing to a String cannot fail");
    }
    text
}

/// Fills in lines and columns from the byte offsets, in one sweep over the text.
pub(crate) fn fill_positions(text: &str, diagnostics: &mut [Diagnostic]) {
    let mut order: Vec<usize> = (0..diagnostics.len()).collect();
    order.sort_by_key(|&index| diagnostics[index].span.start);
    let (mut line, mut line_start, mut offset) = (1, 0, 0);
    let mut columns = 0;
    for index in order {
        let span = &mut diagnostics[index].span;
        let start = floor_char_boundary(text, span.start);
        for (at, character) in text[offset..start].char_indices() {
            columns += 1;
            if character == '\n' {
                (line, line_start, columns) = (line + 1, offset + at + 1, 0);
            }
        }
        offset = start;
        debug_assert!(line_start <= offset);
        (span.line, span.column) = (line, columns + 1);
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(start: usize, location: Option<&str>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: Code::MissingEndState,
            message: "m".to_owned(),
            location: location.map(str::to_owned),
            span: Span { start, end: start, ..Span::default() },
            help: None,
            is_consequence: false,
        }
    }

    #[test]
    fn joins_errors_and_prints_null_for_no_location() {
        let mut warning = diagnostic(0, Some("/x"));
        warning.severity = Severity::Warning;
        let text = invalid_definition_text(&[diagnostic(0, Some("/States/A")), warning, diagnostic(0, None)]);
        assert_eq!(text, "MISSING_END_STATE: m at /States/A, MISSING_END_STATE: m at null");
    }

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "aü\nbc\n\nd";
        let mut diagnostics = [7, 0, 3, 4, 8, 2, 99].map(|start| diagnostic(start, None));
        fill_positions(text, &mut diagnostics);
        let positions: Vec<_> = diagnostics.iter().map(|d| (d.span.line, d.span.column)).collect();
        assert_eq!(positions, [(3, 1), (1, 1), (1, 3), (2, 1), (4, 1), (1, 2), (4, 2)]);
    }
}
