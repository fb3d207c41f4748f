//! Trying payments on one endpoint without sending them.
//!
//! `eth_simulateV1` (execution-apis) carries all of them out one after the other on top of the
//! head, as if in one block, and returns logs: so the *effect* of each payment is known before
//! anything is signed. Nodes without it are asked for estimates.

use adit_chain::{Answer, Call, Endpoint, Fault, RpcError};
use adit_core::Amount;
use alloy::primitives::{Address, Bytes, U64, U256};
use alloy::sol_types::decode_revert_reason;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Paying;
use crate::draft::Message;
use crate::effect::odd_movement;
use crate::erc20;
use crate::rpc::{Log, height};
use crate::said_no::{self, About};

/// Payments in one simulated block. With the gas below they stay within the 50 million that geth
/// allows one question.
const TRIALS_PER_CALL: usize = 100;
/// Most gas that one tried payment may burn: keeps a hostile recipient from starving those after
/// him. What a payment may really cost is capped by its fee.
const TRIAL_GAS_MAX: u64 = 2_000_000;
const REASON_CHARS_MAX: usize = 200;

/// One payment to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trial {
    pub paying: Paying,
    pub to: Address,
    pub amount: Amount,
}

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fine {
        gas: u64,
    },
    Fails {
        reason: String,
    },
    /// An endpoint that answers all else has no answer to this one.
    Untold {
        reason: String,
    },
    /// Too few could say, or they say different things.
    Unclear {
        reason: String,
    },
}

#[derive(Deserialize)]
struct SimulatedBlock {
    calls: Vec<Simulated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Simulated {
    status: U64,
    gas_used: U64,
    #[serde(default)]
    return_data: Bytes,
    #[serde(default)]
    logs: Vec<Log>,
    #[serde(default)]
    error: Option<Value>,
}

/// Tries them all at that height, in order, each on top of the ones before.
///
/// # Errors
/// [`Fault`] when the endpoint could not say.
pub(crate) async fn try_all(
    endpoint: &Endpoint,
    wallet: Address,
    trials: &[Trial],
    at: u64,
) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = Vec::with_capacity(trials.len());
    for some in trials.chunks(TRIALS_PER_CALL) {
        outcomes.extend(try_some(endpoint, wallet, some, at).await?);
    }
    Ok(outcomes)
}

async fn try_some(
    endpoint: &Endpoint,
    wallet: Address,
    trials: &[Trial],
    at: u64,
) -> Result<Vec<Outcome>, Fault> {
    let group = endpoint.batch(&[question(wallet, trials, at)]).await?.remove(0);
    if group.is_err() && !is_about_payment(&group) {
        return estimate_all(endpoint, wallet, trials, at).await;
    }
    let group_failed = group.is_err();
    // An error of the group (too little money for one of them) says nothing of the others: each is
    // then tried alone.
    let judged = group.ok().and_then(|answer| judge(wallet, trials, &answer));
    let mut outcomes =
        judged.unwrap_or_else(|| vec![Outcome::Fails { reason: String::new() }; trials.len()]);
    let doubtful: Vec<usize> = (0..trials.len())
        .filter(|index| matches!(outcomes[*index], Outcome::Fails { .. }))
        .collect();
    let alone: Vec<Call> =
        doubtful.iter().map(|index| question(wallet, &trials[*index..=*index], at)).collect();
    let answers = endpoint.batch(&alone).await?;
    if group_failed && let Some(error) = refused_alike(&answers) {
        return Err(endpoint.refused("eth_simulateV1", error.to_string()));
    }
    for (index, answer) in doubtful.into_iter().zip(answers) {
        outcomes[index] = judge_alone(endpoint, wallet, &trials[index], answer)?;
    }
    Ok(outcomes)
}

/// One simulated block: for each token the balances of wallet and first recipient, the payments,
/// and the balances again.
fn question(wallet: Address, trials: &[Trial], at: u64) -> Call {
    let call = |message: &Message| {
        let gas = height(TRIAL_GAS_MAX);
        json!({ "from": wallet, "to": message.to, "value": height_of(message.value), "input": message.input, "gas": gas })
    };
    let payments =
        trials.iter().map(|trial| call(&Message::paying(trial.paying, trial.to, trial.amount)));
    let balances: Vec<Value> = tokens(trials)
        .iter()
        .flat_map(|(token, first)| [(*token, wallet), (*token, *first)])
        .map(|(token, holder)| json!({ "from": wallet, "to": token, "input": erc20::balance_of(holder), "gas": height(TRIAL_GAS_MAX) }))
        .collect();
    let calls: Vec<Value> =
        balances.iter().cloned().chain(payments).chain(balances.iter().cloned()).collect();
    let block = json!({ "blockStateCalls": [{ "calls": calls }], "validation": false, "traceTransfers": false });
    Call::new("eth_simulateV1", json!([block, height(at)]))
}

