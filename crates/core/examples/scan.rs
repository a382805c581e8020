//! Decodes flags, places, mapping qualities and CIGARs of an archive, and nothing else: `scan ARCHIVE` prints how many records
//! there are and what it took, as JSON. For `./run bench speed`.

use std::time::Duration;

use readvault_core::archive::{Input, Progress, core_fields};
use rustix::time::{ClockId, clock_gettime};

struct Silent;

impl Progress for Silent {
    fn update(&self, _: u64, _: Option<u64>) -> bool {
        true
    }
}

fn main() {
    let archive = std::env::args_os().nth(1).expect("scan ARCHIVE");
    let (mut records, mut mapped, mut bases) = (0, 0, 0);
    let done = core_fields(&Input::Path(archive.into()), &Silent, &mut |found| {
        records += found.flags.len();
        mapped += found.flags.iter().filter(|&flags| flags & 4 == 0).count();
        let lengths = found
            .cigars
            .iter()
            .map(|operation| u64::from(operation >> 4));
        bases += lengths.sum::<u64>();
        Ok(())
    });
    done.expect("the archive can be read");
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::new(taken.tv_sec as u64, taken.tv_nsec as u32).as_secs_f64();
    println!(
        "{{\"records\": {records}, \"mapped\": {mapped}, \"cigar_bases\": {bases}, \"cpu_seconds\": {seconds}}}"
    );
}
