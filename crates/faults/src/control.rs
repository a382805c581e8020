//! The control port: settings and statistics as JSON.
//!
//! GET /_faults: the settings. POST /_faults: changes those that the body names, and starts a new run of the seed, the
//! plan and the limit. GET /_stats, DELETE /_stats: what has passed; forget it.

use crate::body::{Framing, pass};
use crate::head::Head;
use crate::pace::Pace;
use crate::peer::Peer;
use crate::state::Shared;
use serde_json::json;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// Answers until the runtime ends.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that leaves early is its own affair.
        tokio::spawn(async move { answer(socket, &shared).await });
    }
}

async fn answer(socket: TcpStream, shared: &Shared) -> io::Result<()> {
    let Peer {
        mut socket,
        mut buffer,
    } = Peer::new(socket)?;
    let Some(raw) = buffer.head(&mut socket).await? else {
        return Ok(());
    };
    let request = Head::parse(&raw)?;
    let mut body = Vec::new();
    let (mut framing, mut pace) = (request.request_framing()?, Pace::new());
    if !matches!(framing, Framing::Chunked(_)) {
        pass(
            &mut socket,
            &mut buffer,
            &mut framing,
            &mut body,
            &mut pace,
            None,
            |_| {},
        )
        .await?;
    }
    let (status, answer) = match (request.method(), request.path()) {
        ("GET", "/_faults") => ("200 OK", json!(shared.settings())),
        ("POST", "/_faults") => match shared.change(&String::from_utf8_lossy(&body)) {
            Ok(settings) => ("200 OK", json!(settings)),
            Err(problem) => ("400 Bad Request", json!({ "error": problem })),
        },
        ("GET", "/_stats") => ("200 OK", shared.statistics()),
        ("DELETE", "/_stats") => {
            shared.clear_statistics();
            ("200 OK", json!({}))
        }
        _ => (
            "404 Not Found",
            json!({ "error": "there are /_faults and /_stats" }),
        ),
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    );
    socket.write_all((head + &answer).as_bytes()).await?;
    socket.shutdown().await
}
