//! Any bytes for `readvault_core::fuzzing::container`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| readvault_core::fuzzing::container(bytes));
