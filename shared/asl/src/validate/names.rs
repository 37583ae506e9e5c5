//! Names of states and labels: their form, and that each is given once in the whole machine.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::message;
use crate::model::StateId;
use crate::parse::{Label, Parser, diagnostic};

/// UTF-16 units of a state's name.
const MAX_STATE_NAME: usize = 80;
/// UTF-16 units of a label.
const MAX_LABEL: usize = 40;
/// A label becomes part of an ARN.
const NOT_IN_LABELS: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

pub(crate) fn check(parser: &Parser<'_>) -> Vec<Diagnostic> {
    let mut diagnostics = states(parser);
    diagnostics.extend(labels(&parser.labels));
    diagnostics
}

fn states(parser: &Parser<'_>) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, state) in parser.outline.states.iter().enumerate() {
        let location = || Some(parser.outline.location(StateId(u32::try_from(index).expect("ids are 32 bits"))));
        let mut report = |code, text| diagnostics.push(diagnostic(code, text, location(), state.name_range, None));
        if !seen.insert(state.name) || state.is_repeated {
            report(Code::DuplicateStateName, message::duplicate_state(state.name));
        }
        if state.name.is_empty() {
            report(Code::InvalidStateName, message::empty_state_name());
        } else if state.name.encode_utf16().count() > MAX_STATE_NAME {
            report(Code::InvalidStateName, message::long_state_name(state.name, MAX_STATE_NAME));
        }
    }
    diagnostics
}

fn labels(labels: &[Label]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut seen = BTreeSet::new();
    for label in labels {
        let text = label.text.as_str();
        let problem = if let Some(text) = bad_label(text) {
            Some((Code::InvalidLabelName, text))
        } else if !seen.insert(text) {
            Some((Code::DuplicateLabelName, message::duplicate_label(text)))
        } else {
            None
        };
        if let Some((code, text)) = problem {
            diagnostics.push(diagnostic(code, text, Some(label.location.clone()), label.range, None));
        }
    }
    diagnostics
}

fn bad_label(label: &str) -> Option<String> {
    label_fault(label).map(|fault| match fault {
        LabelFault::Empty => message::empty_label(),
        LabelFault::TooLong { limit } => message::long_label(label, limit),
        LabelFault::Character(character) => message::invalid_label(label, character),
    })
}

/// What is wrong with a `Label`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFault {
    /// It has no characters.
    Empty,
    /// It has more UTF-16 units than this.
    TooLong {
        /// So many are allowed.
        limit: usize,
    },
    /// It has this character, which no ARN can hold.
    Character(char),
}

/// What is wrong with this `Label`, if something is.
pub fn label_fault(label: &str) -> Option<LabelFault> {
    let is_bad = |character: &char| character.is_whitespace() || character.is_control() || NOT_IN_LABELS.contains(*character);
    if label.is_empty() {
        Some(LabelFault::Empty)
    } else if label.encode_utf16().count() > MAX_LABEL {
        Some(LabelFault::TooLong { limit: MAX_LABEL })
    } else {
        label.chars().find(is_bad).map(LabelFault::Character)
    }
}
