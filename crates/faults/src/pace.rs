//! The bandwidth of one connection: a token bucket that is filled in small slices, so that bytes come evenly and not in
//! one burst per second.

use std::time::Duration;
use tokio::time::Instant;

/// Time that one slice of bytes takes: some ticks of the timer, which counts milliseconds.
const SLICE: Duration = Duration::from_millis(8);
/// Lateness that is made good. Timers wake late on a busy machine, and the rate would fall with the load.
const CATCH_UP: Duration = Duration::from_millis(24);

/// When the next byte may pass.
#[derive(Debug)]
pub struct Pace {
    rate: u64,
    free: Instant,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            rate: 0,
            free: Instant::now(),
        }
    }

    /// Sets the bytes per second; 0 is no limit.
    pub fn limit(&mut self, rate: u64) {
        self.rate = rate;
    }

    /// Bytes to pass at most after one wait.
    pub fn slice(&self) -> usize {
        match self.rate {
            0 => usize::MAX,
            rate => ((rate as f64 * SLICE.as_secs_f64()) as usize).max(1),
        }
    }

    /// Waits as long as a link of this bandwidth takes for so many bytes.
    pub async fn wait(&mut self, bytes: usize) {
        if self.rate == 0 {
            return;
        }
        let now = Instant::now();
        self.free = self.free.max(now - CATCH_UP)
            + Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        tokio::time::sleep_until(self.free).await;
    }
}
