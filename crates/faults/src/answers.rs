//! What faults make of answers: one in place of the backend's, or changes to the one it gave.

use crate::body::{Event, Framing, Mark};
use crate::head::Head;
use crate::settings::Fault;
use crate::state::Verdict;

/// Furthest that a wrong range is from the one that was asked for.
const SHIFT: u64 = 64 << 10;

/// An answer that the backend is not asked for, if there is to be one: its status, head and body.
pub fn instead(request: &Head, verdict: &Verdict, keeps: bool) -> Option<(u16, Vec<u8>)> {
    let (status, reason, code, message) = match verdict.fault {
        Some(Fault::SlowDown) => (
            503,
            "Slow Down",
            "SlowDown",
            "Please reduce your request rate.",
        ),
        Some(Fault::Internal) => (
            500,
            "Internal Server Error",
            "InternalError",
            "We encountered an internal error.",
        ),
        Some(Fault::Throttled) => (
            429,
            "Too Many Requests",
            "TooManyRequests",
            "Please reduce your request rate.",
        ),
        Some(Fault::ErrorIn200) => (
            200,
            "OK",
            "InternalError",
            "We encountered an internal error.",
        ),
        _ if asks_for_what_was(request, verdict) => (
            412,
            "Precondition Failed",
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ),
        _ => return None,
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>FAULT</RequestId></Error>"
    );
    let connection = if keeps { "keep-alive" } else { "close" };
    let mut answer = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nx-amz-request-id: FAULT\r\n\
         Connection: {connection}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    if request.method() != "HEAD" {
        answer += &body;
    }
    Some((status, answer.into_bytes()))
}

fn asks_for_what_was(request: &Head, verdict: &Verdict) -> bool {
    match (&verdict.etag, request.get("If-Match")) {
        (Some(now), Some(asked)) => asked != "*" && !asked.split(',').any(|one| one.trim() == now),
        _ => false,
    }
}

/// How an answer ends for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its head says.
    Framed,
    /// As its head says; but the backend has more, so that its connection is of no more use.
    Shortened,
    /// The connection is closed, or reset, at the mark.
    Closed,
    Reset,
    /// The connection is reset before the head.
    Unanswered,
}

/// What is to be done to an answer, beside what was changed in its head.
#[derive(Debug)]
pub struct Change {
    pub mark: Option<Mark>,
    pub end: End,
    /// Zeros that stand before and after the body.
    pub zeros: (u64, u64),
    /// Whether there was anything to do.
    pub done: bool,
}

/// Changes the head of an answer as the fault of its request wants it, and tells what to do to the rest.
pub fn change(
    request: &Head,
    answer: &mut Head,
    framing: &Framing,
    verdict: &mut Verdict,
) -> Change {
    let mut change = Change {
        mark: None,
        end: End::Framed,
        zeros: (0, 0),
        done: false,
    };
    if let Some(etag) = verdict
        .etag
        .as_deref()
        .filter(|_| answer.get("ETag").is_some())
    {
        answer.set("ETag", etag);
    }
    let Some(fault) = verdict.fault else {
        return change;
    };
    // Of a body whose length is not known, only the start is sure to be there.
    let length = framing.length();
    let at = match length {
        Some(0) => None,
        Some(length) => Some(
            verdict
                .at
                .unwrap_or_else(|| verdict.dice.below(length))
                .min(length - 1),
        ),
        None => Some(0),
    };
    let good = matches!(answer.status(), 200 | 206);
    let cut = at.map(|at| Mark {
        at,
        event: Event::Cut,
    });
    match fault {
        Fault::Lost => change.end = End::Unanswered,
        Fault::Reset => {
            change.mark = cut;
            change.end = if cut.is_some() {
                End::Reset
            } else {
                End::Unanswered
            };
        }
        Fault::Truncate if good && cut.is_some() => {
            change.mark = cut;
            change.end = End::Closed;
        }
        Fault::Short if good && cut.is_some() && length.is_some() => {
            answer.set("Content-Length", &at.unwrap_or(0).to_string());
            change.mark = cut;
            change.end = End::Shortened;
        }
        Fault::Flip if good && cut.is_some() && length.is_some() => {
            let event = Event::Flip(verdict.dice.below(8) as u8);
            change.mark = at.map(|at| Mark { at, event });
        }
        Fault::Stall if good && cut.is_some() => {
            let event = Event::Stall(verdict.stall);
            change.mark = at.map(|at| Mark { at, event });
        }
        Fault::FirstByte => verdict.delay += verdict.stall,
        Fault::Range => match answer.content_range() {
            Some((first, last, total)) => {
                let shift = 1 + verdict.dice.below(SHIFT);
                let (first, last) = (first + shift, last + shift);
                answer.set(
                    "Content-Range",
                    &format!("bytes {first}-{last}/{}", total.max(last + 1)),
                );
            }
            None => return change,
        },
        Fault::Whole if request.get("Range").is_some() => {
            match (answer.status(), answer.content_range()) {
                // The backend was not told the range.
                (200, _) => {}
                (206, Some((first, last, total))) => {
                    answer.first = "HTTP/1.1 200 OK".to_owned();
                    answer.remove("Content-Range");
                    answer.set("Content-Length", &total.to_string());
                    change.zeros = (first, total - 1 - last);
                }
                _ => return change,
            }
        }
        Fault::Changed | Fault::ChangedForGood if good && answer.get("ETag").is_some() => {
            answer.set("ETag", &verdict.other_etag());
        }
        _ => return change,
    }
    change.done = true;
    change
}
