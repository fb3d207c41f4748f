//! A real Bitcoin node: bitcoind on a chain of its own (regtest), which mines when it is told to.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::process::Command;

use super::rpc::Rpc;
use crate::parts;
use crate::port;
use crate::process::{Launch, Process};
use crate::scratch;
use crate::wait;

const READY_BOUND: Duration = Duration::from_secs(30);
const READY_PAUSE: Duration = Duration::from_millis(20);
const STOP_GRACE: Duration = Duration::from_secs(20);
const DROP_BOUND: Duration = Duration::from_secs(3);

/// A running node; killed and deleted when dropped.
pub struct Node {
    process: Process,
    rpc: Rpc,
    peer_port: u16,
    // Dropped last: nobody writes there any more.
    _data: DataFolder,
}

struct DataFolder(PathBuf);

impl Drop for DataFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Node {
    /// Starts the node and waits until it answers. `log` receives what it prints.
    ///
    /// # Errors
    /// When there is no bitcoind, or it does not come up.
    pub async fn start(log: impl Into<PathBuf>) -> Result<Self> {
        Self::start_with(log, &["-txindex=1"]).await
    }

    /// The same without an index of transactions, as bitcoind is by itself.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_bare(log: impl Into<PathBuf>) -> Result<Self> {
        Self::start_with(log, &[]).await
    }

    async fn start_with(log: impl Into<PathBuf>, more: &[&str]) -> Result<Self> {
        let program = parts::bitcoind()?;
        let data = DataFolder(scratch::fresh("bitcoind"));
        std::fs::create_dir_all(&data.0)
            .with_context(|| format!("cannot create {}", data.0.display()))?;
        let (rpc_port, peer_port) = (port::free()?, port::free()?);
        let mut arguments = arguments(&data.0, rpc_port, peer_port);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        if is_knots(&program).await? {
            // Bitcoin Core's rules of what is relayed: most of the network keeps them.
            arguments.push("-corepolicy=1".to_owned());
        }
        let mut process = Launch::new("bitcoind", program, log).arguments(arguments).start()?;
        let rpc = ready(
            &mut process,
            &data.0.join("regtest/.cookie"),
            &format!("http://127.0.0.1:{rpc_port}"),
        )
        .await?;
        Ok(Self { process, rpc, peer_port, _data: data })
    }

    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// Where another bitcoind may connect to it.
    pub fn peer_address(&self) -> String {
        format!("127.0.0.1:{}", self.peer_port)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// It stands still: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// # Errors
    /// When it does not end, even killed.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(Signal::TERM, STOP_GRACE).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process.signal(Signal::KILL);
        let asked = Instant::now();
        while asked.elapsed() < DROP_BOUND && self.process.still_runs().is_ok() {
            std::thread::sleep(READY_PAUSE);
        }
    }
}

async fn is_knots(program: &Path) -> Result<bool> {
    let output = Command::new(program)
        .arg("-version")
        .output()
        .await
        .with_context(|| format!("cannot run {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).contains("Knots"))
}

fn arguments(data: &Path, rpc_port: u16, peer_port: u16) -> Vec<String> {
    let fixed = [
        "-regtest",
        "-printtoconsole=1",
        "-nodebuglogfile",
        "-fallbackfee=0",
        "-rpcbind=127.0.0.1",
        "-rpcallowip=127.0.0.1",
        // Whoever wants a peer connects to this one; by itself it looks for nobody.
        "-connect=0",
        "-listen=1",
        "-listenonion=0",
        "-discover=0",
        "-dnsseed=0",
        "-fixedseeds=0",
        "-natpmp=0",
        // A small node on a small machine.
        "-par=1",
        "-dbcache=16",
    ];
    let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
    arguments.push(format!("-datadir={}", data.display()));
    arguments.push(format!("-rpcport={rpc_port}"));
    arguments.push(format!("-bind=127.0.0.1:{peer_port}"));
    arguments
}

/// The cookie is new with every start, and written before the node is warm.
async fn ready(process: &mut Process, cookie: &Path, url: &str) -> Result<Rpc> {
    wait::until("bitcoind to answer", READY_BOUND, READY_PAUSE, async || {
        process.still_runs()?;
        let Ok(cookie) = std::fs::read_to_string(cookie) else { return Ok(None) };
        let Ok(rpc) = Rpc::new(url, &cookie) else { return Ok(None) };
        Ok(rpc.height().await.is_ok().then_some(rpc))
    })
    .await
}
