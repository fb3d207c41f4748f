//! What every place of a third witness keeps to, and what an object store may do that a file does
//! not (case F91).

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_devnet::object_store::{BUCKET, Behaviour, KEY_ID, ObjectStore, REGION, SECRET};
use adit_engine::{AnchoredClock, ThirdWitness};
use futures::future::join_all;
use tempfile::TempDir;

use super::file::FileWitness;
use super::object::{ObjectWitness, Proof};
use crate::config::{Hidden, WitnessObject};
use crate::world::SystemClock;

const KEY: &str = "adit/witness";
/// So that a store that says nothing costs a test little.
const REQUEST_MAX: Duration = Duration::from_millis(300);
/// More than the largest of both places takes.
const HUGE_BYTES: usize = 1024 * 1024 + 1;

/// Where a witness is kept.
enum Place {
    File(TempDir),
    Object(ObjectStore),
}

impl Place {
    async fn all() -> [Self; 2] {
        [
            Self::File(tempfile::tempdir().expect("a directory")),
            Self::Object(ObjectStore::start().await.expect("a port")),
        ]
    }

    /// What one process has of it.
    fn witness(&self) -> Arc<dyn ThirdWitness> {
        match self {
            Self::File(directory) => {
                Arc::new(FileWitness::new(&directory.path().join("adit.witness")))
            }
            Self::Object(store) => Arc::new(object(store)),
        }
    }

    /// Puts something there past the witness.
    fn place(&self, content: Option<&[u8]>) {
        match (self, content) {
            (Self::File(directory), Some(content)) => {
                fs::write(directory.path().join("adit.witness"), content).expect("written")
            }
            (Self::File(directory), None) => {
                fs::remove_file(directory.path().join("adit.witness")).expect("removed")
            }
            (Self::Object(store), content) => store.place(KEY, content),
        }
    }

    fn content(&self) -> Option<Vec<u8>> {
        match self {
            Self::File(directory) => fs::read(directory.path().join("adit.witness")).ok(),
            Self::Object(store) => store.object(KEY),
        }
    }

    /// The volume is not mounted any more, or nobody answers there.
    fn once_it_is_gone(self) -> Arc<dyn ThirdWitness> {
        let witness = self.witness();
        drop(self);
        witness
    }
}

fn configured(store: &ObjectStore, secret: &str) -> WitnessObject {
    WitnessObject {
        endpoint: store.url().parse().expect("a URL"),
        bucket: BUCKET.to_owned(),
        key: KEY.to_owned(),
        region: REGION.to_owned(),
        path_style: true,
        key_id: Hidden::new(KEY_ID),
        secret: Hidden::new(secret),
    }
}

fn opened(store: &ObjectStore, secret: &str) -> ObjectWitness {
    let clock = AnchoredClock::accepted(Arc::new(SystemClock));
    ObjectWitness::within(&configured(store, secret), clock, REQUEST_MAX).expect("a client")
}

fn object(store: &ObjectStore) -> ObjectWitness {
    opened(store, SECRET)
}

async fn proved() -> (ObjectStore, ObjectWitness) {
    let store = ObjectStore::start().await.expect("a port");
    let witness = object(&store);
    assert_eq!(witness.prove().await, Ok(Proof::Keeps));
    assert_eq!(witness.write(None, "first").await, Ok(true));
    (store, witness)
}

#[tokio::test]
async fn f91_a_write_names_what_it_read() {
    for place in Place::all().await {
        let (one, other) = (place.witness(), place.witness());
        assert_eq!(one.read().await, Ok(None));
        assert_eq!(one.write(None, "first").await, Ok(true));
        assert_eq!(other.write(None, "second").await, Ok(false), "it is not empty any more");
        assert_eq!(other.write(Some("first"), "second").await, Ok(true));
        assert_eq!(
            one.write(Some("first"), "third").await,
            Ok(false),
            "another process changed it"
        );
        assert_eq!(one.read().await, Ok(Some("second".to_owned())));
        place.place(None);
        assert_eq!(one.write(Some("second"), "third").await, Ok(false), "it is not there any more");
        assert_eq!(one.read().await, Ok(None));
    }
}

/// A crash left a part of the next one beside the file.
#[tokio::test]
async fn f91_what_a_crash_left_beside_a_file_does_no_harm() {
    let directory = tempfile::tempdir().expect("a directory");
    let witness = FileWitness::new(&directory.path().join("adit.witness"));
    fs::write(directory.path().join("adit.witness.new"), "a longer part of another")
        .expect("written");
    assert_eq!(witness.write(None, "first").await, Ok(true));
    assert_eq!(witness.read().await, Ok(Some("first".to_owned())));
}

