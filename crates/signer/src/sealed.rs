//! The sealed seed file: argon2id stretches the passphrase, XChaCha20-Poly1305 seals the entropy.
//!
//! Layout, all numbers little-endian: `magic 8 · version 1 · memory_kib 4 · passes 4 · lanes 4 ·
//! salt 16 · nonce 24 · sealed entropy and tag 32..48 · SHA-256 of everything before 32`. The
//! checksum tells a damaged file from a wrong passphrase: it holds for a file that is whole,
//! whoever opens it. Everything before the sealed part is authenticated with it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::new_file::write_new;
use crate::{Seed, SeedError};

const MAGIC: [u8; 8] = *b"ADITSEED";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + 1 + 3 * 4 + SALT_BYTES + NONCE_BYTES;
/// Header, the longest entropy, its tag, the checksum.
const FILE_BYTES_MAX: usize = HEADER_BYTES + 32 + 16 + CHECKSUM_BYTES;

/// RFC 9106, section 4, second recommendation (64 MiB, three passes), above OWASP's minimum for
/// argon2id; one lane, since a server stretches once per start.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// A file may ask for at most this much, so that a planted one cannot exhaust the machine.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

/// NIST SP 800-63B: a secret that a person chooses has at least 8 characters.
pub const PASSPHRASE_BYTES_MIN: usize = 8;

/// Why a seed file cannot be written or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    #[error(
        "{path} exists already; a seed is never overwritten: move it away or choose another path"
    )]
    Exists { path: PathBuf },
    #[error(
        "there is no seed file at {path}; create one with `adit keys init` or `adit keys import`"
    )]
    Missing { path: PathBuf },
    #[error("{path} is not a seed file of Adit; name the file that `adit keys init` wrote")]
    NotASeed { path: PathBuf },
    #[error(
        "{path} has format version {got}, and this build reads version {VERSION}; use a newer build"
    )]
    Version { path: PathBuf, got: u8 },
    #[error(
        "{path} is damaged: {detail}; restore it from a copy, or import the written words again"
    )]
    Damaged { path: PathBuf, detail: &'static str },
    #[error(
        "the passphrase does not open {path}; the file itself is whole, so try the right passphrase"
    )]
    WrongPassphrase { path: PathBuf },
    #[error(
        "the passphrase has {got} bytes, allowed are {PASSPHRASE_BYTES_MIN} or more; choose a \
         longer one"
    )]
    PassphraseTooShort { got: usize },
    #[error(
        "{path} cannot be read or written ({source}); check the directory, its owner and the free \
         space"
    )]
    File { path: PathBuf, source: io::Error },
    #[error("argon2 refused its parameters or memory ({detail}); free memory and try again")]
    Stretching { detail: String },
    #[error(transparent)]
    Seed(#[from] SeedError),
}

/// What argon2id may cost. Stored in the file, so that a later build can ask for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Seed {
    /// Writes the sealed seed to a new file of mode 0600: whole and on disk, or not there at all.
    ///
    /// # Errors
    /// [`SealedError`]; an existing file is never overwritten.
    pub fn seal(&self, path: &Path, passphrase: &SecretString) -> Result<(), SealedError> {
        self.seal_at(path, passphrase, COST)
    }

    fn seal_at(
        &self,
        path: &Path,
        passphrase: &SecretString,
        cost: Cost,
    ) -> Result<(), SealedError> {
        let got = passphrase.expose_secret().len();
        if got < PASSPHRASE_BYTES_MIN {
            return Err(SealedError::PassphraseTooShort { got });
        }
        write_new(path, &sealed_bytes(self, passphrase, cost)?).map_err(|source| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::AlreadyExists {
                SealedError::Exists { path }
            } else {
                SealedError::File { path, source }
            }
        })
    }

    /// Opens a sealed seed.
    ///
    /// # Errors
    /// [`SealedError`]; a wrong passphrase and a damaged file are told apart.
    pub fn open(path: &Path, passphrase: &SecretString) -> Result<Self, SealedError> {
        let bytes = read(path)?;
        let header = Header::parse(path, &bytes)?;
        let (authenticated, rest) = bytes.split_at(HEADER_BYTES);
        let sealed = &rest[..rest.len() - CHECKSUM_BYTES];
        let cipher =
            XChaCha20Poly1305::new((&*stretch(passphrase, &header.salt, header.cost)?).into());
        let entropy = cipher
            .decrypt(&XNonce::from(header.nonce), Payload { msg: sealed, aad: authenticated })
            .map(Zeroizing::new)
            .map_err(|_| SealedError::WrongPassphrase { path: path.to_owned() })?;
        Ok(Self::from_entropy(&entropy)?)
    }
}

