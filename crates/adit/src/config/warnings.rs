//! What can be used and should still be known: said at every start.

use adit_core::{AssetForm, Trust};

use super::{Config, Membership};

impl Config {
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.chains.values().filter(|chain| chain.trust == Trust::Single).map(trusting).collect();
        if self.claims.is_some() && self.membership == Membership::Open {
            warnings.push("membership is open: everyone with points can claim (name a lock in membership.lock to change that)".to_owned());
        }
        let paid = self.assets.values().map(|rules| &rules.asset).filter(|asset| asset.form != AssetForm::Points);
        for asset in paid.filter(|asset| !self.signer.caps.contains_key(&asset.id)) {
            warnings.push(format!("the signer lets out any amount of {0} (set signer.caps.{0} to bound what can be lost)", asset.id));
        }
        if self.secrets.admin_token.is_none() {
            warnings.push("ADIT_ADMIN_TOKEN is not set: only API keys that were issued before work".to_owned());
        }
        warnings
    }
}

fn trusting(chain: &super::Chain) -> String {
    format!("chain {} is trusted on the word of a single endpoint: if it lies, a payment can be taken for made or not made", chain.name)
}
