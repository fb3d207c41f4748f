//! Scripts that were derived once: each costs two multiplications on the curve, and a look at the
//! wallet asks for a hundred of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use adit_core::Place;
use bdk_wallet::bitcoin::ScriptBuf;

/// Scripts that are kept. When there are more, all are derived again.
const KEPT_MAX: usize = 20_000;

/// What clones of one wallet share. It follows from the descriptors, so it is no part of what makes
/// two wallets the same.
#[derive(Clone, Default)]
pub(super) struct Derived(Arc<Mutex<BTreeMap<Place, ScriptBuf>>>);

impl Derived {
    pub(super) fn get(&self, place: Place) -> Option<ScriptBuf> {
        self.0.lock().expect("nothing panics while it holds this lock").get(&place).cloned()
    }

    pub(super) fn keep(&self, place: Place, script: &ScriptBuf) {
        let mut kept = self.0.lock().expect("nothing panics while it holds this lock");
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(place, script.clone());
    }
}

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Derived {}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}
