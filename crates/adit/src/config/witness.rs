//! `[witness]`: a third place that says how far database and journal were.

use std::path::PathBuf;

use super::section::Section;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witness {
    /// On another volume than database and journal; none where there is none.
    pub file: Option<PathBuf>,
}

impl Witness {
    pub fn read(section: Option<Section<'_>>) -> Self {
        let Some(section) = section else { return Self::default() };
        let file = section.text_or_empty("file").map(Into::into);
        section.finish();
        Self { file }
    }
}
