//! Double entry: accounts, immutable transfers, and what a transfer does to two accounts.
//!
//! Every transfer debits one account and credits another by the same amount of the same asset, so
//! debits equal credits per asset at every prefix. User accounts are what we owe and may never go
//! below zero; a hold takes from what a user can use without moving anything yet, and is resolved
//! once: settled or released.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Amount, AssetId, Book, ChainName, LaneId, Timestamp, TransferId, UserId, WithdrawalId,
};

/// One account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "account")]
pub enum Account {
    /// What a user is owed in one book.
    User { user: UserId, book: Book, asset: AssetId },
    /// Where a book's credits come from and where spent points return to.
    Issuer { book: Book, asset: AssetId },
    /// What one of our wallets holds on chain.
    Hot { wallet: LaneId, asset: AssetId },
    /// The organisation's own funds: the source of deposits into hot wallets and of rewards paid.
    Treasury { asset: AssetId },
    /// Withdrawal fees kept.
    Fees { asset: AssetId },
    /// Network fees paid.
    Network { chain: ChainName, asset: AssetId },
    /// What is left when amounts do not divide.
    Rounding { asset: AssetId },
    /// What a user was paid beyond what this store knows them to be owed, after it went back;
    /// credits pay it off first.
    Debt { user: UserId, book: Book, asset: AssetId },
    /// What nobody has explained yet.
    Suspense { asset: AssetId },
}

impl Account {
    pub fn asset(&self) -> &AssetId {
        match self {
            Self::User { asset, .. }
            | Self::Issuer { asset, .. }
            | Self::Hot { asset, .. }
            | Self::Treasury { asset }
            | Self::Fees { asset }
            | Self::Network { asset, .. }
            | Self::Debt { asset, .. }
            | Self::Rounding { asset }
            | Self::Suspense { asset } => asset,
        }
    }
}

/// The account's path, as stored and shown: `user/42/xp/XP`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { user, book, asset } => write!(f, "user/{user}/{book}/{asset}"),
            Self::Issuer { book, asset } => write!(f, "issuer/{book}/{asset}"),
            Self::Hot { wallet, asset } => write!(f, "hot/{wallet}/{asset}"),
            Self::Treasury { asset } => write!(f, "treasury/{asset}"),
            Self::Fees { asset } => write!(f, "income/fees/{asset}"),
            Self::Network { chain, asset } => write!(f, "expense/network/{chain}/{asset}"),
            Self::Rounding { asset } => write!(f, "rounding/{asset}"),
            Self::Debt { user, book, asset } => write!(f, "debt/{user}/{book}/{asset}"),
            Self::Suspense { asset } => write!(f, "suspense/{asset}"),
        }
    }
}

/// Running totals of one account, in base units of its asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    pub debits: Amount,
    pub credits: Amount,
    /// Sum of the open holds on this account; never above credits - debits on a user's account.
    pub held: Amount,
}

impl Balance {
    /// What we owe: credits less debits. Zero where an own account has a debit balance.
    pub fn owed(&self) -> Amount {
        self.credits.saturating_sub(self.debits)
    }

    /// What is still out of what an own account lent: debits less credits.
    pub fn lent(&self) -> Amount {
        self.debits.saturating_sub(self.credits)
    }

    /// What a user can still ask for.
    pub fn available(&self) -> Amount {
        self.owed().saturating_sub(self.held)
    }
}

/// One entry of the ledger. Never changed, never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub id: TransferId,
    pub kind: TransferKind,
    pub debit: Account,
    pub credit: Account,
    pub amount: Amount,
    pub at: Timestamp,
    pub cause: Cause,
}

/// What an entry does to its two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum TransferKind {
    /// Moves the amount now.
    Post,
    /// Reserves the amount on the debited account; moves nothing.
    Hold,
    /// Resolves a hold by moving its amount. One per hold, with [`TransferKind::Release`].
    Settle { hold: TransferId },
    /// Resolves a hold by giving its amount back.
    Release { hold: TransferId },
}

impl TransferKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Hold => "hold",
            Self::Settle { .. } => "settle",
            Self::Release { .. } => "release",
        }
    }

    /// Whether the credited account changes.
    pub fn moves(self) -> bool {
        match self {
            Self::Post | Self::Settle { .. } => true,
            Self::Hold | Self::Release { .. } => false,
        }
    }

    /// The hold that this entry resolves.
    pub fn resolves(self) -> Option<TransferId> {
        match self {
            Self::Post | Self::Hold => None,
            Self::Settle { hold } | Self::Release { hold } => Some(hold),
        }
    }
}

/// Why an entry was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Cause {
    Credit {
        id: crate::CreditId,
    },
    Withdrawal {
        id: WithdrawalId,
    },
    /// Fee of one final transaction, by its hash.
    NetworkFee {
        transaction: String,
    },
    /// What a wallet was seen to hold when it was adopted or refilled.
    Funding {
        wallet: LaneId,
    },
}

/// Why a transfer cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("the account has {available} available, less than {wanted}")]
    Insufficient { available: Amount, wanted: Amount },
    #[error("the account's total would exceed 2^128 - 1 base units")]
    Overflow,
}

impl Transfer {
    /// Applies this entry to its debited and credited account's balances.
    ///
    /// # Errors
    /// [`LedgerError`]; then neither balance may be used.
    pub fn apply(&self, debit: &mut Balance, credit: &mut Balance) -> Result<(), LedgerError> {
        let bounded = matches!(self.debit, Account::User { .. });
        match self.kind {
            TransferKind::Post => {
                if bounded && debit.available() < self.amount {
                    return Err(LedgerError::Insufficient {
                        available: debit.available(),
                        wanted: self.amount,
                    });
                }
                self.move_between(debit, credit)
            }
            TransferKind::Hold => {
                if bounded && debit.available() < self.amount {
                    return Err(LedgerError::Insufficient {
                        available: debit.available(),
                        wanted: self.amount,
                    });
                }
                debit.held = debit.held.checked_add(self.amount).ok_or(LedgerError::Overflow)?;
                Ok(())
            }
            TransferKind::Settle { .. } => {
                debit.held = debit.held.minus(self.amount);
                self.move_between(debit, credit)
            }
            TransferKind::Release { .. } => {
                debit.held = debit.held.minus(self.amount);
                Ok(())
            }
        }
    }

    fn move_between(&self, debit: &mut Balance, credit: &mut Balance) -> Result<(), LedgerError> {
        debit.debits = debit.debits.checked_add(self.amount).ok_or(LedgerError::Overflow)?;
        credit.credits = credit.credits.checked_add(self.amount).ok_or(LedgerError::Overflow)?;
        Ok(())
    }
}
