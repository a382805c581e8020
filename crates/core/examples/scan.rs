//! Decodes flags, places, mapping qualities and CIGARs of an archive, and nothing else: `scan ARCHIVE` prints how many records
//! there are and what it took, as JSON. For `./run bench speed`.

use std::time::Duration;

use readvault_core::archive::{Archive, Query};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let archive = std::env::args_os().nth(1).expect("scan ARCHIVE");
    let (mut records, mut mapped, mut bases) = (0, 0, 0);
    let archive =
        Archive::open(std::path::Path::new(&archive), None).expect("the archive can be read");
    let pass = archive.core_fields(&Query::default(), 1);
    for found in pass.expect("the archive can be read") {
        let found = found.expect("the archive can be read");
        records += found.flags.len();
        mapped += found.flags.iter().filter(|&flags| flags & 4 == 0).count();
        let lengths = found
            .cigars
            .iter()
            .map(|operation| u64::from(operation >> 4));
        bases += lengths.sum::<u64>();
    }
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::new(taken.tv_sec as u64, taken.tv_nsec as u32).as_secs_f64();
    println!(
        "{{\"records\": {records}, \"mapped\": {mapped}, \"cigar_bases\": {bases}, \"cpu_seconds\": {seconds}}}"
    );
}
