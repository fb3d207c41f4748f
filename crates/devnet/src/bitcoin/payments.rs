//! Whom the chain has paid, read from bitcoind block by block: no answer of the server and no index
//! is believed here.

use bitcoin::{Address, Amount, Block, OutPoint, Txid};

use super::rpc::{Rpc, RpcError};

/// A transaction in a block, as far as it matters to whoever asks who was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mined {
    pub txid: Txid,
    pub height: u32,
    pub spends: Vec<OutPoint>,
    /// Its outputs, with the script as bytes.
    outputs: Vec<(Vec<u8>, Amount)>,
}

/// One output to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    pub txid: Txid,
    pub height: u32,
    pub amount: Amount,
}

/// Every transaction of the best chain since some block.
#[derive(Debug, Clone)]
pub struct Payments(Vec<Mined>);

impl Payments {
    /// From the block at height `first` to the newest.
    ///
    /// # Errors
    /// What bitcoind says.
    pub async fn since(rpc: &Rpc, first: u32) -> Result<Self, RpcError> {
        let mut mined = Vec::new();
        for height in first..=rpc.height().await? {
            let block = rpc.block(rpc.block_hash(height).await?).await?;
            mined.extend(of_block(&block, height));
        }
        Ok(Self(mined))
    }

    /// Each output to this address: one for each time that it was paid.
    pub fn to(&self, address: &Address) -> Vec<Payment> {
        let script = address.script_pubkey();
        let each = self.0.iter().flat_map(|mined| {
            let mine = mined.outputs.iter().filter(|(paid, _)| paid == script.as_bytes());
            mine.map(|(_, amount)| Payment {
                txid: mined.txid,
                height: mined.height,
                amount: *amount,
            })
        });
        each.collect()
    }

    pub fn transaction(&self, txid: Txid) -> Option<&Mined> {
        self.0.iter().find(|mined| mined.txid == txid)
    }
}

fn of_block(block: &Block, height: u32) -> impl Iterator<Item = Mined> {
    block.txdata.iter().map(move |transaction| Mined {
        txid: transaction.compute_txid(),
        height,
        spends: transaction.input.iter().map(|input| input.previous_output).collect(),
        outputs: transaction
            .output
            .iter()
            .map(|output| (output.script_pubkey.to_bytes(), output.value))
            .collect(),
    })
}
