//! What being mined costs on a chain whose blocks are never full by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a transaction has to pay to be mined, in satoshis per virtual byte: the rest of each block
/// is taken by others, who pay more.
#[derive(Clone, Default)]
pub(super) struct Floor(Arc<AtomicU64>);

/// What the faces estimate, in satoshis per 1000 virtual bytes; 0 where the node's own estimates
/// are told.
#[derive(Clone, Default)]
pub(super) struct Estimate(Arc<AtomicU64>);

/// Both, to be moved from a task of its own.
#[derive(Clone)]
pub struct Market {
    pub(super) floor: Floor,
    pub(super) estimate: Estimate,
}

const VBYTES_PER_KVBYTE: u64 = 1_000;

impl Floor {
    pub fn set(&self, sat_per_vbyte: u64) {
        self.0.store(sat_per_vbyte, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Estimate {
    pub fn set(&self, sat_per_vbyte: Option<u64>) {
        self.0.store(sat_per_vbyte.unwrap_or(0) * VBYTES_PER_KVBYTE, Ordering::Relaxed);
    }

    pub fn sat_per_kvbyte(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|told| *told > 0)
    }
}

impl Market {
    /// As [`super::Bitcoin::ask_for`].
    pub fn ask_for(&self, sat_per_vbyte: u64) {
        self.floor.set(sat_per_vbyte);
    }

    /// As [`super::Gateway::estimate`].
    pub fn estimate(&self, sat_per_vbyte: Option<u64>) {
        self.estimate.set(sat_per_vbyte);
    }
}
