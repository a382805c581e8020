//! `readvault-generate`: writes a synthetic BAM file.

use readvault_generate::bgzf::{Cut, Deflater};
use readvault_generate::profile::{HISEQ, NOVASEQ};
use readvault_generate::{Amount, Options, generate};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

const USAGE: &str = "\
Write a synthetic, coordinate-sorted BAM file that costs about as much as a real run's.

Usage: readvault-generate novaseq|hiseq (--records N | --size BYTES) [OPTIONS]

  --records N       make N records
  --size BYTES      make a file of about this size (K, M and G are understood: 2G)
  --seed S          seed of everything [1]
  --depth D         depth of coverage [80 for novaseq, 53 for hiseq]
  --encoder NAME    zlib-1 to zlib-9, libdeflate-1 to libdeflate-12, libdeflate-1.7-6,
                    isal-0 to isal-2, gkl, stored [zlib-6]
  --cut WRITER      end blocks where htslib or htsjdk would [htslib; htsjdk for gkl]
  --threads N       threads to use [all]
  -o, --output BAM  file to write [standard output]

One seed gives the same bytes on every machine and for every number of threads.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|word| word == "-h" || word == "--help")
    {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let (options, output) = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(problem) => {
            eprintln!("readvault-generate: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options, output.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "readvault-generate: {}: {error}",
                output.as_deref().unwrap_or("-")
            );
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, output: Option<&str>) -> io::Result<()> {
    let out: Box<dyn Write> = match output {
        Some(path) if path != "-" => Box::new(File::create(path)?),
        _ if io::stdout().is_terminal() => {
            return Err(io::Error::other("a BAM file is not for a terminal; use -o"));
        }
        _ => Box::new(io::stdout().lock()),
    };
    generate(options, BufWriter::with_capacity(1 << 20, out))?;
    Ok(())
}

/// Options and output of the command line.
fn parse(arguments: &[String]) -> Result<(Options, Option<String>), String> {
    let mut words = arguments.iter();
    let profile = match words.next().map(String::as_str) {
        Some("novaseq") => &NOVASEQ,
        Some("hiseq") => &HISEQ,
        other => {
            return Err(format!(
                "say novaseq or hiseq, not {:?}",
                other.unwrap_or("")
            ));
        }
    };
    let (mut amount, mut seed, mut depth, mut cut, mut output) = (None, 1, None, None, None);
    let mut encoder = "zlib-6".to_string();
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        let bad = || format!("{word} does not take {value:?}");
        match word.as_str() {
            "--records" => amount = Some(Amount::Records(value.parse().map_err(|_| bad())?)),
            "--size" => amount = Some(Amount::Bytes(bytes(value).ok_or_else(bad)?)),
            "--seed" => seed = value.parse().map_err(|_| bad())?,
            "--depth" => depth = Some(value.parse().map_err(|_| bad())?),
            "--encoder" => encoder = value.clone(),
            "--cut" if value == "htslib" => cut = Some(Cut::Htslib),
            "--cut" if value == "htsjdk" => cut = Some(Cut::Htsjdk),
            "--cut" => return Err(bad()),
            "--threads" => threads = value.parse().map_err(|_| bad())?,
            "-o" | "--output" => output = Some(value.clone()),
            _ => return Err(format!("{word} is not an option")),
        }
    }
    let deflater = Deflater::named(&encoder).ok_or_else(|| format!("no encoder {encoder:?}"))?;
    let usual = if encoder == "gkl" {
        Cut::Htsjdk
    } else {
        Cut::Htslib
    };
    let amount = amount.ok_or("say how much: --records or --size")?;
    let cut = cut.unwrap_or(usual);
    Ok((
        Options {
            profile,
            amount,
            seed,
            depth,
            deflater,
            cut,
            threads,
        },
        output,
    ))
}

/// A number of bytes such as 500000, 20M or 2G.
fn bytes(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()? {
        b'K' | b'k' => 10,
        b'M' | b'm' => 20,
        b'G' | b'g' => 30,
        _ => 0,
    };
    let digits = if shift > 0 {
        &text[..text.len() - 1]
    } else {
        text
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}