/// Everybody adds one to a number that all share, and signs it: two never write the same text, as
/// two leases never do.
#[tokio::test(flavor = "multi_thread")]
async fn f91_of_many_writers_one_at_a_time_wins() {
    const WRITERS: usize = 6;
    const EACH: usize = 4;
    for place in Place::all().await {
        let number_of = |text: &str| -> usize {
            text.split(' ').next().expect("a part").parse().expect("a number")
        };
        let writers = (0..WRITERS).map(|writer| {
            let witness = place.witness();
            tokio::spawn(async move {
                let mut added = 0;
                while added < EACH {
                    let was = witness.read().await.expect("a read");
                    let number: usize = was.as_deref().map_or(0, number_of);
                    // Where all writes of one conflict with others' it says so, and tries again.
                    let written =
                        witness.write(was.as_deref(), &format!("{} by {writer}", number + 1)).await;
                    added += usize::from(written == Ok(true));
                }
            })
        });
        for written in join_all(writers).await {
            written.expect("no writer panics");
        }
        let text = String::from_utf8(place.content().expect("written")).expect("text");
        assert_eq!(number_of(&text), WRITERS * EACH, "{text}");
    }
}

#[tokio::test]
async fn f91_a_place_that_is_gone_is_no_empty_one() {
    for (place, part) in Place::all()
        .await
        .into_iter()
        .zip(["mount its volume", "object \"adit/witness\" in bucket"])
    {
        let gone = place.once_it_is_gone();
        for said in [gone.read().await.map(drop), gone.write(None, "text").await.map(drop)] {
            let said = said.expect_err("it is gone").to_string();
            assert!(said.contains(part) && !said.contains("X-Amz"), "{said}");
        }
    }
}

#[tokio::test]
async fn f91_what_is_not_ours_is_never_written_over() {
    for place in Place::all().await {
        let witness = place.witness();
        for garbage in [&[0xff, 0xfe][..], b"", b"#!/bin/sh\n"] {
            place.place(Some(garbage));
            assert!(witness.read().await.expect("read").is_some(), "it is there all the same");
            assert_eq!(witness.write(None, "text").await, Ok(false));
            assert_eq!(place.content().as_deref(), Some(garbage));
        }
        let huge = vec![b'x'; HUGE_BYTES];
        place.place(Some(&huge));
        let said = witness.read().await.expect_err("it is too large").to_string();
        assert!(said.contains("no witness of ours"), "{said}");
        assert!(witness.write(None, "text").await.is_err());
        assert_eq!(place.content(), Some(huge));
    }
}

/// Each of these would let an old writer overwrite a newer one.
#[tokio::test]
async fn f91_a_store_that_ignores_conditions_is_never_trusted() {
    let cases = [
        (Behaviour::IgnoresConditions, "a write that allowed no object there"),
        (Behaviour::IgnoresVersions, "a write that named another version"),
        (Behaviour::WritesWhatItRefuses, "a write that was answered with 412"),
        (Behaviour::Page(200), "a write that allowed no object there"),
    ];
    for (behaviour, part) in cases {
        let store = ObjectStore::start().await.expect("a port");
        store.place(KEY, Some(b"held"));
        store.behave(behaviour);
        let witness = object(&store);
        let Ok(Proof::Fails(sentence)) = witness.prove().await else {
            panic!("{behaviour:?} is trusted")
        };
        assert!(
            sentence.contains(part) && sentence.contains("use another store, or witness.file"),
            "{sentence}"
        );
        assert!(
            witness.read().await.is_err() && witness.write(Some("held"), "text").await.is_err()
        );
        assert_eq!(
            store.object(KEY).as_deref(),
            Some(&b"held"[..]),
            "{behaviour:?}: the witness itself is not tried"
        );
        // It is asked once, and not with each round of each lane.
        let requests = store.requests();
        assert!(witness.read().await.is_err());
        assert_eq!(store.requests(), requests);
    }
}

/// Servers that start together try the same object.
#[tokio::test(flavor = "multi_thread")]
async fn f91_several_servers_try_a_store_at_once() {
    let store = ObjectStore::start().await.expect("a port");
    let witnesses: Vec<ObjectWitness> = (0..4).map(|_| object(&store)).collect();
    for proof in join_all(witnesses.iter().map(ObjectWitness::prove)).await {
        assert_eq!(proof, Ok(Proof::Keeps));
    }
    assert_eq!(store.object(KEY), None);
}

