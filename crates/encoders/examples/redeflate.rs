//! Measures how fast BGZF blocks are inflated, made again and proved.
//!
//!     cargo run --release -p readvault-encoders --example redeflate -- [--megabytes N] FILE.bam...
//!
//! Speeds are MB of BAM (compressed bytes) per CPU second. *library* is the proof of a block by
//! zlib or libdeflate themselves, *proof* the one that compressing does, *made* what restoring
//! does. A file's blocks by its most frequent encoder count.

use readvault_encoders::{Encoder, Encoders, Inflater};
use std::process::ExitCode;
use std::time::Instant;

#[path = "../tests/common/mod.rs"]
mod common;

/// Times each step is measured; the quickest counts, as it was disturbed least.
const ROUNDS: usize = 3;
/// Least seconds of one measurement: small files are gone through again and again.
const LEAST_SECONDS: f64 = 0.2;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let mut limit = usize::MAX;
    if arguments.peek().is_some_and(|first| first == "--megabytes") {
        arguments.next();
        let Some(megabytes) = arguments.next().and_then(|n| n.parse::<usize>().ok()) else {
            eprintln!("--megabytes needs a number");
            return ExitCode::from(2);
        };
        limit = megabytes * 1_000_000;
    }
    println!("| file | encoder | blocks | inflate | library | proof | made |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for path in arguments {
        match std::fs::read(&path) {
            Ok(file) => measure(&path, &file[..file.len().min(limit)]),
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(1);
            }
        }
    }
    ExitCode::SUCCESS
}

/// CPU seconds of this thread where Linux tells them, else seconds on the clock.
fn seconds(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let first = told.as_deref().and_then(|told| told.split(' ').next());
    match first.and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()) {
        Some(nanoseconds) => nanoseconds / 1e9,
        None => start.elapsed().as_secs_f64(),
    }
}

/// Seconds of a step in the quickest of some rounds.
fn time(mut step: impl FnMut()) -> f64 {
    let clock = Instant::now();
    let rounds = (0..ROUNDS).map(|_| {
        let start = seconds(clock);
        for steps in 1.. {
            step();
            let spent = seconds(clock) - start;
            if spent >= LEAST_SECONDS {
                return spent / f64::from(steps);
            }
        }
        f64::INFINITY
    });
    rounds.fold(f64::INFINITY, f64::min)
}

fn measure(path: &str, file: &[u8]) {
    let mut inflater = Inflater::new();
    let mut encoders = Encoders::new();
    let mut counts = vec![0usize; 256];
    let mut blocks = Vec::new();
    let mut likely: Vec<Encoder> = Vec::new();
    for block in common::blocks(file) {
        let mut content = vec![0; block.length];
        if content.is_empty() || !inflater.inflate_exact(block.deflate, &mut content) {
            continue;
        }
        let Some(encoder) = encoders.identify(&content, block.deflate, &likely) else {
            continue;
        };
        if !likely.contains(&encoder) {
            likely.push(encoder);
        }
        counts[usize::from(encoder.number())] += 1;
        blocks.push((encoder, block.deflate, content));
    }
    let most = (0u8..=255).max_by_key(|&number| counts[usize::from(number)]);
    let Some(encoder) = most.and_then(Encoder::from_number) else {
        println!("| {path} | none | 0 | | | | |");
        return;
    };
    blocks.retain(|block| block.0 == encoder);
    let bytes: usize = blocks.iter().map(|block| block.1.len()).sum();
    let mut out = Vec::new();
    let inflate = time(|| {
        for (_, deflate, content) in &blocks {
            out.resize(content.len(), 0);
            assert!(inflater.inflate_exact(deflate, &mut out));
        }
    });
    let mut library = Encoders::by_library();
    let by_library = time(|| {
        for (encoder, deflate, content) in &blocks {
            assert!(library.makes(*encoder, content, deflate));
        }
    });
    let proof = time(|| {
        for (encoder, deflate, content) in &blocks {
            assert!(encoders.makes(*encoder, content, deflate));
        }
    });
    let own = time(|| {
        for (encoder, deflate, content) in &blocks {
            assert!(encoders.deflate(*encoder, content, &mut out) && out == *deflate);
        }
    });
    let speed = |seconds: f64| bytes as f64 / 1e6 / seconds;
    let name = path.rsplit('/').next().unwrap_or(path);
    println!(
        "| {name} | {} | {} | {:.0} | {:.1} | {:.1} | {:.1} |",
        encoder.name(),
        blocks.len(),
        speed(inflate),
        speed(by_library),
        speed(proof),
        speed(own)
    );
}
