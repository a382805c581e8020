//! `redeflate FILE.bam`: how long the bare re-deflation of a BGZF file takes on one thread.
//!
//! Every tool that gives such a file back bit for bit must run its encoder over the content
//! once; `bench/restore.py` compares the exact restore with this floor. Blocks are read and
//! inflated untimed, then deflated by the encoder that the first blocks were made by (each
//! other encoder that occurs is found as it comes). Prints one line of JSON.

use readvault_encoders::{Encoder, Encoders, Inflater};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::process::ExitCode;
use std::time::Instant;

/// Blocks that are held at a time: some 70 MB of content.
const HELD: usize = 1024;
/// Most content of a block.
const MOST: usize = 65_536;
/// Bytes of a BGZF block before its DEFLATE data.
const HEAD: usize = 18;
/// And after it.
const TAIL: usize = 8;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: redeflate FILE.bam");
        return ExitCode::from(2);
    };
    match File::open(&path).and_then(|file| measure(BufReader::new(file))) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("redeflate: {}: {error}", path.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

/// Reads, inflates and deflates the whole file; the result as JSON.
fn measure(mut file: impl Read) -> io::Result<String> {
    let (mut encoders, mut inflater) = (Encoders::new(), Inflater::new());
    let mut likely: Vec<Encoder> = Vec::new();
    let (mut blocks, mut identical, mut bytes, mut content_bytes) = (0u64, 0u64, 0u64, 0u64);
    let (mut wall, mut cpu) = (0.0, 0.0);
    let mut out = Vec::new();
    loop {
        let mut held: Vec<(Vec<u8>, Vec<u8>, Option<Encoder>)> = Vec::new();
        while held.len() < HELD {
            let Some(data) = read_block(&mut file)? else {
                break;
            };
            let mut content = Vec::new();
            inflater
                .inflate(&data, &mut content, MOST)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            // The last one that fitted is nearly always right; asking costs a deflate, untimed.
            let encoder = encoders.identify(&content, &data, &likely);
            if let Some(encoder) = encoder.filter(|encoder| !likely.contains(encoder)) {
                likely.push(encoder);
            }
            held.push((data, content, encoder));
        }
        if held.is_empty() {
            break;
        }
        let (start, start_cpu) = (Instant::now(), cpu_seconds());
        for (data, content, encoder) in &held {
            if let Some(encoder) = *encoder {
                identical +=
                    u64::from(encoders.deflate(encoder, content, &mut out) && out == *data);
            }
        }
        wall += start.elapsed().as_secs_f64();
        cpu += cpu_seconds() - start_cpu;
        blocks += held.len() as u64;
        bytes += held
            .iter()
            .map(|(data, ..)| (data.len() + HEAD + TAIL) as u64)
            .sum::<u64>();
        content_bytes += held
            .iter()
            .map(|(_, content, _)| content.len() as u64)
            .sum::<u64>();
    }
    let encoder = likely
        .first()
        .map_or("unknown".to_string(), |encoder| encoder.name());
    Ok(format!(
        "{{\"encoder\": \"{encoder}\", \"blocks\": {blocks}, \"identical\": {identical}, \
         \"bytes\": {bytes}, \"content_bytes\": {content_bytes}, \
         \"wall_seconds\": {wall:.4}, \"cpu_seconds\": {:.4}}}",
        if cpu > 0.0 { cpu } else { wall }
    ))
}

/// The DEFLATE bytes of the next block; `None` at the end of the file.
fn read_block(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0u8; HEAD];
    match file.read(&mut head[..1])? {
        0 => return Ok(None),
        _ => file.read_exact(&mut head[1..])?,
    }
    let size = usize::from(u16::from_le_bytes([head[16], head[17]])) + 1;
    let usual = head[..4] == [31, 139, 8, 4] && head[10..16] == [6, 0, b'B', b'C', 2, 0];
    let Some(length) = size.checked_sub(HEAD + TAIL).filter(|_| usual) else {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "not a plain BGZF block",
        ));
    };
    let mut data = vec![0; length + TAIL];
    file.read_exact(&mut data)?;
    data.truncate(length);
    Ok(Some(data))
}

/// CPU time of this thread where the system tells it (Linux), else 0.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
