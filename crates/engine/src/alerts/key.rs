//! What an alert is about, apart from what changes while it stands.

use adit_core::Rules;

use super::Alert;

impl Alert {
    /// Returns its kind and its subject. Two looks that find the same key find the same alert.
    pub fn key(&self) -> String {
        match self {
            Self::FundsLow { lane, asset, balance: _, threshold: _ } => {
                format!("FundsLow {lane} {asset}")
            }
            Self::WalletEmpty { lane, asset, waiting: _, missing: _, since: _ } => {
                format!("WalletEmpty {lane} {asset}")
            }
            Self::FundsUnknown { lane, asset } => format!("FundsUnknown {lane} {asset}"),
            Self::HeadStuck { lane, nonce, seconds: _ } => format!("HeadStuck {lane} {nonce}"),
            Self::LaneHalted { lane, sentence: _ } => format!("LaneHalted {lane}"),
            Self::LaneIdle { lane } => format!("LaneIdle {lane}"),
            Self::ChainUnread { lane } => format!("ChainUnread {lane}"),
            Self::ChainStill { lane, still: _ } => format!("ChainStill {lane}"),
            Self::WithdrawalsFailed { count: _ } => "WithdrawalsFailed".to_owned(),
            Self::HeldForInspection { count: _ } => "HeldForInspection".to_owned(),
            Self::FeeDoubted { lane, count: _, hash: _, known: _ } => format!("FeeDoubted {lane}"),
            Self::Suspended { scope, reason: _ } => format!("Suspended {scope}"),
            Self::LaneSilent { lane, seconds: _ } => format!("LaneSilent {lane}"),
            Self::SignerRefuses { lane, refused: _, seconds: _ } => format!("SignerRefuses {lane}"),
            Self::WitnessUnusable { lane, sentence: _ } => format!("WitnessUnusable {lane}"),
            Self::CancelWaits { lane, withdrawal, needs: _ } => {
                format!("CancelWaits {lane} {withdrawal}")
            }
            Self::StandbyAsynchronous { standbys: _ } => "StandbyAsynchronous".to_owned(),
            Self::StandbyUnseen { connected: _ } => "StandbyUnseen".to_owned(),
            Self::CommitsUnsynced { synchronous_commit: _, standbys_named: _ } => {
                "CommitsUnsynced".to_owned()
            }
            Self::ClockDoubted { doubt: _, sentence: _ } => "ClockDoubted".to_owned(),
            Self::ClockDrifts { seconds: _ } => "ClockDrifts".to_owned(),
            Self::ClocksDisagree { with, seconds: _ } => format!("ClocksDisagree {with}"),
            Self::StoreWentBack { because: _ } => "StoreWentBack".to_owned(),
            Self::StoreSuperseded => "StoreSuperseded".to_owned(),
            Self::Unmatched { count: _ } => "Unmatched".to_owned(),
        }
    }

    /// Returns what a log says of it, with amounts in whole units.
    pub(super) fn in_words(&self, rules: &Rules) -> String {
        if let Self::FundsLow { lane, asset, balance, threshold } = self {
            return format!(
                "{lane} holds {}, below {}",
                rules.shown(asset, *balance),
                rules.shown(asset, *threshold)
            );
        }
        if let Self::WalletEmpty { lane, asset, waiting, missing, since: _ } = self {
            return format!("{waiting} wait because {lane} lacks {}", rules.shown(asset, *missing));
        }
        format!("{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use adit_core::{Amount, AssetId};

    use super::super::{Turns, turns};
    use super::*;
    use crate::sample::rules;

    fn stuck(nonce: u64, seconds: u64) -> Alert {
        Alert::HeadStuck { lane: "base:0x1".to_owned(), nonce, seconds }
    }

    fn low(asset: &AssetId, balance: u128) -> Alert {
        Alert::FundsLow {
            lane: "base:0x1".to_owned(),
            asset: asset.clone(),
            balance: Amount::new(balance),
            threshold: Amount::new(3),
        }
    }

    /// How long it stands and how much there is changes at every look: that was a line of the log
    /// every five seconds.
    #[test]
    fn an_alert_that_stands_is_told_when_it_begins_and_when_it_ends() {
        let asset: AssetId = "USDC".parse().expect("an asset");
        let looks = [
            vec![],
            vec![stuck(7, 60), low(&asset, 2), Alert::Unmatched { count: 1 }],
            vec![stuck(7, 65), low(&asset, 1), Alert::Unmatched { count: 2 }],
            vec![stuck(8, 61), low(&asset, 1)],
            vec![],
        ];
        let told = |look: usize| turns(&looks[look - 1], &looks[look]);
        let keys = |alerts: Vec<&Alert>| alerts.into_iter().map(Alert::key).collect::<Vec<_>>();
        assert_eq!(
            keys(told(1).begun),
            ["HeadStuck base:0x1 7", "FundsLow base:0x1 USDC", "Unmatched"]
        );
        assert_eq!(told(2), Turns { begun: vec![], ended: vec![] });
        let Turns { begun, ended } = told(3);
        assert_eq!(
            (keys(begun), keys(ended)),
            (
                vec!["HeadStuck base:0x1 8".to_owned()],
                vec!["HeadStuck base:0x1 7".to_owned(), "Unmatched".to_owned()]
            )
        );
        assert_eq!(keys(told(4).ended), ["HeadStuck base:0x1 8", "FundsLow base:0x1 USDC"]);
    }

    #[test]
    fn a_log_tells_amounts_in_whole_units() {
        let id: AssetId = "USDC".parse().expect("an asset");
        assert_eq!(
            low(&id, 2).in_words(&rules(&id)),
            "base:0x1 holds 0.000002 USDC, below 0.000003 USDC"
        );
    }
}
