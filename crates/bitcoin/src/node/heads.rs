//! Where the chain stands: the highest block that enough sources have reached, and the blocks below
//! it.

use std::sync::Arc;

use adit_chain::{Agreed, Endpoint, Fault, Said, tally, tally_each};
use adit_core::{BlockRef, EndpointName, Timestamp};

use super::{Head, Node};
use crate::source::SourceHead;

impl Node {
    /// # Errors
    /// [`Fault`], when too few sources answer or those that have reached the same height have other
    /// blocks there.
    pub async fn heads(&self) -> Result<Head, Fault> {
        let said = self
            .quorum
            .gather("the head", async |endpoint: Arc<Endpoint>| self.source(&endpoint).head().await)
            .await?;
        self.doubt_remembered(&said);
        let height = reached_by_enough(&said, self.quorum.needed());
        let agreed = self.head_at(height, &said).await?;
        let mined_at =
            Timestamp::from_seconds(i64::try_from(middle_time(&said)).unwrap_or(i64::MAX));
        Ok(Head { block: agreed.value, mined_at, witnesses: agreed.witnesses })
    }

    /// The blocks at these heights, each agreed on by itself; `None` where too few know one.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn blocks_at(&self, heights: &[u64]) -> Result<Vec<Option<Agreed<BlockRef>>>, Fault> {
        if heights.is_empty() {
            return Ok(Vec::new());
        }
        let question =
            async |endpoint: Arc<Endpoint>| self.source(&endpoint).blocks_at(heights).await;
        let said = self.quorum.gather("blocks by height", question).await?;
        let agreed = tally_each(&said.answers, heights.len(), self.quorum.needed());
        for (name, blocks) in &said.answers {
            self.hold_against(name, blocks.iter().copied().zip(&agreed));
        }
        Ok(agreed)
    }

    /// The hash of block 0. Each source must have the configured network's before it is heard at
    /// all, so this asks whether enough do.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn genesis(&self) -> Result<BlockRef, Fault> {
        let question = async |endpoint: Arc<Endpoint>| self.source(&endpoint).blocks_at(&[0]).await;
        let agreed = self.quorum.ask("the first block", question).await?;
        agreed.value.into_iter().flatten().next().ok_or_else(|| {
            self.disagreement("the first block", "they have none any more".to_owned())
        })
    }

    async fn head_at(
        &self,
        height: u64,
        said: &Said<SourceHead>,
    ) -> Result<Agreed<BlockRef>, Fault> {
        let there = said.answers.iter().filter(|(_, head)| head.block.height == height);
        let heads: Vec<(EndpointName, BlockRef)> =
            there.map(|(name, head)| (name.clone(), head.block)).collect();
        let agreed = match tally(&heads, self.quorum.needed()) {
            Some(agreed) => Some(agreed),
            None => self.newest_at(height).await?,
        };
        let Some(agreed) = agreed else {
            let needed = self.quorum.needed();
            let detail = format!(
                "fewer than {needed} have the same block there; one of them lags or lies, or the \
                 chain just changed"
            );
            return Err(self.disagreement(&format!("block {height}"), detail));
        };
        for (name, claim) in heads.into_iter().filter(|(name, _)| {
            !said.answers.iter().any(|(by, head)| by == name && head.remembered)
        }) {
            self.hold_against(&name, [(Some(claim), &Some(agreed.clone()))]);
        }
        Ok(agreed)
    }

    /// What they have at this height, of which for one at least it is the newest. A remembered one
    /// stands as it was said, and is not held against anybody.
    async fn newest_at(&self, height: u64) -> Result<Option<Agreed<BlockRef>>, Fault> {
        let question =
            async |endpoint: Arc<Endpoint>| self.source(&endpoint).newest_at(height).await;
        let said = self.quorum.gather("blocks by height", question).await?;
        let claims: Vec<(EndpointName, BlockRef)> = said
            .answers
            .iter()
            .filter_map(|(name, (block, _))| Some((name.clone(), (*block)?)))
            .collect();
        let agreed = tally(&claims, self.quorum.needed());
        for (name, (block, _)) in said.answers.iter().filter(|(_, (_, remembered))| !remembered) {
            self.hold_against(name, [(*block, &agreed)]);
        }
        Ok(agreed)
    }

    /// A remembered head that others have passed, or do not have, counts no longer: its source is
    /// asked again soon.
    fn doubt_remembered(&self, said: &Said<SourceHead>) {
        for (name, _) in said.answers.iter().filter(|(_, head)| is_passed(head.block, said)) {
            if let Some(memory) = self.served.memories.get(name) {
                memory.doubt();
            }
        }
    }

    fn disagreement(&self, subject: &str, detail: String) -> Fault {
        Fault::Disagreement {
            chain: self.config.name.to_string(),
            subject: subject.to_owned(),
            detail,
        }
    }

    /// Who has another block than enough others is told so. A reorganisation that reached him later
    /// is soon over; a wrong block is not.
    fn hold_against<'a>(
        &self,
        name: &EndpointName,
        claims: impl IntoIterator<Item = (Option<BlockRef>, &'a Option<Agreed<BlockRef>>)>,
    ) {
        let both =
            claims.into_iter().filter_map(|(claim, agreed)| Some((claim?, agreed.as_ref()?.value)));
        let compared: Vec<(BlockRef, BlockRef)> = both.collect();
        match compared.iter().find(|(claim, agreed)| claim != agreed) {
            Some((claim, agreed)) => {
                let detail = format!(
                    "block {} is {} for enough others, and {} for it",
                    agreed.height,
                    agreed.hash.hex(),
                    claim.hash.hex()
                );
                self.quorum.outvoted(name, &detail);
            }
            None if compared.is_empty() => {}
            None => self.quorum.agrees(name),
        }
    }
}

