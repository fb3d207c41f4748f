//! The operator after the release: says whose unmatched payments were, gives verdicts on what is
//! held, approves what is owed. What was paid they read from the chain.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::chaos::ChainKind;
use crate::chaos::chain::{self, Mined};
use crate::chaos::payees::{PURSE, Payee, Way};
use crate::config::{BOOK, POINTS};
use crate::devnet::Devnet;
use crate::failover::node;
use crate::wait;

const OVER_BOUND: Duration = Duration::from_secs(150);
const ROUND_PAUSE: Duration = Duration::from_millis(400);
/// How often a cancel meets a change of the same moment.
const CANCEL_TRIES_MAX: usize = 10;
const CANCEL_PAUSE: Duration = Duration::from_millis(200);
const NOTE: &str = "seen in the chain";

pub struct Operator {
    admin: Api,
    /// Withdrawals that were held for them.
    pub held: BTreeSet<String>,
    /// Payments of nobody's that got their user.
    pub matched: usize,
    /// Withdrawals that they gave back or cancelled.
    pub given_back: BTreeSet<String>,
    /// Rows that stood for payments of nobody's.
    pub nobodys: BTreeSet<String>,
}

/// Who is paid, and on which chain.
#[derive(Clone, Copy)]
pub struct Payments<'a> {
    pub devnet: &'a Devnet,
    pub chain: ChainKind,
    pub payees: &'a [&'a Payee],
}

impl<'a> Payments<'a> {
    /// The one who is paid there.
    fn at(&self, destination: &str) -> Option<&'a Payee> {
        self.payees
            .iter()
            .copied()
            .find(|payee| payee.destination.eq_ignore_ascii_case(destination))
    }
}

/// A withdrawal as the API shows it.
struct Row {
    id: String,
    to: String,
    status: String,
}

/// What there is to judge.
struct Desk {
    rows: Vec<Row>,
    unmatched: Vec<Value>,
}

impl Operator {
    /// One with this key.
    pub fn new(admin: Api) -> Self {
        let (held, given_back, nobodys) = <_>::default();
        Self { admin, held, matched: 0, given_back, nobodys }
    }

    /// Until every withdrawal has ended, mining meanwhile. False if something is left after a
    /// while.
    ///
    /// # Errors
    /// Fails if the server or the node does not answer, or refuses what an operator may do.
    pub async fn until_all_is_over(
        &mut self,
        payments: Payments<'_>,
        findings: &mut Vec<String>,
    ) -> Result<bool> {
        let over =
            wait::until("every withdrawal to be over", OVER_BOUND, ROUND_PAUSE, async || {
                node::mine(payments.devnet, payments.chain).await?;
                Ok(self.look(payments, findings).await?.then_some(()))
            });
        Ok(over.await.is_ok())
    }

    /// Explains and judges what there is now. True if every withdrawal has ended.
    ///
    /// # Errors
    /// Fails if the server or the node does not answer, or refuses what an operator may do.
    pub async fn look(
        &mut self,
        payments: Payments<'_>,
        findings: &mut Vec<String>,
    ) -> Result<bool> {
        let desk = self.desk().await?;
        self.explain(&desk, payments).await?;
        self.judge(&desk, payments, findings).await?;
        Ok(desk.unmatched.is_empty() && desk.rows.iter().all(Row::is_over))
    }

