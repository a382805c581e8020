//! Each fault, as a client sees it that believes everything.

use crate::common::{Answer, End, LENGTH, Proxy, Server, field, object};
use std::time::{Duration, Instant};

const RANGE: &str = "Range: bytes=1000000-8999999\r\n";
const SIGNED: &str =
    "Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;range, Signature=c\r\n";

fn wanted() -> Vec<u8> {
    object()[1_000_000..9_000_000].to_vec()
}

/// The answer to the one range that meets the fault, after one that does not; and the proxy.
fn meet(fault: &str, more: &str) -> (Answer, Proxy) {
    let server = Server::start();
    let settings =
        format!(r#"{{"plan": [{{"fault": "{fault}", "nth": 2, "path": "/b/k" {more}}}]}}"#);
    let proxy = Proxy::start(&server, &settings);
    let mut client = proxy.client();
    let first = client.get("/b/k", RANGE);
    assert_eq!((first.status, first.body == wanted()), (206, true));
    let second = client.get("/b/k", RANGE);
    assert_eq!(proxy.done(fault), 1);
    (second, proxy)
}

#[test]
fn a_reset_comes_within_the_body() {
    let (answer, _) = meet("reset", r#", "at": 4000000"#);
    assert_eq!((answer.status, answer.end), (206, End::Reset));
    assert!(wanted().starts_with(&answer.body) && answer.body.len() <= 4_000_000);
}

#[test]
fn a_truncated_body_ends_cleanly_and_early() {
    let (answer, _) = meet("truncate", r#", "at": 4000000"#);
    assert_eq!((answer.status, answer.end), (206, End::Closed));
    assert_eq!(field(&answer.head, "content-length").unwrap(), "8000000");
    assert!(answer.body == wanted()[..4_000_000]);
}

#[test]
fn a_place_that_is_not_given_is_anywhere() {
    let (answer, _) = meet("truncate", "");
    assert!(answer.body.len() < 8_000_000 && wanted().starts_with(&answer.body));
}

#[test]
fn a_short_body_lies_about_its_length() {
    let (answer, _) = meet("short", r#", "at": 4000000"#);
    assert_eq!((answer.status, answer.end), (206, End::Whole));
    assert!(answer.body == wanted()[..4_000_000]);
    assert_eq!(
        field(&answer.head, "content-range").unwrap(),
        format!("bytes 1000000-8999999/{LENGTH}")
    );
}

#[test]
fn the_connection_goes_on_after_a_short_body() {
    let server = Server::start();
    let proxy = Proxy::start(&server, r#"{"plan": [{"fault": "short"}]}"#);
    let mut client = proxy.client();
    assert!(client.get("/b/k", RANGE).body.len() < 8_000_000);
    assert!(client.get("/b/k", RANGE).body == wanted());
}

#[test]
fn one_bit_is_another() {
    let (answer, _) = meet("flip", r#", "at": 7999999"#);
    let (body, wanted) = (answer.body, wanted());
    assert!(body[..7_999_999] == wanted[..7_999_999]);
    assert_eq!((body[7_999_999] ^ wanted[7_999_999]).count_ones(), 1);
}

#[test]
fn a_stalled_body_goes_on_later() {
    let server = Server::start();
    let settings = r#"{"stall_seconds": 0.3, "plan": [{"fault": "stall"}, {"fault": "first_byte", "nth": 2}]}"#;
    let proxy = Proxy::start(&server, settings);
    let mut client = proxy.client();
    for _ in 0..2 {
        let start = Instant::now();
        assert!(client.get("/b/k", RANGE).body == wanted());
        assert!(start.elapsed() > Duration::from_millis(300));
    }
    assert_eq!((proxy.done("stall"), proxy.done("first_byte")), (1, 1));
}

#[test]
fn errors_are_answered_as_s3_does() {
    for (fault, status, code) in [
        ("slow_down", 503, "SlowDown"),
        ("internal", 500, "InternalError"),
        ("throttled", 429, "TooManyRequests"),
        ("error_in_200", 200, "InternalError"),
    ] {
        let (answer, _) = meet(fault, "");
        assert_eq!((answer.status, answer.end), (status, End::Whole));
        assert!(
            String::from_utf8(answer.body)
                .unwrap()
                .contains(&format!("<Code>{code}</Code>"))
        );
    }
}

#[test]
fn another_range_is_named() {
    let (answer, _) = meet("range", "");
    assert_eq!((answer.status, answer.body.len()), (206, 8_000_000));
    assert_ne!(
        field(&answer.head, "content-range").unwrap(),
        format!("bytes 1000000-8999999/{LENGTH}")
    );
}

#[test]
fn the_whole_object_comes_for_a_range() {
    let (answer, _) = meet("whole", "");
    assert_eq!(
        (answer.status, field(&answer.head, "content-range")),
        (200, None)
    );
    assert!(answer.body == object());
}

#[test]
fn a_signed_range_comes_among_zeros() {
    let server = Server::start();
    let proxy = Proxy::start(&server, r#"{"plan": [{"fault": "whole"}]}"#);
    let answer = proxy.client().get("/b/k", &format!("{RANGE}{SIGNED}"));
    assert_eq!(
        (answer.status, answer.end, answer.body.len()),
        (200, End::Whole, LENGTH)
    );
    assert!(answer.body[1_000_000..9_000_000] == wanted());
    assert!(server.heads.lock().unwrap()[0].contains(RANGE));
}

#[test]
fn an_object_changes_once_or_for_good() {
    let (answer, proxy) = meet("changed", "");
    assert_ne!(field(&answer.head, "etag").unwrap(), "\"one\"");
    assert_eq!(
        field(&proxy.client().get("/b/k", RANGE).head, "etag").unwrap(),
        "\"one\""
    );

    let (answer, proxy) = meet("changed_for_good", "");
    let etag = field(&answer.head, "etag").unwrap();
    assert_ne!(etag, "\"one\"");
    let mut client = proxy.client();
    assert_eq!(
        field(&client.ask("HEAD", "/b/k", "", b"").head, "etag").unwrap(),
        etag
    );
    assert_eq!(
        client
            .get("/b/k", &format!("{RANGE}If-Match: \"one\"\r\n"))
            .status,
        412
    );
    assert_eq!(
        client
            .get("/b/k", &format!("{RANGE}If-Match: {etag}\r\n"))
            .status,
        206
    );
    assert_eq!(
        field(&client.get("/other", RANGE).head, "etag").unwrap(),
        "\"one\""
    );
}

#[test]
fn a_lost_answer_was_done() {
    let server = Server::start();
    let proxy = Proxy::start(&server, r#"{"plan": [{"fault": "lost", "method": "PUT"}]}"#);
    let answer = proxy.client().ask("PUT", "/b/k", "", b"kept");
    assert_eq!((answer.head.as_str(), answer.end), ("", End::Reset));
    assert_eq!(*server.put.lock().unwrap(), b"kept");
}

#[test]
fn what_has_no_place_is_not_done() {
    let server = Server::start();
    let proxy = Proxy::start(
        &server,
        r#"{"limit": 1, "plan": [{"fault": "range"}, {"fault": "flip", "nth": 2}]}"#,
    );
    let mut client = proxy.client();
    assert!(client.get("/b/k", "").body == object());
    assert_eq!(proxy.done("range"), 0);
    assert!(client.get("/b/k", "").body != object());
    assert_eq!(proxy.done("flip"), 1);
}
