//! A server that holds one object, a client that believes everything, and a proxy between them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use readvault_faults::{Addresses, Settings, start};
use tokio::runtime::{Builder, Runtime};

/// The object's length: more than the sockets' buffers hold.
pub const LENGTH: usize = 12 << 20;

/// The object.
pub fn object() -> Vec<u8> {
    (0..LENGTH as u32)
        .map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

pub struct Server {
    pub address: SocketAddr,
    /// Heads of all requests.
    pub heads: Arc<Mutex<Vec<String>>>,
    /// The last body that was put.
    pub put: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
            put: Arc::default(),
        };
        let (heads, put) = (Arc::clone(&server.heads), Arc::clone(&server.put));
        let object: Arc<[u8]> = object().into();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                socket.set_nodelay(true).unwrap();
                let (object, heads, put) =
                    (Arc::clone(&object), Arc::clone(&heads), Arc::clone(&put));
                // A client that leaves ends only its own connection.
                thread::spawn(move || {
                    while serve(&socket, &object, &heads, &put).is_ok_and(|more| more) {}
                });
            }
        });
        server
    }
}

fn serve(
    mut socket: &TcpStream,
    object: &[u8],
    heads: &Mutex<Vec<String>>,
    put: &Mutex<Vec<u8>>,
) -> io::Result<bool> {
    // One byte at a time is slow, and takes nothing of the next request.
    let mut head = String::new();
    let mut reader = BufReader::with_capacity(1, socket);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(false);
        }
    }
    heads.lock().unwrap().push(head.clone());
    if head.starts_with("PUT") {
        let mut body = vec![0; field(&head, "content-length").unwrap().parse().unwrap()];
        reader.read_exact(&mut body)?;
        *put.lock().unwrap() = body;
        socket.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    }
    if head.starts_with("GET /chunked") {
        socket.write_all(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )?;
        return Ok(true);
    }
    let (status, first, last) = match field(&head, "range") {
        Some(range) => {
            let (first, last) = range
                .strip_prefix("bytes=")
                .unwrap()
                .split_once('-')
                .unwrap();
            (
                "206 Partial Content",
                first.parse().unwrap(),
                last.parse().unwrap(),
            )
        }
        None => ("200 OK", 0, object.len() - 1),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nETag: \"one\"\r\nContent-Length: {}\r\n",
        last + 1 - first
    );
    if status.starts_with("206") {
        answer += &format!("Content-Range: bytes {first}-{last}/{}\r\n", object.len());
    }
    socket.write_all((answer + "\r\n").as_bytes())?;
    if head.starts_with("GET") {
        socket.write_all(&object[first..=last])?;
    }
    Ok(true)
}

/// The value of a field in a head.
pub fn field(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let found = lines
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    Closed,
    Reset,
}

/// What a client got.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub status: u16,
    pub body: Vec<u8>,
    pub end: End,
}

pub struct Client(pub TcpStream);

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        Self(socket)
    }

    pub fn get(&mut self, path: &str, fields: &str) -> Answer {
        self.ask("GET", path, fields, b"")
    }

    pub fn ask(&mut self, method: &str, path: &str, fields: &str, body: &[u8]) -> Answer {
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: signed.example:9\r\n{length}{fields}\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
        self.0.write_all(body).unwrap();
        self.answer(method)
    }

    fn answer(&mut self, method: &str) -> Answer {
        let mut answer = Answer {
            head: String::new(),
            status: 0,
            body: Vec::new(),
            end: End::Whole,
        };
        while !answer.head.ends_with("\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => answer.head.push(char::from(byte[0])),
                other => {
                    answer.end = ended(other);
                    return answer;
                }
            }
        }
        answer.status = answer.head[9..12].parse().unwrap();
        let length =
            field(&answer.head, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut buffer = vec![0; 1 << 16];
        while method != "HEAD" && answer.body.len() < length {
            let wanted = buffer.len().min(length - answer.body.len());
            match self.0.read(&mut buffer[..wanted]) {
                Ok(count) if count > 0 => answer.body.extend_from_slice(&buffer[..count]),
                other => {
                    answer.end = ended(other);
                    break;
                }
            }
        }
        answer
    }
}

fn ended(read: io::Result<usize>) -> End {
    match read {
        Ok(_) => End::Closed,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            End::Reset
        }
    }
}

pub struct Proxy {
    pub addresses: Addresses,
    _runtime: Runtime,
}

impl Proxy {
    pub fn start(server: &Server, settings: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings::default().changed(settings).unwrap();
        let addresses = runtime
            .block_on(start(&server.address.to_string(), any, any, settings))
            .unwrap();
        Self {
            addresses,
            _runtime: runtime,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(self.addresses.proxy)
    }

    /// Asks the control port.
    pub fn control(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let answer = Client::new(self.addresses.control).ask(method, path, "", body.as_bytes());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// How often a fault was done.
    pub fn done(&self, fault: &str) -> u64 {
        self.control("GET", "/_stats", "")["faults"][fault]
            .as_u64()
            .unwrap_or(0)
    }
}
