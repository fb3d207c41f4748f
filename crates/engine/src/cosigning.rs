//! Versions that others have to sign besides us: which they are, what the others are given, and
//! what they bring back.

use std::sync::Arc;

use adit_chain::{Chain, Handout, Signatures};
use adit_core::{Actor, Attempt, AttemptId, ChainKind, Command, Lineage, Refusal, Signed};
use adit_store::StoreFault;

use crate::{Engine, LIVE_LINEAGES_MAX, WriteError};

/// Others may bring signatures at the same time; each time one does, all are put together again.
const TRIES_MAX: usize = 5;

/// A version that others have to sign, in its lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedVersion {
    pub lineage: Lineage,
    pub attempt: AttemptId,
}

/// What became of signatures that were brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// That were not known before.
    pub added: usize,
    /// None where it was complete before: nothing of the file was needed, or looked at.
    pub signatures: Option<Signatures>,
    pub complete: bool,
}

/// Why nothing was handed out or taken over.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    #[error("no version with this id waits for signatures")]
    Unknown,
    /// What in the file differs, or why there is nothing to sign.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl CosignedVersion {
    pub fn attempt(&self) -> &Attempt {
        self.lineage.attempt(self.attempt).expect("found in it")
    }

    /// What is recorded of it.
    fn signed(&self) -> Result<&Signed, CosignError> {
        self.attempt().signed().ok_or(CosignError::Unknown)
    }
}

impl Engine {
    /// All versions that wait for others, of every wallet, with the signatures that they have; in
    /// words, why one cannot be read.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub async fn waiting_for_cosigners(
        &self,
    ) -> Result<Vec<(CosignedVersion, Result<Signatures, String>)>, StoreFault> {
        let versions = self.signed_versions().await?;
        let waiting = versions
            .into_iter()
            .filter(|version| version.lineage.awaits_cosigners(version.attempt()));
        let with_signatures = |version| {
            let signatures = self.signatures(&version);
            (version, signatures)
        };
        Ok(waiting.map(with_signatures).collect())
    }

    /// What is recorded, put together with itself, says how many there are.
    fn signatures(&self, version: &CosignedVersion) -> Result<Signatures, String> {
        let unknown = || "its chain is not configured any more".to_owned();
        let (chain, signed) =
            self.chain_of(version).ok().zip(version.signed().ok()).ok_or_else(unknown)?;
        Ok(chain.cosigned(&version.attempt().draft, signed, &signed.raw.0)?.signatures)
    }

    /// What those who sign a version are given. It may be finished and sent by whoever has it.
    ///
    /// # Errors
    /// [`CosignError`].
    pub async fn hand_out(
        &self,
        attempt: AttemptId,
    ) -> Result<(CosignedVersion, Handout), CosignError> {
        let version = self.version(attempt).await?;
        if version.lineage.undoes(version.attempt()) {
            return Err(CosignError::Refused(
                "it is being cancelled; have the cancelling version signed instead".to_owned(),
            ));
        }
        let handout =
            self.chain_of(&version)?.handout(&version.attempt().draft, version.signed()?).await;
        Ok((version, handout.map_err(CosignError::Refused)?))
    }

    /// Takes over the signatures of a file. When they are enough, the transaction is sent in the
    /// lane's next round.
    ///
    /// # Errors
    /// [`CosignError`]; then nothing of the file was taken over.
    pub async fn bring_back(
        &self,
        actor: &Actor,
        attempt: AttemptId,
        file: &[u8],
    ) -> Result<Brought, CosignError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.merge(actor, attempt, file).await {
                Err(CosignError::Write(WriteError::Refused(Refusal::Changed { .. })))
                    if tries < TRIES_MAX => {}
                done => return done,
            }
        }
    }

    async fn merge(
        &self,
        actor: &Actor,
        id: AttemptId,
        file: &[u8],
    ) -> Result<Brought, CosignError> {
        let version = self.version(id).await?;
        let (lineage, known) = (&version.lineage, version.signed()?);
        if !known.lacks_signatures() {
            return Ok(Brought { added: 0, signatures: None, complete: true });
        }
        let cosigned = self
            .chain_of(&version)?
            .cosigned(&version.attempt().draft, known, file)
            .map_err(CosignError::Refused)?;
        let complete = !cosigned.signed.lacks_signatures();
        let brought =
            Brought { added: cosigned.added, signatures: Some(cosigned.signatures), complete };
        if cosigned.added > 0 {
            let (lane, over) = (lineage.lane.clone(), known.raw.clone());
            let command = Command::Cosign {
                lane,
                lineage: lineage.id,
                attempt: id,
                over,
                signed: cosigned.signed,
            };
            self.writer.submit(actor.clone(), command).await?;
            self.hub.wake_lanes();
        }
        Ok(brought)
    }

    fn chain_of(&self, version: &CosignedVersion) -> Result<&Arc<dyn Chain>, CosignError> {
        self.chain(&version.lineage.lane.chain).ok_or(CosignError::Unknown)
    }

    async fn version(&self, attempt: AttemptId) -> Result<CosignedVersion, CosignError> {
        self.signed_versions()
            .await?
            .into_iter()
            .find(|found| found.attempt == attempt)
            .ok_or(CosignError::Unknown)
    }

    /// Of payments that no final transaction has ended yet, on chains where a wallet may have
    /// several keys.
    async fn signed_versions(&self) -> Result<Vec<CosignedVersion>, StoreFault> {
        let mut versions = Vec::new();
        for chain in self.rules.chains.values().filter(|chain| chain.kind == ChainKind::Bitcoin) {
            for lineage in self.store().live_lineages(&chain.lane, LIVE_LINEAGES_MAX).await? {
                let signed = lineage
                    .attempts
                    .iter()
                    .filter(|attempt| attempt.signed().is_some())
                    .map(|attempt| attempt.id);
                versions.extend(
                    signed.map(|attempt| CosignedVersion { lineage: lineage.clone(), attempt }),
                );
            }
        }
        Ok(versions)
    }
}
