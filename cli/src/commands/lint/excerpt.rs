//! The part of a definition that a finding is drawn in: a minified one is a single line of any length.

use std::ops::Range;

/// Longest line that is drawn whole, bytes.
const LINE_MAX: usize = 400;
/// What is left of a longer one on each side of the finding, bytes.
const AROUND: usize = 100;

/// See the module.
pub(super) struct Excerpt {
    /// Without bytes that a terminal would obey.
    pub(super) text: String,
    /// The finding's bytes in it.
    pub(super) span: Range<usize>,
    /// Lines of the file before it.
    pub(super) first_line: usize,
    /// Whether it is less than the file.
    pub(super) is_cut: bool,
}

impl Excerpt {
    /// The whole text, unless its lines at `span` are too long to be drawn.
    pub(super) fn around(text: &str, span: Range<usize>) -> Self {
        let (start, end) = (floor(text, span.start), floor(text, span.end.max(span.start)));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at);
        if text[line_start..line_end].lines().all(|line| line.len() <= LINE_MAX) {
            return Self { text: harmless(text), span: start..end, first_line: 0, is_cut: false };
        }
        let from = floor(text, start.saturating_sub(AROUND).max(line_start));
        let shown_end = end.min(start + AROUND);
        let to = floor(text, (shown_end + AROUND).min(line_end));
        Self {
            text: harmless(&text[from..to]),
            span: start - from..floor(text, shown_end).max(start) - from,
            first_line: text[..line_start].matches('\n').count(),
            is_cut: true,
        }
    }
}

/// The character's border at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// As many bytes, without control characters but ends of lines and tabs.
pub(super) fn harmless(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character.to_string(),
        control if control.is_control() => "?".repeat(control.len_utf8()),
        other => other.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lines_are_drawn_in_the_whole_text() {
        let excerpt = Excerpt::around("{\n  \"a\": 1\n}", 4..7);
        assert_eq!((&*excerpt.text, excerpt.span, excerpt.is_cut), ("{\n  \"a\": 1\n}", 4..7, false));
    }

    #[test]
    fn a_long_line_is_cut_around_the_finding() {
        let text = format!("x\n{}ä\u{1b}[31mHERE{}", "é".repeat(5_000), "z".repeat(100_000));
        let at = text.find("HERE").expect("it was just written");
        let excerpt = Excerpt::around(&text, at..at + 4);
        assert_eq!(&excerpt.text[excerpt.span.clone()], "HERE");
        assert!(excerpt.text.len() < 2 * AROUND + 10 && !excerpt.text.contains('\u{1b}'), "{}", excerpt.text);
        assert_eq!((excerpt.first_line, excerpt.is_cut), (1, true));
    }

    #[test]
    fn a_finding_that_is_itself_long_is_cut() {
        let text = "a".repeat(1_000_000);
        let excerpt = Excerpt::around(&text, 0..text.len());
        assert!(excerpt.text.len() <= 2 * AROUND && excerpt.span == (0..AROUND));
    }
}
