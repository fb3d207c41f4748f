//! Outputs: what a script has, and who spent one.

use std::collections::HashMap;

use adit_chain::{Endpoint, Fault};
use adit_core::{Amount, BlockRef};
use bdk_wallet::bitcoin::hashes::{Hash, sha256};
use bdk_wallet::bitcoin::{OutPoint, ScriptBuf, Txid};
use serde::Deserialize;

use super::{AT_ONCE_MAX, Status, json, there};
use crate::node::{OutpointState, Sought};
use crate::source::read::{distinct, each};
use crate::source::{SourceCoin, SourceSpend};

#[derive(Deserialize)]
struct Utxo {
    txid: Txid,
    vout: u32,
    value: u64,
    status: Status,
}

#[derive(Clone, Copy, Deserialize)]
struct Outspend {
    spent: bool,
    txid: Option<Txid>,
    status: Option<Status>,
}

pub(in crate::source) async fn coins(
    endpoint: &Endpoint,
    scripts: &[ScriptBuf],
) -> Result<Vec<SourceCoin>, Fault> {
    let all = each(AT_ONCE_MAX, scripts.iter().map(|script| coins_of(endpoint, script)).collect())
        .await?;
    Ok(all.into_iter().flatten().collect())
}

async fn coins_of(endpoint: &Endpoint, script: &ScriptBuf) -> Result<Vec<SourceCoin>, Fault> {
    let path = format!("/scripthash/{}/utxo", sha256::Hash::hash(script.as_bytes()));
    let listed: Vec<Utxo> = there(endpoint, &path, json).await?;
    let coin = |utxo: Utxo| {
        let (outpoint, amount) =
            (OutPoint::new(utxo.txid, utxo.vout), Amount::new(u128::from(utxo.value)));
        utxo.status.block().map(|block| SourceCoin {
            outpoint,
            amount,
            script: script.clone(),
            height: block.height,
        })
    };
    Ok(listed.into_iter().filter_map(coin).collect())
}

pub(in crate::source) async fn spends(
    endpoint: &Endpoint,
    sought: &[Sought],
    head: BlockRef,
) -> Result<Vec<SourceSpend>, Fault> {
    let outspends = each(
        AT_ONCE_MAX,
        sought.iter().map(|sought| outspend(endpoint, sought.outpoint)).collect(),
    )
    .await?;
    // That an output is unspent is worth nothing where its transaction is in no block.
    let open = sought.iter().zip(&outspends).filter(|(_, outspend)| outspend.block(head).is_none());
    let made_by = distinct(open.map(|(sought, _)| sought.outpoint.txid));
    let stati =
        each(AT_ONCE_MAX, made_by.iter().map(|txid| status(endpoint, *txid)).collect()).await?;
    let made: HashMap<Txid, Status> = made_by.into_iter().zip(stati).collect();
    let spend = |(sought, outspend): (&Sought, &Outspend)| {
        outspend.read(made.get(&sought.outpoint.txid).copied(), head)
    };
    Ok(sought.iter().zip(&outspends).map(spend).collect())
}

async fn outspend(
    endpoint: &Endpoint,
    OutPoint { txid, vout }: OutPoint,
) -> Result<Outspend, Fault> {
    there(endpoint, &format!("/tx/{txid}/outspend/{vout}"), json).await
}

pub(super) async fn status(endpoint: &Endpoint, txid: Txid) -> Result<Status, Fault> {
    there(endpoint, &format!("/tx/{txid}/status"), json).await
}

impl Outspend {
    /// The block at or below the head in which it is spent.
    fn block(self, head: BlockRef) -> Option<BlockRef> {
        self.status.filter(|_| self.spent)?.block().filter(|block| block.height <= head.height)
    }

    fn read(self, made: Option<Status>, head: BlockRef) -> SourceSpend {
        if let (Some(by), Some(block)) = (self.txid, self.block(head)) {
            return SourceSpend::known(OutpointState::Spent { by, block });
        }
        let exists = made.and_then(Status::block).is_some_and(|block| block.height <= head.height);
        let state = if exists { OutpointState::Unspent } else { OutpointState::Absent };
        SourceSpend { state: Some(state), pending: self.txid.filter(|_| self.spent) }
    }
}
