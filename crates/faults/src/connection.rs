//! One connection of a client: request after request goes to the backend, and the answers come back as the faults want.

use crate::answers::{self, Change, End};
use crate::backend::{Answered, Backend};
use crate::body::{Framing, pass};
use crate::head::Head;
use crate::pace::Pace;
use crate::peer::{Buffer, LAST_WORDS, Peer};
use crate::settings::Fault;
use crate::state::{Shared, Verdict};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, sleep_until, timeout};

/// Serves connections until the runtime ends.
pub async fn serve(listener: TcpListener, backend: SocketAddr, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(run(socket, backend, Arc::clone(&shared)));
            }
            // Out of file descriptors, most likely: some come back.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn run(socket: TcpStream, address: SocketAddr, shared: Arc<Shared>) {
    let _counted = shared.connected();
    let Ok(client) = Peer::new(socket) else {
        return;
    };
    let mut connection = Connection {
        client,
        backend: Backend::new(address),
        shared: &shared,
        pace: Pace::new(),
    };
    loop {
        match connection.exchange().await {
            Ok(After::Next) => {}
            Ok(After::Close) | Err(_) => return connection.close().await,
            Ok(After::Reset) => {
                // Closing resets from now on. If it fails, the client has gone.
                let _ = connection.client.socket.set_zero_linger();
                return;
            }
        }
    }
}

/// What comes after an exchange.
enum After {
    Next,
    Close,
    Reset,
}

struct Connection<'a> {
    client: Peer,
    backend: Backend,
    shared: &'a Shared,
    pace: Pace,
}

impl Connection<'_> {
    async fn exchange(&mut self) -> io::Result<After> {
        let Some(raw) = self.client.buffer.head(&mut self.client.socket).await? else {
            return Ok(After::Close);
        };
        let request = Head::parse(&raw)?;
        let mut framing = request.request_framing()?;
        let mut verdict = self.shared.decide(&request);
        self.pace.limit(verdict.bandwidth);
        let waits = request.get("Expect").is_some();
        // Who waits for a word before the body does not send it after an error.
        let keeps = request.keeps() && !waits;
        if let Some((status, answer)) = answers::instead(&request, &verdict, keeps) {
            if !waits {
                self.skip(&mut framing).await?;
            }
            sleep(verdict.delay).await;
            self.shared.note(&request, &verdict, Some(status), true);
            self.client.socket.write_all(&answer).await?;
            return Ok(if keeps { After::Next } else { After::Close });
        }
        if waits {
            self.client
                .socket
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        let mut head = request.clone();
        head.remove("Expect");
        if verdict.fault == Some(Fault::Whole) && !request.signs("Range") {
            head.remove("Range");
        }
        if verdict.etag.is_some() && !request.signs("If-Match") {
            head.remove("If-Match");
        }
        let count = |bytes| {
            self.shared.received.fetch_add(bytes as u64, Relaxed);
        };
        let asked = self
            .backend
            .ask(&head, &mut self.client, framing, &mut self.pace, count);
        match asked.await {
            Ok(answered) => self.answer(&request, &mut verdict, answered).await,
            Err(error) => {
                self.shared.note(&request, &verdict, Some(502), false);
                let message = format!(
                    "readvault-faults: the backend at {}: {error}\n",
                    self.backend.address
                );
                let head = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length";
                let answer = format!("{head}: {}\r\n\r\n{message}", message.len());
                self.client.socket.write_all(answer.as_bytes()).await?;
                Ok(After::Close)
            }
        }
    }

    /// Reads a body that nobody wants.
    async fn skip(&mut self, framing: &mut Framing) -> io::Result<()> {
        let Peer { socket, buffer } = &mut self.client;
        pass(
            socket,
            buffer,
            framing,
            &mut tokio::io::sink(),
            &mut self.pace,
            None,
            |_| {},
        )
        .await
    }

    /// Gives the backend's answer to the client.
    async fn answer(
        &mut self,
        request: &Head,
        verdict: &mut Verdict,
        answered: Answered,
    ) -> io::Result<After> {
        let Answered {
            head: mut answer,
            mut peer,
            asked_all,
            asked,
        } = answered;
        let mut framing = answer.answer_framing(request.method())?;
        let Change {
            mark,
            end,
            zeros,
            done,
        } = answers::change(request, &mut answer, &framing, verdict);
        if done && verdict.fault == Some(Fault::ChangedForGood) {
            self.shared
                .change_etag(request.path(), &verdict.other_etag());
        }
        sleep_until(asked + verdict.delay).await;
        let status = Some(answer.status()).filter(|_| end != End::Unanswered);
        self.shared.note(request, verdict, status, done);
        if end == End::Unanswered {
            return Ok(After::Reset);
        }
        self.client.socket.write_all(&answer.bytes()).await?;
        self.zeros(zeros.0).await?;
        let Peer { socket, buffer } = &mut peer;
        let count = |bytes| {
            self.shared.sent.fetch_add(bytes as u64, Relaxed);
        };
        pass(
            socket,
            buffer,
            &mut framing,
            &mut self.client.socket,
            &mut self.pace,
            mark,
            count,
        )
        .await?;
        self.zeros(zeros.1).await?;
        match end {
            End::Reset | End::Unanswered => return Ok(After::Reset),
            End::Closed => return Ok(After::Close),
            End::Framed if answer.keeps() && framing.ended() && asked_all => {
                self.backend.keep(peer)
            }
            End::Framed | End::Shortened => {}
        }
        let ends = matches!(framing, Framing::UntilClose) || !asked_all;
        Ok(if request.keeps() && answer.keeps() && !ends {
            After::Next
        } else {
            After::Close
        })
    }

    async fn zeros(&mut self, count: u64) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let sent = |bytes| {
            self.shared.sent.fetch_add(bytes as u64, Relaxed);
        };
        let (mut from, mut buffer, mut framing) =
            (tokio::io::repeat(0), Buffer::new(), Framing::Length(count));
        pass(
            &mut from,
            &mut buffer,
            &mut framing,
            &mut self.client.socket,
            &mut self.pace,
            None,
            sent,
        )
        .await
    }

    /// Closes cleanly: bytes that came and were not read would reset the connection, and take the answer with them.
    async fn close(mut self) {
        if self.client.socket.shutdown().await.is_ok() {
            let Peer { socket, buffer } = &mut self.client;
            let (mut rest, mut nowhere) = (Framing::UntilClose, tokio::io::sink());
            let mut pace = Pace::new();
            let _ = timeout(
                LAST_WORDS,
                pass(
                    socket,
                    buffer,
                    &mut rest,
                    &mut nowhere,
                    &mut pace,
                    None,
                    |_| {},
                ),
            )
            .await;
        }
    }
}