fn height_of(amount: Amount) -> String {
    format!("0x{:x}", amount.base_units())
}

/// Each token with its first recipient.
fn tokens(trials: &[Trial]) -> Vec<(Address, Address)> {
    let mut tokens: Vec<(Address, Address)> = Vec::new();
    for trial in trials {
        if let Paying::Token(token) = trial.paying
            && !tokens.iter().any(|(known, _)| *known == token)
        {
            tokens.push((token, trial.to));
        }
    }
    tokens
}

/// None when the answer has another shape than asked.
fn judge(wallet: Address, trials: &[Trial], answer: &Value) -> Option<Vec<Outcome>> {
    let blocks = Vec::<SimulatedBlock>::deserialize(answer).ok()?;
    let [SimulatedBlock { calls }] = blocks.as_slice() else { return None };
    let tokens = tokens(trials);
    if calls.len() != trials.len() + 4 * tokens.len() {
        return None;
    }
    let (before, rest) = calls.split_at(2 * tokens.len());
    let (payments, after) = rest.split_at(trials.len());
    let mut outcomes: Vec<Outcome> = trials
        .iter()
        .zip(payments)
        .map(|(trial, payment)| outcome(wallet, trial, payment))
        .collect();
    for (index, (token, first)) in tokens.into_iter().enumerate() {
        let at = 2 * index;
        let left = moved(&after[at], &before[at]);
        let arrived = moved(&before[at + 1], &after[at + 1]);
        let asked = |only: Option<Address>| asked(trials, &outcomes, token, only);
        if left != asked(None) || arrived != asked(Some(first)) {
            let reason = format!(
                "the token's balances do not follow its transfers: {} left, {} arrived",
                shown(left),
                shown(arrived)
            );
            doubt(trials, &mut outcomes, token, &reason);
        }
    }
    Some(outcomes)
}

fn outcome(wallet: Address, trial: &Trial, payment: &Simulated) -> Outcome {
    if payment.status != U64::from(1) {
        return Outcome::Fails { reason: why(payment) };
    }
    let odd = match trial.paying {
        Paying::Native => None,
        Paying::Token(_) if !erc20::returned_well(&payment.return_data) => {
            Some("the token's transfer returned false".to_owned())
        }
        Paying::Token(token) => odd_movement(token, wallet, trial.to, trial.amount, &payment.logs),
    };
    odd.map_or(Outcome::Fine { gas: payment.gas_used.to() }, |reason| Outcome::Fails { reason })
}

fn why(payment: &Simulated) -> String {
    let said = payment
        .error
        .as_ref()
        .and_then(|error| error["message"].as_str())
        .unwrap_or("it would revert");
    let decoded = decode_revert_reason(&payment.return_data)
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    format!("{said}{decoded}").chars().take(REASON_CHARS_MAX).collect()
}

/// How much more the one balance shows than the other.
fn moved(less: &Simulated, more: &Simulated) -> Option<U256> {
    let read = |balance: &Simulated| {
        U256::try_from_be_slice(&balance.return_data).filter(|_| balance.return_data.len() == 32)
    };
    read(more)?.checked_sub(read(less)?)
}

fn asked(
    trials: &[Trial],
    outcomes: &[Outcome],
    token: Address,
    only: Option<Address>,
) -> Option<U256> {
    let fine = trials.iter().zip(outcomes).filter(|(trial, outcome)| {
        trial.paying == Paying::Token(token)
            && only.is_none_or(|to| trial.to == to)
            && matches!(outcome, Outcome::Fine { .. })
    });
    Some(fine.map(|(trial, _)| U256::from(trial.amount.base_units())).sum())
}

fn doubt(trials: &[Trial], outcomes: &mut [Outcome], token: Address, reason: &str) {
    for (trial, outcome) in trials.iter().zip(outcomes) {
        if trial.paying == Paying::Token(token) && matches!(outcome, Outcome::Fine { .. }) {
            *outcome = Outcome::Fails { reason: reason.to_owned() };
        }
    }
}

