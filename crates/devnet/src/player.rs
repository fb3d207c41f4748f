//! Players and their wallets: the same keys on every machine, derived from their names.

use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, SecretKey};

use crate::primitives::{Address, B256, keccak256};

/// A key pair of secp256k1 with its address.
#[derive(Clone)]
pub struct Wallet {
    key: SecretKey,
    pub address: Address,
}

impl Wallet {
    /// The wallet of that name: its key is the hash of the name, so it is worth nothing outside a
    /// devnet.
    ///
    /// # Panics
    /// Never in practice: one name in 2^128 hashes to no valid key.
    pub fn named(name: &str) -> Self {
        let seed = keccak256(format!("adit devnet player {name}"));
        Self::from_key(seed).expect("a hash is a valid key, except once in 2^128 names")
    }

    /// `None` when the bytes are no key of the curve.
    pub fn from_key(key: B256) -> Option<Self> {
        let key = SecretKey::from_secret_bytes(key.0).ok()?;
        let public = key.public_key().serialize_uncompressed();
        Some(Self { key, address: Address::from_raw_public_key(&public[1..]) })
    }

    /// `0x` and 64 digits.
    pub fn private_key(&self) -> String {
        format!("0x{}", hex::encode(self.key.to_secret_bytes()))
    }

    /// Of the same key on regtest, as P2WPKH.
    ///
    /// # Panics
    /// Never: a key of one library is one of the other, and its public half is written compressed.
    pub fn bitcoin_address(&self) -> bitcoin::Address {
        let public = bitcoin::CompressedPublicKey::from_slice(&self.key.public_key().serialize())
            .expect("33 bytes of a key");
        bitcoin::Address::p2wpkh(&public, bitcoin::Network::Regtest)
    }

    /// r, s, v (27 or 28), as Ethereum's wallets write it.
    pub fn sign(&self, digest: B256) -> [u8; 65] {
        let signature =
            RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.key);
        let (recovery, compact) = signature.serialize_compact();
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&compact);
        bytes[64] = 27 + u8::from(recovery);
        bytes
    }
}

/// Somebody with points.
#[derive(Clone)]
pub struct Player {
    /// His id in the host application.
    pub id: String,
    pub wallet: Wallet,
    /// Whether he holds a key of the lock.
    pub member: bool,
}

/// The first five have names: they play in the demo.
const NAMES: [&str; 5] = ["ada", "bruno", "chen", "dara", "emil"];
/// Every fifth is no member.
const OUTSIDER_EVERY: usize = 5;

impl Player {
    /// So many players, always the same ones in the same order.
    pub fn crowd(count: usize) -> Vec<Self> {
        (0..count).map(Self::nth).collect()
    }

    fn nth(index: usize) -> Self {
        let id = NAMES
            .get(index)
            .map_or_else(|| format!("player-{}", index + 1), |name| (*name).to_owned());
        Self { wallet: Wallet::named(&id), id, member: !(index + 1).is_multiple_of(OUTSIDER_EVERY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wallet_of_a_name_is_the_one_viem_derives() {
        let ada = Wallet::named("ada");
        assert_eq!(
            ada.private_key(),
            "0xa5c41bed51094c016bffb3e5a2abf613e5b313406080608999577fd546d8b138"
        );
        assert_eq!(ada.address.to_string(), "0x88C46Da0C52814f7f98d8a29F66572376dFc1142");
    }

    #[test]
    fn of_the_first_five_four_are_members() {
        let members: Vec<bool> = Player::crowd(5).iter().map(|player| player.member).collect();
        assert_eq!(members, [true, true, true, true, false]);
    }
}
