//! Payouts in bitcoin out of a wallet of three keys: the server has one, wallets of the bitcoind
//! have the others, and an operator carries the files between them with the server's own command.

use adit_devnet::api::Order;
use adit_devnet::bitcoin::shared::SharedWallet;
use adit_devnet::command;
use adit_devnet::config::BTC_MULTISIG;
use adit_tests::people::{PURSE, Person, endow, id_of, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::{Context, Result};
use bitcoin::Amount;
use serde_json::{Value, json};

/// Ada has one bitcoin in her purse, of the wallet that is shared.
struct Shared {
    system: System,
    ada: Person,
}

impl Shared {
    async fn start(topic: &str, mut settings: Settings) -> Result<Option<Self>> {
        settings.options.multisig = true;
        let Some(system) = System::with_bitcoin(topic, settings).await? else { return Ok(None) };
        let ada = system.person(0)?;
        endow(&system.admin()?, "purse", &ada.player.id, BTC_MULTISIG, "1").await?;
        Ok(Some(Self { system, ada }))
    }

    fn wallet(&self) -> &SharedWallet {
        self.system.bitcoin().shared.as_ref().expect("the settings ask for it")
    }

    /// The server's command, as an operator runs it.
    async fn adit(&self, arguments: &[&str], input: &str) -> Result<String> {
        command::run(arguments, &self.system.devnet.operator(), input).await
    }

    async fn withdrawn(&self, amount: &str) -> Result<String> {
        let destination = self.ada.bitcoin_address().to_string();
        let order =
            Order { asset: BTC_MULTISIG, book: PURSE, amount: amount.to_owned(), destination };
        id_of(self.ada.api.withdraw(&order).await?, "id")
    }

    /// What waits for the others, once it is there.
    async fn waiting(&self) -> Result<Value> {
        let listed = async || {
            let list: Value =
                serde_json::from_str(&self.adit(&["--json", "psbt", "list"], "").await?)?;
            Ok(list["items"].as_array().and_then(|items| items.first()).cloned())
        };
        self.system.until("a payout to wait for its co-signers", listed).await
    }

    async fn exported(&self, id: &str) -> Result<String> {
        Ok(self.adit(&["psbt", "export", id], "").await?.trim().to_owned())
    }
}

/// F4, F5: killed while it waits, killed after the signatures came: sent only then, and paid once.
#[tokio::test]
async fn f04_f05_what_others_sign_is_sent_when_they_have_and_paid_once() -> Result<()> {
    let Some(mut shared) = Shared::start("bitcoin-cosigned", Settings::sqlite()).await? else {
        return Ok(());
    };
    let id = shared.withdrawn("0.25").await?;
    let waiting = shared.waiting().await?;
    assert_eq!(
        (&waiting["have"], &waiting["needed"], &waiting["amount"]),
        (&json!(1), &json!(2), &json!("0.25")),
        "{waiting}"
    );
    let why = shared.system.why(&id).await?;
    assert_eq!(
        (&why["code"], &why["attempt"]),
        (&json!("AWAITS_COSIGNERS"), &waiting["id"]),
        "{why}"
    );
    let version = waiting["id"].as_str().context("an id")?.to_owned();

    shared.system.crash_and_restart().await?;
    shared.system.mine_bitcoin(2).await?;
    assert!(
        shared.system.bitcoin().world.rpc().mempool().await?.is_empty(),
        "nothing leaves before the others have signed"
    );
    let signed = shared.wallet().cosigners[1].sign(&shared.exported(&version).await?).await?;
    let said = shared.adit(&["psbt", "import", &version, "-"], &signed).await?;
    assert!(said.contains("it has all signatures"), "{said}");
    shared.system.devnet.server(0).kill().await?;
    shared.system.devnet.server(0).start_again().await?;

    let record = shared.system.until_settled(&shared.ada, &id).await?;
    assert_eq!(
        (&record["status"], &record["txHash"]),
        (&json!("completed"), &waiting["txid"]),
        "{record}"
    );
    let payments = shared.system.payments().await?.to(&shared.ada.bitcoin_address());
    assert_eq!(
        payments.iter().map(|payment| payment.amount).collect::<Vec<_>>(),
        [Amount::from_sat(25_000_000)]
    );
    assert_eq!(shared.ada.available(BTC_MULTISIG).await?, "0.75");
    shared.system.stop().await
}

/// Two servers and a signer of their own on Postgres: either of them hands out and takes back.
#[tokio::test]
async fn either_replica_hands_out_and_takes_back() -> Result<()> {
    let Some(shared) =
        Shared::start("bitcoin-cosigned-replicas", Settings::postgres().replicas(2)).await?
    else {
        return Ok(());
    };
    let id = shared.withdrawn("0.1").await?;
    let version = shared.waiting().await?["id"].as_str().context("an id")?.to_owned();
    let second = shared.system.devnet.addresses().nth(1).context("two servers")?.to_owned();
    let admin = shared.system.admin_at(&second)?;
    let body =
        admin.get(&format!("/api/admin/psbts/{version}")).await?.expect_success("handing out")?;
    let signed =
        shared.wallet().cosigners[0].sign(body["psbt"].as_str().context("a PSBT")?).await?;
    let brought = admin
        .post(&format!("/api/admin/psbts/{version}"), &json!({ "psbt": signed }))
        .await?
        .expect_success("taking back")?;
    assert_eq!(brought["complete"], true, "{brought}");
    let record = shared.system.until_settled(&shared.ada, &id).await?;
    assert_eq!(record["status"], "completed", "{record}");
    assert_eq!(shared.system.payments().await?.to(&shared.ada.bitcoin_address()).len(), 1);
    shared.system.stop().await
}

#[tokio::test]
async fn what_is_no_signature_of_it_is_refused_with_what_differs() -> Result<()> {
    let Some(shared) = Shared::start("bitcoin-cosigned-bad", Settings::sqlite()).await? else {
        return Ok(());
    };
    shared.withdrawn("0.1").await?;
    let version = shared.waiting().await?["id"].as_str().context("an id")?.to_owned();
    let psbt = shared.exported(&version).await?;
    let (admin, path) = (shared.system.admin()?, format!("/api/admin/psbts/{version}"));
    for (file, said) in [
        ("<html><body>502</body></html>".to_owned(), "no PSBT"),
        ("cHNidP8=".to_owned(), "no PSBT"),
        (psbt[..psbt.len() / 2].to_owned(), "no PSBT"),
        (String::new(), "no PSBT"),
        // The PSBT of BIP-174's first test vector.
        (BIP174.to_owned(), "another transaction"),
    ] {
        let answer = admin.post(&path, &json!({ "psbt": file })).await?;
        let body = refused(&answer, "PSBT_REFUSED").with_context(|| file.clone())?;
        assert!(body.to_string().contains(said), "{said:?} expected of {file:?}: {body}");
    }
    let same = admin.post(&path, &json!({ "psbt": psbt })).await?.expect_success("nothing new")?;
    assert_eq!(
        (&same["added"], &same["have"], &same["complete"]),
        (&json!(0), &json!(1), &json!(false)),
        "{same}"
    );
    let unknown = "/api/admin/psbts/01890a5d-ac96-774b-bcce-b302099a8057";
    for path in [unknown, "/api/admin/psbts/nothing"] {
        refused(&admin.get(path).await?, "PSBT_NOT_FOUND")?;
        refused(&admin.post(path, &json!({ "psbt": psbt })).await?, "PSBT_NOT_FOUND")?;
    }
    refused(&admin.post(&path, &json!({ "psbt": 7 })).await?, "INVALID_BODY")?;
    refused(&shared.ada.api.get(&path).await?, "FORBIDDEN")?;
    refused(&shared.ada.api.get("/api/admin/psbts").await?, "FORBIDDEN")?;
    let wrong = shared.adit(&["psbt", "import", &version, "/does/not/exist"], "").await;
    assert!(
        format!("{:#}", wrong.expect_err("no file")).contains("/does/not/exist cannot be read")
    );
    shared.system.stop().await
}

/// One input, one output, nothing of ours.
const BIP174: &str = "cHNidP8BAHUCAAAAASaBcTce3/KF6Tet7qSze3gADAVmy7OtZGQXE8pCFxv2AAAAAAD+////AtPf9QUAAAAAGXapFNDFmQPFusKGh2DpD9UhpGZap2UgiKwA4fUFAAAAABepFDVF5uM7gyxHBQ8k0+65PJwDlIvHh7MuEwAAAQD9pQEBAAAAAAECiaPHHqtNIOA3G7ukzGmPopXJRjr6Ljl/hTPMti+VZ+UBAAAAFxYAFL4Y0VKpsBIDna89p95PUzSe7LmF/////4b4qkOnHf8USIk6UwpyN+9rRgi7st0tAXHmOuxqSJC0AQAAABcWABT+Pp7xp0XpdNkCxDVZQ6vLNL1TU/////8CAMLrCwAAAAAZdqkUhc/xCX/Z4Ai7NK9wnGIZeziXikiIrHL++E4sAAAAF6kUM5cluiHv1irHU6m80GfWx6ajnQWHAkcwRAIgJxK+IuAnDzlPVoMR3HyppolwuAJf3TskAinwf4pfOiQCIAGLONfc0xTnNMkna9b7QPZzMlvEuqFEyADS8vAtsnZcASED0uFWdJQbrUqZY3LLh+GFbTZSYG2YVi/jnF6efkE/IQUCSDBFAiEA0SuFLYXc2WHS9fSrZgZU327tzHlMDDPOXMMJ/7X85Y0CIGczio4OFyXBl/saiK9Z9R5E5CVbIBZ8hoQDHAXR8lkqASECI7cr7vCWXRC+B3jv7NYfysb3mk6haTkzgHNEZPhPKrMAAAAAAAAA";
