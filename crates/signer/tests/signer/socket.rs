//! `adit signer` on its Unix socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adit_core::{Epoch, Opening, Timestamp};
use adit_signer::{
    EntryCursor, LaneStanding, LocalSigner, Open, PAGE_BYTES_MAX, PayoutStanding, Presence,
    Refused, Signer, SignerFault, SignerSocket, SocketError, SocketSigner,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::bitcoin::world as bitcoin;
use crate::world::{
    World, at_epoch, bump, cancel, claim, entries_from, incarnation, journal_id, lane, lineage,
    nonce_taken, pay, payout, replica, retire, sign, stamp, supersede, try_sign, under,
};

/// Of one message of the protocol.
const FRAME_BYTES: usize = 16 * 1024 * 1024;
const LINEAGES: u8 = 165;
const PAYEES: usize = 150;

fn serve(world: &World, path: &Path) -> JoinHandle<()> {
    serve_as(world.start(), path)
}

fn serve_as(signer: LocalSigner, path: &Path) -> JoinHandle<()> {
    let signer: Arc<dyn Signer> = Arc::new(signer);
    let socket = SignerSocket::bind(path).expect("binds");
    tokio::spawn(socket.serve(signer))
}

async fn stop(server: JoinHandle<()>) {
    server.abort();
    let _aborted = server.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_share_one_signer() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let _server = serve(&world, &path);
    assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(
        directory.path().read_dir().expect("a directory").count(),
        1,
        "nothing is left beside it"
    );
    let (one, two) = (SocketSigner::new(&path), SocketSigner::new(&path));
    assert_eq!(one.journal().await, Ok(journal_id()));

    let empty = one.journal_at(0).await.expect("answers");
    assert_eq!((empty.tip.records, empty.chain), (0, Some(empty.tip.chain)));
    assert_eq!(one.journal_at(1).await.expect("answers").chain, None, "it has no record yet");

    let (mine, yours) = (pay(1, 1, 0), pay(1, 2, 0));
    let (first, second) = tokio::join!(sign(&one, &mine), sign(&two, &yours));
    assert_eq!(
        [first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(),
        1,
        "one of them pays"
    );
    let other = |refused: &Refused| {
        matches!(refused, Refused::Equivocation { .. } | Refused::AnchorTaken { .. })
    };
    assert!([first, second].iter().flat_map(|answer| answer.as_ref().err()).all(other));

    let one_signed = one.journal_at(1).await.expect("answers");
    assert_eq!((one_signed.tip.records, one_signed.chain), (1, Some(one_signed.tip.chain)));

    let other = pay(5, 5, 5);
    let signature = sign(&one, &other).await.expect("signs");
    assert_eq!(sign(&two, &other).await, Ok(signature.clone()), "the same bytes for both");
    assert_eq!(
        two.dry_run(&[bump(&other), cancel(6, 5)]).await,
        Ok(vec![Ok(()), Err(nonce_taken(5, 5))])
    );
    assert_eq!(entries_from(&two, &lane(), 5).await[0].signed, signature.signed);
    assert_eq!(one.supersede(&supersede(5, 5)).await, Ok(Ok(())));
    assert_eq!(two.supersede(&supersede(5, 6)).await, Ok(Ok(())));
    sign(&two, &at_epoch(2, pay(5, 7, 7))).await.expect("moves");
    assert!(matches!(sign(&one, &pay(8, 8, 8)).await, Err(Refused::StaleEpoch { .. })));
    let live = Refused::Equivocation { payout: payout(5), live: lineage(7) };
    assert_eq!(sign(&one, &at_epoch(2, pay(5, 9, 9))).await.err(), Some(live));
}

#[tokio::test(flavor = "multi_thread")]
async fn f94_leases_presence_and_retirements_go_over_the_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let _server = serve(&world, &path);
    let (one, two) = (SocketSigner::new(&path), SocketSigner::new(&path));
    let leased = stamp(1, 10, 1);
    assert_eq!(one.lease(&claim(1, leased)).await, Ok(Ok(())));
    let opening = |from_number: u64| Opening { from_number, holdings: Vec::new() };
    for (signer, from_number) in [(&one, 7), (&two, 8)] {
        let open =
            Open { lane: lane(), epoch: Epoch(1), stamp: leased, opening: opening(from_number) };
        assert_eq!(signer.open(&open).await, Ok(Ok(opening(7))), "what was noted first");
    }
    let wait = Refused::OtherStoreHeard { seconds: 60 };
    assert_eq!(
        two.attend(&Presence { replica: replica(2), incarnation: incarnation(2) }).await,
        Ok(Ok(()))
    );
    assert_eq!(two.lease(&claim(2, stamp(2, 20, 2))).await, Ok(Err(wait)));
    sign(&one, &under(1, leased, pay(1, 1, 0))).await.expect("signs");
    assert_eq!(one.retire(&retire(1, 2, None)).await, Ok(Ok(())));
    // More than one frame tells of.
    let many: Vec<_> = (0..5_000).map(payout).collect();
    let told = two.standing(&many).await.expect("answers");
    assert_eq!((told.len(), &told[1]), (5_000, &PayoutStanding::Live { lineage: lineage(1) }));
    assert!(matches!(told[2], PayoutStanding::Retired { .. }));
    assert_eq!(told.iter().filter(|standing| **standing == PayoutStanding::Unknown).count(), 4_998);
    assert_eq!(
        two.lanes().await,
        Ok(vec![LaneStanding {
            lane: lane(),
            epoch: Epoch(1),
            counter: 1,
            incarnation: incarnation(1)
        }])
    );
}

/// More than a frame of lineages is signed in one call of the client, and read back page by page.
#[tokio::test(flavor = "multi_thread")]
async fn f99_what_is_larger_than_a_frame_comes_in_parts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let _server = serve_as(world.try_start(bitcoin::config_for_many()).expect("starts"), &path);
    let client = SocketSigner::new(&path);
    let requests: Vec<_> = (1..=LINEAGES).map(|number| bitcoin::pay_many(number, PAYEES)).collect();
    let bytes = serde_json::to_vec(&requests).expect("JSON").len();
    assert!(bytes > FRAME_BYTES, "{bytes} bytes fit in a frame, and the test shows nothing");

    let answers = client.sign(&requests).await.expect("answers");
    let signed: Vec<_> = answers.into_iter().map(|answer| answer.expect("signs").signed).collect();
    let lane = requests[0].lane.clone();
    let first = client.entries(&lane, EntryCursor::at(0), 1_000).await.expect("a page");
    let page_bytes = serde_json::to_vec(&first.entries).expect("JSON").len();
    assert!(
        first.entries.len() > 1 && page_bytes <= PAGE_BYTES_MAX + first.entries.len() + 1,
        "{page_bytes}"
    );
    let entries = entries_from(&client, &lane, 0).await;
    assert!(entries.iter().map(|entry| &entry.signed).eq(&signed), "all of them, in order");
    assert!(entries.iter().all(|entry| entry.request.contexts.len() == PAYEES));
}

