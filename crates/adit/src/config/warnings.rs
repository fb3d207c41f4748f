//! What can be used and should still be known: said at every start.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use adit_core::{AssetForm, Trust};

use secrecy::ExposeSecret as _;

use super::{Config, Membership, Secrets, StoreUrl, unquoted};

impl Config {
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .chains
            .values()
            .filter(|chain| chain.trust == Trust::Single)
            .map(trusting)
            .collect();
        if self.claims.is_some() && self.membership == Membership::Open {
            warnings.push(
                "membership is open: everyone with points can claim (name a lock in \
                membership.lock to change that)"
                    .to_owned(),
            );
        }
        let paid = self
            .assets
            .values()
            .map(|rules| &rules.asset)
            .filter(|asset| asset.form != AssetForm::Points);
        for asset in paid.filter(|asset| !self.signer.caps.contains_key(&asset.id)) {
            warnings.push(format!(
                "the signer lets out any amount of {0} (set signer.caps.{0} to \
                bound what can be lost)",
                asset.id
            ));
        }
        warnings.extend(self.one_volume());
        let metrics = self.server.metrics_listen.address();
        warnings.extend(
            metrics
                .filter(|address| !address.ip().to_canonical().is_loopback())
                .map(scraped_from_elsewhere),
        );
        warnings.extend(self.quoted().map(quoted));
        if self.secrets.admin_token.is_none() {
            warnings.push(
                "ADIT_ADMIN_TOKEN is not set: only API keys that were issued before work"
                    .to_owned(),
            );
        }
        warnings
    }

    /// The variables that hold a pair of quotes, which count.
    fn quoted(&self) -> impl Iterator<Item = &'static str> {
        let Secrets { passphrase, admin_token, private_key: _ } = &self.secrets;
        let given = [("ADIT_KEY_PASSPHRASE", passphrase), ("ADIT_ADMIN_TOKEN", admin_token)];
        given
            .into_iter()
            .filter(|(_, secret)| {
                secret.as_ref().is_some_and(|text| unquoted(text.expose_secret()).is_some())
            })
            .map(|(name, _)| name)
    }

    /// A snapshot of one volume sets both back to one moment, and neither can tell (case F91).
    fn one_volume(&self) -> Option<String> {
        let StoreUrl::Sqlite { path } = &self.store else { return None };
        let journal = self.signer.socket.is_none().then_some(&self.signer.journal)?;
        if device(path)? != device(journal)? || self.is_devnet() {
            return None;
        }
        let (database, journal) = (path.display(), journal.display());
        Some(format!(
            "database ({database}) and signer's journal ({journal}) are on one volume: a snapshot \
             of it sets both back, and what was paid since is only found where blocks or pools \
             show it (put signer.journal on another volume)"
        ))
    }
}

/// The device of a file, or of the nearest folder above it that exists.
fn device(file: &Path) -> Option<u64> {
    let whole = std::path::absolute(file).ok()?;
    whole.ancestors().find_map(|path| Some(path.metadata().ok()?.dev()))
}

fn scraped_from_elsewhere(address: SocketAddr) -> String {
    format!(
        "metrics are served on {address}, which other machines may reach: balances and how much \
         is paid are for whoever asks there (keep it inside your network, or set \
         server.metrics_listen to an address like \"127.0.0.1:9464\")"
    )
}

/// Returns the warning about a variable whose value has a pair of quotes at its ends.
pub fn quoted(variable: &str) -> String {
    format!(
        "{variable} begins and ends with a quote, and both count as part of it (docker's --env-file keeps quotes, a shell takes them off): \
         unless they are meant, write the value there without them"
    )
}

fn trusting(chain: &super::Chain) -> String {
    format!(
        "chain {} is trusted on the word of a single endpoint: if it lies, a payment can be taken \
         for made or not made",
        chain.name
    )
}
