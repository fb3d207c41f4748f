//! Typed data and signatures against viem, with the cases chosen by coverage. `scripts/fuzz.sh
//! differential` does it from a seed.
#![no_main]

use std::sync::Mutex;

use adit_differential::{Case, Oracle};
use libfuzzer_sys::fuzz_target;

static ORACLE: Mutex<Option<Oracle>> = Mutex::new(None);

fuzz_target!(|data: &[u8]| {
    let Ok(case) = Case::read(data) else { return };
    let mut oracle = ORACLE.lock().expect("a difference ends the process");
    case.judge(oracle.get_or_insert_with(Oracle::start));
});
