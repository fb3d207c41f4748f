//! One line of the demo's table, and the table.

use adit_devnet::table::Table;

const HEADING: [&str; 7] =
    ["player", "asked", "answer", "transaction", "before", "after", "on chain"];
const HASH_DIGITS_SHOWN: usize = 10;

/// One act, judged.
pub struct Row {
    pub player: String,
    pub asked: String,
    /// The status of what was accepted, the code of what was refused.
    pub answer: String,
    /// As the API's record names it.
    pub transaction: Option<String>,
    /// How that transaction came to be.
    pub story: String,
    /// What could be withdrawn.
    pub before: String,
    pub after: String,
    /// What the payee has, as the chain says.
    pub on_chain: String,
    /// What should be otherwise.
    pub surprises: Vec<String>,
}

/// Prints the table, how each payment went, and every surprise; true when there is none and no act
/// is missing.
pub fn show(rows: &[Row], acts: usize) -> bool {
    let mut table = Table::new(HEADING);
    rows.iter().for_each(|row| table.push(row.cells()));
    println!("\n{table}");
    for row in rows {
        if let Some(transaction) = &row.transaction {
            println!("paid by transaction {transaction}: {}", row.story);
        }
    }
    for row in rows {
        row.surprises.iter().for_each(|surprise| {
            println!("NOT AS EXPECTED: {}, {}: {surprise}", row.player, row.asked)
        });
    }
    let as_expected = rows.iter().filter(|row| row.surprises.is_empty()).count();
    println!("{as_expected} of {acts} as expected");
    as_expected == acts && rows.len() == acts
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let transaction = self.transaction.as_deref().map_or_else(|| "none".to_owned(), shorten);
        let Self { player, asked, answer, before, after, on_chain, .. } = self;
        [player, asked, answer, &transaction, before, after, on_chain].map(ToOwned::to_owned)
    }
}

fn shorten(hash: &str) -> String {
    hash.chars().take(HASH_DIGITS_SHOWN).chain(['…']).collect()
}
