//! A player who uses the API with his own key and signs with his own wallet.

use adit_devnet::api::{Answer, Api};
use adit_devnet::claim::{Claim, Domain, SignedClaim, base_units};
use adit_devnet::player::Player;
use adit_devnet::primitives::Address;
use adit_devnet::seed::SeededPlayer;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The book in which tests keep assets that are not points.
pub const PURSE: &str = "purse";

/// Somebody with a key and a wallet.
#[derive(Clone)]
pub struct Person {
    pub player: Player,
    pub api: Api,
    pub domain: Domain,
    /// His API key.
    pub token: String,
}

impl Person {
    pub fn new(seeded: &SeededPlayer, api: Api, domain: Domain) -> Self {
        Self {
            player: seeded.player.clone(),
            api: api.with_token(&seeded.token),
            domain,
            token: seeded.token.clone(),
        }
    }

    pub fn address(&self) -> Address {
        self.player.wallet.address
    }

    /// The next claim of so many tokens, not signed yet.
    ///
    /// # Errors
    /// When no nonce is given.
    pub async fn draft(&self, amount: &str) -> Result<Claim> {
        let next = self.api.next_nonce().await?;
        Ok(Claim {
            wallet: self.address(),
            amount: base_units(amount),
            nonce: next.nonce,
            deadline: next.deadline,
        })
    }

    /// The next claim of so many tokens, signed.
    ///
    /// # Errors
    /// When no nonce is given.
    pub async fn sign(&self, amount: &str) -> Result<SignedClaim> {
        Ok(self.draft(amount).await?.sign(&self.domain, &self.player.wallet))
    }

    /// Signs and posts.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn claim(&self, amount: &str, wait_seconds: u32) -> Result<Answer> {
        self.api.claim(&self.sign(amount).await?, wait_seconds).await
    }

    /// Signs, posts, does not wait, and answers the withdrawal's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn claimed(&self, amount: &str) -> Result<String> {
        id_of(self.claim(amount, 0).await?, "withdrawalId")
    }

    /// Asks for so much of an asset of his purse.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn withdraw(
        &self,
        asset: &str,
        amount: &str,
        destination: Address,
    ) -> Result<Answer> {
        self.api.post("/api/withdrawals", &order(asset, amount, destination)).await
    }

    /// The same, and answers the withdrawal's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn withdrawn(
        &self,
        asset: &str,
        amount: &str,
        destination: Address,
    ) -> Result<String> {
        id_of(self.withdraw(asset, amount, destination).await?, "id")
    }

    /// # Errors
    /// When there is none of that id for him.
    pub async fn withdrawal(&self, id: &str) -> Result<Value> {
        self.api
            .get(&format!("/api/withdrawals/{id}"))
            .await?
            .expect_success("reading a withdrawal")
    }

    /// # Errors
    /// When there is none of that id for him.
    pub async fn why(&self, id: &str) -> Result<Value> {
        self.api.get(&format!("/api/withdrawals/{id}/why")).await?.expect_success("asking why")
    }

    /// # Errors
    /// When it is refused.
    pub async fn me(&self) -> Result<Value> {
        self.api.get("/api/me").await?.expect_success("reading /api/me")
    }

    /// What he can still spend of an asset in his purse; `"0"` where he never had any.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn available(&self, asset: &str) -> Result<String> {
        let me = self.me().await?;
        let rows = me["balances"].as_array().context("balances are a list")?;
        let row = rows.iter().find(|row| row["book"] == PURSE && row["asset"] == asset);
        Ok(row.and_then(|row| row["available"].as_str()).unwrap_or("0").to_owned())
    }
}

/// The body of `POST /api/withdrawals`.
pub fn order(asset: &str, amount: &str, destination: Address) -> Value {
    json!({ "asset": asset, "amount": amount, "destination": destination.to_checksum(None), "book": PURSE })
}

/// Gives somebody an asset in his purse; `admin` carries a service key.
///
/// # Errors
/// When it is refused.
pub async fn endow(admin: &Api, id: &str, user: &str, asset: &str, amount: &str) -> Result<()> {
    let credit =
        json!({ "id": id, "userId": user, "book": PURSE, "asset": asset, "amount": amount });
    admin
        .post("/api/admin/credits", &json!({ "credits": [credit] }))
        .await?
        .expect_success("crediting")
        .map(drop)
}

/// The id that a good answer carries.
///
/// # Errors
/// When it is a refusal, or carries none.
pub fn id_of(answer: Answer, name: &str) -> Result<String> {
    let body = answer.expect_success("asking for a withdrawal")?;
    body[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {body}"))
}

/// Insists on a refusal with this code, and answers its body.
///
/// # Errors
/// When it is anything else; a 500 is never what was expected.
pub fn refused(answer: &Answer, code: &str) -> Result<Value> {
    ensure!(
        answer.status.is_client_error() || answer.status.as_u16() == 503,
        "{code} expected, got {} {}",
        answer.status,
        answer.body
    );
    ensure!(answer.code() == code, "{code} expected, got {} {}", answer.status, answer.body);
    Ok(answer.body.clone())
}
