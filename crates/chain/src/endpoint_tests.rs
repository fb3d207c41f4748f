//! Endpoints that misbehave, as small servers on the loopback interface.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
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
    /// Answers batches of so many calls at most, and refuses a larger one with this status and
    /// body.
    TakesAtMost(usize, &'static str, &'static str),
    /// Answers whoever says who they are.
    WantsAgent,
}

fn all(urls: &[String]) -> Result<Vec<Endpoint>, EndpointError> {
    let timer: Arc<dyn Timer> = Arc::new(crate::TokioTimer::default());
    Endpoint::all(urls, SHORT, &timer)
}

pub(crate) async fn bad(manner: Manner) -> Endpoint {
    at(manner, |port| format!("http://127.0.0.1:{port}/v2/secret-key")).await
}

pub(crate) async fn at(manner: Manner, url: impl Fn(u16) -> String) -> Endpoint {
    on(Ipv4Addr::LOCALHOST.into(), manner, url).await
}

async fn on(address: IpAddr, manner: Manner, url: impl Fn(u16) -> String) -> Endpoint {
    let listener = TcpListener::bind((address, 0)).await.expect("a port");
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
    let head = |length: usize, status: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
    };
    let _ = match manner {
        Manner::Says(status, body) => {
            socket.write_all(format!("{}{body}", head(body.len(), status)).as_bytes()).await
        }
        Manner::Echo => {
            let _ = socket.write_all(head(length, "200 OK").as_bytes()).await;
            socket.write_all(&request[..length]).await
        }
        Manner::Closes => Ok(()),
        Manner::TakesAtMost(most, status, refusal) => {
            let answer = taken(&request[..length], most)
                .unwrap_or_else(|| (status.to_owned(), refusal.to_owned()));
            socket
                .write_all(format!("{}{}", head(answer.1.len(), &answer.0), answer.1).as_bytes())
                .await
        }
        Manner::WantsAgent => {
            let text = String::from_utf8_lossy(&request[..length]).to_ascii_lowercase();
            let said = format!("user-agent: {}", crate::USER_AGENT);
            let (status, body) =
                if text.contains(&said) { ("200 OK", ONE) } else { ("403 Forbidden", "") };
            socket.write_all(format!("{}{body}", head(body.len(), status)).as_bytes()).await
        }
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

/// Each call's own number, where they are not too many.
fn taken(request: &[u8], most: usize) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(request);
    let (_, body) = text.split_once("\r\n\r\n")?;
    let calls: Value = serde_json::from_str(body).ok()?;
    let answer =
        |call: &Value| json!({ "jsonrpc": "2.0", "id": call["id"], "result": call["params"][0] });
    let answers = match &calls {
        Value::Array(many) if many.len() > most => return None,
        Value::Array(many) => many.iter().map(answer).collect(),
        one => answer(one),
    };
    Some(("200 OK".to_owned(), answers.to_string()))
}

/// An endpoint that takes few calls in one request is asked by so few, and all are answered in
/// their order.
#[tokio::test]
async fn an_endpoint_is_asked_by_as_many_as_it_takes() {
    let nobody = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches are not allowed"}}"#;
    let each = r#"[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"at most 3"}}]"#;
    for (most, status, refusal) in [
        (3, "200 OK", nobody),
        (3, "200 OK", each),
        (1, "200 OK", nobody),
        (1, "403 Forbidden", ""),
        (3, "413 x", ""),
    ] {
        let endpoint = bad(Manner::TakesAtMost(most, status, refusal)).await;
        let calls: Vec<Call> =
            (0..24).map(|number| Call::new("eth_call", json!([number]))).collect();
        for _ in 0..2 {
            let answers = endpoint.batch(&calls).await.expect("answered");
            assert!(
                answers.iter().enumerate().all(|(number, answer)| *answer == Ok(json!(number))),
                "{answers:?}"
            );
        }
        assert_eq!(endpoint.batch_size.most(), most, "and that is remembered");
        assert!(
            !endpoint.reading().open && endpoint.reading().failures == 0,
            "it is no failure of the endpoint"
        );
    }
}

