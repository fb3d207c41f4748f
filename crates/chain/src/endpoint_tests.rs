//! Endpoints that misbehave, as small servers on the loopback interface.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SHORT: Duration = Duration::from_millis(400);

/// What a bad endpoint does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Says(&'static str, &'static str),
    /// Answers with the request itself.
    Echo,
    /// Sends bytes of a body without end, as fast as they are taken.
    Endless,
    /// Sends one byte now and then.
    Trickle,
    Closes,
}

fn all(urls: &[String]) -> Result<Vec<Endpoint>, EndpointError> {
    let timer: Arc<dyn Timer> = Arc::new(crate::TokioTimer::default());
    Endpoint::all(urls, SHORT, &timer)
}

pub(crate) async fn bad(manner: Manner) -> Endpoint {
    at(manner, |port| format!("http://127.0.0.1:{port}/v2/secret-key")).await
}

pub(crate) async fn at(manner: Manner, url: impl Fn(u16) -> String) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = url(listener.local_addr().expect("bound").port());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, manner));
        }
    });
    all(&[url]).expect("an endpoint").remove(0)
}

async fn serve(mut socket: TcpStream, manner: Manner) {
    let mut request = [0; 4096];
    let length = socket.read(&mut request).await.unwrap_or(0);
    let head = |length: usize, status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = match manner {
        Manner::Says(status, body) => socket.write_all(format!("{}{body}", head(body.len(), status)).as_bytes()).await,
        Manner::Echo => {
            let _ = socket.write_all(head(length, "200 OK").as_bytes()).await;
            socket.write_all(&request[..length]).await
        }
        Manner::Closes => Ok(()),
        Manner::Endless => {
            let _ = socket.write_all(head(usize::MAX >> 1, "200 OK").as_bytes()).await;
            while socket.write_all(&[b' '; 65_536]).await.is_ok() {}
            Ok(())
        }
        Manner::Trickle => {
            let _ = socket.write_all(head(1_000_000, "200 OK").as_bytes()).await;
            let mut pause = tokio::time::interval(Duration::from_millis(20));
            while socket.write_all(b"{").await.is_ok() {
                pause.tick().await;
            }
            Ok(())
        }
    };
}

async fn ask(manner: Manner) -> Result<Value, Fault> {
    bad(manner).await.ask(Call::new("eth_chainId", json!([]))).await
}

#[tokio::test]
async fn whatever_it_does_ends_as_a_fault() {
    for manner in [
        Manner::Says("200 OK", "<html>busy</html>"),
        Manner::Says("502 Bad Gateway", "<html>busy</html>"),
        Manner::Says("200 OK", r#"{"jsonrpc":"2.0","id":99,"result":"0x1"}"#),
        Manner::Says("200 OK", ""),
        Manner::Endless,
        Manner::Trickle,
        Manner::Closes,
    ] {
        let fault = ask(manner).await.expect_err("a fault");
        assert!(!fault.to_string().contains("secret-key"), "{fault}");
    }
}

#[tokio::test]
async fn a_good_answer_and_a_refusal_are_told_apart() {
    let good = Manner::Says("200 OK", r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#);
    assert_eq!(ask(good).await, Ok(json!("0x1")));
    let refusal = Manner::Says("400 Bad Request", r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#);
    assert!(matches!(ask(refusal).await, Err(Fault::Refused { text, .. }) if text == "no (-32602)"));
}

#[tokio::test]
async fn three_failures_open_its_breaker() {
    let endpoint = bad(Manner::Closes).await;
    for _ in 0..crate::BREAKER_FAILURES_MAX {
        assert!(!endpoint.reading().open);
        let _ = endpoint.ask::<Value>(Call::new("eth_chainId", json!([]))).await;
    }
    assert!(endpoint.reading().open);
}

#[test]
fn names_carry_no_secrets_and_differ() {
    let urls = ["https://u:pass@rpc.example.org/v2/key", "https://rpc.example.org/v2/other?key=1", "http://127.0.0.1:8545"];
    let endpoints = all(&urls.map(str::to_owned)).expect("endpoints");
    let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name().as_str()).collect();
    assert_eq!(names, ["rpc.example.org:443", "rpc.example.org:443#2", "127.0.0.1:8545"]);
    assert!(!format!("{endpoints:?}").contains("key"));
    assert_eq!(all(&["ftp://x".to_owned()]).expect_err("not http"), EndpointError::Url { position: 1 });
}

/// What becomes of one request after the other; after the last one nothing is ever answered.
struct Script(Mutex<VecDeque<Result<&'static str, WireFault>>>);

#[async_trait]
impl Wire for Script {
    async fn exchange(&self, _: &Request) -> Result<Response, WireFault> {
        let next = self.0.lock().expect("nobody panics in here").pop_front();
        match next {
            Some(Ok("")) | None => std::future::pending().await,
            Some(said) => said.map(|body| Response::ok(body.as_bytes().to_vec())),
        }
    }
}

/// All waiting is over at once.
struct Impatient;

impl Timer for Impatient {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

async fn ask_along(script: Vec<Result<&'static str, WireFault>>) -> (Result<Value, Fault>, usize) {
    let name: EndpointName = "scripted:1".parse().expect("a name");
    let wire = Arc::new(Script(Mutex::new(script.into())));
    let endpoint = Endpoint::over(name, Box::new(wire.clone()), Arc::new(Impatient));
    let answer = endpoint.ask(Call::new("eth_chainId", json!([]))).await;
    let left = wire.0.lock().expect("nobody panics in here").len();
    (answer, left)
}

#[async_trait]
impl Wire for Arc<Script> {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        Script::exchange(self, request).await
    }
}

const ONE: &str = r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#;
const SILENCE: &str = "";

#[tokio::test]
async fn a_lost_question_is_put_once_more() {
    let broken = || Err(WireFault::NoAnswer("the connection broke".to_owned()));
    for script in [vec![broken(), Ok(ONE)], vec![Ok(SILENCE), Ok(ONE)]] {
        assert_eq!(ask_along(script).await, (Ok(json!("0x1")), 0));
    }
    let (answer, left) = ask_along(vec![broken(), broken(), Ok(ONE)]).await;
    assert!(matches!(answer, Err(Fault::Unreachable { .. })), "{answer:?}");
    assert_eq!(left, 1, "once, not for ever");
}

#[tokio::test]
async fn what_was_answered_is_not_asked_again() {
    let busy = Err(WireFault::Useless("HTTP status 429".to_owned()));
    let (answer, left) = ask_along(vec![busy, Ok(ONE)]).await;
    assert!(answer.expect_err("too many questions").to_string().contains("429"));
    assert_eq!(left, 1);
}
