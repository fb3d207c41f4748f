//! `[store]`: which database holds the ledger.

use std::path::PathBuf;

use super::hidden::Hidden;
use super::section::Section;

const SQLITE_DEFAULT: &str = "data/adit.db";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    Sqlite {
        path: PathBuf,
    },
    /// May carry a password.
    Postgres {
        url: Hidden,
    },
}

impl StoreUrl {
    pub fn read(section: Option<Section<'_>>) -> Self {
        let default = Self::Sqlite { path: SQLITE_DEFAULT.into() };
        let Some(section) = section else { return default };
        let allowed =
            "\"sqlite:data/adit.db\" (a path) or \"postgres://user:password@host/database\"";
        let url = section.read_hidden("url", allowed, |value| Self::parse(value.as_str()?));
        section.finish();
        url.unwrap_or(default)
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return (!path.is_empty() && path != ":memory:")
                .then(|| Self::Sqlite { path: path.into() });
        }
        let postgres = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        postgres.then(|| Self::Postgres { url: Hidden::new(text) })
    }
}
