//! The signer port of one replica: the shared signer behind a socket that fails, with a crash point
//! around everything that it writes down.

use std::sync::Arc;

use adit_core::{JournalId, LaneId, Opening, PayoutId, Timestamp};
use adit_signer::{
    EntryCursor, EntryPage, JournalAt, LaneStanding, Learned, LeaseClaim, Lesson, LocalSigner,
    Open, PayoutStanding, Presence, Refused, Retire, SignRequest, Signature, Signer, SignerFault,
    Supersede,
};
use async_trait::async_trait;

use crate::World;
use crate::crash::{Phase, Process};

const SOCKET_MICROS: (u64, u64) = (100, 3_000);

/// One replica's way to the signer.
pub struct SimSigner {
    world: Arc<World>,
    process: Process,
}

impl SimSigner {
    pub fn new(world: Arc<World>, process: Process) -> Self {
        Self { world, process }
    }

    async fn reach(&self) -> Result<Arc<LocalSigner>, SignerFault> {
        self.world.handle.sleep(self.world.weather.between(SOCKET_MICROS.0, SOCKET_MICROS.1)).await;
        self.world.signer.signer().ok_or_else(|| lost("its host is down"))
    }

    /// The way back, on which an answer may be lost.
    async fn back<T>(&self, answer: T) -> Result<T, SignerFault> {
        self.world.handle.sleep(self.world.weather.between(SOCKET_MICROS.0, SOCKET_MICROS.1)).await;
        if self.world.weather.strikes(self.world.weather.signer_lost()) {
            return Err(lost("its answer was lost"));
        }
        Ok(answer)
    }

    async fn pass(&self, deed: &'static str, phase: Phase) {
        self.world.crashes.pass(&self.process, deed, phase, &self.world.story).await;
    }

    fn told(&self, deed: &str, answer: &Result<(), Refused>) {
        if let Err(refused) = answer {
            self.world
                .story
                .tell(&self.process.name, || format!("is refused {deed} by the signer: {refused}"));
        }
    }
}

fn lost(detail: &str) -> SignerFault {
    SignerFault::Unreachable { detail: detail.to_owned() }
}

#[async_trait]
impl Signer for SimSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        let signer = self.reach().await?;
        self.back(signer.journal().await?).await
    }

    async fn journal_at(&self, records: u64) -> Result<JournalAt, SignerFault> {
        let signer = self.reach().await?;
        self.back(signer.journal_at(records).await?).await
    }

    async fn attend(&self, presence: &Presence) -> Result<Result<(), Refused>, SignerFault> {
        let signer = self.reach().await?;
        let answer = signer.attend(presence).await?;
        self.told("to attend", &answer);
        self.world.attended(&self.process, presence, &answer);
        self.back(answer).await
    }

    async fn hear_time(&self, now: Timestamp) -> Result<Timestamp, SignerFault> {
        self.reach().await?.hear_time(now).await
    }

    async fn lease(&self, claim: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault> {
        self.pass("lease", Phase::Before).await;
        let signer = self.reach().await?;
        let answer = signer.lease(claim).await?;
        self.told("a lease", &answer);
        self.world.leased(&self.process, claim, &answer);
        self.pass("lease", Phase::Effect).await;
        let answer = self.back(answer).await?;
        self.pass("lease", Phase::After).await;
        Ok(answer)
    }

    async fn open(&self, open: &Open) -> Result<Result<Opening, Refused>, SignerFault> {
        self.pass("open", Phase::Before).await;
        let signer = self.reach().await?;
        let answer = signer.open(open).await?;
        self.pass("open", Phase::Effect).await;
        let answer = self.back(answer).await?;
        self.pass("open", Phase::After).await;
        Ok(answer)
    }

    async fn retire(&self, retire: &Retire) -> Result<Result<(), Refused>, SignerFault> {
        self.pass("retire", Phase::Before).await;
        let signer = self.reach().await?;
        let answer = signer.retire(retire).await?;
        self.told("a retirement", &answer);
        self.world.retired(retire, &answer);
        self.pass("retire", Phase::Effect).await;
        let answer = self.back(answer).await?;
        self.pass("retire", Phase::After).await;
        Ok(answer)
    }

    async fn standing(&self, payouts: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault> {
        let signer = self.reach().await?;
        self.back(signer.standing(payouts).await?).await
    }

    async fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        let signer = self.reach().await?;
        self.back(signer.lanes().await?).await
    }

    async fn dry_run(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        let signer = self.reach().await?;
        let answers = signer.dry_run(requests).await?;
        self.world.tried(requests, &answers);
        self.back(answers).await
    }

    async fn sign(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        self.pass("sign", Phase::Before).await;
        let signer = self.reach().await?;
        let answers = signer.sign(requests).await?;
        self.world.signed(&self.process, requests, &answers);
        self.pass("sign", Phase::Effect).await;
        let answers = self.back(answers).await?;
        self.pass("sign", Phase::After).await;
        Ok(answers)
    }

    async fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        self.pass("supersede", Phase::Before).await;
        let signer = self.reach().await?;
        let answer = signer.supersede(supersede).await?;
        self.pass("supersede", Phase::Effect).await;
        let answer = self.back(answer).await?;
        self.pass("supersede", Phase::After).await;
        Ok(answer)
    }

    async fn teach(
        &self,
        lessons: &[Lesson],
    ) -> Result<Vec<Result<Learned, Refused>>, SignerFault> {
        let signer = self.reach().await?;
        self.back(signer.teach(lessons).await?).await
    }

    async fn entries(
        &self,
        lane: &LaneId,
        from: EntryCursor,
        limit: usize,
    ) -> Result<EntryPage, SignerFault> {
        let signer = self.reach().await?;
        self.back(signer.entries(lane, from, limit).await?).await
    }
}
