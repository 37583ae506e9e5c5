//! Text of datasets: whatever it is, and in whichever pieces it comes, it ends in the same items or the same failure, and items are JSON.
#![no_main]

use baton_map_items::{CsvDelimiter, InputType, ReaderConfig, items_of_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let input_type = [InputType::Csv, InputType::Json, InputType::Jsonl][usize::from(choice % 3)];
    let pointer = if choice & 8 == 0 { None } else { Some("/a/0".to_owned()) };
    let csv_delimiter = if choice & 16 == 0 { CsvDelimiter::Comma } else { CsvDelimiter::Space };
    let config = ReaderConfig { input_type: Some(input_type), items_pointer: pointer, csv_delimiter, ..ReaderConfig::default() };
    let whole = items_of_text(&config, [text]);
    let piece = usize::from(choice >> 5) + 1;
    assert_eq!(items_of_text(&config, text.chunks(piece)), whole);
    for item in whole.into_iter().flatten() {
        serde_json::from_str::<serde_json::Value>(&item.text).expect("items are JSON");
    }
});
