//! One table of the configuration, read key by key.
//!
//! A wrong value is noted and answered with `None`, like an absent one, and reading goes on:
//! whoever starts Adit sees all that is wrong at once. A configuration is used only when nothing
//! was noted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use adit_core::{Amount, AssetId, Span};
use toml::{Table, Value};

use super::problem::{Notes, echo};

pub struct Section<'a> {
    /// Empty for the whole file.
    path: String,
    table: &'a Table,
    notes: &'a Notes,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    pub fn new(path: impl Into<String>, table: &'a Table, notes: &'a Notes) -> Self {
        Self { path: path.into(), table, notes, known: RefCell::default() }
    }

    /// The whole name of one of its keys; of an empty one, its own.
    pub fn key(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    pub fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Notes that `key` cannot be used, for a reason that its value alone does not show.
    pub fn wrong(&self, key: &str, wrong: impl Display, allowed: impl Display) {
        self.notes.problem(self.key(key), wrong.to_string(), allowed.to_string());
    }

    /// Notes a key that has to be there and is not.
    pub fn require(&self, key: &'static str, what: &str) {
        if !self.has(key) {
            self.wrong(key, "is missing", format_args!("give {what}"));
        }
    }

    /// The general way: `read` says whether the value has the right form.
    pub fn read<T>(
        &self,
        key: &'static str,
        allowed: impl Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let good = read(value);
        if good.is_none() {
            self.wrong(
                key,
                format_args!("is {}", echo(value)),
                format_args!("allowed is {allowed}"),
            );
        }
        good
    }

    /// As [`Section::read`], for values that may carry a password: they are never repeated.
    pub fn read_hidden<T>(
        &self,
        key: &'static str,
        allowed: impl Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let good = read(self.value(key)?);
        if good.is_none() {
            self.wrong(key, "has a value that is not shown", format_args!("allowed is {allowed}"));
        }
        good
    }

    pub fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, "a text in quotes, not empty", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
    }

    /// A text that may be empty, which is as if it were absent.
    pub fn text_or_empty(&self, key: &'static str) -> Option<String> {
        self.read(key, "a text in quotes", |value| value.as_str().map(str::to_owned))
            .filter(|text| !text.is_empty())
    }

    /// A text that has a type of its own.
    pub fn typed<T: FromStr>(&self, key: &'static str, allowed: impl Display) -> Option<T> {
        self.read(key, allowed, |value| value.as_str()?.parse().ok())
    }

    pub fn flag(&self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    pub fn number<T: TryFrom<u64>>(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, allowed, |value| {
            let number =
                u64::try_from(value.as_integer()?).ok().filter(|number| range.contains(number))?;
            T::try_from(number).ok()
        })
    }

    pub fn seconds(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<Span> {
        self.number(key, range).map(Span::from_seconds)
    }

    /// Whole units, like `"0.5"`, in base units of an asset with so many decimals.
    pub fn amount(&self, key: &'static str, decimals: u8) -> Option<Amount> {
        self.read(key, amount_form(decimals), |value| read_amount(value, decimals))
    }

    /// As [`Section::amount`]; `"none"` is the absence of a limit.
    pub fn limit(&self, key: &'static str, decimals: u8) -> Option<Amount> {
        let allowed = format!("{}, or \"none\"", amount_form(decimals));
        self.read(key, allowed, |value| match value.as_str() {
            Some("none") => Some(None),
            _ => read_amount(value, decimals).map(Some),
        })?
    }

    pub fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "a list of texts in quotes", read_texts)
    }

    pub fn hidden_texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.read_hidden(key, "a list of texts in quotes", read_texts)
    }

    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        self.read(key, names.join(" or "), |value| {
            let text = value.as_str()?;
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
        })
    }

    /// The table under `key`.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        self.read(key, format_args!("a table: [{}]", self.key(key)), |value| {
            value.is_table().then_some(())
        })?;
        Some(Section::new(self.key(key), self.table.get(key)?.as_table()?, self.notes))
    }

    /// The tables under `key`, by their own names.
    pub fn sections(&self, key: &'static str) -> Vec<(&'a str, Section<'a>)> {
        let Some(outer) = self.section(key) else { return Vec::new() };
        let entries = outer.table.iter().filter_map(|(name, value)| match value.as_table() {
            Some(table) => Some((name.as_str(), Section::new(outer.key(name), table, self.notes))),
            None => {
                outer.wrong(
                    name,
                    format_args!("is {}", echo(value)),
                    format_args!("allowed is a table: [{}]", outer.key(name)),
                );
                None
            }
        });
        entries.collect()
    }

    /// The tables under `key`, each named by an asset that exists.
    pub fn of_assets<T>(
        &self,
        key: &'static str,
        decimals: &BTreeMap<AssetId, u8>,
        read: impl Fn(&Section<'_>, u8) -> T,
    ) -> BTreeMap<AssetId, T> {
        let known = self.sections(key).into_iter().filter_map(|(name, section)| {
            let (asset, decimals) = self.known_asset(key, name, decimals)?;
            let made = read(&section, decimals);
            section.finish();
            Some((asset, made))
        });
        known.collect()
    }

    /// The amounts under `key`, each named by an asset that exists.
    pub fn amounts(
        &self,
        key: &'static str,
        decimals: &BTreeMap<AssetId, u8>,
    ) -> BTreeMap<AssetId, Amount> {
        let Some(inner) = self.section(key) else { return BTreeMap::new() };
        let known = inner.table.iter().filter_map(|(name, value)| {
            let (asset, decimals) = self.known_asset(key, name, decimals)?;
            let amount = read_amount(value, decimals);
            if amount.is_none() {
                inner.wrong(
                    name,
                    format_args!("is {}", echo(value)),
                    format_args!("allowed is {}", amount_form(decimals)),
                );
            }
            Some((asset, amount?))
        });
        known.collect()
    }

    fn known_asset(
        &self,
        key: &str,
        name: &str,
        decimals: &BTreeMap<AssetId, u8>,
    ) -> Option<(AssetId, u8)> {
        let found = decimals
            .iter()
            .find(|(asset, _)| asset.as_str() == name)
            .map(|(asset, decimals)| (asset.clone(), *decimals));
        if found.is_none() {
            let assets: Vec<&str> = decimals.keys().map(AssetId::as_str).collect();
            self.wrong(
                &format!("{key}.{name}"),
                "names no asset",
                format_args!("allowed are {}", assets.join(", ")),
            );
        }
        found
    }

    /// The tables of a list, `[[key]]`.
    pub fn list(&self, key: &'static str) -> Vec<Section<'a>> {
        let allowed = format!("one or more tables: [[{}]]", self.key(key));
        let tables = |value: &Value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.is_table().then_some(()))
                .collect::<Option<Vec<()>>>()
        };
        if self.read(key, allowed, tables).is_none() {
            return Vec::new();
        }
        let items = self
            .table
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_table);
        items
            .enumerate()
            .map(|(index, table)| {
                Section::new(format!("{}[{index}]", self.key(key)), table, self.notes)
            })
            .collect()
    }

    /// Notes every key that nobody asked for: a misspelt limit must not be no limit.
    pub fn finish(self) {
        let known = self.known.borrow();
        for unknown in self.table.keys().filter(|key| !known.contains(key.as_str())) {
            let allowed: Vec<&str> = known.iter().copied().collect();
            self.wrong(
                unknown,
                "is not a key of this table",
                format_args!("allowed are {}", allowed.join(", ")),
            );
        }
    }

    fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(key);
        self.table.get(key)
    }
}

fn amount_form(decimals: u8) -> String {
    match decimals {
        0 => "an amount in whole units as text, like \"3000\"".to_owned(),
        decimals => format!(
            "an amount in whole units as text, like \"3000\" or \"0.5\", with at most {decimals} \
             digits after the point"
        ),
    }
}

/// A TOML float is refused: it cannot say exactly what was meant.
fn read_amount(value: &Value, decimals: u8) -> Option<Amount> {
    let text = match (value.as_str(), value.as_integer()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => return None,
    };
    Amount::parse(&text, decimals).ok()
}

fn read_texts(value: &Value) -> Option<Vec<String>> {
    value
        .as_array()?
        .iter()
        .map(|item| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
        .collect()
}
