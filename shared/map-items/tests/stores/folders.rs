//! Folders of this machine.

use std::os::unix::fs::FileExt;
use std::path::Path;

use baton_map_items::{ItemReader, ObjectStores, ReaderSpec, StoresConfig};
use serde_json::{Value, json};

use crate::support::{read_all, texts};

fn stores(root: &Path) -> ObjectStores {
    ObjectStores::new(StoresConfig { file_roots: vec![root.to_owned()], ..StoresConfig::default() })
}

fn spec(folder: &Path, key: &str, config: &Value) -> ReaderSpec {
    let parameters = json!({ "Bucket": format!("file://{}", folder.display()), "Key": key });
    ReaderSpec::new("arn:aws:states:::s3:getObject", &parameters, config, None).expect("a reader")
}

#[tokio::test]
async fn a_file_that_is_written_to_while_it_is_read_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, "1\n".repeat(3_000_000)).expect("a file");
    let (stores, spec) = (stores(folder.path()), spec(folder.path(), "rows.jsonl", &json!({ "InputType": "JSONL" })));
    let mut reader = ItemReader::open(&stores, &spec, None).await.expect("a reader");
    reader.next(10, usize::MAX).await.expect("items");
    // As long as before, and in the same file.
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
    file.write_all_at("2\n".repeat(1_000).as_bytes(), 5_900_000).expect("it can be written");
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(2)).expect("a time");
    let failure = loop {
        match reader.next(10_000, usize::MAX).await {
            Ok(chunk) => assert!(!chunk.is_last, "it has been read to its end"),
            Err(failure) => break failure,
        }
    };
    assert!(failure.cause.starts_with("The object 'rows.jsonl' has changed since it was read first"), "{failure}");
}

#[tokio::test]
async fn what_is_no_file_of_the_folder_is_refused_and_not_waited_for() {
    let (folder, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::fs::write(outside.path().join("secret.json"), "[1]").expect("a file");
    std::fs::write(folder.path().join("fine.json"), "[2]").expect("a file");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).expect("a link");
    std::os::unix::fs::symlink("fine.json", folder.path().join("link.json")).expect("a link");
    rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("pipe.json"), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    let stores = stores(folder.path());
    let read = async |key| read_all(&stores, &spec(folder.path(), key, &json!({ "InputType": "JSON" }))).await;
    for fine in ["fine.json", "link.json"] {
        assert_eq!(texts(&read(fine).await.expect("items")), ["2"]);
    }
    for (key, told) in [("out/secret.json", "'out/secret.json' leads out of its folder."), ("pipe.json", "'pipe.json' is no file.")] {
        assert_eq!(&*read(key).await.expect_err("it is refused").cause, told);
    }
}
