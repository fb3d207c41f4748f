//! `adit psbt`: what others have to sign besides us is handed out as a file, and brought back.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::Server;
use crate::output::{Output, plain, table};

/// More than any file that the server reads, in binary or base64; it says itself what is too much.
const FILE_BYTES_MAX: u64 = 11_000_000;
/// BIP-174: what a binary PSBT begins with.
const MAGIC: &[u8] = b"psbt\xff";
const COLUMNS: [(&str, &str); 7] = [
    ("id", "id"),
    ("chain", "chain"),
    ("purpose", "purpose"),
    ("amount", "amount"),
    ("have", "have"),
    ("needed", "needed"),
    ("createdAt", "since"),
];

#[derive(Subcommand)]
pub enum Command {
    /// What waits for the signatures of others
    List(Server),
    /// Write one as a PSBT (BIP-174), with what signing programs and devices want to see; whoever
    /// has it may finish and send it
    Export(Export),
    /// Bring signatures back; nothing but signatures is taken over, and when they are enough it is
    /// sent
    Import(Import),
}

#[derive(Args)]
pub struct Export {
    /// The version's id, as `adit psbt list` prints it
    id: String,
    /// A new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Binary instead of base64
    #[arg(long, requires = "file")]
    binary: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct Import {
    /// The version's id, as `adit psbt list` prints it
    id: String,
    /// The file that came back, in base64 or binary; - is standard input
    file: PathBuf,
    #[command(flatten)]
    server: Server,
}

/// # Errors
/// When the server cannot be reached or refuses, or a file cannot be read or written.
pub async fn run(command: Command, output: Output) -> Result<()> {
    match command {
        Command::List(server) => {
            let waiting = server.connect()?.get(&["api", "admin", "psbts"], &[]).await?;
            output.result(&waiting, &table(&COLUMNS, &waiting))
        }
        Command::Export(export) => export.run(output).await,
        Command::Import(import) => import.run(output).await,
    }
}

impl Export {
    async fn run(self, output: Output) -> Result<()> {
        let body = self.server.connect()?.get(&["api", "admin", "psbts", &self.id], &[]).await?;
        let text = body["psbt"]
            .as_str()
            .context("the server gave no PSBT; it is of another version than this program")?;
        warn_of_missing(&body);
        let Some(file) = &self.file else { return output.result(&body, text) };
        let content = if self.binary {
            BASE64.decode(text).context("the server's PSBT is no base64")?
        } else {
            format!("{text}\n").into_bytes()
        };
        let written = || format!("{} cannot be written; name a new file", file.display());
        File::create_new(file)
            .and_then(|mut file| file.write_all(&content))
            .with_context(written)?;
        let said = format!(
            "{} has {} of {} signatures",
            file.display(),
            plain(&body["have"]),
            plain(&body["needed"])
        );
        output.result(
            &json!({ "id": self.id, "file": file, "have": body["have"], "needed": body["needed"] }),
            &said,
        )
    }
}

impl Import {
    async fn run(self, output: Output) -> Result<()> {
        let psbt = as_base64(&read(&self.file)?)?;
        let body = json!({ "psbt": psbt }).to_string();
        let brought = self
            .server
            .connect()?
            .post(&["api", "admin", "psbts", &self.id], "application/json", body)
            .await?;
        let said = match brought["complete"].as_bool() {
            Some(true) if brought["have"].is_null() => {
                "it was complete already; the file was not read".to_owned()
            }
            Some(true) => "it has all signatures, and is sent".to_owned(),
            Some(false) | None => {
                let (added, have, needed) =
                    (plain(&brought["added"]), plain(&brought["have"]), plain(&brought["needed"]));
                format!("{added} new signatures; every input has {have} of {needed} now")
            }
        };
        output.result(&brought, &said)
    }
}

fn warn_of_missing(body: &Value) {
    let missing: Vec<&str> =
        body["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !missing.is_empty() {
        eprintln!(
            "note: no source gave these transactions just now, and some devices want to see them: \
             {}",
            missing.join(", ")
        );
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let open: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("{} cannot be read", path.display()))?)
    };
    open.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("{} is longer than {FILE_BYTES_MAX} bytes; no PSBT of ours is", path.display());
    }
    Ok(bytes)
}

/// Whether it is one the server judges.
fn as_base64(file: &[u8]) -> Result<String> {
    if file.starts_with(MAGIC) {
        return Ok(BASE64.encode(file));
    }
    let text = std::str::from_utf8(file).ok().map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).context("the file is no PSBT: neither base64 nor binary (BIP-174)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_file_are_one() {
        let binary = b"psbt\xff\x01\x00";
        let text = BASE64.encode(binary);
        assert_eq!(as_base64(binary).expect("binary"), text);
        assert_eq!(as_base64(format!(" {text}\r\n").as_bytes()).expect("base64"), text);
        assert!(as_base64(&[0xff, 0]).expect_err("neither").to_string().contains("no PSBT"));
        assert!(as_base64(b" \n").is_err());
    }
}
