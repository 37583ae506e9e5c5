//! The items: a number each, and by that number it is known whether an item's task fails.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::random::Random;

/// Of so many items, about one fails.
const ONE_OF: u64 = 100;

/// Whether the task of this item fails: pseudo-random, and always the same.
pub(crate) fn fails(n: u64) -> bool {
    Random::new(n).next().is_multiple_of(ONE_OF)
}

/// Writes `count` items, as a JSON array where the file's name ends in `.json`, else one a line.
pub(crate) fn write(path: &Path, count: u64) -> std::io::Result<()> {
    let is_array = path.extension().is_some_and(|extension| extension == "json");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    if is_array {
        file.write_all(b"[")?;
    }
    for n in 0..count {
        let end = match (is_array, n + 1 == count) {
            (true, true) => "",
            (true, false) => ",\n",
            (false, _) => "\n",
        };
        write!(file, "{{\"n\":{n}}}{end}")?;
    }
    if is_array {
        file.write_all(b"]")?;
    }
    file.flush()
}

/// `InputType` of the file.
pub(crate) fn input_type(path: &Path) -> &'static str {
    if path.extension().is_some_and(|extension| extension == "json") { "JSON" } else { "JSONL" }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn about_one_of_a_hundred_fails_and_always_the_same() {
        let failing = (0..100_000).filter(|n| fails(*n)).count();
        assert!((900..1_100).contains(&failing), "{failing}");
        let first: Vec<_> = (0..1_000).filter(|n| fails(*n)).collect();
        assert_eq!(first, (0..1_000).filter(|n| fails(*n)).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_has_every_item_once() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, input_type_of_it) in [("i.jsonl", "JSONL"), ("i.json", "JSON")] {
            let path = folder.path().join(name);
            write(&path, 5).expect("a writable folder");
            let text = std::fs::read_to_string(&path).expect("it was written");
            let items: Vec<Value> = match input_type_of_it {
                "JSON" => serde_json::from_str(&text).expect("an array"),
                _ => text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect(),
            };
            assert_eq!(items.iter().map(|item| item["n"].as_u64()).collect::<Vec<_>>(), (0..5).map(Some).collect::<Vec<_>>());
            assert_eq!(input_type(&path), input_type_of_it);
        }
    }
}