fn shown(amount: Option<U256>) -> String {
    amount.map_or_else(|| "an unknown amount".to_owned(), |amount| amount.to_string())
}

/// The error where nothing was answered and no error is of a call: it is the endpoint's then, and
/// no payment's.
fn refused_alike(answers: &[Answer]) -> Option<&RpcError> {
    let errors: Option<Vec<&RpcError>> =
        answers.iter().map(|answer| answer.as_ref().err()).collect();
    let errors = errors?;
    let alike = errors.iter().all(|error| said_no::about(error) != About::Call);
    errors.first().copied().filter(|_| alike)
}

fn judge_alone(
    endpoint: &Endpoint,
    wallet: Address,
    trial: &Trial,
    answer: Answer,
) -> Result<Outcome, Fault> {
    match answer {
        Err(error) => Ok(refused(&error)),
        Ok(value) => {
            match judge(wallet, std::slice::from_ref(trial), &value) {
                Some(mut outcomes) => Ok(outcomes.remove(0)),
                None => Err(endpoint
                    .malformed("eth_simulateV1", "one result per call was asked".to_owned())),
            }
        }
    }
}

/// What an error makes of one payment, at an endpoint that answers otherwise.
fn refused(error: &RpcError) -> Outcome {
    let reason: String = error.message.chars().take(REASON_CHARS_MAX).collect();
    match said_no::about(error) {
        About::Call => Outcome::Fails { reason },
        About::Endpoint | About::Unknown => Outcome::Untold { reason },
    }
}

/// Whether an error tells of the payment, and not of the node or the method.
fn is_about_payment(answer: &Answer) -> bool {
    answer.as_ref().is_err_and(|error| said_no::about(error) == About::Call)
}

/// The older way: an estimate and a dry call each, which find reverts and `false`, and no fees on
/// transfer.
///
/// First the wallet pays itself nothing: an endpoint that cannot say what that takes cannot say
/// anything, and no payment is to blame.
async fn estimate_all(
    endpoint: &Endpoint,
    wallet: Address,
    trials: &[Trial],
    at: u64,
) -> Result<Vec<Outcome>, Fault> {
    let nothing = json!({ "from": wallet, "to": wallet, "value": "0x0" });
    let control = Call::new("eth_estimateGas", json!([nothing, height(at)]));
    let calls: Vec<Call> = std::iter::once(control)
        .chain(trials.iter().flat_map(|trial| estimate(wallet, trial, at)))
        .collect();
    let mut answers = endpoint.batch(&calls).await?.into_iter();
    endpoint.read::<U64>("eth_estimateGas", answers.next().expect("the first answer"))?;
    let mut outcomes = Vec::with_capacity(trials.len());
    for trial in trials {
        let (gas, returned) = (answers.next(), answers.next());
        let (gas, returned) = gas.zip(returned).expect("two answers for each payment");
        outcomes.push(judge_estimate(endpoint, trial, gas, returned)?);
    }
    Ok(outcomes)
}

fn estimate(wallet: Address, trial: &Trial, at: u64) -> [Call; 2] {
    let message = Message::paying(trial.paying, trial.to, trial.amount);
    let gas = height(TRIAL_GAS_MAX);
    let call = json!({ "from": wallet, "to": message.to, "value": height_of(message.value), "input": message.input, "gas": gas });
    [
        Call::new("eth_estimateGas", json!([call, height(at)])),
        Call::new("eth_call", json!([call, height(at)])),
    ]
}

fn judge_estimate(
    endpoint: &Endpoint,
    trial: &Trial,
    gas: Answer,
    returned: Answer,
) -> Result<Outcome, Fault> {
    let errors = || [&gas, &returned].into_iter().filter_map(|answer| answer.as_ref().err());
    let of_call = errors().find(|error| said_no::about(error) == About::Call);
    if let Some(error) = of_call.or_else(|| errors().next()) {
        return Ok(refused(error));
    }
    let gas: U64 = endpoint.read("eth_estimateGas", gas)?;
    let returned: Bytes = endpoint.read("eth_call", returned)?;
    if matches!(trial.paying, Paying::Token(_)) && !erc20::returned_well(&returned) {
        return Ok(Outcome::Fails { reason: "the token's transfer returned false".to_owned() });
    }
    Ok(Outcome::Fine { gas: gas.to() })
}