/// Bitcoin names a transaction without its witnesses.
#[tokio::test(flavor = "multi_thread")]
async fn a_bitcoin_transaction_is_known_by_its_id() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let _server = serve_as(bitcoin::start(&world), &path);
    let client = SocketSigner::new(&path);
    let request = bitcoin::pay(1, &[1], &[(1, 1, 50_000)]);
    let signature = sign(&client, &request).await.expect("signs");
    assert_eq!(signature.attempt, request.attempt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_was_restarted_is_found_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let client = SocketSigner::new(&path);
    let request = pay(1, 1, 0);
    assert!(
        matches!(try_sign(&client, &request).await, Err(SignerFault::Unreachable { .. })),
        "not there yet"
    );
    let server = serve(&world, &path);
    let signature = sign(&client, &request).await.expect("signs");
    assert!(matches!(SignerSocket::bind(&path), Err(SocketError::InUse { .. })));
    stop(server).await;
    assert!(matches!(try_sign(&client, &request).await, Err(SignerFault::Unreachable { .. })));
    let _server = serve(&world, &path);
    assert_eq!(sign(&client, &request).await, Ok(signature), "and gives the same bytes");
}

#[tokio::test]
async fn a_silent_or_lying_signer_is_unreachable() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, answer) in [
        ("silent", None),
        ("garbage", Some("{}")),
        ("other", Some(r#"{"sign":[]}"#)),
        ("huge", Some("")),
    ] {
        let path = directory.path().join(name);
        let listener = UnixListener::bind(&path).expect("binds");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let _question = stream.read(&mut [0; 4_096]).await;
            if let Some(answer) = answer {
                let length = if answer.is_empty() {
                    u32::MAX
                } else {
                    u32::try_from(answer.len()).expect("short")
                };
                let _sent = stream
                    .write_all(&[&length.to_be_bytes()[..], answer.as_bytes()].concat())
                    .await;
            }
            std::future::pending::<()>().await;
        });
        let client = SocketSigner::new(&path).with_patience(Duration::from_millis(200));
        let fault = try_sign(&client, &pay(1, 1, 0)).await;
        assert!(matches!(fault, Err(SignerFault::Unreachable { .. })), "{name}: {fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_one_client_does_not_disturb_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let _server = serve(&world, &path);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0, 0, 2, b'{', b'}'], &[0, 0]] {
        let mut stream = UnixStream::connect(&path).await.expect("connects");
        stream.write_all(garbage).await.expect("sends");
        stream.shutdown().await.expect("closes");
        let mut answer = Vec::new();
        let _closed = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty());
    }
    sign(&SocketSigner::new(&path), &pay(1, 1, 0)).await.expect("signs");
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_not_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal");
    std::fs::write(&path, "precious").expect("written");
    assert!(matches!(SignerSocket::bind(&path), Err(SocketError::NotASocket { .. })));
    assert_eq!(std::fs::read(&path).expect("read"), b"precious");
}

/// A server compares it with its own, and names it by its socket (case F97).
#[tokio::test(flavor = "multi_thread")]
async fn f97_a_signers_time_comes_over_its_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("signer.sock");
    let world = World::new();
    let _server = serve(&world, &path);
    let client = SocketSigner::new(&path);
    let showed = client.hear_time(Timestamp::default()).await.expect("answers");
    assert_eq!(
        showed.seconds(),
        world.clock.load(Ordering::Relaxed),
        "its own, and not what it heard"
    );
    assert_eq!(client.place(), format!("at {}", path.display()));
}
