//! HTTP/1.1 at its barest, so that the load generator leaves the processor to the server: a request
//! is bytes made beforehand, an answer is its status.

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A connection that is kept open.
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

/// A `POST` with a JSON body, ready to be sent to `host` (`127.0.0.1:5000`).
///
/// # Errors
/// When the body is not expressible in JSON.
pub fn post(host: &str, path: &str, token: &str, body: &impl Serialize) -> Result<Vec<u8>> {
    let body = serde_json::to_string(body)?;
    let length = body.len();
    Ok(format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nPrefer: wait=0\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes())
}

impl Connection {
    /// # Errors
    /// When nobody listens there.
    pub async fn open(host: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(host).await.with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true).context("a TCP socket can send at once")?;
        Ok(Self { stream: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    /// Sends a request and reads the whole answer; returns its status, and its body until the next
    /// exchange.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is not one of plain HTTP/1.1 with a length.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await.context("the connection broke")?;
        let status =
            self.read_line().await?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.context("the answer does not start with a status")?;
        let length = self.read_headers().await?;
        ensure!(
            length <= BODY_BYTES_MAX,
            "the answer has {length} bytes, allowed: {BODY_BYTES_MAX}"
        );
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await.context("the answer broke off")?;
        Ok((status, &self.body))
    }

    async fn read_headers(&mut self) -> Result<usize> {
        let mut length = 0;
        loop {
            let line = self.read_line().await?;
            if line.is_empty() {
                return Ok(length);
            }
            let (name, value) = line.split_once(':').context("a header without a colon")?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().context("Content-Length is no number")?;
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("the answer is chunked; expected one with a Content-Length");
            }
        }
    }

    async fn read_line(&mut self) -> Result<&str> {
        self.line.clear();
        let read = self.stream.read_line(&mut self.line).await.context("the connection broke")?;
        ensure!(read > 0, "the server closed the connection");
        Ok(self.line.trim_end())
    }
}
