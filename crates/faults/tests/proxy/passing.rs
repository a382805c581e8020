//! What passes unharmed, how fast, by which chances, and what is known of it afterwards.

use crate::common::{Client, End, LENGTH, Proxy, Server, field, object};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const RANGE: &str = "Range: bytes=0-99\r\n";

#[test]
fn everything_passes_and_the_host_stays() {
    let server = Server::start();
    let proxy = Proxy::start(&server, "{}");
    let mut client = proxy.client();
    assert!(client.get("/b/k", "").body == object());
    assert_eq!(client.ask("HEAD", "/b/k", "", b"").status, 200);
    let body = object();
    assert_eq!(
        client
            .ask("PUT", "/b/k?x=1", "X-Kept: As It Is\r\n", &body)
            .status,
        201
    );
    assert!(*server.put.lock().unwrap() == body);
    let heads = server.heads.lock().unwrap();
    assert!(heads[2].starts_with("PUT /b/k?x=1 HTTP/1.1\r\nhost: signed.example:9\r\n"));
    assert!(heads[2].contains("X-Kept: As It Is\r\n"));
}

#[test]
fn chunks_pass_and_the_connection_goes_on() {
    let server = Server::start();
    let proxy = Proxy::start(&server, "{}");
    let mut client = proxy.client();
    client
        .0
        .write_all(b"GET /chunked HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let wanted = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let mut got = vec![0; wanted.len()];
    client.0.read_exact(&mut got).unwrap();
    assert_eq!(got, wanted);
    assert_eq!(client.get("/b/k", RANGE).body, object()[..100]);
}

#[test]
fn who_expects_100_is_told_to_continue() {
    let server = Server::start();
    let proxy = Proxy::start(&server, "{}");
    let mut client = proxy.client();
    let head = b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    client.0.write_all(head).unwrap();
    let mut word = [0; 25];
    client.0.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.0.write_all(b"abc").unwrap();
    let mut status = [0; 12];
    client.0.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 201");
    assert_eq!(*server.put.lock().unwrap(), b"abc");
}

#[test]
fn a_missing_backend_is_named() {
    let mut server = Server::start();
    // A port that nobody listens on: taken and left.
    server.address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::start(&server, "{}");
    assert_eq!(proxy.client().get("/b/k", "").status, 502);
}

#[test]
fn the_first_byte_is_delayed_and_the_rest_is_paced() {
    let server = Server::start();
    let proxy = Proxy::start(&server, r#"{"delay_ms": 100, "bandwidth": 10000000}"#);
    let start = Instant::now();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let mut client = proxy.client();
            thread::spawn(move || {
                let answer = client.get("/b/k", "Range: bytes=0-3999999\r\n");
                assert_eq!((answer.body.len(), answer.end), (4_000_000, End::Whole));
            })
        })
        .collect();
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
    let took = start.elapsed();
    // 0.1 s and 0.4 s each, all at once; more only on a machine that is very busy.
    assert!(
        took > Duration::from_millis(470) && took < Duration::from_millis(1500),
        "{took:?}"
    );
}

