//! Many requests at the same moment.

use std::collections::BTreeMap;

use adit_devnet::api::Answer;
use anyhow::Result;
use futures::future::try_join_all;

/// How often each code was answered; a good answer counts as `"accepted"`.
pub type Tally = BTreeMap<String, usize>;

/// Sends all of them before it waits for any.
///
/// # Errors
/// When one gets no answer at all.
pub async fn all_at_once(
    requests: impl IntoIterator<Item = impl Future<Output = Result<Answer>>>,
) -> Result<Vec<Answer>> {
    try_join_all(requests).await
}

/// Counts the answers.
pub fn tally(answers: &[Answer]) -> Tally {
    let mut tally = Tally::new();
    for answer in answers {
        let said = if answer.status.is_success() { "accepted" } else { answer.code() };
        *tally.entry(said.to_owned()).or_default() += 1;
    }
    tally
}

/// A tally written out, for comparing.
pub fn expected(counts: &[(&str, usize)]) -> Tally {
    counts.iter().map(|(said, count)| ((*said).to_owned(), *count)).collect()
}
