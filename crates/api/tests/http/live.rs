//! `/api/live` over a real socket.

use std::time::Duration;

use adit_api::serve;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::world::World;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn listen(world: &World) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(
        listener,
        world.state.clone(),
        world.router.clone(),
        std::future::pending(),
    ));
    format!("ws://{address}/api/live")
}

async fn connect(url: &str, headers: &[(&'static str, String)]) -> Result<Socket, Error> {
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        let message =
            tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("in time");
        match message.expect("still open").expect("a message") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Close(frame) => {
                return json!({ "closed": frame.map(|frame| frame.reason.to_string()) });
            }
            _other => {}
        }
    }
}

#[tokio::test]
async fn events_come_in_order_and_resume_where_one_was() {
    let world = World::new().await;
    let (ada, bruno) = (world.player("ada", 0).await, world.player("bruno", 0).await);
    let url = listen(&world).await;
    let bearer = [("authorization", format!("Bearer {}", ada.token))];
    let mut socket = connect(&url, &bearer).await.expect("connected");
    let ready = next(&mut socket).await;
    assert_eq!(
        (&ready["type"], &ready["seq"]),
        (&json!("ready"), &json!(3)),
        "user, wallet and key came before"
    );
    world.credit(&bruno.id, "xp", "XP", "9").await;
    world.credit(&ada.id, "main", "ETH", "5").await;
    let ask = json!({ "asset": "ETH", "amount": "2", "destination": ada.wallet.address.to_checksum(None), "book": "main" });
    let made = world.post("/api/withdrawals", &ada.token, &ask).await;
    let (credited, requested) = (next(&mut socket).await, next(&mut socket).await);
    assert_eq!(
        (&credited["seq"], &credited["event"], &credited["amount"]),
        (&json!(4), &json!("credited"), &json!("5"))
    );
    assert_eq!(
        (&requested["seq"], &requested["event"], &requested["status"]),
        (&json!(5), &json!("requested"), &json!("pending"))
    );
    assert_eq!(requested["withdrawalId"], made.body["id"]);
    drop(socket);

    let mut again = connect(&format!("{url}?after=3"), &bearer).await.expect("connected");
    assert_eq!(next(&mut again).await["type"], "ready");
    assert_eq!(
        (next(&mut again).await["seq"].clone(), next(&mut again).await["seq"].clone()),
        (json!(4), json!(5))
    );
    let mut future = connect(&format!("{url}?after=99"), &bearer).await.expect("connected");
    assert_eq!(next(&mut future).await["code"], "INVALID_QUERY");
}

#[tokio::test]
async fn a_token_comes_in_a_protocol_or_in_the_first_message() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let url = listen(&world).await;
    let protocols = [("sec-websocket-protocol", format!("adit, bearer.{}", ada.token))];
    let mut by_protocol = connect(&url, &protocols).await.expect("connected");
    assert_eq!(next(&mut by_protocol).await["type"], "ready");

    let mut by_message = connect(&url, &[]).await.expect("connected");
    by_message
        .send(Message::text(json!({ "type": "auth", "token": ada.token, "after": 0 }).to_string()))
        .await
        .expect("sent");
    assert_eq!(next(&mut by_message).await["type"], "ready");
    assert_eq!(next(&mut by_message).await["event"], "user_changed");

    let mut wrong = connect(&url, &[]).await.expect("connected");
    wrong.send(Message::text(json!({ "token": "adit_wrong" }).to_string())).await.expect("sent");
    assert_eq!(next(&mut wrong).await["code"], "UNAUTHENTICATED");
    assert_eq!(next(&mut wrong).await["closed"], "UNAUTHENTICATED");
    let refused = connect(&url, &[("authorization", "Bearer adit_wrong".to_owned())]).await;
    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 401));
    let in_address = connect(&format!("{url}?token={}", ada.token), &[]).await;
    assert!(
        matches!(in_address, Err(Error::Http(response)) if response.status() == 422),
        "addresses are logged; tokens do not stand there"
    );
}

