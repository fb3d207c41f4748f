//! A TCP forwarder between two parts on the loopback interface. It can be cut, sent to another port, or fall silent.
//!
//! A silent forwarder behaves like a host that has disappeared: no connection ends, nothing passes either way, and new
//! connections are taken and get no answer. What was sent meanwhile is delivered when it speaks again.

use std::io;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const BUFFER_BYTES: usize = 64 * 1024;

/// A running forwarder. Dropping it ends every connection through it.
pub struct Forwarder {
    port: u16,
    course: watch::Sender<Course>,
    task: JoinHandle<()>,
}

/// Where connections lead, and whether anything passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Course {
    target: u16,
    mode: Mode,
    /// Connections of an earlier generation are reset.
    generation: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// New connections are reset.
    Cut,
    Silent,
}

impl Forwarder {
    /// Listens on a free port of the loopback interface and forwards to `target`.
    ///
    /// # Errors
    /// Fails if it cannot listen.
    pub async fn start(target: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port on 127.0.0.1")?;
        let port = listener.local_addr().context("the port just bound has no address")?.port();
        let (course, followed) = watch::channel(Course { target, mode: Mode::Open, generation: 0 });
        let task = tokio::spawn(listen(listener, followed));
        Ok(Self { port, course, task })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets every connection, and each new one, until [`Forwarder::forward`].
    pub fn cut(&self) {
        self.change(|course| Course { mode: Mode::Cut, generation: course.generation + 1, ..course });
    }

    /// Forwards new connections to `target`; those that lead elsewhere are reset.
    pub fn forward(&self, target: u16) {
        self.change(|course| Course { target, mode: Mode::Open, generation: course.generation + 1 });
    }

    /// Stops forwarding in both directions without ending a connection, until [`Forwarder::speak`].
    pub fn fall_silent(&self) {
        self.change(|course| Course { mode: Mode::Silent, ..course });
    }

    /// Delivers what was sent during the silence, and forwards again.
    pub fn speak(&self) {
        self.change(|course| Course { mode: Mode::Open, ..course });
    }

    fn change(&self, next: impl FnOnce(Course) -> Course) {
        self.course.send_modify(|course| *course = next(*course));
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
        // Connections are tasks of their own.
        self.cut();
    }
}

async fn listen(listener: TcpListener, course: watch::Receiver<Course>) {
    loop {
        // One that was reset before it was accepted is no reason to stop.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(client, course.clone()));
    }
}

/// Carries one connection until one side ends it, or the forwarder changes its course.
async fn serve(mut client: TcpStream, course: watch::Receiver<Course>) {
    let born = *course.borrow();
    let mut changed = course.clone();
    if born.mode == Mode::Cut {
        return reset(client);
    }
    let mut server = None;
    let carried = tokio::select! {
        carried = carry(&mut client, &mut server, born.target, course) => carried.is_ok(),
        _ = changed.wait_for(|now| now.generation != born.generation) => false,
    };
    if !carried {
        server.into_iter().for_each(reset);
        reset(client);
    }
}

/// Fails as well if nobody listens at the target.
async fn carry(client: &mut TcpStream, server: &mut Option<TcpStream>, target: u16, mut course: watch::Receiver<Course>) -> io::Result<()> {
    speaks(&mut course).await;
    let server = server.insert(TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = pass(from_client, to_server, course.clone());
    let down = pass(from_server, to_client, course);
    tokio::try_join!(up, down).map(drop)
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut course: watch::Receiver<Course>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        // What was read when the silence began waits here; what comes later waits in the socket.
        speaks(&mut course).await;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

/// Returns when nothing holds back what passes, or the forwarder is gone.
async fn speaks(course: &mut watch::Receiver<Course>) {
    let _ = course.wait_for(|now| now.mode != Mode::Silent).await;
}

/// Ends a connection so that the other side is told of an error, not of an orderly end.
fn reset(stream: TcpStream) {
    // One that is gone already needs no reset.
    let _ = stream.set_zero_linger();
}
