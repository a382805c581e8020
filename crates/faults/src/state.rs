//! What all connections share: the settings, which requests meet which fault, and what has happened so far.

use crate::dice::Dice;
use crate::head::Head;
use crate::settings::{Fault, Settings};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What one request is to meet.
#[derive(Debug)]
pub struct Verdict {
    pub fault: Option<Fault>,
    pub at: Option<u64>,
    pub delay: Duration,
    pub stall: Duration,
    pub bandwidth: u64,
    /// The ETag that the path has since it was changed for good.
    pub etag: Option<String>,
    pub dice: Dice,
    number: u64,
}

impl Verdict {
    /// An ETag that no object has.
    pub fn other_etag(&self) -> String {
        format!("\"changed-{}\"", self.number)
    }
}

/// A request as the statistics list it.
#[derive(Clone, Debug, Serialize)]
struct Entry {
    method: String,
    path: String,
    range: Option<String>,
    /// None, if no answer was given.
    status: Option<u16>,
    fault: Option<Fault>,
}

/// Counted since the settings were changed last: so each change starts the same run again.
#[derive(Debug, Default)]
struct Run {
    requests: u64,
    faults: u64,
    burst: u64,
    /// Requests that matched each entry of the plan.
    matched: Vec<u64>,
    etags: BTreeMap<String, String>,
}

/// Counted since the start, or since the statistics were cleared.
#[derive(Debug, Default)]
struct Totals {
    requests: u64,
    faults: BTreeMap<Fault, u64>,
    recent: VecDeque<Entry>,
    opened: u64,
    most: u64,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    run: Run,
    totals: Totals,
    connections: u64,
}

#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    /// Bytes of bodies that went to clients.
    pub sent: AtomicU64,
    /// Bytes of bodies that came from clients.
    pub received: AtomicU64,
}

impl Shared {
    pub fn new(settings: Settings) -> Self {
        Self {
            state: Mutex::new(State {
                settings,
                run: Run::default(),
                totals: Totals::default(),
                connections: 0,
            }),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Changes the settings that a JSON object names, and starts a new run.
    pub fn change(&self, json: &str) -> Result<Settings, String> {
        let mut state = self.state();
        state.settings = state.settings.changed(json)?;
        state.run = Run::default();
        Ok(state.settings.clone())
    }

    /// Decides on the next request.
    pub fn decide(&self, request: &Head) -> Verdict {
        let state = &mut *self.state();
        let (settings, run) = (&state.settings, &mut state.run);
        state.totals.requests += 1;
        run.requests += 1;
        let mut dice = Dice::new(settings.seed, run.requests);
        let delay = settings.delay_ms * (1.0 + settings.jitter * (2.0 * dice.fraction() - 1.0));
        let drawn = drawn(settings, run, request, dice.fraction());
        let (mut fault, at) = match planned(settings, run, request) {
            Some((fault, at)) => (Some(fault), at),
            None => (drawn, None),
        };
        if settings.limit.is_some_and(|limit| run.faults >= limit) {
            fault = None;
        }
        run.faults += u64::from(fault.is_some());
        Verdict {
            fault,
            at,
            delay: Duration::from_secs_f64(delay / 1000.0),
            stall: Duration::from_secs_f64(settings.stall_seconds),
            bandwidth: settings.bandwidth,
            etag: run.etags.get(request.path()).cloned(),
            dice,
            number: run.requests,
        }
    }

    /// Gives the path another ETag from now on.
    pub fn change_etag(&self, path: &str, etag: &str) {
        self.state()
            .run
            .etags
            .insert(path.to_owned(), etag.to_owned());
    }

    /// Notes how a request ends; `done` is false for a fault that the answer had no place for.
    pub fn note(&self, request: &Head, verdict: &Verdict, status: Option<u16>, done: bool) {
        let state = &mut *self.state();
        let fault = verdict.fault.filter(|_| done);
        match (verdict.fault, fault) {
            (Some(_), None) => state.run.faults = state.run.faults.saturating_sub(1),
            (_, Some(fault)) => *state.totals.faults.entry(fault).or_default() += 1,
            _ => {}
        }
        let recent = &mut state.totals.recent;
        recent.push_back(Entry {
            method: request.method().to_owned(),
            path: request.target().to_owned(),
            range: request.get("Range").map(str::to_owned),
            status,
            fault,
        });
        while recent.len() > state.settings.keep {
            recent.pop_front();
        }
    }

    /// Counts a connection as long as what is returned lives.
    pub fn connected(&self) -> Connected<'_> {
        let state = &mut *self.state();
        state.connections += 1;
        state.totals.opened += 1;
        state.totals.most = state.totals.most.max(state.connections);
        Connected(self)
    }

    pub fn statistics(&self) -> serde_json::Value {
        let state = self.state();
        serde_json::json!({
            "requests": state.totals.requests,
            "bytes": self.sent.load(Ordering::Relaxed),
            "uploaded": self.received.load(Ordering::Relaxed),
            "faults": state.totals.faults,
            "connections": {
                "now": state.connections,
                "most": state.totals.most,
                "opened": state.totals.opened,
            },
            "recent": state.totals.recent,
        })
    }

    pub fn clear_statistics(&self) {
        let mut state = self.state();
        state.totals = Totals {
            most: state.connections,
            ..Totals::default()
        };
        self.sent.store(0, Ordering::Relaxed);
        self.received.store(0, Ordering::Relaxed);
    }
}

pub struct Connected<'a>(&'a Shared);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.state().connections -= 1;
    }
}

/// The fault that the plan has for this request.
fn planned(settings: &Settings, run: &mut Run, request: &Head) -> Option<(Fault, Option<u64>)> {
    run.matched.resize(settings.plan.len(), 0);
    let mut found = None;
    for (planned, matched) in settings.plan.iter().zip(&mut run.matched) {
        let method =
            planned.method.is_empty() || planned.method.eq_ignore_ascii_case(request.method());
        if method && request.target().contains(&planned.path) {
            *matched += 1;
            if *matched >= planned.nth && *matched - planned.nth < planned.count {
                found = found.or(Some((planned.fault, planned.at)));
            }
        }
    }
    found
}

/// The fault that chance, at least 0 and less than 1, has for this request.
fn drawn(settings: &Settings, run: &mut Run, request: &Head, mut chance: f64) -> Option<Fault> {
    let method = settings
        .methods
        .iter()
        .any(|method| method.eq_ignore_ascii_case(request.method()));
    if !method || !request.target().contains(&settings.path) {
        return None;
    }
    if run.burst > 0 {
        run.burst -= 1;
        return Some(Fault::SlowDown);
    }
    for (&fault, &probability) in &settings.faults {
        if chance < probability {
            if fault == Fault::SlowDown {
                run.burst = settings.burst.saturating_sub(1);
            }
            return Some(fault);
        }
        chance -= probability;
    }
    None
}
