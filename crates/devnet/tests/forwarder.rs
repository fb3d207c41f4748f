//! The forwarder between two echoing servers that say who they are.

use std::time::Duration;

use adit_devnet::forwarder::{Forwarder, Moment};
use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(10);
/// Long enough for an answer that must not come.
const SILENCE: Duration = Duration::from_millis(200);

/// Answers each byte with its own name.
async fn server(name: u8) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while stream.read_u8().await.is_ok() && stream.write_u8(name).await.is_ok() {}
            });
        }
    });
    Ok(port)
}

async fn ask(stream: &mut TcpStream) -> Result<u8> {
    stream.write_u8(0).await?;
    Ok(timeout(BOUND, stream.read_u8()).await.context("no answer")??)
}

async fn connect(forwarder: &Forwarder) -> Result<TcpStream> {
    Ok(TcpStream::connect(("127.0.0.1", forwarder.port())).await?)
}

async fn is_reset(mut stream: TcpStream) -> Result<()> {
    let told = timeout(BOUND, stream.read_u8()).await.context("nothing happens")?;
    let kind = told.expect_err("no byte comes").kind();
    anyhow::ensure!(
        kind == std::io::ErrorKind::ConnectionReset,
        "the connection ended with {kind:?}"
    );
    Ok(())
}

#[tokio::test]
async fn connections_are_reset_by_a_cut_and_by_another_target() -> Result<()> {
    let (first, second) = (server(1).await?, server(2).await?);
    let forwarder = Forwarder::start(first).await?;
    let mut before = connect(&forwarder).await?;
    assert_eq!(ask(&mut before).await?, 1);
    forwarder.forward(second);
    is_reset(before).await?;
    let mut after = connect(&forwarder).await?;
    assert_eq!(ask(&mut after).await?, 2);
    forwarder.cut();
    is_reset(after).await?;
    is_reset(connect(&forwarder).await?).await?;
    forwarder.forward(first);
    assert_eq!(ask(&mut connect(&forwarder).await?).await?, 1);
    Ok(())
}

#[tokio::test]
async fn after_a_silence_that_lost_them_old_connections_stay_mute() -> Result<()> {
    let forwarder = Forwarder::start(server(1).await?).await?;
    let mut old = connect(&forwarder).await?;
    assert_eq!(ask(&mut old).await?, 1);
    forwarder.fall_silent();
    old.write_u8(0).await?;
    forwarder.speak_to_new();
    assert_eq!(ask(&mut connect(&forwarder).await?).await?, 1);
    assert!(timeout(SILENCE, old.read_u8()).await.is_err(), "no answer, and no end");
    Ok(())
}

#[tokio::test]
async fn a_commit_is_lost_on_its_way_or_its_answer_is() -> Result<()> {
    for (moment, arrived) in [(Moment::Request, 0), (Moment::Answer, 6)] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let forwarder = Forwarder::start(listener.local_addr()?.port()).await?;
        let mut client = connect(&forwarder).await?;
        let (mut server, _) = listener.accept().await?;
        let (_, sent) =
            tokio::join!(forwarder.fall_silent_amid_a_commit(moment), client.write_all(b"COMMIT"));
        sent?;
        let mut bytes = [0; 6];
        let read = timeout(SILENCE, server.read(&mut bytes)).await.unwrap_or(Ok(0))?;
        assert_eq!(read, arrived, "{moment:?}");
        server.write_u8(1).await?;
        assert!(timeout(SILENCE, client.read_u8()).await.is_err(), "no answer comes in a silence");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_sent_into_a_silence_is_delivered_after_it() -> Result<()> {
    let forwarder = Forwarder::start(server(1).await?).await?;
    let mut known = connect(&forwarder).await?;
    assert_eq!(ask(&mut known).await?, 1);
    forwarder.fall_silent();
    let mut new = connect(&forwarder).await?;
    for stream in [&mut known, &mut new] {
        stream.write_u8(0).await?;
        assert!(
            timeout(SILENCE, stream.read_u8()).await.is_err(),
            "nothing passes, and nothing ends"
        );
    }
    forwarder.speak();
    for stream in [&mut known, &mut new] {
        assert_eq!(timeout(BOUND, stream.read_u8()).await.context("no answer")??, 1);
    }
    Ok(())
}
