#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aura_bench::inside::run_index(bytes));
