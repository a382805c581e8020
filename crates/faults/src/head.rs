//! Heads of requests and answers: the first line and the fields, which pass in the order and the case they came in.

use crate::body::Framing;
use std::io;

/// A head. Bytes are held as the characters of the same number (Latin-1), so that none is lost.
#[derive(Clone, Debug)]
pub struct Head {
    /// "GET /path HTTP/1.1" or "HTTP/1.1 206 Partial Content".
    pub first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head, with the empty line that ends it.
    pub fn parse(raw: &[u8]) -> io::Result<Self> {
        let text: String = raw.iter().map(|&byte| char::from(byte)).collect();
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect::<Option<_>>();
        match fields {
            Some(fields) if first.split(' ').count() >= 2 => Ok(Self { first, fields }),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("not a head of HTTP/1: {first}"),
            )),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        // Every character came from one byte, or is ASCII of our own.
        text.chars().map(|character| character as u8).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|field| field.0.eq_ignore_ascii_case(name));
        found.map(|field| field.1.as_str())
    }

    pub fn remove(&mut self, name: &str) {
        self.fields
            .retain(|field| !field.0.eq_ignore_ascii_case(name));
    }

    pub fn set(&mut self, name: &str, value: &str) {
        match self
            .fields
            .iter_mut()
            .find(|field| field.0.eq_ignore_ascii_case(name))
        {
            Some(field) => value.clone_into(&mut field.1),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }

    /// A word of the first line, from 0.
    fn word(&self, number: usize) -> &str {
        self.first.split(' ').nth(number).unwrap_or_default()
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.word(0)
    }

    /// The target of a request: path and query.
    pub fn target(&self) -> &str {
        self.word(1)
    }

    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The status of an answer; 0 if it has none.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    /// Whether the connection is used again after the message with this head.
    pub fn keeps(&self) -> bool {
        let connection = self
            .get("Connection")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let old = self.first.starts_with("HTTP/1.0") || self.first.ends_with("HTTP/1.0");
        if old {
            connection.contains("keep-alive")
        } else {
            !connection.contains("close")
        }
    }

    /// How the body of this request ends.
    pub fn request_framing(&self) -> io::Result<Framing> {
        Ok(self.framing()?.unwrap_or(Framing::Length(0)))
    }

    /// How the body of this answer to a request of `method` ends.
    pub fn answer_framing(&self, method: &str) -> io::Result<Framing> {
        if method == "HEAD" || matches!(self.status(), 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        Ok(self.framing()?.unwrap_or(Framing::UntilClose))
    }

    fn framing(&self) -> io::Result<Option<Framing>> {
        if self
            .get("Transfer-Encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"))
        {
            return Ok(Some(Framing::chunked()));
        }
        let length = self.get("Content-Length").map(str::parse).transpose();
        let length = length.map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "Content-Length is no number")
        })?;
        Ok(length.map(Framing::Length))
    }

    /// Whether the signature of this request (AWS SigV4, in a field or in the query) covers the field of this name.
    pub fn signs(&self, name: &str) -> bool {
        let list = [self.get("Authorization").unwrap_or_default(), self.target()]
            .into_iter()
            .find_map(|place| Some(place.split_once("SignedHeaders=")?.1))
            .unwrap_or_default();
        let end = list.find([',', '&', ' ']).unwrap_or(list.len());
        list[..end]
            .replace("%3B", ";")
            .split(';')
            .any(|signed| signed.eq_ignore_ascii_case(name))
    }

    /// First and last byte and the length of the object, from the Content-Range of an answer 206.
    pub fn content_range(&self) -> Option<(u64, u64, u64)> {
        let (range, total) = self
            .get("Content-Range")?
            .strip_prefix("bytes ")?
            .split_once('/')?;
        let (first, last) = range.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_passes_as_it_came() {
        let raw = b"PUT /b/k?x=1 HTTP/1.1\r\nhost: here:1\r\nX-Name: caf\xe9\r\nCONTENT-LENGTH: 3\r\n\r\n";
        let head = Head::parse(raw).unwrap();
        assert_eq!(head.bytes(), raw);
        assert_eq!(
            (head.method(), head.target(), head.path()),
            ("PUT", "/b/k?x=1", "/b/k")
        );
        assert_eq!(head.request_framing().unwrap().length(), Some(3));
    }

    #[test]
    fn what_a_signature_covers_is_known() {
        let head = |rest: &str| Head::parse(format!("GET {rest}\r\n\r\n").as_bytes()).unwrap();
        let field = head(
            "/k HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host;range;x-amz-date, \
             Signature=0",
        );
        assert!(field.signs("Range") && !field.signs("If-Match"));
        let query = head("/k?X-Amz-SignedHeaders=host%3Bif-match&X-Amz-Signature=0 HTTP/1.1");
        assert!(query.signs("If-Match") && query.signs("Host") && !query.signs("Range"));
        assert!(!head("/k HTTP/1.1").signs("Range"));
    }

    #[test]
    fn connections_are_kept_as_the_version_says() {
        let keeps = |text: &str| Head::parse(text.as_bytes()).unwrap().keeps();
        assert!(keeps("HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 200 OK\r\nconnection: Close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }
}