/// The highest that enough have reached. A liar who claims more is alone with it, and one that lags
/// is no liar.
fn reached_by_enough(said: &Said<SourceHead>, needed: usize) -> u64 {
    let mut heights: Vec<u64> = said.answers.iter().map(|(_, head)| head.block.height).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.get(needed - 1).copied().unwrap_or(0)
}

/// Whether others tell of another block at this height or above.
fn is_passed(block: BlockRef, said: &Said<SourceHead>) -> bool {
    said.answers.iter().any(|(_, other)| other.block.height >= block.height && other.block != block)
}

/// The median; of two, the earlier.
fn middle_time(said: &Said<SourceHead>) -> u64 {
    let mut times: Vec<u64> = said.answers.iter().map(|(_, head)| head.mined_at).collect();
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use adit_core::Hash32;

    use super::*;

    fn said(heads: &[(u64, u64)]) -> Said<SourceHead> {
        let answer = |(index, (height, mined_at)): (usize, &(u64, u64))| {
            let name = EndpointName::new(format!("source:{index}")).expect("a name");
            (
                name,
                SourceHead {
                    block: BlockRef { height: *height, hash: Hash32([0; 32]) },
                    mined_at: *mined_at,
                    remembered: false,
                },
            )
        };
        Said { answers: heads.iter().enumerate().map(answer).collect(), faults: Vec::new() }
    }

    #[test]
    fn f39_f42_one_that_is_ahead_or_behind_moves_no_head() {
        assert_eq!(reached_by_enough(&said(&[(120, 1), (119, 1), (4_000_000, 1)]), 2), 120);
        assert_eq!(reached_by_enough(&said(&[(120, 1), (7, 1)]), 2), 7);
        assert_eq!(reached_by_enough(&said(&[(120, 1)]), 1), 120);
    }

    #[test]
    fn the_time_is_the_middle_one_and_of_two_the_earlier() {
        assert_eq!(middle_time(&said(&[(1, 50), (1, 40), (1, 9_000)])), 50);
        assert_eq!(middle_time(&said(&[(1, 50), (1, 40)])), 40);
        assert_eq!(middle_time(&said(&[])), 0);
    }
}