#[tokio::test]
async fn a_user_has_so_many_connections_and_no_more() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let url = listen(&world).await;
    let bearer = [("authorization", format!("Bearer {}", ada.token))];
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(connect(&url, &bearer).await.expect("connected"));
    }
    let refused = connect(&url, &bearer).await;
    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 503));
}

#[tokio::test]
async fn a_stop_ends_waits_and_connections() {
    let world = World::new().await;
    let ada = world.player("ada", 5_000).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopping = async { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(serve(listener, world.state.clone(), world.router.clone(), stopping));
    let bearer = [("authorization", format!("Bearer {}", ada.token))];
    let mut socket =
        connect(&format!("ws://{address}/api/live"), &bearer).await.expect("connected");
    assert_eq!(next(&mut socket).await["type"], "ready");
    let claim = crate::world::as_json(&world.claim(&ada, "5000", |_| {}).await).to_string();
    let waiting = world.call_with(
        "POST",
        "/api/token/withdraw",
        &ada.token,
        Some(claim),
        &[("prefer", "wait=60")],
    );
    let stop = async {
        while next(&mut socket).await["event"] != "approved" {}
        stop.send(()).expect("still running");
        next(&mut socket).await
    };
    let (answer, closed) = tokio::join!(waiting, stop);
    assert_eq!((answer.status.as_u16(), &answer.body["pending"]), (202, &json!(true)));
    assert!(closed["closed"].as_str().is_some_and(|reason| reason.contains("stops")), "{closed}");
    drop(socket);
    tokio::time::timeout(Duration::from_secs(10), server)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("no fault");
}

/// Abuse +30: what a revoked key opened ends by itself.
#[tokio::test]
async fn p30_a_socket_ends_with_its_key() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let url = listen(&world).await;
    let mut socket = connect(&url, &[("authorization", format!("Bearer {}", ada.token))])
        .await
        .expect("connected");
    assert_eq!(next(&mut socket).await["type"], "ready");
    let keys = world.get("/api/admin/api-keys?userId=ada", &world.admin).await.body;
    let path = format!("/api/admin/api-keys/{}", keys["items"][0]["id"].as_str().expect("an id"));
    assert_eq!(world.call("DELETE", &path, &world.admin, None).await.status, 200);
    // The revocation is an event of the user, which may be shown before.
    let mut said = next(&mut socket).await;
    if said["event"] == "credential_revoked" {
        said = next(&mut socket).await;
    }
    assert_eq!(said["code"], "UNAUTHENTICATED");
    assert_eq!(next(&mut socket).await, json!({ "closed": "UNAUTHENTICATED" }));
}

/// The same where nothing wakes the socket: a key that another server revoked.
#[tokio::test]
async fn p30_a_socket_ends_within_a_minute_of_a_revocation_elsewhere() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let url = listen(&world).await;
    let mut socket = connect(&url, &[("authorization", format!("Bearer {}", ada.token))])
        .await
        .expect("connected");
    assert_eq!(next(&mut socket).await["type"], "ready");
    let key =
        world.get("/api/admin/api-keys?userId=ada", &world.admin).await.body["items"][0]["id"]
            .clone();
    let id: adit_core::CredentialId = key.as_str().expect("an id").parse().expect("an id");
    // As a commit of another process: no event of this one, no call of its API.
    let keys = adit_core::Keys { credentials: [id].into(), ..adit_core::Keys::default() };
    let mut group =
        adit_store::Store::load(&world.store, &keys, crate::world::now()).await.expect("loads");
    let mut view = group.take_view();
    view.apply(vec![adit_core::Change::Revoked { credential: id, at: crate::world::now() }]);
    group
        .commit(adit_core::GroupId(uuid::Uuid::from_u128(77)), view.into_batch())
        .await
        .expect("commits");
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str::<Value>(&text).expect("JSON");
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => panic!("it ended without a word"),
            }
        }
    });
    assert_eq!(ended.await.expect("within a minute")["code"], "UNAUTHENTICATED");
}