    /// How often this one was settled.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub async fn settled(&self, payee: &Payee) -> Result<usize> {
        Ok(self.desk().await?.settled(&payee.destination))
    }

    /// What nobody has explained at the end, in a sentence each.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub async fn unexplained(&self) -> Result<Vec<String>> {
        let known = self
            .admin
            .get("/api/admin/unmatched")
            .await?
            .expect_success("reading what is unmatched")?;
        let list = |name: &str| known[name].as_array().cloned().unwrap_or_default();
        let strays = list("strays").into_iter().filter(|stray| stray["explained"] == false);
        Ok(list("items")
            .into_iter()
            .chain(strays)
            .map(|left| format!("nobody has explained {left}"))
            .collect())
    }

    async fn desk(&self) -> Result<Desk> {
        let known = self
            .admin
            .get("/api/admin/unmatched")
            .await?
            .expect_success("reading what is unmatched")?;
        let unmatched: Vec<Value> = known["items"].as_array().cloned().unwrap_or_default();
        let nobodys: BTreeSet<&str> =
            unmatched.iter().filter_map(|item| item["withdrawalId"].as_str()).collect();
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self
                .admin
                .get(&format!("/api/withdrawals?limit=100{cursor}"))
                .await?
                .expect_success("listing withdrawals")?;
            for item in page["items"].as_array().into_iter().flatten() {
                let row = Row::read(item)?;
                if !nobodys.contains(row.id.as_str()) {
                    rows.push(row);
                }
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(Desk { rows, unmatched }),
            }
        }
    }

    /// Gives each payment of nobody's, once it is final, to whoever is held for the same, else to
    /// its user, whose repeated request is not owed then.
    async fn explain(&mut self, desk: &Desk, payments: Payments<'_>) -> Result<()> {
        for payment in desk.unmatched.iter().filter(|payment| payment["matchable"] == true) {
            let to = payment["toAddress"]
                .as_str()
                .with_context(|| format!("no recipient in {payment}"))?;
            let id =
                payment["withdrawalId"].as_str().with_context(|| format!("no id in {payment}"))?;
            let payee = payments.at(to).with_context(|| format!("nobody is paid at {to}"))?;
            let body = match desk.at(to).find(|row| row.status == "held_for_inspection") {
                // It is not repeated, and held when its own transaction has ended. Matched before
                // that, nothing would hold it.
                None if desk.at(to).any(Row::is_under_way) => continue,
                Some(held) => json!({ "withdrawalId": held.id, "note": NOTE }),
                None => {
                    for row in desk.at(to).filter(|row| row.status == "pending") {
                        self.cancel(row).await?;
                    }
                    // Points have no decimals, and one is worth a token.
                    let (book, source_asset) = if payee.way == Way::Claim {
                        (BOOK, POINTS)
                    } else {
                        (PURSE, payee.asset())
                    };
                    json!({
                        "userId": payee.asker.player.id,
                        "book": book,
                        "sourceAsset": source_asset,
                        "deducted": payee.amount,
                        "note": NOTE,
                    })
                }
            };
            self.admin
                .post(&format!("/api/admin/withdrawals/{id}/match"), &body)
                .await?
                .expect_success("matching")?;
            self.matched += 1;
            self.nobodys.insert(id.to_owned());
        }
        Ok(())
    }

    async fn cancel(&mut self, row: &Row) -> Result<()> {
        self.given_back.insert(row.id.clone());
        cancel(&self.admin, &row.id, "it was paid before the restore").await
    }

    async fn judge(
        &mut self,
        desk: &Desk,
        payments: Payments<'_>,
        findings: &mut Vec<String>,
    ) -> Result<()> {
        let waits = |row: &&Row| {
            ["held_for_inspection", "pending"].contains(&row.status.as_str())
                && !desk.has_unmatched(&row.to)
        };
        let waiting: Vec<&Row> = desk.rows.iter().filter(waits).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let mined = chain::mined(payments.devnet, payments.chain).await?;
        let mut done = BTreeSet::new();
        // One of each recipient in a round: the next verdict has to know of this one.
        for row in waiting.into_iter().filter(|row| done.insert(row.to.clone())) {
            let payee =
                payments.at(&row.to).with_context(|| format!("nobody is paid at {}", row.to))?;
            let (times, settled) = (times(payee, &mined), desk.settled(&row.to));
            let paid = times > settled;
            match row.status.as_str() {
                "held_for_inspection" => {
                    self.held.insert(row.id.clone());
                    if !paid {
                        self.given_back.insert(row.id.clone());
                    }
                    let verdict = json!({ "paid": paid, "note": NOTE });
                    let path = format!("/api/admin/withdrawals/{}/inspect", row.id);
                    self.admin.post(&path, &verdict).await?.expect_success("giving a verdict")?;
                }
                _ if times > 0 => {
                    if paid {
                        findings.push(format!(
                            "payee {} is paid, and {} is pending and not held",
                            payee.number, row.id
                        ));
                    }
                    self.cancel(row).await?;
                }
                _ => {
                    let path = format!("/api/admin/withdrawals/{}/approve", row.id);
                    self.admin.post(&path, &json!({})).await?.expect_success("approving")?;
                }
            }
        }
        Ok(())
    }
}

/// Cancels as an operator, again where something changed at the same moment.
///
/// # Errors
/// Fails if it is refused.
pub async fn cancel(admin: &Api, id: &str, reason: &str) -> Result<()> {
    let mut last = String::new();
    for _ in 0..CANCEL_TRIES_MAX {
        let answer = admin
            .post(&format!("/api/admin/withdrawals/{id}/cancel"), &json!({ "reason": reason }))
            .await?;
        if answer.status.is_success() {
            return Ok(());
        }
        last = format!("{} {}", answer.status, answer.body);
        tokio::time::sleep(CANCEL_PAUSE).await;
    }
    ensure!(last.is_empty(), "cancelling {id} was answered with {last}");
    Ok(())
}

/// How often the chain has paid somebody.
pub fn times(payee: &Payee, mined: &[Mined]) -> usize {
    chain::payments(payee, mined).count()
}

impl Desk {
    fn at<'a>(&'a self, to: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(|row| row.to.eq_ignore_ascii_case(to))
    }

    fn settled(&self, to: &str) -> usize {
        self.at(to).filter(|row| row.status == "completed").count()
    }

    fn has_unmatched(&self, to: &str) -> bool {
        self.unmatched.iter().any(|payment| {
            payment["toAddress"].as_str().is_some_and(|at| at.eq_ignore_ascii_case(to))
        })
    }
}

impl Row {
    fn read(item: &Value) -> Result<Self> {
        let text = |name: &str| {
            item[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {item}"))
        };
        Ok(Self { id: text("id")?, to: text("toAddress")?, status: text("status")? })
    }

    fn is_under_way(&self) -> bool {
        ["approved", "processing"].contains(&self.status.as_str())
    }

    fn is_over(&self) -> bool {
        ["completed", "failed", "cancelled"].contains(&self.status.as_str())
    }
}
