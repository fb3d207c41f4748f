//! Two Postgres clusters, one following the other asynchronously, and the ways that lead to them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::select_all;
use reqwest::Url;

use crate::forwarder::{Forwarder, Moment};
use crate::postgres::Postgres;
use crate::scratch;

use super::scenario::Back;

/// The standby, and every way to a database. The primary belongs to the devnet.
pub struct Cluster {
    // Dropped in this order: who follows before the way.
    pub standby: Postgres,
    /// Carries replication.
    replication: Forwarder,
    /// One for each server.
    ways: Vec<Forwarder>,
}

impl Cluster {
    /// Follows the primary at this address, with a way to it for each of the servers.
    ///
    /// # Errors
    /// Fails if the standby does not come up.
    pub async fn start(primary: &str, servers: u16, directory: &Path) -> Result<Self> {
        Self::start_in(scratch::fresh("standby"), primary, servers, directory).await
    }

    /// The same, with the standby's data in this folder.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_in(
        data: PathBuf,
        primary: &str,
        servers: u16,
        directory: &Path,
    ) -> Result<Self> {
        let port = Url::parse(primary)
            .context("the database has an address")?
            .port()
            .context("and a port in it")?;
        let replication = Forwarder::start(port).await?;
        let standby =
            Postgres::standby_in(data, replication.port(), directory.join("standby.log")).await?;
        let mut ways = Vec::new();
        for _ in 0..servers {
            ways.push(Forwarder::start(port).await?);
        }
        Ok(Self { standby, replication, ways })
    }

    /// Under which address each server knows its database.
    ///
    /// # Errors
    /// Fails if the primary's address takes no port.
    pub fn addresses(&self, primary: &str) -> Result<Vec<String>> {
        let mut url = Url::parse(primary).context("the database has an address")?;
        let mut through = |way: &Forwarder| {
            url.set_port(Some(way.port())).ok().context("a database's address takes a port")?;
            Ok(url.to_string())
        };
        self.ways.iter().map(&mut through).collect()
    }

    /// From now on the standby learns nothing more.
    pub fn stop_following(&self) {
        self.replication.cut();
    }

    /// The standby becomes a primary. Gives its timeline.
    ///
    /// # Errors
    /// Fails if it is not promoted.
    pub async fn promote(&self) -> Result<u32> {
        self.standby.promote().await?;
        self.standby.timeline().await
    }

    /// A server's way leads to the promoted one from now on.
    pub fn lead_to_new(&self, server: usize) {
        self.ways[server].forward(self.standby.port());
    }

    /// Gives the promoted one, which another standby follows from now on, with its data in this
    /// folder.
    ///
    /// # Errors
    /// Fails if that one does not come up.
    pub async fn follow_new(&mut self, data: PathBuf, directory: &Path) -> Result<Postgres> {
        let replication = Forwarder::start(self.standby.port()).await?;
        let log = directory.join("standby.log");
        let standby = Postgres::standby_in(data, replication.port(), log).await?;
        self.replication = replication;
        Ok(std::mem::replace(&mut self.standby, standby))
    }

    /// Starts the standby again, where it has ended.
    ///
    /// # Errors
    /// Fails if it does not come up.
    pub async fn revive(&mut self) -> Result<()> {
        if self.standby.runs() { Ok(()) } else { self.standby.start_again().await }
    }

    /// How many servers have a way to it.
    pub fn servers(&self) -> usize {
        self.ways.len()
    }

    /// The database's host disappears for all servers, for so long, in the moment in which one of
    /// them commits.
    pub async fn be_silent(&self, moment: Moment, lasts: Duration, back: Back) {
        select_all(self.ways.iter().map(|way| Box::pin(way.fall_silent_amid_a_commit(moment))))
            .await;
        self.ways.iter().for_each(Forwarder::fall_silent);
        tokio::time::sleep(lasts).await;
        self.ways.iter().for_each(match back {
            Back::Delivers => Forwarder::speak,
            Back::Anew => Forwarder::speak_to_new,
        });
    }
}
