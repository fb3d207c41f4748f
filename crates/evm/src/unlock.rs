//! Membership: whether a wallet holds a valid key of a lock of the Unlock Protocol.
//!
//! Yes is remembered for a short while; no and "could not ask" never are, so that somebody who
//! joins can claim at once and a broken node shuts nobody out for longer than it is broken.

use std::collections::HashMap;
use std::sync::Mutex;

use adit_chain::Fault;
use adit_core::{Destination, Span, Timestamp};
use alloy::primitives::{Address, Bytes, U256};
use alloy::sol;
use alloy::sol_types::SolCall;

use crate::address_of;
use crate::chain::EvmChain;
use crate::config::ConfigError;

/// How long a yes is remembered.
pub const MEMBERSHIP_CACHE_SECONDS: u64 = 30;
/// How many are remembered; beyond that all are asked again.
pub const MEMBERSHIP_CACHE_MAX: usize = 10_000;

sol! {
    interface PublicLock {
        function getHasValidKey(address owner) external view returns (bool);
    }
}

/// One lock. The chain is passed in with each question.
pub struct UnlockGate {
    lock: Address,
    members: Mutex<HashMap<Address, Timestamp>>,
}

impl UnlockGate {
    /// # Errors
    /// [`ConfigError::Address`] when `lock` is no address.
    pub fn new(chain: &EvmChain, lock: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Address {
            chain: chain.name().clone(),
            subject: "the lock".to_owned(),
            got: lock.to_owned(),
        };
        Ok(Self { lock: lock.parse().map_err(|_| wrong())?, members: Mutex::new(HashMap::new()) })
    }

    /// Whether the wallet is a member now, as a quorum says.
    ///
    /// # Errors
    /// [`Fault`] when that is not known.
    pub async fn has_valid_key(
        &self,
        chain: &EvmChain,
        wallet: &Destination,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(account) = address_of(wallet) else { return Ok(false) };
        if self.remembers(account, now) {
            return Ok(true);
        }
        let member = self.ask(chain, account).await?;
        if member {
            self.remember(account, now);
        }
        Ok(member)
    }

    async fn ask(&self, chain: &EvmChain, account: Address) -> Result<bool, Fault> {
        let input: Bytes = PublicLock::getHasValidKeyCall { owner: account }.abi_encode().into();
        let agreed = chain.node().view("the membership", self.lock, input, "latest").await?;
        match U256::try_from_be_slice(&agreed.value).filter(|_| agreed.value.len() == 32) {
            Some(word) if word <= U256::from(1) => Ok(word == U256::from(1)),
            _ => Err(Fault::Malformed {
                endpoint: agreed.witnesses[0].clone(),
                method: "getHasValidKey".to_owned(),
                detail: format!(
                    "{} answered {}, which is neither yes nor no; is it a lock?",
                    self.lock, agreed.value
                ),
            }),
        }
    }

    fn remembers(&self, account: Address, now: Timestamp) -> bool {
        let until = self.members().get(&account).copied();
        until.is_some_and(|until| now < until)
    }

    fn remember(&self, account: Address, now: Timestamp) {
        let mut members = self.members();
        if members.len() >= MEMBERSHIP_CACHE_MAX {
            members.retain(|_, until| now < *until);
        }
        if members.len() >= MEMBERSHIP_CACHE_MAX {
            members.clear();
        }
        members.insert(account, now.plus(Span::from_seconds(MEMBERSHIP_CACHE_SECONDS)));
    }

    fn members(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Timestamp>> {
        self.members.lock().expect("nothing panics while it holds this lock")
    }
}
