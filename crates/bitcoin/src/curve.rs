//! The curve's tables, built once. They hold no secret; the library blinds them with randomness,
//! which changes no result.

use std::sync::LazyLock;

use bdk_wallet::bitcoin::secp256k1::{All, Secp256k1};

pub(crate) static CURVE: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);
