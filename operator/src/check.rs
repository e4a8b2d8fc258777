//! Asking a running operator whether it is ready, from an image that has no shell.

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// For an answer; the test is tried again by who started it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Succeeds when `url` (`http://host:port/path`) answers 200.
///
/// # Errors
/// Says what it answers instead, or why it does not.
pub async fn check(url: &str) -> anyhow::Result<()> {
    match tokio::time::timeout(TIMEOUT, get(url)).await {
        Ok(result) => result.with_context(|| format!("{url} is not ready")),
        Err(_) => bail!("{url} does not answer within {TIMEOUT:?}"),
    }
}

async fn get(url: &str) -> anyhow::Result<()> {
    let url: http::Uri = url.parse().context("not an address like http://host:8080/readyz")?;
    let authority = url.authority().context("the address has no host")?;
    let addr = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(&addr).await.with_context(|| format!("cannot connect to {addr}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request =
        http::Request::get(url.path()).header("host", authority.as_str()).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let code = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    println!("{code}: {}", String::from_utf8_lossy(&text).trim());
    if code == http::StatusCode::OK { Ok(()) } else { bail!("it answers {code}") }
}
