//! Mistakes that systems of this kind have made, as switches in the code that avoids them.
//!
//! Without the feature `planted` every switch is the constant `false` and leaves nothing behind in
//! the program. With it, one mistake at a time can be switched on, to measure whether the simulator
//! finds it.

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mistake {
    /// A payment whose answers did not come in time is planned anew, at another nonce.
    ReplanAfterTimeout = 1,
    /// An error text of a node gives the hold back.
    GiveBackOnErrorText = 2,
    /// "already known" counts as a failure.
    AlreadyKnownIsFailure = 3,
    /// A refused bump frees the payout, though the first attempt lives.
    OneAttemptDeadFreesAll = 4,
    /// What is sent three times and not found is planned anew.
    NotFoundIsDead = 5,
    /// A payment that a reorganisation took away is given back.
    ReorgIsFailure = 6,
    /// A reorganisation is not noticed.
    VanishIgnored = 7,
    /// An operator's cancel gives back what is already signed.
    CancelFreesAtOnce = 8,
    /// After a bump only the newest hash is looked for.
    ForgetBumpHash = 9,
    /// A hold is settled when the payment is confirmed, not when it is final.
    SettleAtConfirmed = 10,
    /// A revert gives the hold back before it is final.
    RefundBeforeFinal = 11,
    /// The highest final block that anybody names is believed.
    BelievesHighestFinal = 12,
    /// One endpoint is a quorum.
    TrustOneEndpoint = 13,
    /// Status 1 counts as paid, whatever moved.
    StatusIsEnough = 14,
    /// The status is not looked at.
    RevertCountsAsPaid = 15,
    /// A cancelling attempt counts as the payment.
    CancelCountedAsPaid = 16,
    /// What did something unexpected is given back at once.
    OddIsFailure = 17,
    /// Bytes leave before they are recorded.
    SendBeforeRecord = 18,
    /// A signature leaves before the journal is on disk.
    JournalAfterSignature = 19,
    /// The nonce is what a node counts.
    NonceFromNode = 20,
    /// A lease does not end when its holder is dead.
    LeaseLastsForEver = 21,
    /// A new lease does not read the signer's journal.
    NoReconcile = 22,
    /// The signer does not compare with what it signed before, and nobody reads its journal.
    SignerForgets = 23,
    /// A payout is taken again, and neither an index nor the signer stands against it.
    UniqueIndexDropped = 24,
    /// A bump takes another nonce.
    BumpAtNewNonce = 25,
    /// Bytes are sent once.
    NeverRebroadcasts = 26,
    /// An amount goes through a floating-point number.
    AmountAsFloat = 27,
    /// A lost answer to COMMIT counts as done.
    LostCommitAssumedDone = 28,
    /// A failed COMMIT is answered as done.
    CommitFailureIgnored = 29,
    /// A key is forgotten after ten minutes.
    IdempotencyExpires = 30,
    /// A credit that is delivered again is booked again.
    CreditTwice = 31,
    /// A failed withdrawal keeps its hold.
    HoldLeaks = 32,
    /// The fee stays in the hold when it is settled.
    SettleTooLittle = 33,
    /// A network fee is booked twice.
    FeeBookedTwice = 34,
    /// The network fee of what did not pay is not booked.
    FeeOfFailuresForgotten = 35,
    /// What is given back lowers the limit's sum, whenever it was taken.
    LimitReleasedAsNegative = 36,
    /// Nobody has to approve large amounts.
    ApprovalSkipped = 37,
    /// A replacement spends other coins than the version before.
    ReplacementDropsCoin = 38,
    /// A new payment spends a coin that another one has reserved.
    ReservedCoinSpent = 39,
    /// A payment of bitcoin that no pool shows any more is planned anew, with other coins.
    LeftPoolIsFree = 40,
    /// "inputs missing or spent" of one node gives the hold back.
    MissingInputsIsDead = 41,
    /// A transaction that a full pool does not take is planned anew.
    PoolRefusalPlansAnew = 42,
    /// One block on a payment of bitcoin makes it final.
    OneConfirmationIsFinal = 43,
    /// Whom only the version that lost had paid counts as paid.
    LosersPayeeSettled = 44,
    /// Whom only the version that lost had paid waits in its ended lineage.
    JoinerNeverFreed = 45,
    /// Who else took a coin of a payment is not looked for.
    StrangersIgnored = 46,
    /// Change is booked as network fee.
    ChangeBookedAsFee = 47,
    /// The fee of the newest version is booked, whichever was mined.
    FeeOfNewestVersion = 48,
    /// The network fee of a batch is booked once for each payee.
    FeePerPayee = 49,
    /// A hold is given back though the signer may have signed the payment.
    GiveBackWithoutJournal = 50,
    /// A hold is given back before the lane has read the journal.
    GiveBackUnread = 51,
    /// A store that went back goes on as if it had not.
    FindingIgnored = 52,
    /// A lease is numbered by what the database says alone, and the signer is not told.
    LeaseFromDatabaseAlone = 53,
    /// The signer takes two leases of one number.
    TwoTokensOneEpoch = 54,
    /// Only what was never reserved is retired.
    RetireBeforeReserveOnly = 55,
    /// What is reserved is signed although a cancel is wished.
    SignDespiteCancel = 56,
    /// What is signed is sent for the first time although a cancel is wished.
    SendDespiteCancel = 57,
    /// What the signer would not sign leaves a gap, and those behind it move up unasked.
    RenumberedAfterDryRun = 58,
    /// A number that the signer knows otherwise is blamed on the payment, which waits.
    LostNonceBlamed = 59,
    /// A new connection is not asked for the newest group.
    NewestGroupNotSought = 60,
    /// The signer does not ask which lineage stands at the number before.
    NoncesNotChained = 61,
    /// The journal's payments are left alone where no row explains them.
    LostNotMadeAgain = 62,
    /// What is made again does not consume its key and claim.
    MadeAgainWithoutKey = 63,
    /// Requests are accepted before what was accepted earlier is known again.
    AcceptsWhileUnread = 64,
    /// The engine's time is what the machine's clock shows.
    WallClockBelieved = 65,
    /// The signer counts a day by whatever its machine's clock shows.
    SignersDayBelieved = 66,
    /// Under a new lease nobody looks for what blocks and pools show beside the book.
    UnrememberedNotSought = 67,
    /// A payment that nobody here remembers is held against those who wait alone, and then
    /// forgotten.
    StraysForgotten = 68,
    /// What neither store remembers is not swept away when both were restored.
    BothWithoutSweep = 69,
    /// Planning begins when the sweep is mined, and not when it is final.
    SweepBelievedEarly = 70,
    /// What pays nobody and was in no row is passed over, whatever it replaced.
    ReplacedForgotten = 71,
}

