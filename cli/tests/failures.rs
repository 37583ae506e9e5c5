//! docs/failures.md names the tests that prove what it says: they are there, and no fault is left out.

use std::path::Path;

#[test]
fn every_failure_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ lies in the workspace");
    let page = std::fs::read_to_string(root.join("docs/failures.md")).expect("the page is there");
    let mut numbers = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, .., proofs] = cells[..] else { panic!("a row has cells: {row}") };
        numbers.push(number.parse::<u32>().unwrap_or_else(|error| panic!("{error}: {row}")));
        let named: Vec<&str> = proofs.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || proofs.contains("not yet"), "neither a test nor its absence is named: {row}");
        named.into_iter().for_each(|test| is_there(root, test));
    }
    let expected: Vec<u32> = (1..=24).chain(27..=32).collect();
    assert_eq!(numbers, expected, "every fault has its row");
}

fn is_there(root: &Path, named: &str) {
    let (file, test) = named.split_once("::").unwrap_or_else(|| panic!("{named} names no test"));
    let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(is_test(&text, test), "{file} has no test {test}");
}

/// Whether the function stands behind a test attribute, maybe with others in between. Tests that a macro makes stand behind none.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_function = |line: &&str| line.starts_with(&format!("fn {name}(")) || line.starts_with(&format!("async fn {name}("));
    lines.iter().position(is_function).is_some_and(|at| {
        let before = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("///"));
        let is_attribute = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        before.into_iter().any(is_attribute) || text.contains("proptest!")
    })
}
