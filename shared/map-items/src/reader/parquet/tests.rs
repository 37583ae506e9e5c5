use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use crate::{ItemReader, ObjectStores, ReaderSpec, StoresConfig};

const SCHEMA: &str = "message rows {
    required int32 id;
    optional binary name (UTF8);
    optional double score;
    optional int32 day (DATE);
    optional int64 at (TIMESTAMP_MILLIS);
    optional int64 price (DECIMAL(10, 2));
    optional binary raw;
    optional group tags (LIST) { repeated group list { optional binary element (UTF8); } }
    optional group counts (MAP) { repeated group key_value { required binary key (UTF8); optional int32 value; } }
}";

/// A column's values, and how deep each is defined and repeated.
macro_rules! column {
    ($group:expr, $type:ty, $values:expr, $definitions:expr, $repetitions:expr) => {{
        let mut column = $group.next_column().expect("a column").expect("one more");
        column.typed::<$type>().write_batch($values, $definitions, $repetitions).expect("memory");
        column.close().expect("memory");
    }};
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text)
}

fn write_group(mut group: SerializedRowGroupWriter<'_, &mut Vec<u8>>, id: i32) {
    column!(group, Int32Type, &[id, id + 1], None, None);
    column!(group, ByteArrayType, &[text("a\"b")], Some(&[1, 0]), None);
    column!(group, DoubleType, &[0.1, f64::NAN], Some(&[1, 1]), None);
    column!(group, Int32Type, &[19_758], Some(&[1, 0]), None);
    column!(group, Int64Type, &[1_707_076_152_201], Some(&[1, 0]), None);
    column!(group, Int64Type, &[-1234, 500], Some(&[1, 1]), None);
    column!(group, ByteArrayType, &[ByteArray::from(vec![0xff, 0]), text("text")], Some(&[1, 1]), None);
    column!(group, ByteArrayType, &[text("x"), text("y")], Some(&[3, 2, 3, 0]), Some(&[0, 1, 1, 0]));
    column!(group, ByteArrayType, &[text("k"), text("l")], Some(&[2, 2, 1]), Some(&[0, 1, 0]));
    column!(group, Int32Type, &[1], Some(&[3, 2, 1]), Some(&[0, 1, 0]));
    group.close().expect("memory");
}

fn file(compression: Compression, groups: i32) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("memory");
    for group in 0..groups {
        write_group(writer.next_row_group().expect("memory"), group * 2);
    }
    writer.close().expect("memory");
    bytes
}

fn first(id: i32) -> String {
    format!(
        r#"{{"id":{id},"name":"a\"b","score":0.1,"day":"2024-02-05","at":"2024-02-04T19:49:12.201Z","price":-12.34,"raw":"/wA=","tags":["x",null,"y"],"counts":{{"k":1,"l":null}}}}"#
    )
}

fn second(id: i32) -> String {
    format!(r#"{{"id":{id},"name":null,"score":null,"day":null,"at":null,"price":5.00,"raw":"text","tags":null,"counts":{{}}}}"#)
}

struct Folder {
    folder: tempfile::TempDir,
    stores: ObjectStores,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoresConfig { file_roots: vec![folder.path().to_owned()], ..StoresConfig::default() };
        Self { stores: ObjectStores::new(config), folder }
    }

    fn spec(&self, bytes: &[u8]) -> ReaderSpec {
        std::fs::write(self.folder.path().join("rows.parquet"), bytes).expect("a file");
        let parameters = json!({ "Bucket": format!("file://{}", self.folder.path().display()), "Key": "rows.parquet" });
        ReaderSpec::new("arn:aws:states:::s3:getObject", &parameters, &json!({ "InputType": "PARQUET" }), None).expect("a reader")
    }

    async fn read(&self, bytes: &[u8], chunk: usize) -> Result<Vec<String>, String> {
        let spec = self.spec(bytes);
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let mut reader = ItemReader::open(&self.stores, &spec, cursor.as_ref()).await.map_err(|failure| failure.cause.to_string())?;
            let read = reader.next(chunk, usize::MAX).await.map_err(|failure| failure.cause.to_string())?;
            items.extend(read.items.iter().map(|item| item.text.to_string()));
            if read.is_last {
                return Ok(items);
            }
            cursor = Some(read.cursor);
        }
    }
}

#[tokio::test]
async fn rows_are_items_however_they_are_compressed_and_wherever_reading_goes_on() {
    let expected: Vec<String> = (0..3).flat_map(|group| [first(group * 2), second(group * 2 + 1)]).collect();
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).expect("a level"));
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(Default::default()), zstd] {
        let (folder, bytes) = (Folder::new(), file(compression, 3));
        for chunk in [usize::MAX, 1, 4] {
            assert_eq!(folder.read(&bytes, chunk).await.as_ref(), Ok(&expected));
        }
    }
    assert_eq!(Folder::new().read(&file(Compression::SNAPPY, 0), 1).await, Ok(vec![]));
}

#[tokio::test]
async fn what_is_no_parquet_fails() {
    let (folder, bytes) = (Folder::new(), file(Compression::SNAPPY, 1));
    assert_eq!(folder.read(b"", 1).await, Err("The dataset is not valid Parquet: the file is too short.".to_owned()));
    assert_eq!(folder.read(b"a,b\n1,2\n", 1).await, Err("The dataset is not valid Parquet: the file does not end with 'PAR1'.".to_owned()));
    let long = [&[0; 8][..], &u32::MAX.to_le_bytes(), b"PAR1"].concat();
    assert_eq!(folder.read(&long, 1).await, Err("The footer of the dataset exceeds the limit of 5242880 bytes.".to_owned()));
    // Whatever is broken, it ends in rows or a failure.
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0x55;
        let _ = folder.read(&broken, usize::MAX).await;
        let _ = folder.read(&bytes[at..], usize::MAX).await;
    }
}