struct Header {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
}

impl Header {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FILE_BYTES_MAX);
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        for number in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.nonce);
        bytes
    }

    /// Checks the whole file before anything of it is used.
    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, SealedError> {
        let path = || path.to_owned();
        if !bytes.starts_with(&MAGIC) {
            return Err(SealedError::NotASeed { path: path() });
        }
        match bytes.get(MAGIC.len()) {
            None | Some(&VERSION) => {}
            Some(&got) => return Err(SealedError::Version { path: path(), got }),
        }
        if bytes.len() <= HEADER_BYTES + CHECKSUM_BYTES || bytes.len() > FILE_BYTES_MAX {
            return Err(SealedError::Damaged { path: path(), detail: "its length is wrong" });
        }
        let (content, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        if Sha256::digest(content).as_slice() != checksum {
            return Err(SealedError::Damaged { path: path(), detail: "its checksum is wrong" });
        }
        let number =
            |at: usize| u32::from_le_bytes(content[at..at + 4].try_into().expect("four bytes"));
        let cost = Cost { memory_kib: number(9), passes: number(13), lanes: number(17) };
        if cost.memory_kib > MEMORY_KIB_MAX || cost.passes > PASSES_MAX || cost.lanes > LANES_MAX {
            return Err(SealedError::Damaged {
                path: path(),
                detail: "it asks for more memory or time than is allowed",
            });
        }
        let salt_end = 21 + SALT_BYTES;
        let salt = content[21..salt_end].try_into().expect("the header's length is checked");
        let nonce =
            content[salt_end..HEADER_BYTES].try_into().expect("the header's length is checked");
        Ok(Self { cost, salt, nonce })
    }
}

fn sealed_bytes(
    seed: &Seed,
    passphrase: &SecretString,
    cost: Cost,
) -> Result<Vec<u8>, SealedError> {
    let header = Header { cost, salt: random()?, nonce: random()? };
    let mut bytes = header.bytes();
    let cipher = XChaCha20Poly1305::new((&*stretch(passphrase, &header.salt, cost)?).into());
    let sealed = cipher
        .encrypt(
            &XNonce::from(header.nonce),
            Payload { msg: seed.entropy().as_slice(), aad: &bytes },
        )
        .expect("32 bytes are below the cipher's limit of 256 GiB");
    bytes.extend_from_slice(&sealed);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}

fn stretch(
    passphrase: &SecretString,
    salt: &[u8],
    cost: Cost,
) -> Result<Zeroizing<[u8; 32]>, SealedError> {
    let wrong = |error: argon2::Error| SealedError::Stretching { detail: error.to_string() };
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(wrong)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose_secret().as_bytes(), salt, key.as_mut_slice())
        .map_err(wrong)?;
    Ok(key)
}

fn random<const N: usize>() -> Result<[u8; N], SeedError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| SeedError::Randomness { detail: error.to_string() })?;
    Ok(bytes)
}

