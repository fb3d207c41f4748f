//! What a place in the next block cost, and when.

use std::path::Path;

use adit_core::{FeeRate, Timestamp};
use adit_devnet::chance::Chance;
use anyhow::{Context, Result, ensure};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const HOUR_SECONDS: i64 = 3_600;
const HOURS_OF_A_YEAR: i64 = 365 * 24;
/// What the model calls usual, in satoshis per virtual byte.
const USUAL: f64 = 12.0;
/// How much of yesterday's distance from the usual is left an hour later, and what chance adds to
/// it, as a logarithm.
const PERSISTENCE: f64 = 0.98;
const UNREST: f64 = 0.12;
/// Blocks are dearest in the afternoon (UTC) and cheaper on the last two days of the week.
const DAY_SWING: f64 = 0.3;
const WEEKEND: f64 = 0.6;
/// A rush comes once in so many hours, lasts so long at most, and is so many times as dear.
const RUSH_ONE_IN: u64 = 24 * 20;
const RUSH_HOURS_MAX: u64 = 36;
const RUSH: f64 = 4.0;

/// Feerates in order of time; each holds until the next.
pub struct History {
    source: String,
    rates: Vec<(Timestamp, FeeRate)>,
}

impl History {
    /// A year, hour by hour, that nobody has seen: a random walk that returns to the usual, with
    /// days, weeks and rushes.
    pub fn modelled(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let (mut distance, mut rush_hours) = (0.0, 0);
        let rates = (0..HOURS_OF_A_YEAR)
            .map(|hour| {
                distance = distance * PERSISTENCE + UNREST * normal(&mut chance);
                if chance.up_to(RUSH_ONE_IN - 1) == 0 {
                    rush_hours = 1 + chance.up_to(RUSH_HOURS_MAX - 1);
                }
                let rush = if rush_hours > 0 { RUSH } else { 1.0 };
                rush_hours = rush_hours.saturating_sub(1);
                let day =
                    1.0 + DAY_SWING * (std::f64::consts::TAU * (hour as f64 - 9.0) / 24.0).sin();
                let week = if hour / 24 % 7 >= 5 { WEEKEND } else { 1.0 };
                (
                    Timestamp::from_seconds(hour * HOUR_SECONDS),
                    rate(USUAL * f64::exp(distance) * day * week * rush),
                )
            })
            .collect();
        Self { source: format!("MODELLED, not recorded (seed {seed}), hour by hour"), rates }
    }

    /// # Errors
    /// When the file cannot be read, or a line after the first is not a time and a feerate.
    pub fn recorded(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        // Where nothing was recorded, what held before goes on.
        let lines = text
            .lines()
            .skip(1)
            .filter(|line| !line.trim().is_empty() && !line.trim().ends_with(','));
        let rates: Vec<(Timestamp, FeeRate)> = lines
            .map(|line| entry(line).with_context(|| line.to_owned()))
            .collect::<Result<_>>()?;
        ensure!(
            rates.len() > 1 && rates.is_sorted_by_key(|(at, _)| *at),
            "at least two lines, oldest first"
        );
        Ok(Self {
            source: format!("recorded, {} entries of {}", rates.len(), path.display()),
            rates,
        })
    }

    pub fn describe(&self) -> String {
        let mut sorted: Vec<f64> =
            self.rates.iter().map(|(_, rate)| rate.sat_per_kvb() as f64 / 1_000.0).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
        let days = (self.last().seconds() - self.first().seconds()) / HOUR_SECONDS / 24;
        let [least, low, middle, high, most] = [0, 10, 50, 90, 100].map(at);
        format!(
            "{}: {days} days; sat/vB least {least:.1}, p10 {low:.1}, median {middle:.1}, p90 \
             {high:.1}, most {most:.1}",
            self.source
        )
    }

    pub fn first(&self) -> Timestamp {
        self.rates[0].0
    }

    pub fn last(&self) -> Timestamp {
        self.rates[self.rates.len() - 1].0
    }

    /// What held at that time; before the beginning what held first.
    pub fn at(&self, time: Timestamp) -> FeeRate {
        let after = self.rates.partition_point(|(at, _)| *at <= time);
        self.rates[after.saturating_sub(1)].1
    }
}

fn entry(line: &str) -> Result<(Timestamp, FeeRate)> {
    let (time, sat_per_vbyte) = line.split_once(',').context("no comma")?;
    let time: DateTime = time.trim().parse()?;
    let seconds = time.to_zoned(TimeZone::UTC)?.timestamp().as_second();
    Ok((Timestamp::from_seconds(seconds), rate(sat_per_vbyte.trim().parse()?)))
}

/// Never below what nodes relay.
fn rate(sat_per_vbyte: f64) -> FeeRate {
    FeeRate::from_sat_per_kvb((sat_per_vbyte.max(1.0) * 1_000.0) as u64)
}

/// About normally distributed, mean 0 and deviation 1: a sum of twelve.
fn normal(chance: &mut Chance) -> f64 {
    (0..12).map(|_| chance.up_to(1_000_000) as f64 / 1_000_000.0).sum::<f64>() - 6.0
}
