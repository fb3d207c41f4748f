//! REST: what is an answer, what is a failure, and what is never shown.

use super::*;
use crate::endpoint::tests::{Manner, at, bad};
use crate::request::Body;

fn text(response: &Response) -> Result<(u16, String), String> {
    let text =
        response.text().filter(|text| !text.starts_with('<')).ok_or("not a text of this API")?;
    Ok((response.status, text.to_owned()))
}

async fn get(manner: Manner) -> Result<(u16, String), Fault> {
    bad(manner).await.fetch(&Request::get("/tx/ab"), text).await
}

#[tokio::test]
async fn not_found_is_an_answer_of_a_healthy_endpoint() {
    let endpoint = bad(Manner::Says("404 Not Found", "Transaction not found")).await;
    for _ in 0..crate::BREAKER_FAILURES_MAX {
        let said = endpoint.fetch(&Request::get("/tx/ab"), text).await;
        assert_eq!(said, Ok((404, "Transaction not found".to_owned())));
    }
    let reading = endpoint.reading();
    assert_eq!((reading.failures, reading.open), (0, false));
    assert_eq!(get(Manner::Says("400 Bad Request", "no")).await, Ok((400, "no".to_owned())));
}

#[tokio::test]
async fn html_endless_bodies_throttles_and_silence_are_failures() {
    for manner in [
        Manner::Says("200 OK", "<html>busy</html>"),
        Manner::Says("404 Not Found", "<html>nginx</html>"),
        Manner::Says("429 Too Many Requests", "slow down"),
        Manner::Says("502 Bad Gateway", "no"),
        Manner::Says("301 Moved Permanently", ""),
        Manner::Endless,
        Manner::Trickle,
        Manner::Closes,
    ] {
        let endpoint = bad(manner).await;
        let fault = endpoint.fetch(&Request::get("/tx/ab"), text).await.expect_err("a failure");
        let told = format!("{fault} {:?}", endpoint.reading());
        assert!(told.contains("GET /tx/ab") && !told.contains("secret-key"), "{told}");
        assert_eq!(endpoint.reading().failures, 1, "{told}");
    }
}

#[tokio::test]
async fn user_and_password_go_along_and_are_not_shown() {
    let endpoint =
        at(Manner::Echo, |port| format!("http://user:pa%3Ass@127.0.0.1:{port}/base?token=t")).await;
    let (_, head) = endpoint.fetch(&Request::get("/tx/ab?limit=1"), text).await.expect("an answer");
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("get /base/tx/ab?limit=1&token=t http/1.1"), "{head}");
    // user:pa:ss
    assert!(head.contains("authorization: basic dxnlcjpwytpzcw=="), "{head}");
    assert!(!format!("{endpoint:?}{:?}", endpoint.reading()).contains("ss@"));
}

#[tokio::test]
async fn bodies_carry_their_type() {
    let endpoint = at(Manner::Echo, |port| format!("http://127.0.0.1:{port}")).await;
    for (body, kind) in [
        (Body::Text("00ff".to_owned()), "text/plain"),
        (Body::Json(serde_json::json!({ "tx": "00ff" })), "application/json"),
    ] {
        let (_, sent) = endpoint.fetch(&Request::post("/tx", body), text).await.expect("an answer");
        assert!(sent.starts_with("POST /tx HTTP/1.1") && sent.contains(kind), "{sent}");
    }
}

#[tokio::test]
async fn who_disproves_itself_has_failed_and_may_be_set_aside() {
    let endpoint = bad(Manner::Closes).await;
    let fault = endpoint.nonsense("getblock", "another block".to_owned());
    assert!(matches!(fault, Fault::Malformed { .. }));
    assert_eq!((endpoint.reading().failures, endpoint.reading().open), (1, false));
    for _ in 1..crate::OUTVOTED_MAX {
        endpoint.nonsense("getblock", "another block".to_owned());
    }
    assert!(endpoint.reading().quarantined, "again and again");
    let endpoint = bad(Manner::Closes).await;
    endpoint.set_aside("it gave another transaction");
    let reading = endpoint.reading();
    assert!(reading.open && reading.quarantined);
    assert_eq!(reading.last_failure.as_deref(), Some("it gave another transaction"));
}
