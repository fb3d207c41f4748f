//! A TCP forwarder between two parts on the loopback interface. It can be cut, sent to another
//! port, or fall silent.
//!
//! A silent forwarder behaves like a host that has disappeared: no connection ends, nothing passes
//! either way, and new connections are taken and get no answer. When it speaks again, what was sent
//! meanwhile is delivered; or, as with a host that has started anew, its old connections never say
//! anything again.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const BUFFER_BYTES: usize = 64 * 1024;
/// As Postgres' clients write it.
const COMMIT: &[u8] = b"COMMIT";

/// A running forwarder. Dropping it ends every connection through it.
pub struct Forwarder {
    port: u16,
    course: Arc<watch::Sender<Course>>,
    task: JoinHandle<()>,
}

/// Where connections lead, and whether anything passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Course {
    target: u16,
    mode: Mode,
    /// Connections of an earlier generation have ended.
    generation: u64,
    ending: Ending,
}

/// What a client is told of the end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Reset,
    /// Nothing, ever.
    Mute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// New connections are reset.
    Cut,
    Silent,
    /// Falls silent in the moment of a commit: before the server has it, or before the client has
    /// the answer.
    Armed(Moment),
}

/// Which part of a commit is lost in a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Request,
    Answer,
}

impl Forwarder {
    /// Listens on a free port of the loopback interface and forwards to `target`.
    ///
    /// # Errors
    /// Fails if it cannot listen.
    pub async fn start(target: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port on 127.0.0.1")?;
        let port = listener.local_addr().context("the port just bound has no address")?.port();
        let course = Arc::new(watch::Sender::new(Course {
            target,
            mode: Mode::Open,
            generation: 0,
            ending: Ending::Reset,
        }));
        let task = tokio::spawn(listen(listener, Arc::clone(&course)));
        Ok(Self { port, course, task })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets every connection, and each new one, until [`Forwarder::forward`].
    pub fn cut(&self) {
        self.change(|course| Course {
            mode: Mode::Cut,
            generation: course.generation + 1,
            ending: Ending::Reset,
            ..course
        });
    }

    /// Forwards new connections to `target`; those that lead elsewhere are reset.
    pub fn forward(&self, target: u16) {
        self.change(|course| Course {
            target,
            mode: Mode::Open,
            generation: course.generation + 1,
            ending: Ending::Reset,
        });
    }

    /// Stops forwarding in both directions without ending a connection, until [`Forwarder::speak`].
    pub fn fall_silent(&self) {
        self.change(|course| Course { mode: Mode::Silent, ..course });
    }

    /// Falls silent as soon as a client commits, and returns then.
    pub async fn fall_silent_amid_a_commit(&self, moment: Moment) {
        self.change(|course| Course { mode: Mode::Armed(moment), ..course });
        // The sender lives as long as this value.
        let _ = self.course.subscribe().wait_for(|now| now.mode == Mode::Silent).await;
    }

    /// Delivers what was sent during the silence, and forwards again.
    pub fn speak(&self) {
        self.change(|course| Course { mode: Mode::Open, ..course });
    }

    /// Forwards new connections again. Those of before have ended for the server, and their clients
    /// are not told.
    pub fn speak_to_new(&self) {
        self.change(|course| Course {
            mode: Mode::Open,
            generation: course.generation + 1,
            ending: Ending::Mute,
            ..course
        });
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

async fn listen(listener: TcpListener, course: Arc<watch::Sender<Course>>) {
    loop {
        // One that was reset before it was accepted is no reason to stop.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(client, Arc::clone(&course)));
    }
}

/// Carries one connection until one side ends it, or the forwarder changes its course.
async fn serve(mut client: TcpStream, course: Arc<watch::Sender<Course>>) {
    let mut changed = course.subscribe();
    let born = *changed.borrow_and_update();
    if born.mode == Mode::Cut {
        return reset(client);
    }
    let (mut server, way) = (None, Way { course: &course, born });
    let carried = tokio::select! {
        carried = carry(&mut client, &mut server, &way) => carried.is_ok(),
        _ = changed.wait_for(|now| now.generation != born.generation) => false,
    };
    if carried {
        return;
    }
    server.into_iter().for_each(reset);
    let now = *changed.borrow();
    match now.ending {
        Ending::Mute if now.generation != born.generation => keep_mute(client).await,
        Ending::Mute | Ending::Reset => reset(client),
    }
}

/// What a connection has to follow: its forwarder, as it was when the connection began.
struct Way<'a> {
    course: &'a watch::Sender<Course>,
    born: Course,
}

impl Way<'_> {
    /// Returns when nothing holds back what passes. Fails if the connection has ended meanwhile:
    /// nothing of it may pass then, whoever notices first.
    async fn speaks(&self) -> io::Result<()> {
        let mut course = self.course.subscribe();
        let ended = |now: &Course| now.generation != self.born.generation;
        let now = course.wait_for(|now| ended(now) || now.mode != Mode::Silent).await;
        match now.is_ok_and(|now| !ended(&now)) {
            true => Ok(()),
            false => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    /// Falls silent if this is the commit that was waited for. True if the server is to have it all
    /// the same.
    fn springs(&self, sent: &[u8]) -> bool {
        let mut passes = false;
        if sent.windows(COMMIT.len()).any(|bytes| bytes == COMMIT) {
            self.course.send_if_modified(|now| {
                let Mode::Armed(moment) = now.mode else { return false };
                passes = moment == Moment::Answer;
                now.mode = Mode::Silent;
                true
            });
        }
        passes
    }
}

/// Fails as well if nobody listens at the target.
async fn carry(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    way: &Way<'_>,
) -> io::Result<()> {
    way.speaks().await?;
    let server = server.insert(TcpStream::connect((Ipv4Addr::LOCALHOST, way.born.target)).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = pass(from_client, to_server, way, |bytes| way.springs(bytes));
    let down = pass(from_server, to_client, way, |_| false);
    tokio::try_join!(up, down).map(drop)
}

/// `hurried` bytes pass even into a silence.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way: &Way<'_>,
    hurried: impl Fn(&[u8]) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        // What was read when the silence began waits here; what comes later waits in the socket.
        if !hurried(&buffer[..count]) {
            way.speaks().await?;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

/// Takes what the client says until it ends the connection itself.
async fn keep_mute(mut client: TcpStream) {
    // However it ends it, there is nothing more to do.
    let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
}

/// Ends a connection so that the other side is told of an error, not of an orderly end.
fn reset(stream: TcpStream) {
    // One that is gone already needs no reset.
    let _ = stream.set_zero_linger();
}
