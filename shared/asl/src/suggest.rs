//! "Did you mean …?"

/// What diagnostics say of a candidate.
pub(crate) fn hint(meant: &str) -> String {
    format!("did you mean `{meant}`?")
}

/// The candidate that `word` was most likely meant to be, or `None` when nothing is near. Candidates that differ only in case
/// always win; otherwise the fewest edits (insert, delete, replace, swap neighbours) decide, at most a third of the word.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (word.chars().count() / 3).clamp(1, MAX_EDITS);
    let mut best: Option<(usize, &'c str)> = None;
    for candidate in candidates {
        let distance = if candidate.eq_ignore_ascii_case(word) { 0 } else { edits(word, candidate, limit) };
        if distance <= limit && best.is_none_or(|(nearest, _)| distance < nearest) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// More edits than this make another word.
const MAX_EDITS: usize = 4;
/// Longer words are not compared: the work grows with the product of the lengths.
const MAX_LENGTH: usize = 128;

/// Edits between two words, or more than `limit` when they are further apart (optimal string alignment).
fn edits(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().take(MAX_LENGTH + 1).collect();
    let b: Vec<char> = b.chars().take(MAX_LENGTH + 1).collect();
    if a.len().max(b.len()) > MAX_LENGTH || a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        let mut nearest = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut distance = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                distance = distance.min(before_last[j - 2] + 1);
            }
            row[j] = distance;
            nearest = nearest.min(distance);
        }
        // Each row comes within one of the row before it, so a swap across this row ends above the limit as well.
        if nearest > limit {
            return limit + 1;
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let fields = ["Next", "End", "ResultPath", "ResultSelector", "Parameters", "Type"];
        for (word, meant) in [
            ("next", Some("Next")),
            ("Nxet", Some("Next")),
            ("ResultPaht", Some("ResultPath")),
            ("Paramters", Some("Parameters")),
            ("RESULTSELECTOR", Some("ResultSelector")),
            ("Resource", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(did_you_mean(word, fields), meant, "{word}");
        }
    }

    #[test]
    fn stays_cheap_on_long_words() {
        let long = "x".repeat(1_000_000);
        assert_eq!(did_you_mean(&long, ["x"]), None);
        assert_eq!(did_you_mean(&long, [long.as_str()]), Some(long.as_str()));
    }
}
