//! JSON-RPC as a bitcoind with `-txindex` gives it that has seen the blocks up to some height.

use std::sync::Arc;

use adit_chain::RpcError;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Txid};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::UtxoChain;
use super::transaction::Tx;

/// `rpc/protocol.h` of Bitcoin Core.
const METHOD_UNKNOWN_CODE: i64 = -32_601;
const PARAMETER_CODE: i64 = -8;
const NOT_FOUND_CODE: i64 = -5;
const UNREADABLE_CODE: i64 = -22;
const MISSING_CODE: i64 = -25;

type Said = Result<Value, RpcError>;

fn error(code: i64, message: &str) -> RpcError {
    RpcError { code, message: message.to_owned(), data: None }
}

fn param<T: DeserializeOwned>(params: &Value, place: usize) -> Result<T, RpcError> {
    serde_json::from_value(params[place].clone())
        .map_err(|_| error(PARAMETER_CODE, &format!("parameter {place} cannot be read")))
}

fn bitcoins(satoshi: u64) -> f64 {
    Amount::from_sat(satoshi).to_btc()
}

impl UtxoChain {
    /// What an honest node answers that has seen the blocks up to `upto`. `node` is its index: each
    /// has a pool of its own, and one that does not exist has none.
    ///
    /// # Errors
    /// [`RpcError`] in bitcoind's words.
    pub fn answer(
        &mut self,
        node: usize,
        upto: u64,
        at_seconds: u64,
        method: &str,
        params: &Value,
    ) -> Said {
        let upto = upto.min(self.head());
        match method {
            "getblockchaininfo" => {
                let tip = &self.blocks[upto as usize].body;
                Ok(
                    json!({ "blocks": upto, "bestblockhash": tip.block_hash(), "time": tip.header.time }),
                )
            }
            "getblockhash" => self.block_hash(upto, param(params, 0)?),
            "getblockheader" => self.header(upto, param(params, 0)?),
            "getblock" => self.block(upto, param(params, 0)?, param(params, 1)?),
            "estimatesmartfee" => {
                Ok(json!({ "feerate": bitcoins(self.level), "blocks": params[0] }))
            }
            "gettxout" => self.output(
                node,
                upto,
                OutPoint::new(param(params, 0)?, param(params, 1)?),
                param(params, 2)?,
            ),
            "gettxspendingprevout" => self.spending(node, &param::<Vec<OutPointParam>>(params, 0)?),
            "getrawtransaction" => self.raw(node, upto, param(params, 0)?, params[1] == 1),
            "getindexinfo" => {
                Ok(json!({ "txindex": { "synced": true, "best_block_height": upto } }))
            }
            "scantxoutset" => self.scan(upto, &param::<Vec<String>>(params, 1)?),
            "sendrawtransaction" => self.send(node, upto, at_seconds, &param::<String>(params, 0)?),
            _ => Err(error(METHOD_UNKNOWN_CODE, "Method not found")),
        }
    }

    /// Its height, where it is in the best chain of that node.
    fn height(&self, hash: BlockHash, upto: u64) -> Option<u64> {
        let height = *self.heights.get(&hash)?;
        let standing = height <= upto && self.blocks[height as usize].body.block_hash() == hash;
        standing.then_some(height)
    }

    fn block_hash(&self, upto: u64, height: u64) -> Said {
        if height > upto {
            return Err(error(PARAMETER_CODE, "Block height out of range"));
        }
        Ok(json!(self.blocks[height as usize].body.block_hash()))
    }

    fn header(&self, upto: u64, hash: BlockHash) -> Said {
        match self.height(hash, upto) {
            Some(height) => {
                Ok(json!({ "hash": hash, "height": height, "confirmations": upto - height + 1 }))
            }
            None => match self.heights.get(&hash) {
                Some(height) if *height <= upto => {
                    Ok(json!({ "hash": hash, "height": height, "confirmations": -1 }))
                }
                Some(_) | None => Err(error(NOT_FOUND_CODE, "Block not found")),
            },
        }
    }

