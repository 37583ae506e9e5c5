//! Any bytes as events of the log or a snapshot: refused, never a crash or an allocation out of proportion.
#![no_main]

use baton_engine::{Event, Execution, decode_with_table};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_with_table::<Vec<Event>>(bytes);
    let _ = decode_with_table::<Execution>(bytes);
});