#[tokio::test]
async fn f91_a_store_that_does_not_answer_at_the_start_is_tried_later() {
    let store = ObjectStore::start().await.expect("a port");
    let witness = object(&store);
    for behaviour in
        [Behaviour::Overloaded, Behaviour::Silent, Behaviour::Page(404), Behaviour::Redirects]
    {
        store.behave(behaviour);
        assert!(witness.prove().await.is_err(), "{behaviour:?}");
        assert!(witness.read().await.is_err(), "{behaviour:?}");
    }
    store.behave(Behaviour::Faithful);
    assert_eq!(witness.read().await, Ok(None));
    assert_eq!(witness.prove().await, Ok(Proof::Keeps));
}

/// Whether it was written is read, and not guessed.
#[tokio::test]
async fn f91_a_lost_answer_is_read_back() {
    let (store, witness) = proved().await;
    let before = store.writes();
    store.behave(Behaviour::LosesAnswers(1));
    assert_eq!(witness.write(Some("first"), "second").await, Ok(true));
    assert_eq!(store.writes(), before + 1, "it is not written twice");
    store.behave(Behaviour::LosesRequests(1));
    assert_eq!(witness.write(Some("second"), "third").await, Ok(true));
    store.behave(Behaviour::Conflicts(2));
    assert_eq!(witness.write(Some("third"), "fourth").await, Ok(true));
    for behaviour in [Behaviour::LosesRequests(9), Behaviour::Conflicts(9)] {
        store.behave(behaviour);
        assert!(witness.write(Some("fourth"), "fifth").await.is_err(), "{behaviour:?}");
        assert_eq!(store.object(KEY).as_deref(), Some(&b"fourth"[..]));
    }
}

/// Another's write arrives between the read and the write.
#[tokio::test]
async fn f91_a_write_that_comes_second_is_refused_by_the_store() {
    let (store, witness) = proved().await;
    store.behave(Behaviour::LosesRequests(1));
    let (written, ()) = tokio::join!(witness.write(Some("first"), "ours"), async {
        tokio::time::sleep(REQUEST_MAX / 2).await;
        store.place(KEY, Some(b"theirs"));
    });
    assert_eq!(written, Ok(false));
    assert_eq!(store.object(KEY).as_deref(), Some(&b"theirs"[..]));
}

#[tokio::test]
async fn f91_whatever_else_answers_is_said_in_words_and_in_time() {
    let cases = [
        (Behaviour::Overloaded, "it answers 503 SlowDown"),
        (Behaviour::Silent, "no full answer in time"),
        (Behaviour::Page(404), "it answers 404; create the bucket"),
        (Behaviour::Huge, "more than 65536 bytes, so it is no witness of ours"),
        (Behaviour::WeakEtag, "it answers with the ETag \"W/"),
        (Behaviour::Redirects, "it answers 307; name the endpoint of the bucket's own region"),
    ];
    let (store, witness) = proved().await;
    for (behaviour, part) in cases {
        store.behave(behaviour);
        let began = Instant::now();
        for said in
            [witness.read().await.map(drop), witness.write(Some("first"), "second").await.map(drop)]
        {
            let said = said.expect_err("nothing that can be used").to_string();
            assert!(said.contains(part), "{behaviour:?}: {said}");
            assert!(
                ![KEY_ID, SECRET, "X-Amz"].iter().any(|secret| said.contains(secret)),
                "{said}"
            );
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{behaviour:?}");
        assert_eq!(store.object(KEY).as_deref(), Some(&b"first"[..]), "{behaviour:?}");
    }
    store.behave(Behaviour::Page(200));
    assert_eq!(
        witness.read().await,
        Ok(Some("<html><body>It works!</body></html>".to_owned())),
        "its lane says what stands there"
    );
    assert_eq!(witness.write(Some("first"), "second").await, Ok(false));
    let huge = "x".repeat(64 * 1024 + 1);
    let said = witness.write(Some("first"), &huge).await.expect_err("it is too large").to_string();
    assert!(said.contains("65537 bytes, and 65536 are allowed"), "{said}");
}

#[tokio::test]
async fn f91_a_wrong_key_is_named_and_not_shown() {
    let store = ObjectStore::start().await.expect("a port");
    let said = opened(&store, "another secret").read().await.expect_err("refused").to_string();
    assert!(
        said.contains("403 SignatureDoesNotMatch") && said.contains("AWS_ACCESS_KEY_ID"),
        "{said}"
    );
    assert!(!said.contains("another secret") && !said.contains("X-Amz"), "{said}");
    let elsewhere = WitnessObject { bucket: "another".to_owned(), ..configured(&store, SECRET) };
    let elsewhere = ObjectWitness::new(&elsewhere, AnchoredClock::accepted(Arc::new(SystemClock)))
        .expect("a client");
    let said = elsewhere.read().await.expect_err("no bucket").to_string();
    assert!(said.contains("404 NoSuchBucket; create the bucket"), "{said}");
}