    fn block(&self, upto: u64, hash: BlockHash, verbosity: u8) -> Said {
        let height =
            self.height(hash, upto).ok_or_else(|| error(NOT_FOUND_CODE, "Block not found"))?;
        let body = &self.blocks[height as usize].body;
        let ids = || -> Vec<Txid> {
            body.txdata.iter().map(bitcoin::Transaction::compute_txid).collect()
        };
        Ok(if verbosity == 0 {
            json!(serialize_hex(body))
        } else {
            json!({ "hash": hash, "tx": ids() })
        })
    }

    fn output(&self, node: usize, upto: u64, outpoint: OutPoint, with_mempool: bool) -> Said {
        let pool = self.nodes.get(node).filter(|_| with_mempool);
        if pool.is_some_and(|pool| pool.spender_of(outpoint).is_some()) {
            return Ok(Value::Null);
        }
        let waiting = pool.and_then(|pool| pool.get(&outpoint.txid));
        let confirmations = match self.height_of(&outpoint.txid, upto) {
            Some(height) if self.is_unspent(&outpoint, upto) => upto - height + 1,
            Some(_) => return Ok(Value::Null),
            None if waiting.is_some() => 0,
            None => return Ok(Value::Null),
        };
        let body = &self.known[&outpoint.txid].body;
        let Some(output) = body.output.get(outpoint.vout as usize) else { return Ok(Value::Null) };
        let best = self.blocks[upto as usize].body.block_hash();
        Ok(
            json!({ "bestblock": best, "confirmations": confirmations, "value": bitcoins(output.value.to_sat()) }),
        )
    }

    fn spending(&self, node: usize, outpoints: &[OutPointParam]) -> Said {
        let one = |asked: &OutPointParam| {
            let spender = self
                .nodes
                .get(node)
                .and_then(|pool| pool.spender_of(OutPoint::new(asked.txid, asked.vout)));
            json!({ "txid": asked.txid, "vout": asked.vout, "spendingtxid": spender.map(|tx| tx.txid) })
        };
        Ok(outpoints.iter().map(one).collect())
    }

    fn raw(&self, node: usize, upto: u64, txid: Txid, verbose: bool) -> Said {
        let height = self.height_of(&txid, upto);
        let tx: Option<&Arc<Tx>> = if height.is_some() {
            self.known.get(&txid)
        } else {
            self.nodes.get(node).and_then(|pool| pool.get(&txid))
        };
        let tx =
            tx.ok_or_else(|| error(NOT_FOUND_CODE, "No such mempool or blockchain transaction"))?;
        let block = height.map(|height| self.blocks[height as usize].body.block_hash());
        Ok(if verbose { json!({ "hex": tx.hex, "blockhash": block }) } else { json!(tx.hex) })
    }

    fn scan(&self, upto: u64, descriptors: &[String]) -> Said {
        let script =
            |text: &String| ScriptBuf::from_hex(text.strip_prefix("raw(")?.strip_suffix(')')?).ok();
        let scripts: Vec<ScriptBuf> = descriptors.iter().filter_map(script).collect();
        let unspent = |(outpoint, value): (OutPoint, u64)| {
            let script =
                &self.known[&outpoint.txid].body.output[outpoint.vout as usize].script_pubkey;
            let height = self.places[&outpoint.txid];
            json!({ "txid": outpoint.txid, "vout": outpoint.vout, "scriptPubKey": script.to_hex_string(), "amount": bitcoins(value), "height": height })
        };
        let unspents: Vec<Value> = self.coins_of(&scripts, upto).map(unspent).collect();
        Ok(json!({ "success": true, "unspents": unspents }))
    }

    fn send(&mut self, node: usize, upto: u64, at_seconds: u64, hex: &str) -> Said {
        let body = Tx::read(hex).ok_or_else(|| error(UNREADABLE_CODE, "TX decode failed"))?;
        let tx = self
            .judge(body)
            .ok_or_else(|| error(MISSING_CODE, "bad-txns-inputs-missingorspent"))?;
        match self.offer(node, upto, &tx, at_seconds) {
            Ok(()) => Ok(json!(tx.txid)),
            Err((code, words)) => Err(error(code, words)),
        }
    }
}

#[derive(serde::Deserialize)]
struct OutPointParam {
    txid: Txid,
    vout: u32,
}
