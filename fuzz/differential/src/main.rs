//! `differential [CASES] [SEED]`: so many cases from one seed, which is printed. The same seed
//! makes the same cases.

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use adit_differential::{Case, Oracle};

const CASES_DEFAULT: u64 = 2_000;
/// Enough for every field of a case; names take what is left.
const CASE_BYTES: usize = 320;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    let mut number = |default: u64| given.next().map_or(Ok(default), |text| text.parse::<u64>());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |elapsed| elapsed.as_secs());
    let (Ok(cases), Ok(seed)) = (number(CASES_DEFAULT), number(clock)) else {
        eprintln!("differential [CASES] [SEED]: both are whole numbers");
        return ExitCode::from(2);
    };
    println!(
        "differential: {cases} cases, seed {seed} (again: scripts/fuzz.sh differential \
        {cases} {seed})"
    );
    let (began, mut oracle, mut judged) = (Instant::now(), Oracle::start(), 0);
    for index in 0..cases {
        let bytes = bytes(seed, index);
        if let Ok(case) = Case::read(&bytes) {
            case.judge(&mut oracle);
            judged += 1;
        }
    }
    println!(
        "differential: {judged} cases agree with viem, in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    if judged == cases { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The bytes of one case, each case with a stream of its own (SplitMix64).
fn bytes(seed: u64, index: u64) -> Vec<u8> {
    let mut state = mixed(seed ^ mixed(index));
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(state).to_le_bytes()
    });
    words.take(CASE_BYTES / 8).flatten().collect()
}

fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
