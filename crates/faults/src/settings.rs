//! What the proxy is to do: one JSON object, the same on the command line and over the control port. What each setting means
//! is written here and nowhere else.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What can go wrong with a request. Faults that an answer has no place for (another range where none was asked, a
/// changed byte of no bytes) are not done, and not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is reset (RST) within the body; before the answer where that has none.
    Reset,
    /// The connection is closed after fewer bytes than Content-Length said.
    Truncate,
    /// Fewer bytes, and a Content-Length that agrees with them.
    Short,
    /// One bit of the body is another.
    Flip,
    /// Within the body nothing comes for `stall_seconds`, then the rest.
    Stall,
    /// Nothing comes for `stall_seconds`, then the answer.
    FirstByte,
    /// 503 SlowDown, for `burst` requests in a row.
    SlowDown,
    /// 500 InternalError.
    Internal,
    /// 429 TooManyRequests.
    Throttled,
    /// 200 with an error in its body, as S3 answers CompleteMultipartUpload and CopyObject.
    #[serde(rename = "error_in_200")]
    ErrorIn200,
    /// 206 whose Content-Range names another range than was asked for.
    Range,
    /// 200 with the whole object instead of 206. If the signature covers Range, the backend cannot be asked for the
    /// rest: zeros stand for it then.
    Whole,
    /// Another ETag in this answer.
    Changed,
    /// Another ETag in this answer and all later ones of the path; 412 for who asks for any other with If-Match.
    ChangedForGood,
    /// The backend did what was asked, but the connection is reset before the answer.
    Lost,
}

/// A fault for certain requests.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    pub fault: Fault,
    /// The first request that meets it, counted from 1 among those that match.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many in a row meet it.
    #[serde(default = "one")]
    pub count: u64,
    /// Requests match whose target (path and query) contains this,
    #[serde(default)]
    pub path: String,
    /// and whose method is this; any, if empty.
    #[serde(default)]
    pub method: String,
    /// Where in the body; anywhere, if not given.
    #[serde(default)]
    pub at: Option<u64>,
}

fn one() -> u64 {
    1
}

/// All settings. A new proxy passes everything on as fast as it can.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seed of everything random.
    pub seed: u64,
    /// Milliseconds from the end of a request to the first byte of its answer, at least.
    pub delay_ms: f64,
    /// The delay of each request is up to this fraction shorter or longer.
    pub jitter: f64,
    /// Bytes per second that each connection passes, either way; 0 is no limit.
    pub bandwidth: u64,
    /// Probability of each fault, for a request
    pub faults: BTreeMap<Fault, f64>,
    /// of these methods,
    pub methods: Vec<String>,
    /// whose target contains this.
    pub path: String,
    /// Faults for certain requests. They go before those by chance, and `methods` and `path` are nothing to them.
    pub plan: Vec<Planned>,
    /// So many faults are done at most, planned ones included.
    pub limit: Option<u64>,
    /// Seconds of a stall.
    pub stall_seconds: f64,
    /// Requests in a row that are told to slow down.
    pub burst: u64,
    /// So many of the last requests are listed in the statistics.
    pub keep: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            delay_ms: 0.0,
            jitter: 0.0,
            bandwidth: 0,
            faults: BTreeMap::new(),
            methods: vec!["GET".to_owned()],
            path: String::new(),
            plan: Vec::new(),
            limit: None,
            stall_seconds: 5.0,
            burst: 1,
            keep: 1000,
        }
    }
}

impl Settings {
    /// These settings with those changed that a JSON object names.
    pub fn changed(&self, json: &str) -> Result<Self, String> {
        let named: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let Value::Object(named) = named else {
            return Err("settings are a JSON object".to_owned());
        };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in named {
            all[name] = value;
        }
        let settings: Self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        settings.checked()
    }

    fn checked(self) -> Result<Self, String> {
        let fractions = self
            .faults
            .values()
            .all(|&chance| (0.0..=1.0).contains(&chance));
        if !fractions || self.faults.values().sum::<f64>() > 1.0 {
            return Err("faults: probabilities are from 0 to 1, and so is their sum".to_owned());
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err("jitter is a fraction from 0 to 1".to_owned());
        }
        // A day: longer ones are slips, and overflow where durations are added.
        if !(0.0..=86_400.0).contains(&self.stall_seconds)
            || !(0.0..=86_400_000.0).contains(&self.delay_ms)
        {
            return Err("delay_ms and stall_seconds are from 0 to a day".to_owned());
        }
        if self.plan.iter().any(|planned| planned.nth == 0) {
            return Err("plan: requests are counted from 1".to_owned());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_changes() {
        let first = Settings::default()
            .changed(r#"{"delay_ms": 30, "faults": {"slow_down": 0.1}}"#)
            .unwrap();
        let then = first.changed(r#"{"faults": {"reset": 0.5}}"#).unwrap();
        assert_eq!(then.delay_ms, 30.0);
        assert_eq!(then.faults, BTreeMap::from([(Fault::Reset, 0.5)]));
    }

    #[test]
    fn slips_are_refused() {
        for slip in [
            r#"{"delay": 30}"#,
            r#"{"faults": {"rest": 0.1}}"#,
            r#"{"faults": {"reset": 0.6, "flip": 0.6}}"#,
            r#"{"plan": [{"fault": "reset", "nth": 0}]}"#,
            r#"{"plan": [{"nth": 1}]}"#,
            r#"{"stall_seconds": 1e9}"#,
            "[]",
        ] {
            assert!(Settings::default().changed(slip).is_err(), "{slip}");
        }
    }
}
