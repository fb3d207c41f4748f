//! Calls, answers and the frames that carry them.

use std::io;

use adit_core::{JournalId, LaneId, Opening, PayoutId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::{
    EntryCursor, EntryPage, JournalAt, LaneStanding, Learned, LeaseClaim, Lesson, Open,
    PayoutStanding, Presence, Refused, Retire, SignRequest, Signature, SignerFault, Supersede,
};

/// Both ends speak the same version or not at all.
pub(super) const VERSION: u32 = 8;
/// What is longer goes in several frames: [`super::parts`] of lists that are sent, and pages of
/// entries that are told.
pub(super) const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Of each, up to [`crate::RETIRED_BY_BYTES_MAX`] and [`crate::RETIRED_REASON_BYTES_MAX`] are told,
/// six times as much where all of it is escaped in JSON.
pub(super) const STANDING_PAYOUTS_MAX: usize = 4_096;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    pub version: u32,
    pub call: Call,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    Journal,
    JournalAt(u64),
    Attend(Presence),
    HearTime(Timestamp),
    Lease(LeaseClaim),
    Open(Open),
    Retire(Retire),
    Standing(Vec<PayoutId>),
    Lanes,
    DryRun(Vec<SignRequest>),
    Sign(Vec<SignRequest>),
    Supersede(Supersede),
    Teach(Vec<Lesson>),
    Entries { lane: LaneId, from: EntryCursor, limit: usize },
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Journal(JournalId),
    JournalAt(JournalAt),
    Attend(Result<(), Refused>),
    HearTime(Timestamp),
    Lease(Result<(), Refused>),
    Open(Result<Opening, Refused>),
    Retire(Result<(), Refused>),
    Standing(Vec<PayoutStanding>),
    Lanes(Vec<LaneStanding>),
    DryRun(Vec<Result<(), Refused>>),
    Sign(Vec<Result<Signature, Refused>>),
    Supersede(Result<(), Refused>),
    Teach(Vec<Result<Learned, Refused>>),
    Entries(EntryPage),
    Fault(SignerFault),
}

/// # Errors
/// When the content is larger than a frame may be.
pub(super) fn encode(content: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, content)?;
    let length = frame.len() - 4;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{length} bytes are above {FRAME_BYTES_MAX}; ask for less at once"),
        ));
    }
    frame[..4].copy_from_slice(&u32::try_from(length).expect("bounded above").to_be_bytes());
    Ok(frame)
}

/// # Errors
/// When the other end is gone.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    stream.write_all(frame).await?;
    stream.flush().await
}

/// The length of the next frame; none when the other end closed between two frames.
///
/// # Errors
/// When the frame is too long or the other end is gone in the middle of it.
pub(super) async fn read_length(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<usize>> {
    let mut length = [0; 4];
    if stream.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..]).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes is above {FRAME_BYTES_MAX}"),
        ));
    }
    Ok(Some(length))
}

/// # Errors
/// When the frame is not what is expected here.
pub(super) async fn read_content<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    length: usize,
) -> io::Result<T> {
    let mut bytes = Vec::new();
    let got = stream
        .take(u64::try_from(length).map_err(io::Error::other)?)
        .read_to_end(&mut bytes)
        .await?;
    if got < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}