#[test]
fn chances_repeat_with_the_seed() {
    let server = Server::start();
    let settings = r#"{"seed": 5, "faults": {"slow_down": 0.1, "internal": 0.1, "truncate": 0.1}}"#;
    let proxy = Proxy::start(&server, settings);
    let run = || -> Vec<(u16, usize)> {
        let mut client = proxy.client();
        let answers = (0..200).map(|_| {
            let answer = client.get("/b/k", RANGE);
            if answer.end != End::Whole {
                client = proxy.client();
            }
            (answer.status, answer.body.len())
        });
        answers.collect()
    };
    let first = run();
    let met = first.iter().filter(|&&answer| answer != (206, 100)).count();
    assert!((35..=85).contains(&met), "{met} of 200 met a fault");
    proxy.control("POST", "/_faults", "{}");
    assert_eq!(run(), first);
    proxy.control("POST", "/_faults", r#"{"seed": 6}"#);
    assert_ne!(run(), first);
}

#[test]
fn bursts_and_limits_are_kept() {
    let server = Server::start();
    let proxy = Proxy::start(
        &server,
        r#"{"faults": {"slow_down": 0.2}, "burst": 3, "limit": 9, "methods": ["GET"]}"#,
    );
    let mut client = proxy.client();
    let slow: Vec<bool> = (0..100)
        .map(|_| client.get("/b/k", RANGE).status == 503)
        .collect();
    let runs: Vec<usize> = slow
        .split(|&slow| !slow)
        .map(<[bool]>::len)
        .filter(|&length| length > 0)
        .collect();
    assert_eq!(runs.iter().sum::<usize>(), 9);
    assert!(runs.iter().all(|length| length % 3 == 0), "{runs:?}");
    assert_eq!(proxy.done("slow_down"), 9);
}

#[test]
fn other_methods_and_paths_meet_no_chance() {
    let server = Server::start();
    let proxy = Proxy::start(&server, r#"{"faults": {"internal": 1}, "path": "/b/"}"#);
    let mut client = proxy.client();
    assert_eq!(client.get("/b/k", RANGE).status, 500);
    assert_eq!(client.get("/c/k", RANGE).status, 206);
    assert_eq!(client.ask("PUT", "/b/k", "", b"x").status, 201);
    proxy.control("POST", "/_faults", r#"{"methods": ["PUT"]}"#);
    assert_eq!(client.ask("PUT", "/b/k", "", b"x").status, 500);
    // Its body was read, and is not taken for the next request.
    assert_eq!(client.get("/b/k", RANGE).status, 206);
}

#[test]
fn statistics_tell_what_passed() {
    let server = Server::start();
    let proxy = Proxy::start(
        &server,
        r#"{"keep": 2, "plan": [{"fault": "internal", "nth": 3}]}"#,
    );
    let mut client = proxy.client();
    client.get("/b/k", "");
    client.ask("PUT", "/b/k", "", b"abc");
    client.get("/b/k?a", RANGE);
    let stats = proxy.control("GET", "/_stats", "");
    assert_eq!(
        (stats["requests"].as_u64(), stats["bytes"].as_u64()),
        (Some(3), Some(LENGTH as u64))
    );
    assert_eq!(stats["uploaded"].as_u64(), Some(3));
    assert_eq!(
        stats["connections"],
        serde_json::json!({"now": 1, "most": 1, "opened": 1})
    );
    assert_eq!(
        stats["recent"],
        serde_json::json!([
            {"method": "PUT", "path": "/b/k", "range": null, "status": 201, "fault": null},
            {"method": "GET", "path": "/b/k?a", "range": "bytes=0-99", "status": 500, "fault": "internal"},
        ])
    );
    proxy.control("DELETE", "/_stats", "");
    assert_eq!(
        proxy.control("GET", "/_stats", "")["requests"].as_u64(),
        Some(0)
    );
}

#[test]
fn wrong_settings_are_refused_and_change_nothing() {
    let server = Server::start();
    let proxy = Proxy::start(&server, r#"{"delay_ms": 1}"#);
    let answer =
        Client::new(proxy.addresses.control).ask("POST", "/_faults", "", br#"{"delay": 2}"#);
    assert_eq!(answer.status, 400);
    assert!(
        field(&answer.head, "content-type")
            .unwrap()
            .contains("json")
    );
    assert_eq!(proxy.control("GET", "/_faults", "")["delay_ms"], 1.0);
}

#[test]
fn an_answer_before_the_body_was_read_passes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = Server::start();
    server.address = listener.local_addr().unwrap();
    let refusing = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        socket.read_exact(&mut [0; 10]).unwrap();
        socket
            .write_all(b"HTTP/1.1 412 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        // It is not closed before the client has its answer: that would reset it.
        socket
    });
    let proxy = Proxy::start(&server, "{}");
    let answer = proxy.client().ask("PUT", "/b/k", "", &object());
    assert_eq!((answer.status, answer.end), (412, End::Whole));
    refusing.join().unwrap();
}
