//! Any bytes as a definition: diagnostics or a machine, never a crash.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = baton_asl::parse(text, baton_asl::MachineType::Standard);
    let _ = baton_asl::lint(text, baton_asl::Format::Yaml, baton_asl::MachineType::Express);
});