/// One that answers nonsense to whatever it is asked is not asked in ever smaller parts, and larger
/// ones stay allowed.
#[tokio::test]
async fn nonsense_is_no_refusal_of_a_batch() {
    let endpoint = bad(Manner::Says("200 OK", r#"{"jsonrpc":"2.0","id":99,"result":"0x1"}"#)).await;
    let calls: Vec<Call> = (0..24).map(|number| Call::new("eth_call", json!([number]))).collect();
    assert!(endpoint.batch(&calls).await.is_err());
    assert_eq!(
        (endpoint.batch_size.most(), endpoint.reading().failures),
        (crate::BATCH_CALLS_MAX, 1)
    );
}

#[tokio::test]
async fn an_endpoint_is_told_who_asks() {
    assert_eq!(ask(Manner::WantsAgent).await, Ok(json!("0x1")));
}

/// The date of the last answer, whatever else it says, until the endpoint is set aside; a cache's
/// is of another time.
#[tokio::test]
async fn f97_a_servers_date_is_known_and_grows_by_the_time_since() {
    let date = |more: &'static str| Manner::Says(more, "{}");
    let endpoint = bad(date("503 Busy\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT")).await;
    assert_eq!(endpoint.dated(), None, "it was not asked yet");
    assert!(endpoint.ask::<Value>(Call::new("eth_chainId", json!([]))).await.is_err());
    let dated = endpoint.dated().expect("a date");
    assert!(dated.is_here && dated.host == "127.0.0.1", "{dated:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let later = endpoint.dated().expect("a date");
    assert!(later.time > dated.time && later.age > dated.age, "{later:?}");
    assert_eq!(
        later.time.micros() - 784_111_777_000_000,
        i64::try_from(later.age.as_micros()).expect("short")
    );
    endpoint.set_aside("it serves chain 1");
    assert_eq!(endpoint.dated(), None, "it was caught at a lie");
    for said in
        ["200 OK", "200 OK\r\ndate: now", "200 OK\r\nage: 7\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT"]
    {
        let endpoint = bad(date(said)).await;
        let _of_no_form = endpoint.ask::<Value>(Call::new("eth_chainId", json!([]))).await;
        assert_eq!(endpoint.dated(), None, "{said}");
    }
}

/// A node of this machine has its clock, whatever the name it is reached by. Where there is no
/// network, the loopback address is tried again.
#[tokio::test]
async fn f97_an_endpoint_at_an_address_of_this_machine_shows_this_machines_clock() {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a port");
    // Nothing is sent: the system only says from where it would be.
    let own = socket
        .connect("198.51.100.1:9")
        .and_then(|()| socket.local_addr())
        .map_or(Ipv4Addr::LOCALHOST.into(), |own| own.ip());
    let says = Manner::Says("503 Busy\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT", "{}");
    let endpoint = on(own, says, |port| format!("http://{own}:{port}")).await;
    let _busy = endpoint.ask::<Value>(Call::new("eth_chainId", json!([]))).await;
    let dated = endpoint.dated().expect("a date");
    assert!(dated.is_here && dated.address == own, "{dated:?}");
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
    let refusal = Manner::Says(
        "400 Bad Request",
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#,
    );
    assert!(
        matches!(ask(refusal).await, Err(Fault::Refused { text, .. }) if text == "no (-32602)")
    );
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
    let urls = [
        "https://u:pass@rpc.example.org/v2/key",
        "https://rpc.example.org/v2/other?key=1",
        "http://127.0.0.1:8545",
    ];
    let endpoints = all(&urls.map(str::to_owned)).expect("endpoints");
    let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name().as_str()).collect();
    assert_eq!(names, ["rpc.example.org:443", "rpc.example.org:443#2", "127.0.0.1:8545"]);
    assert!(!format!("{endpoints:?}").contains("key"));
    assert_eq!(
        all(&["ftp://x".to_owned()]).expect_err("not http"),
        EndpointError::Url { position: 1 }
    );
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
