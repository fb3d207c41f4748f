//! Programs that the devnet starts: where they are, and how they get there.
//!
//! anvil comes from npm and is installed once per user; bitcoind and Postgres come from the system,
//! or bitcoind from where `scripts/bitcoind.sh` has put it. What cannot be installed is named, with
//! what to do about it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::progress;

const ANVIL_VERSION: &str = "1.7.1";
/// Where `scripts/bitcoind.sh` puts it, below the cache.
const BITCOIND_FETCHED: &str = "bitcoin-knots-trixie/bitcoind";
const POSTGRES_FOLDER: &str = "/usr/lib/postgresql";
const POSTGRES_VERSION_MIN: u32 = 14;

/// The first program of that name on the `PATH`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The root of the repository this program was built from.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the crate lies two folders below the root").to_owned()
}

/// The real anvil binary (not npm's wrapper, whose pid would be Node's), installed first if it is
/// not there.
///
/// # Errors
/// When there is no build for this machine, or npm is missing or fails.
pub fn anvil() -> Result<PathBuf> {
    let package = anvil_package()?;
    let home = cache()?.join(format!("anvil-{ANVIL_VERSION}"));
    let binary = home.join("node_modules").join(&package).join("bin/anvil");
    if !binary.is_file() {
        progress::step(format!(
            "installing anvil {ANVIL_VERSION} from npm, once, into {}",
            home.display()
        ));
        std::fs::remove_dir_all(&home).ok();
        npm_install(&format!("{package}@{ANVIL_VERSION}"), &home)?;
    }
    if !binary.is_file() {
        bail!("npm installed {package} {ANVIL_VERSION}, but {} is not there", binary.display());
    }
    Ok(binary)
}

fn anvil_package() -> Result<String> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        other => bail!("anvil {ANVIL_VERSION} has no build for {other}; allowed: Linux, macOS"),
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("anvil {ANVIL_VERSION} has no build for {other}; allowed: x86_64, aarch64"),
    };
    Ok(format!("@foundry-rs/anvil-{system}-{processor}"))
}

/// Into a folder beside the final one, then renamed: processes that install at the same time do not
/// meet.
fn npm_install(package: &str, home: &Path) -> Result<()> {
    let npm = on_path("npm").context("npm is missing: install Node 20 or newer")?;
    let parent = home.parent().context("the cache has a parent folder")?;
    let staging = parent.join(format!(".installing-{}", std::process::id()));
    std::fs::create_dir_all(&staging)
        .with_context(|| format!("cannot create {}", staging.display()))?;
    let output = Command::new(npm)
        .args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--loglevel=error",
        ])
        .arg("--prefix")
        .arg(&staging)
        .arg(package)
        .output()
        .context("cannot run npm")?;
    if !output.status.success() {
        std::fs::remove_dir_all(&staging).ok();
        bail!("npm could not install {package}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    // When somebody else was first, theirs is as good: the caller looks for the binary.
    std::fs::rename(&staging, home)
        .or_else(|_| std::fs::remove_dir_all(&staging))
        .context("cannot tidy up after npm")
}

/// `ADIT_PARTS_DIR`, else the user's cache, else the build folder.
fn cache() -> Result<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("ADIT_PARTS_DIR")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("adit/parts")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/adit/parts")))
        .unwrap_or_else(|| repository().join("target/parts"));
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("cannot create {}", cache.display()))?;
    Ok(cache)
}

/// `bitcoind`: the one on the `PATH`, else the one that `scripts/bitcoind.sh` has fetched.
///
/// # Errors
/// When there is neither.
pub fn bitcoind() -> Result<PathBuf> {
    if let Some(installed) = on_path("bitcoind") {
        return Ok(installed);
    }
    let fetched = cache()?.join(BITCOIND_FETCHED);
    match fetched.is_file() {
        true => Ok(fetched),
        false => bail!(
            "no bitcoind: it is neither on the PATH nor at {}; run scripts/bitcoind.sh",
            fetched.display()
        ),
    }
}

/// The folder with `initdb` and `postgres`: the newest of Debian's, else the one on the `PATH`.
///
/// # Errors
/// When there is none that is new enough.
pub fn postgres() -> Result<PathBuf> {
    newest_debian_postgres()
        .or_else(|| on_path("initdb").and_then(|initdb| initdb.parent().map(Path::to_owned)))
        .with_context(|| {
            format!(
                "no PostgreSQL {POSTGRES_VERSION_MIN} or newer found; on Debian, \
            as root: apt-get install postgresql"
            )
        })
}

fn newest_debian_postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir(POSTGRES_FOLDER).ok()?.flatten();
    let newest =
        versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    let bin = Path::new(POSTGRES_FOLDER).join(newest.to_string()).join("bin");
    (newest >= POSTGRES_VERSION_MIN && bin.join("initdb").is_file()).then_some(bin)
}

/// The server's binary, built beside this program.
///
/// # Errors
/// When it has not been built.
pub fn server() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it is")?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("adit"))
        .find(|binary| binary.is_file())
        .with_context(|| {
            format!(
                "the server is not built: no `adit` beside {}; run: cargo build -p adit",
                own.display()
            )
        })
}
