//! The end that asks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use adit_core::{Draft, Hash32, JournalId, LaneId, Opening, PayoutId, Timestamp};
use alloy::primitives::keccak256;
use async_trait::async_trait;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::parts::{of_request, parts};
use super::wire::{self, Answer, Call, Question, STANDING_PAYOUTS_MAX, VERSION};
use crate::bitcoin;
use crate::page::json_bytes;
use crate::{
    EntryCursor, EntryPage, JournalAt, LaneStanding, Learned, LeaseClaim, Lesson, Open,
    PayoutStanding, Presence, Refused, Retire, SignRequest, Signature, Signer, SignerFault,
    Supersede,
};

const CONNECT_TIMEOUT_SECONDS: u64 = 2;
/// Longer than a sync of a slow disk behind a full batch.
const CALL_TIMEOUT_SECONDS: u64 = 30;
/// Connections kept open while nobody uses them.
const IDLE_MAX: usize = 4;

/// A signer in another process. Connects when it is asked, and again after every doubt.
#[derive(Debug)]
pub struct SocketSigner {
    path: PathBuf,
    patience: Duration,
    idle: Mutex<Vec<UnixStream>>,
}

impl SocketSigner {
    /// Does not connect yet, so that a server may start before its signer.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            patience: Duration::from_secs(CALL_TIMEOUT_SECONDS),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Waits at most this long for an answer.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A kept connection may be a dead one, of a signer that was restarted since: then a new one is
    /// tried once.
    async fn call(&self, call: Call) -> Result<Answer, SignerFault> {
        let frame = wire::encode(&Question { version: VERSION, call })
            .map_err(|error| self.unreachable(&error))?;
        let kept = self.idle.lock().expect("no holder of this lock panics").pop();
        if let Some(stream) = kept {
            match self.exchange(stream, &frame).await {
                Err(error) if error.kind() != io::ErrorKind::TimedOut => {}
                done => return self.settle(done),
            }
        }
        let connecting =
            timeout(Duration::from_secs(CONNECT_TIMEOUT_SECONDS), UnixStream::connect(&self.path));
        let stream = connecting
            .await
            .map_err(|_| io::ErrorKind::TimedOut.into())
            .flatten()
            .map_err(|error| self.unreachable(&error))?;
        self.settle(self.exchange(stream, &frame).await)
    }