impl Mistake {
    pub const ALL: [Self; 71] = [
        Self::ReplanAfterTimeout,
        Self::GiveBackOnErrorText,
        Self::AlreadyKnownIsFailure,
        Self::OneAttemptDeadFreesAll,
        Self::NotFoundIsDead,
        Self::ReorgIsFailure,
        Self::VanishIgnored,
        Self::CancelFreesAtOnce,
        Self::ForgetBumpHash,
        Self::SettleAtConfirmed,
        Self::RefundBeforeFinal,
        Self::BelievesHighestFinal,
        Self::TrustOneEndpoint,
        Self::StatusIsEnough,
        Self::RevertCountsAsPaid,
        Self::CancelCountedAsPaid,
        Self::OddIsFailure,
        Self::SendBeforeRecord,
        Self::JournalAfterSignature,
        Self::NonceFromNode,
        Self::LeaseLastsForEver,
        Self::NoReconcile,
        Self::SignerForgets,
        Self::UniqueIndexDropped,
        Self::BumpAtNewNonce,
        Self::NeverRebroadcasts,
        Self::AmountAsFloat,
        Self::LostCommitAssumedDone,
        Self::CommitFailureIgnored,
        Self::IdempotencyExpires,
        Self::CreditTwice,
        Self::HoldLeaks,
        Self::SettleTooLittle,
        Self::FeeBookedTwice,
        Self::FeeOfFailuresForgotten,
        Self::LimitReleasedAsNegative,
        Self::ApprovalSkipped,
        Self::ReplacementDropsCoin,
        Self::ReservedCoinSpent,
        Self::LeftPoolIsFree,
        Self::MissingInputsIsDead,
        Self::PoolRefusalPlansAnew,
        Self::OneConfirmationIsFinal,
        Self::LosersPayeeSettled,
        Self::JoinerNeverFreed,
        Self::StrangersIgnored,
        Self::ChangeBookedAsFee,
        Self::FeeOfNewestVersion,
        Self::FeePerPayee,
        Self::GiveBackWithoutJournal,
        Self::GiveBackUnread,
        Self::FindingIgnored,
        Self::LeaseFromDatabaseAlone,
        Self::TwoTokensOneEpoch,
        Self::RetireBeforeReserveOnly,
        Self::SignDespiteCancel,
        Self::SendDespiteCancel,
        Self::RenumberedAfterDryRun,
        Self::LostNonceBlamed,
        Self::NewestGroupNotSought,
        Self::NoncesNotChained,
        Self::LostNotMadeAgain,
        Self::MadeAgainWithoutKey,
        Self::AcceptsWhileUnread,
        Self::WallClockBelieved,
        Self::SignersDayBelieved,
        Self::UnrememberedNotSought,
        Self::StraysForgotten,
        Self::BothWithoutSweep,
        Self::SweepBelievedEarly,
        Self::ReplacedForgotten,
    ];