fn read(path: &Path) -> Result<Vec<u8>, SealedError> {
    use io::Read as _;
    let wrong = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            SealedError::Missing { path }
        } else {
            SealedError::File { path, source }
        }
    };
    let mut bytes = Vec::with_capacity(FILE_BYTES_MAX + 1);
    let limit = u64::try_from(FILE_BYTES_MAX + 1).expect("a small number");
    File::open(path).map_err(wrong)?.take(limit).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Cheap, so that tests can open a file a hundred times. The real cost is tested once.
    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    fn passphrase(text: &str) -> SecretString {
        text.to_owned().into()
    }

    fn sealed_file() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("seed");
        let seed = Seed::from_entropy(&[7; 32]).expect("32 bytes");
        seed.seal_at(&path, &passphrase("correct horse"), CHEAP).expect("sealed");
        (directory, path)
    }

    #[test]
    fn a_seed_is_sealed_and_opened_at_its_real_cost() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("seed");
        let seed = Seed::from_entropy(&[9; 16]).expect("16 bytes");
        seed.seal(&path, &passphrase("correct horse")).expect("sealed");
        let opened = Seed::open(&path, &passphrase("correct horse")).expect("opened");
        assert_eq!(opened.entropy(), seed.entropy());
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(Header::parse(&path, &read(&path).expect("read")).expect("a header").cost, COST);
    }

    #[test]
    fn a_wrong_passphrase_is_told_from_a_damaged_file() {
        let (_directory, path) = sealed_file();
        assert!(matches!(
            Seed::open(&path, &passphrase("wrong horse")),
            Err(SealedError::WrongPassphrase { .. })
        ));
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).expect("written");
            let error = Seed::open(&path, &passphrase("correct horse")).expect_err("damaged");
            assert!(!matches!(error, SealedError::WrongPassphrase { .. }), "byte {at}: {error}");
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).expect("written");
            let error = Seed::open(&path, &passphrase("correct horse")).expect_err("cut");
            assert!(
                !matches!(error, SealedError::WrongPassphrase { .. }),
                "{length} bytes: {error}"
            );
        }
    }

    #[test]
    fn a_seed_is_never_overwritten() {
        let (_directory, path) = sealed_file();
        let other = Seed::from_entropy(&[8; 32]).expect("32 bytes");
        assert!(matches!(
            other.seal_at(&path, &passphrase("correct horse"), CHEAP),
            Err(SealedError::Exists { .. })
        ));
        let kept = Seed::open(&path, &passphrase("correct horse")).expect("opened");
        assert_eq!(kept.entropy().as_slice(), [7; 32]);
    }

    #[test]
    fn nothing_of_the_seed_stands_in_the_file() {
        let (_directory, path) = sealed_file();
        let bytes = std::fs::read(&path).expect("read");
        assert!(!bytes.windows(8).any(|window| window == [7; 8]));
    }

    #[test]
    fn missing_foreign_and_greedy_files_are_refused() {
        let (_directory, path) = sealed_file();
        let pass = passphrase("correct horse");
        assert!(matches!(
            Seed::open(&path.with_extension("none"), &pass),
            Err(SealedError::Missing { .. })
        ));
        let greedy = Cost { memory_kib: MEMORY_KIB_MAX + 1, ..CHEAP };
        let mut bytes = Header { cost: greedy, salt: [1; 16], nonce: [2; 24] }.bytes();
        bytes.extend_from_slice(&[3; 48]);
        bytes.extend_from_slice(&Sha256::digest(&bytes));
        std::fs::write(&path, &bytes).expect("written");
        assert!(matches!(Seed::open(&path, &pass), Err(SealedError::Damaged { .. })));
        std::fs::write(&path, "-----BEGIN").expect("written");
        assert!(matches!(Seed::open(&path, &pass), Err(SealedError::NotASeed { .. })));
        let seed = Seed::from_entropy(&[7; 32]).expect("32 bytes");
        let short = seed.seal(&path.with_extension("short"), &passphrase("1234567"));
        assert!(matches!(short, Err(SealedError::PassphraseTooShort { got: 7 })));
    }
}
