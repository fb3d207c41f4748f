//! `adit api-keys`: who may ask the running server, and until when.

use adit_core::{Span, Timestamp};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::cli::Server;
use crate::output::{Output, plain, table};
use crate::remote::Remote;
use crate::world::now;

const PATH: [&str; 3] = ["api", "admin", "api-keys"];
const DAY_SECONDS: u64 = 86_400;
/// Keys of one client that a rotation looks at.
const PAGE_ROWS: u32 = 100;

#[derive(Subcommand)]
pub enum Command {
    /// List API keys, newest first: whose they are, when they were last used, never the secret
    List(List),
    /// Create an API key; its secret is printed once
    Create(Create),
    /// End a key for good: refused everywhere within five seconds
    Revoke(Revoke),
    /// Replace the admin key that this command uses: create one, try it, revoke all others of the
    /// same client
    RotateAdmin(RotateAdmin),
}

#[derive(Args)]
pub struct List {
    /// Only keys of this client, like client/shop
    #[arg(long)]
    client: Option<String>,
    /// Only keys that speak for this user
    #[arg(long)]
    user: Option<String>,
    /// Only keys of this role
    #[arg(long)]
    role: Option<Role>,
    /// Those too that are revoked or expired
    #[arg(long)]
    all: bool,
    /// Rows of a page: 1 to 100
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// `nextCursor` of the page before
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct Create {
    /// What the key may do
    #[arg(long)]
    role: Role,
    /// Whose key it is (service and admin): a name of your choice, or a client that has keys
    /// already
    #[arg(long, required_if_eq_any([("role", "service"), ("role", "admin")]))]
    client: Option<String>,
    /// For whom a user key speaks
    #[arg(long, required_if_eq("role", "user"))]
    user: Option<String>,
    /// What it is for
    #[arg(long)]
    label: Option<String>,
    /// Until when it works: a number of days like 90d, or a time (RFC 3339)
    #[arg(long, value_name = "DAYS|TIME")]
    expires: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct Revoke {
    /// The key, as `list` shows it
    id: String,
    /// Why, for whoever reads the record later
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct RotateAdmin {
    /// What the new key is for
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Acts for one user only
    User,
    /// A host application
    Service,
    /// A person who runs this instance
    Admin,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }
}

/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn run(command: Command, output: Output) -> Result<()> {
    match command {
        Command::List(list) => {
            let page = list.server.connect()?.get(&PATH, &list.query()).await?;
            output.result(&page, &table(&COLUMNS, &page))
        }
        Command::Create(create) => {
            let made = post(&create.server.connect()?, &create.body()?).await?;
            output.result(&made, &format!("{}\n{}", plain(&made["token"]), shown_once(&made)))
        }
        Command::Revoke(Revoke { id, reason, server }) => {
            let key = revoke(&server.connect()?, &id, reason.as_deref()).await?;
            output.result(&key, &revoked(&key))
        }
        Command::RotateAdmin(RotateAdmin { label, server }) => {
            let (made, ended) = rotate(&server.connect()?, label).await?;
            let mut answer = made.clone();
            answer["revoked"] = Value::Array(ended.clone());
            let ended: Vec<String> =
                ended.iter().map(|key| format!("\n{}", revoked(key))).collect();
            let last = "\nput it into ADIT_ADMIN_TOKEN before the next start of a server that has the old \
                 one there";
            output.result(
                &answer,
                &format!(
                    "{}\n{}{}{last}",
                    plain(&made["token"]),
                    shown_once(&made),
                    ended.concat()
                ),
            )
        }
    }
}

/// The new key proves itself before another one ends, and ends the others itself.
async fn rotate(remote: &Remote, label: Option<String>) -> Result<(Value, Vec<Value>)> {
    let own = remote
        .get(&PATH, &[("role", "admin".to_owned()), ("limit", PAGE_ROWS.to_string())])
        .await?;
    let own = own["items"].as_array().into_iter().flatten().find(|key| key["own"] == true);
    let client = own
        .context("this is no admin key of the server; a rotation needs the key that it replaces")?
        ["client"]
        .clone();
    let made = post(remote, &json!({ "role": "admin", "client": client, "label": label.unwrap_or_else(|| "rotated".to_owned()) })).await?;
    let renewed = remote.with_token(made["token"].as_str().unwrap_or_default());
    let of_client = [
        ("client", plain(&client)),
        ("role", "admin".to_owned()),
        ("limit", PAGE_ROWS.to_string()),
    ];
    let known = renewed
        .get(&PATH, &of_client)
        .await
        .context("the new key does not work; the old one still does")?;
    let mut ended = Vec::new();
    for key in known["items"].as_array().into_iter().flatten().filter(|key| key["own"] != true) {
        ended.push(revoke(&renewed, &plain(&key["id"]), Some("rotated")).await?);
    }
    Ok((made, ended))
}

async fn post(remote: &Remote, body: &Value) -> Result<Value> {
    remote.post(&PATH, "application/json", body.to_string()).await
}

async fn revoke(remote: &Remote, id: &str, reason: Option<&str>) -> Result<Value> {
    let [api, admin, keys] = PATH;
    remote
        .delete(
            &[api, admin, keys, id],
            reason.map(|reason| json!({ "reason": reason }).to_string()),
        )
        .await
}

const COLUMNS: [(&str, &str); 8] = [
    ("id", "id"),
    ("client", "client"),
    ("role", "role"),
    ("label", "label"),
    ("createdAt", "created"),
    ("lastUsedAt", "last used"),
    ("expiresAt", "expires"),
    ("state", "state"),
];

fn shown_once(key: &Value) -> String {
    let end = key["expiresAt"].as_str().map_or_else(
        || "does not expire".to_owned(),
        |_| format!("expires {}", plain(&key["expiresAt"])),
    );
    format!(
        "shown this once; key {} of {} ({}), {end}",
        plain(&key["id"]),
        plain(&key["client"]),
        plain(&key["role"])
    )
}

fn revoked(key: &Value) -> String {
    let of = |field: &str| plain(&key[field]);
    let (id, client, role, label) = (of("id"), of("client"), of("role"), of("label"));
    format!(
        "{id} of {client} ({role}, {label:?}) is revoked: refused everywhere within 5 seconds, its \
         live connections end within a minute"
    )
}

impl List {
    fn query(&self) -> Vec<(&'static str, String)> {
        let optional = [
            ("client", self.client.clone()),
            ("userId", self.user.clone()),
            ("role", self.role.map(|role| role.word().to_owned())),
            ("state", self.all.then(|| "all".to_owned())),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor.clone()),
        ];
        optional.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Create {
    fn body(&self) -> Result<Value> {
        let expires = self.expires.as_deref().map(|text| end(text, now())).transpose()?;
        let fields = [
            ("role", Some(self.role.word().to_owned())),
            ("client", self.client.clone()),
            ("userId", self.user.clone()),
            ("label", self.label.clone()),
            ("expiresAt", expires),
        ];
        Ok(fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect::<serde_json::Map<_, _>>()
            .into())
    }
}

/// A number of days from now as a time; what is a time already is left as it is, and the server
/// judges it.
fn end(text: &str, now: Timestamp) -> Result<String> {
    let Some(days) = text.strip_suffix('d') else { return Ok(text.to_owned()) };
    let Ok(days @ 1..=3_650) = days.parse::<u64>() else {
        bail!(
            "--expires is {text:?}; allowed is a number of days from 1d to 3650d, or a time like \
             2027-01-31T00:00:00Z"
        )
    };
    Ok(adit_api::rfc3339(now.plus(Span::from_seconds(days * DAY_SECONDS))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_a_time_and_a_time_stays() {
        let now = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(end("90d", now).expect("a time"), "2024-02-12T22:13:20Z");
        assert_eq!(end("2027-01-31T00:00:00Z", now).expect("a time"), "2027-01-31T00:00:00Z");
        for wrong in ["0d", "d", "-1d", "3651d", "1.5d"] {
            assert!(
                end(wrong, now)
                    .expect_err(wrong)
                    .to_string()
                    .contains("allowed is a number of days"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_key_is_told_without_its_secret_twice() {
        let key = json!({ "id": "k1", "client": "client/shop", "role": "service", "label": "till", "expiresAt": null });
        assert_eq!(
            shown_once(&key),
            "shown this once; key k1 of client/shop (service), does not expire"
        );
        assert!(revoked(&key).starts_with("k1 of client/shop (service, \"till\") is revoked"));
    }
}
