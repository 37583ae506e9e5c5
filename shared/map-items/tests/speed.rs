//! How fast items come out of a file on this machine; not a test of anything, so it runs only when it is asked for:
//! `cargo test --release -p baton-map-items --test speed -- --ignored --nocapture`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use baton_map_items::{ItemReader, ObjectStores, ReaderSpec, StoresConfig};
use serde_json::{Value, json};

/// Of each file, unless the variable `ITEMS` says otherwise.
const ITEMS: usize = 1_000_000;

/// How a file is written: what is before, between and after its items.
struct Kind {
    name: &'static str,
    config: Value,
    item: fn(usize) -> String,
    frame: [&'static str; 3],
}

fn object(index: usize) -> String {
    format!(r#"{{"id": {index}, "customer": "customer-{}", "amount": {}.5}}"#, index % 1000, index % 77)
}

fn row(index: usize) -> String {
    format!("{index},customer-{},{}.5", index % 1000, index % 77)
}

fn write(kind: &Kind, items: usize, out: impl Write) -> std::io::Result<()> {
    let mut out = BufWriter::new(out);
    let [before, between, after] = kind.frame;
    out.write_all(before.as_bytes())?;
    for index in 0..items {
        let separator = if index == 0 { "" } else { between };
        write!(out, "{separator}{}", (kind.item)(index))?;
    }
    out.write_all(after.as_bytes())?;
    out.flush()
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}

async fn read(stores: &ObjectStores, folder: &Path, name: &str, config: &Value, expected: usize) {
    let parameters = json!({ "Bucket": format!("file://{}", folder.display()), "Key": name });
    let spec = ReaderSpec::new("arn:aws:states:::s3:getObject", &parameters, config, None).expect("a reader");
    let begun = Instant::now();
    let mut reader = ItemReader::open(stores, &spec, None).await.expect("a reader");
    let mut items = 0;
    loop {
        let chunk = reader.next(1000, usize::MAX).await.expect("items");
        items += chunk.items.len();
        if chunk.is_last {
            break;
        }
    }
    assert_eq!(items, expected);
    println!("{name}: {:.0} items/s; {}", items as f64 / begun.elapsed().as_secs_f64(), peak_memory());
}

#[tokio::test]
#[ignore = "takes a while, and says something only of an optimised build on a machine that is otherwise idle"]
async fn items_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = ObjectStores::new(StoresConfig { file_roots: vec![folder.path().to_owned()], ..StoresConfig::default() });
    let items = std::env::var("ITEMS").ok().and_then(|items| items.parse().ok()).unwrap_or(ITEMS);
    let kinds = [
        Kind { name: "items.json", config: json!({ "InputType": "JSON" }), item: object, frame: ["[", ",\n", "]"] },
        Kind { name: "items.jsonl", config: json!({ "InputType": "JSONL" }), item: object, frame: ["", "\n", "\n"] },
        Kind { name: "items.csv", config: json!({ "InputType": "CSV" }), item: row, frame: ["id,customer,amount\n", "\n", "\n"] },
    ];
    for kind in &kinds {
        let plain = folder.path().join(kind.name);
        write(kind, items, File::create(&plain).expect("a file")).expect("space");
        read(&stores, folder.path(), kind.name, &kind.config, items).await;
        let packed = format!("{}.zst", kind.name);
        let to = File::create(folder.path().join(&packed)).expect("a file");
        zstd::stream::copy_encode(File::open(&plain).expect("a file"), to, 1).expect("space");
        read(&stores, folder.path(), &packed, &kind.config, items).await;
    }
}
