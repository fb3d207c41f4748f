//! A table of text, each column as wide as its widest cell.

use std::fmt::{self, Display};

/// Rows under a heading; every row has as many cells as the heading.
pub struct Table<const COLUMNS: usize> {
    heading: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

const GAP: &str = "  ";

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub fn new(heading: [&'static str; COLUMNS]) -> Self {
        Self { heading, rows: Vec::new() }
    }

    pub fn push(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count());
        cells.chain([self.heading[column].len()]).max().unwrap_or_default()
    }
}

impl<const COLUMNS: usize> Display for Table<COLUMNS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| self.width(column));
        let line = |cells: [&str; COLUMNS]| {
            let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        writeln!(out, "{}", line(self.heading))?;
        let rules = widths.map(|width| "─".repeat(width));
        writeln!(out, "{}", line(std::array::from_fn(|column| rules[column].as_str())))?;
        self.rows.iter().try_for_each(|row| {
            writeln!(out, "{}", line(std::array::from_fn(|column| row[column].as_str())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["player", "DG"]);
        table.push(["ada".to_owned(), "5000".to_owned()]);
        table.push(["maximilian".to_owned(), "0".to_owned()]);
        assert_eq!(
            table.to_string(),
            "player      DG\n──────────  ────\nada         5000\nmaximilian  0\n"
        );
    }
}