    fn settle(&self, done: io::Result<Answer>) -> Result<Answer, SignerFault> {
        match done {
            Ok(Answer::Fault(fault)) => Err(fault),
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    async fn exchange(&self, mut stream: UnixStream, frame: &[u8]) -> io::Result<Answer> {
        let both = async {
            wire::write(&mut stream, frame).await?;
            let length =
                wire::read_length(&mut stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            wire::read_content(&mut stream, length).await
        };
        let answer = timeout(self.patience, both)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        if idle.len() < IDLE_MAX {
            idle.push(stream);
        }
        Ok(answer)
    }

    fn unreachable(&self, error: &io::Error) -> SignerFault {
        SignerFault::Unreachable { detail: format!("{}: {error}", self.path.display()) }
    }

    /// An answer to another question: nothing in it is believed.
    fn confused(&self) -> SignerFault {
        self.unreachable(&io::Error::new(
            io::ErrorKind::InvalidData,
            "it answered another question than was asked",
        ))
    }
}

#[async_trait]
impl Signer for SocketSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        let Answer::Journal(id) = self.call(Call::Journal).await? else {
            return Err(self.confused());
        };
        Ok(id)
    }

    async fn journal_at(&self, records: u64) -> Result<JournalAt, SignerFault> {
        let Answer::JournalAt(at) = self.call(Call::JournalAt(records)).await? else {
            return Err(self.confused());
        };
        Ok(at)
    }

    async fn attend(&self, presence: &Presence) -> Result<Result<(), Refused>, SignerFault> {
        let Answer::Attend(answer) = self.call(Call::Attend(*presence)).await? else {
            return Err(self.confused());
        };
        Ok(answer)
    }

    fn place(&self) -> String {
        format!("at {}", self.path.display())
    }

    async fn hear_time(&self, now: Timestamp) -> Result<Timestamp, SignerFault> {
        let Answer::HearTime(time) = self.call(Call::HearTime(now)).await? else {
            return Err(self.confused());
        };
        Ok(time)
    }

    async fn lease(&self, claim: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault> {
        let Answer::Lease(answer) = self.call(Call::Lease(claim.clone())).await? else {
            return Err(self.confused());
        };
        Ok(answer)
    }

    async fn open(&self, open: &Open) -> Result<Result<Opening, Refused>, SignerFault> {
        let Answer::Open(answer) = self.call(Call::Open(open.clone())).await? else {
            return Err(self.confused());
        };
        Ok(answer)
    }

    async fn retire(&self, retire: &Retire) -> Result<Result<(), Refused>, SignerFault> {
        let Answer::Retire(answer) = self.call(Call::Retire(retire.clone())).await? else {
            return Err(self.confused());
        };
        Ok(answer)
    }

    /// However many: they are asked for in parts.
    async fn standing(&self, payouts: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault> {
        let mut told = Vec::with_capacity(payouts.len());
        for part in payouts.chunks(STANDING_PAYOUTS_MAX) {
            let Answer::Standing(answers) = self.call(Call::Standing(part.to_vec())).await? else {
                return Err(self.confused());
            };
            if answers.len() != part.len() {
                return Err(self.confused());
            }
            told.extend(answers);
        }
        Ok(told)
    }

    async fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        let Answer::Lanes(lanes) = self.call(Call::Lanes).await? else {
            return Err(self.confused());
        };
        Ok(lanes)
    }

    /// In one frame: each is judged on those before it, which a second call would not know.
    async fn dry_run(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        let Answer::DryRun(answers) = self.call(Call::DryRun(requests.to_vec())).await? else {
            return Err(self.confused());
        };
        if answers.len() == requests.len() { Ok(answers) } else { Err(self.confused()) }
    }

    /// However many: they are sent in parts. Where a later part fails, what was signed is given
    /// again to whoever asks again.
    async fn sign(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        let mut signed = Vec::with_capacity(requests.len());
        for part in parts(requests, of_request) {
            let Answer::Sign(answers) = self.call(Call::Sign(part.to_vec())).await? else {
                return Err(self.confused());
            };
            if !fits(part, &answers) {
                return Err(self.confused());
            }
            signed.extend(answers);
        }
        Ok(signed)
    }

    async fn supersede(&self, supersede: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        let Answer::Supersede(answer) = self.call(Call::Supersede(supersede.clone())).await? else {
            return Err(self.confused());
        };
        Ok(answer)
    }

    /// However many: they are sent in parts.
    async fn teach(
        &self,
        lessons: &[Lesson],
    ) -> Result<Vec<Result<Learned, Refused>>, SignerFault> {
        let mut learned = Vec::with_capacity(lessons.len());
        for part in parts(lessons, json_bytes) {
            let Answer::Teach(answers) = self.call(Call::Teach(part.to_vec())).await? else {
                return Err(self.confused());
            };
            if answers.len() != part.len() {
                return Err(self.confused());
            }
            learned.extend(answers);
        }
        Ok(learned)
    }

    async fn entries(
        &self,
        lane: &LaneId,
        from: EntryCursor,
        limit: usize,
    ) -> Result<EntryPage, SignerFault> {
        let call = Call::Entries { lane: lane.clone(), from, limit };
        let Answer::Entries(page) = self.call(call).await? else { return Err(self.confused()) };
        Ok(page)
    }
}

/// One answer per request, in order, and each hash is that of its bytes.
fn fits(requests: &[SignRequest], answers: &[Result<Signature, Refused>]) -> bool {
    let answers_to = |request: &SignRequest, answer: &Result<Signature, Refused>| match answer {
        Ok(Signature { attempt, signed }) => {
            *attempt == request.attempt
                && hash_of(&request.draft, &signed.raw.0) == Some(signed.hash)
        }
        Err(_) => true,
    };
    requests.len() == answers.len()
        && requests.iter().zip(answers).all(|(request, answer)| answers_to(request, answer))
}

/// As the draft's chain names these bytes.
fn hash_of(draft: &Draft, raw: &[u8]) -> Option<Hash32> {
    match draft {
        Draft::Evm(_) => Some(Hash32(keccak256(raw).0)),
        Draft::Bitcoin(_) => bitcoin::id_of(raw),
    }
}
