//! How fast items come out of a file on this machine; not a test of anything, so it runs only when it is asked for:
//! `cargo test --release -p baton-map-items --test speed -- --ignored --nocapture`.

use std::fmt::Write;
use std::time::Instant;

use baton_map_items::{ItemReader, ObjectStores, ReaderSpec, StoresConfig};
use serde_json::{Value, json};

const ITEMS: usize = 1_000_000;

fn text(head: &str, item: impl Fn(usize) -> String, between: &str, tail: &str) -> String {
    let mut text = head.to_owned();
    for index in 0..ITEMS {
        let separator = if index == 0 { "" } else { between };
        write!(text, "{separator}{}", item(index)).expect("memory");
    }
    text + tail
}

#[tokio::test]
#[ignore = "takes a while, and says something only of an optimised build on a machine that is otherwise idle"]
async fn items_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = ObjectStores::new(StoresConfig { file_roots: vec![folder.path().to_owned()], ..StoresConfig::default() });
    let object = |index| format!(r#"{{"id": {index}, "customer": "customer-{}", "amount": {}.5}}"#, index % 1000, index % 77);
    let row = |index| format!("{index},customer-{},{}.5", index % 1000, index % 77);
    let kinds: [(&str, Value, String); 3] = [
        ("items.json", json!({ "InputType": "JSON" }), text("[", object, ",\n", "]")),
        ("items.jsonl", json!({ "InputType": "JSONL" }), text("", object, "\n", "\n")),
        ("items.csv", json!({ "InputType": "CSV" }), text("id,customer,amount\n", row, "\n", "\n")),
    ];
    for (name, config, text) in kinds {
        let zst = zstd::encode_all(text.as_bytes(), 1).expect("memory");
        for (name, bytes) in [(name.to_owned(), text.into_bytes()), (format!("{name}.zst"), zst)] {
            std::fs::write(folder.path().join(&name), &bytes).expect("a file");
            let parameters = json!({ "Bucket": format!("file://{}", folder.path().display()), "Key": name });
            let spec = ReaderSpec::new("arn:aws:states:::s3:getObject", &parameters, &config, None).expect("a reader");
            let begun = Instant::now();
            let mut reader = ItemReader::open(&stores, &spec, None).await.expect("a reader");
            let mut items = 0;
            loop {
                let chunk = reader.next(1000, usize::MAX).await.expect("items");
                items += chunk.items.len();
                if chunk.is_last {
                    break;
                }
            }
            assert_eq!(items, ITEMS);
            let seconds = begun.elapsed().as_secs_f64();
            println!("{name}: {:.0} items/s, {:.0} MB/s", items as f64 / seconds, bytes.len() as f64 / seconds / 1e6);
        }
    }
}
