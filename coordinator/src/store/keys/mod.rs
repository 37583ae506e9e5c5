//! Typed keys, one module per family.
//!
//! All numbers are big-endian, signed ones with their sign bit turned, so that the order of the bytes is the order of the values.
//! Decoding answers `None` for bytes that no encoder made; it never panics.

mod catalog;
mod codec;
mod execution;
mod execution_index;
mod history;
mod meta;
mod retention;
mod timer;

pub use catalog::{CatalogKey, CatalogKind};
pub use codec::{prefix_end, prefix_range};
pub use execution::ExecutionKey;
pub use execution_index::ExecutionIndexKey;
pub use history::HistoryKey;
pub use meta::MetaKey;
pub use retention::RetentionKey;
pub use timer::TimerKey;
