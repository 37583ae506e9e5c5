//! docs/choices.md names the test of each choice: they are there.

use std::path::Path;

#[test]
fn every_choice_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ lies in the workspace");
    let page = std::fs::read_to_string(root.join("docs/choices.md")).expect("the page is there");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| open point"));
    let mut count = 0;
    for row in rows {
        let named = row.trim_end_matches(" |").rsplit("| ").next().unwrap_or_default().trim_matches('`');
        let (file, test) = named.split_once("::").unwrap_or_else(|| panic!("no test is named: {row}"));
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_test(&text, test), "{file} has no test {test}");
        count += 1;
    }
    assert!(count > 30, "{count} choices");
}

/// Whether the function stands behind a test attribute.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| {
        let is_attribute = pair[0] == "#[test]" || pair[0].starts_with("#[tokio::test");
        is_attribute && (pair[1].starts_with(&format!("fn {name}(")) || pair[1].starts_with(&format!("async fn {name}(")))
    })
}
