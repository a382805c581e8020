//! `readvault-faults`: starts the proxy, says where, and ends when its standard input does, so that a test that dies
//! leaves nothing behind.

use readvault_faults::{Addresses, Settings, start};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

const USAGE: &str = "\
Put delays, bandwidth limits and faults between an HTTP client and a server.

Usage: readvault-faults HOST:PORT [OPTIONS]

  --listen ADDRESS    where clients connect [127.0.0.1:0]
  --control ADDRESS   where settings are changed and statistics are read [127.0.0.1:0]
  --settings JSON     what to do; all settings and their meanings are in src/settings.rs [{}]

Port 0 is any free one. Once it listens it prints {\"proxy\": \"HOST:PORT\", \"control\": \"HOST:PORT\"}, and it ends when
standard input does.
";

struct Options {
    backend: String,
    proxy: SocketAddr,
    control: SocketAddr,
    settings: Settings,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|word| word == "-h" || word == "--help")
    {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(&arguments) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("readvault-faults: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("readvault-faults: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut options = Options {
        backend: String::new(),
        proxy: any,
        control: any,
        settings: Settings::default(),
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let address = |text: &String| text.parse().map_err(|_| format!("{text} is no address"));
        match word.as_str() {
            "--listen" => options.proxy = address(value()?)?,
            "--control" => options.control = address(value()?)?,
            "--settings" => options.settings = options.settings.changed(value()?)?,
            _ if word.starts_with('-') || !options.backend.is_empty() => {
                return Err(format!("what is {word}?"));
            }
            _ => options.backend.clone_from(word),
        }
    }
    if options.backend.is_empty() {
        return Err("no backend is named".to_owned());
    }
    Ok(options)
}

fn run(options: Options) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let started = start(
        &options.backend,
        options.proxy,
        options.control,
        options.settings,
    );
    let Addresses { proxy, control } = runtime.block_on(started)?;
    println!("{{\"proxy\": \"{proxy}\", \"control\": \"{control}\"}}");
    io::stdout().flush()?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    runtime.shutdown_background();
    Ok(())
}
