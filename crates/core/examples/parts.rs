//! Where the time and the bytes of a BAM file go: `cargo run --release -p readvault-core --features measure --example parts
//! -- [--level LEVEL] [--megabytes N] FILE...` prints a line per part of its records, and per step around them.

use readvault_core::archive::Level;
use readvault_core::measure;

fn main() {
    let (mut level, mut most, mut files) = (Level::Default, u64::MAX, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("an option has a value");
        match argument.as_str() {
            "--level" => level = Level::from_name(&value()).expect("fast, default or max"),
            "--megabytes" => most = value().parse::<u64>().expect("a number") * 1_000_000,
            _ => files.push(argument),
        }
    }
    for file in files {
        let sums = measure::file(file.as_ref(), level, most).expect("the file can be measured");
        println!("{file}: {} bytes, {} records", sums.source, sums.records);
        println!(
            "{:14} {:>10} {:>11} {:>11} {:>11} {:>11}",
            "", "bytes", "encode us", "decode us", "encode MB/s", "decode MB/s"
        );
        let records = sums.records.max(1) as f64;
        let rate = |seconds: f64| sums.source as f64 / 1e6 / seconds;
        let (mut bytes, mut encode, mut decode) = (0, 0.0, 0.0);
        for step in &sums.steps {
            let per_record = |seconds: f64| seconds * 1e6 / records;
            println!(
                "{:14} {:>10} {:>11.3} {:>11.3} {:>11.2} {:>11.2}",
                step.name,
                step.stored,
                per_record(step.encode),
                per_record(step.decode),
                rate(step.encode),
                rate(step.decode)
            );
            bytes += step.stored;
            encode += step.encode;
            decode += step.decode;
        }
        println!(
            "all            {bytes:>10} {:>11.3} {:>11.3} {:>11.2} {:>11.2}   both {:.2} MB/s",
            encode * 1e6 / records,
            decode * 1e6 / records,
            rate(encode),
            rate(decode),
            rate(encode + decode)
        );
    }
}