    /// What it does, in words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ReplanAfterTimeout => {
                "A payment whose answers did not come in time is planned anew, at another nonce"
            }
            Self::GiveBackOnErrorText => "An error text of a node gives the hold back",
            Self::AlreadyKnownIsFailure => "\"already known\" counts as a failure",
            Self::OneAttemptDeadFreesAll => {
                "A refused bump frees the payout, though the first attempt lives"
            }
            Self::NotFoundIsDead => "What is sent three times and not found is planned anew",
            Self::ReorgIsFailure => "A payment that a reorganisation took away is given back",
            Self::VanishIgnored => "A reorganisation is not noticed",
            Self::CancelFreesAtOnce => "An operator's cancel gives back what is already signed",
            Self::ForgetBumpHash => "After a bump only the newest hash is looked for",
            Self::SettleAtConfirmed => {
                "A hold is settled when the payment is confirmed, not when it is final"
            }
            Self::RefundBeforeFinal => "A revert gives the hold back before it is final",
            Self::BelievesHighestFinal => "The highest final block that anybody names is believed",
            Self::TrustOneEndpoint => "One endpoint is a quorum",
            Self::StatusIsEnough => "Status 1 counts as paid, whatever moved",
            Self::RevertCountsAsPaid => "The status is not looked at",
            Self::CancelCountedAsPaid => "A cancelling attempt counts as the payment",
            Self::OddIsFailure => "What did something unexpected is given back at once",
            Self::SendBeforeRecord => "Bytes leave before they are recorded",
            Self::JournalAfterSignature => "A signature leaves before the journal is on disk",
            Self::NonceFromNode => "The nonce is what a node counts",
            Self::LeaseLastsForEver => "A lease does not end when its holder is dead",
            Self::NoReconcile => "A new lease does not read the signer's journal",
            Self::SignerForgets => {
                "The signer does not compare with what it signed before, and nobody reads its \
                 journal"
            }
            Self::UniqueIndexDropped => {
                "A payout is taken again, and neither an index nor the signer stands against it"
            }
            Self::BumpAtNewNonce => "A bump takes another nonce",
            Self::NeverRebroadcasts => "Bytes are sent once",
            Self::AmountAsFloat => "An amount goes through a floating-point number",
            Self::LostCommitAssumedDone => "A lost answer to COMMIT counts as done",
            Self::CommitFailureIgnored => "A failed COMMIT is answered as done",
            Self::IdempotencyExpires => "A key is forgotten after ten minutes",
            Self::CreditTwice => "A credit that is delivered again is booked again",
            Self::HoldLeaks => "A failed withdrawal keeps its hold",
            Self::SettleTooLittle => "The fee stays in the hold when it is settled",
            Self::FeeBookedTwice => "A network fee is booked twice",
            Self::FeeOfFailuresForgotten => "The network fee of what did not pay is not booked",
            Self::LimitReleasedAsNegative => {
                "What is given back lowers the limit's sum, whenever it was taken"
            }
            Self::ApprovalSkipped => "Nobody has to approve large amounts",
            Self::ReplacementDropsCoin => {
                "A replacement spends other coins than the version before"
            }
            Self::ReservedCoinSpent => "A new payment spends a coin that another one has reserved",
            Self::LeftPoolIsFree => {
                "A payment of bitcoin that no pool shows any more is planned anew, with other coins"
            }
            Self::MissingInputsIsDead => {
                "\"inputs missing or spent\" of one node gives the hold back"
            }
            Self::PoolRefusalPlansAnew => {
                "A transaction that a full pool does not take is planned anew"
            }
            Self::OneConfirmationIsFinal => "One block on a payment of bitcoin makes it final",
            Self::LosersPayeeSettled => "Whom only the version that lost had paid counts as paid",
            Self::JoinerNeverFreed => {
                "Whom only the version that lost had paid waits in its ended lineage"
            }
            Self::StrangersIgnored => "Who else took a coin of a payment is not looked for",
            Self::ChangeBookedAsFee => "Change is booked as network fee",
            Self::FeeOfNewestVersion => {
                "The fee of the newest version is booked, whichever was mined"
            }
            Self::FeePerPayee => "The network fee of a batch is booked once for each payee",
            Self::GiveBackWithoutJournal => {
                "A hold is given back though the signer may have signed the payment"
            }
            Self::GiveBackUnread => "A hold is given back before the lane has read the journal",
            Self::FindingIgnored => "A store that went back goes on as if it had not",
            Self::LeaseFromDatabaseAlone => {
                "A lease is numbered by what the database says alone, and the signer is not told"
            }
            Self::TwoTokensOneEpoch => "The signer takes two leases of one number",
            Self::RetireBeforeReserveOnly => "Only what was never reserved is retired",
            Self::SignDespiteCancel => "What is reserved is signed although a cancel is wished",
            Self::SendDespiteCancel => {
                "What is signed is sent for the first time although a cancel is wished"
            }
            Self::RenumberedAfterDryRun => {
                "What the signer would not sign leaves a gap, and those behind it move up unasked"
            }
            Self::LostNonceBlamed => {
                "A number that the signer knows otherwise is blamed on the payment, which waits"
            }
            Self::NewestGroupNotSought => "A new connection is not asked for the newest group",
            Self::NoncesNotChained => {
                "The signer does not ask which lineage stands at the number before"
            }
            Self::LostNotMadeAgain => {
                "The journal's payments are left alone where no row explains them"
            }
            Self::MadeAgainWithoutKey => "What is made again does not consume its key and claim",
            Self::WallClockBelieved => "The engine's time is what the machine's clock shows",
            Self::SignersDayBelieved => {
                "The signer counts a day by whatever its machine's clock shows"
            }
            Self::UnrememberedNotSought => {
                "Under a new lease nobody looks for what blocks and pools show beside the book"
            }
            Self::StraysForgotten => {
                "A payment that nobody here remembers is held against those who wait alone, and \
                 then forgotten"
            }
            Self::BothWithoutSweep => {
                "What neither store remembers is not swept away when both were restored"
            }
            Self::SweepBelievedEarly => {
                "Planning begins when the sweep is mined, and not when it is final"
            }
            Self::ReplacedForgotten => {
                "What pays nobody and was in no row is passed over, whatever it replaced"
            }
            Self::AcceptsWhileUnread => {
                "Requests are accepted before what was accepted earlier is known again"
            }
        }
    }
}

/// Whether this build has the switches. The product refuses to be built with them.
pub const PLANTED: bool = cfg!(feature = "planted");

/// Whether this mistake is switched on.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn planted(_: Mistake) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use switch::{plant, planted};

#[cfg(feature = "planted")]
mod switch {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Mistake;

    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Whether this mistake is switched on.
    #[must_use]
    pub fn planted(mistake: Mistake) -> bool {
        PLANTED.load(Ordering::Relaxed) == mistake as u8
    }

    /// Switches one mistake on, for the whole process, or all of them off.
    pub fn plant(mistake: Option<Mistake>) {
        PLANTED.store(mistake.map_or(0, |mistake| mistake as u8), Ordering::Relaxed);
    }
}
