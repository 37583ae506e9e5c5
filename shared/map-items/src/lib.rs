//! What a Distributed Map reads its items from, and what it writes its results to.
//!
//! [`ReaderSpec`] is an evaluated `ItemReader`, [`ItemReader`] the stream of its items: objects of S3 (their list, or what is in them) with
//! memory that does not grow with the dataset. After each [`Chunk`] a [`Cursor`] says where reading goes on; kept in the log, it lets another
//! process do so after a crash, with exactly the items that followed. [`WriterSpec`] is an evaluated `ResultWriter`, [`ResultWriter`] writes the
//! files of results and their manifest. The crate knows nothing of how executions run.

mod compression;
mod cursor;
mod failure;
mod format;
mod item;
mod reader;
mod spec;
mod store;
mod writer;

pub use cursor::Cursor;
pub use failure::{ReadFailure, WriteFailure};
pub use item::{Chunk, Item};
pub use reader::{ItemReader, items_of_text};
pub use spec::{CsvDelimiter, CsvHeaderLocation, InputType, ManifestType, ReaderConfig, ReaderResource, ReaderSpec, Transformation};
pub use store::{AwsKeys, ObjectStores, StoresConfig};
pub use writer::{
    OutputType, PendingEntry, ResultEntry, ResultText, ResultTransformation, ResultWriter, ResultWriterDetails, ResultsOf, WriterSpec,
};
