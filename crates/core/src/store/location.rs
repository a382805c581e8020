//! Where an object is: a path of this machine, or a URL of an object store.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use object_store::path::Path as Key;

use super::local::same_place;
use crate::{Error, Result};

/// A place that bytes are read from or written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, or a named pipe.
    Path(PathBuf),
    /// An object of a store.
    Url(ObjectUrl),
}

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A web server that serves ranges: read only.
    Http,
    /// The memory of this process: for tests.
    Memory,
}

/// The URL of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectUrl {
    /// As it was given.
    text: String,
    /// What kind of store it is in.
    pub kind: Kind,
    /// The bucket or container; of a web server, its scheme, host and port.
    pub bucket: String,
    /// The account of an Azure container, where the URL names it.
    pub account: Option<String>,
    /// The object's key.
    pub key: Key,
    /// What follows the question mark in a web server's URL.
    pub query: Option<String>,
}

impl Location {
    /// What `text` names: `s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY` (also `abfss://CONTAINER@ACCOUNT.HOST/KEY`),
    /// `http://` and `https://`, `memory://BUCKET/KEY`, `file:///PATH`, or a path.
    ///
    /// # Errors
    /// [`Error::Invalid`] for schemes that are not known and URLs that name no object.
    pub fn parse(text: &OsStr) -> Result<Self> {
        Self::parse_as(text, false)
    }

    /// The same of a folder, or of all objects whose keys go on from a URL's with a slash; that may be a whole bucket.
    ///
    /// # Errors
    /// As [`Location::parse`].
    pub fn parse_folder(text: &OsStr) -> Result<Self> {
        Self::parse_as(text, true)
    }

    fn parse_as(text: &OsStr, is_folder: bool) -> Result<Self> {
        let Some((scheme, rest)) = text.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::Path(text.into()));
        };
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !is_scheme {
            return Ok(Self::Path(text.into()));
        }
        let shown = text.to_string_lossy().into_owned();
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "file" => return file(rest, &shown),
            "s3" | "s3a" => Kind::S3,
            "gs" => Kind::Gcs,
            "az" | "azure" | "abfs" | "abfss" => Kind::Azure,
            "http" | "https" => Kind::Http,
            "memory" => Kind::Memory,
            _ => {
                return Err(Error::Invalid(format!(
                    "{shown}: there is no store for {scheme}:// (there are s3, gs, az, http, https, file and memory); \
                     a file of that name is ./{shown}"
                )));
            }
        };
        let bad = |why: &str| Error::Invalid(format!("{shown}: {why}"));
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (key, query) = match kind {
            Kind::Http => match key.split_once('?') {
                Some((key, query)) => (key, Some(query.to_owned())),
                None => (key, None),
            },
            _ => (key, None),
        };
        let key = match kind {
            Kind::Http => Key::from_url_path(key),
            _ => Key::parse(key),
        };
        let key = key.map_err(|error| bad(&format!("is no key of an object: {error}")))?;
        if authority.is_empty() || (key.as_ref().is_empty() && !is_folder) {
            return Err(bad("names no object: write SCHEME://BUCKET/KEY"));
        }
        let (bucket, account) = match (kind, authority.split_once('@')) {
            (Kind::Azure, Some((container, host))) => {
                let account = host.split('.').next().unwrap_or(host);
                (container.to_owned(), Some(account.to_owned()))
            }
            (Kind::Http, Some(_)) => {
                return Err(bad("holds a user name: give it in another way"));
            }
            (Kind::Http, None) => (format!("{scheme}://{authority}"), None),
            _ => (authority.to_owned(), None),
        };
        Ok(Self::Url(ObjectUrl {
            text: shown,
            kind,
            bucket,
            account,
            key,
            query,
        }))
    }

    /// The path, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Url(_) => None,
        }
    }

    /// Whether two of them are the same place, however they are spelled.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(one), Self::Path(two)) => same_place(one, two),
            (Self::Url(one), Self::Url(two)) => {
                (one.kind, &one.bucket, &one.account, &one.key)
                    == (two.kind, &two.bucket, &two.account, &two.key)
            }
            _ => false,
        }
    }

    /// The last part of the name, without folders.
    pub fn name(&self) -> Option<Vec<u8>> {
        match self {
            Self::Path(path) => path
                .file_name()
                .map(|name| name.as_encoded_bytes().to_vec()),
            Self::Url(url) => url.key.filename().map(|name| name.as_bytes().to_vec()),
        }
    }

    /// The place whose name is this one's with `suffix` added.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        match self {
            Self::Path(path) => {
                let mut path = path.clone().into_os_string();
                path.push(suffix);
                Self::Path(path.into())
            }
            Self::Url(url) => url.with_key(&format!("{}{suffix}", url.key)),
        }
    }

    /// The place called `name` in the same folder.
    #[must_use]
    pub fn beside(&self, name: &str) -> Self {
        match self {
            Self::Path(path) => Self::Path(path.with_file_name(name)),
            Self::Url(url) => {
                let folder = url
                    .key
                    .as_ref()
                    .rsplit_once('/')
                    .map_or("", |(folder, _)| folder);
                let slash = if folder.is_empty() { "" } else { "/" };
                url.with_key(&format!("{folder}{slash}{name}"))
            }
        }
    }
}

impl ObjectUrl {
    /// The URL of the object of the same store that has this key.
    pub fn at(&self, key: &Key) -> Location {
        self.with_key(key.as_ref())
    }

    /// The URL of another object of the same store. A signature in the query is only of this one.
    fn with_key(&self, key: &str) -> Location {
        // What a key may hold stays as it is; what it may not is encoded.
        let key = Key::parse(key).unwrap_or_else(|_| Key::from(key));
        let place = match self.kind {
            Kind::Http => self.bucket.clone(),
            _ => {
                let end = self.text.len() - self.tail();
                self.text[..end].trim_end_matches('/').to_owned()
            }
        };
        Location::Url(Self {
            text: format!("{place}/{key}"),
            key,
            ..self.clone()
        })
    }

    /// Bytes of the text from the key on.
    fn tail(&self) -> usize {
        let start = self.text.find("://").map_or(0, |at| at + 3);
        self.text[start..]
            .find('/')
            .map_or(0, |slash| self.text.len() - start - slash)
    }
}

fn file(rest: &str, shown: &str) -> Result<Location> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(Error::Invalid(format!(
            "{shown}: write file:///PATH, with three slashes"
        )));
    }
    let decoded = percent_encoding::percent_decode_str(path).collect::<Vec<u8>>();
    // Any bytes but NUL are a path here, and opening tells of that one.
    let decoded = std::os::unix::ffi::OsStringExt::from_vec(decoded);
    Ok(Location::Path(std::ffi::OsString::into(decoded)))
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::Path(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(out),
            Self::Url(url) => url.fmt(out),
        }
    }
}

impl fmt::Display for ObjectUrl {
    /// Without the query, which may hold a signature.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Http => self.text.split('?').next().unwrap_or_default().fmt(out),
            _ => self.text.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        Location::parse(text.as_ref()).unwrap()
    }

    fn url(text: &str) -> ObjectUrl {
        match parse(text) {
            Location::Url(url) => url,
            Location::Path(path) => panic!("{} is a path", path.display()),
        }
    }

    #[test]
    fn what_has_no_scheme_is_a_path() {
        for text in ["x.bam", "/a/b", "./s3:/x", "a b://c", "1://x"] {
            assert_eq!(parse(text), Location::Path(text.into()));
        }
        assert_eq!(parse("file:///a%20b"), Location::Path("/a b".into()));
    }

    #[test]
    fn a_url_names_store_bucket_and_key() {
        let s3 = url("s3://bucket/a/b c?d.bam");
        assert_eq!((s3.kind, s3.bucket.as_str()), (Kind::S3, "bucket"));
        assert_eq!(s3.key.as_ref(), "a/b c?d.bam");
        let azure = url("abfss://container@account.dfs.core.windows.net/x");
        assert_eq!(azure.account.as_deref(), Some("account"));
        assert_eq!(azure.bucket, "container");
        let http = url("https://host:8/a%20b.bam?sig=secret");
        assert_eq!(http.bucket, "https://host:8");
        assert_eq!(http.key.as_ref(), "a b.bam");
        assert_eq!(http.query.as_deref(), Some("sig=secret"));
        assert!(!http.to_string().contains("secret"));
    }

    #[test]
    fn names_beside_stay_in_the_store() {
        let location = parse("s3://bucket/folder/x.bam");
        assert_eq!(
            location.with_suffix(".rv").to_string(),
            "s3://bucket/folder/x.bam.rv"
        );
        assert_eq!(location.beside("y").to_string(), "s3://bucket/folder/y");
        assert_eq!(
            parse("s3://bucket/a%20b~[1]").with_suffix("#").to_string(),
            "s3://bucket/a%20b~[1]#"
        );
        assert_eq!(
            parse("s3://bucket/x").beside("y").to_string(),
            "s3://bucket/y"
        );
        let http = parse("http://host/a/x.bam?sig=1").with_suffix(".bai");
        assert_eq!(http.to_string(), "http://host/a/x.bam.bai");
        assert_eq!(parse("/a/x").beside("y"), Location::Path("/a/y".into()));
    }

    #[test]
    fn a_folder_may_be_a_whole_bucket() {
        for text in ["s3://bucket", "s3://bucket/", "s3://bucket/a/b/"] {
            let Ok(Location::Url(url)) = Location::parse_folder(text.as_ref()) else {
                panic!("{text} is refused");
            };
            let key = Key::parse(format!("{}/x y", url.key)).unwrap();
            let place = url.at(&key).to_string();
            assert_eq!(place, format!("s3://bucket/{key}"));
        }
        assert!(Location::parse_folder("s3://".as_ref()).is_err());
    }

    #[test]
    fn what_names_no_object_is_refused() {
        for text in [
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "ftp://h/x",
            "s3://b/a//b",
            "http://u:p@h/x",
        ] {
            assert!(Location::parse(text.as_ref()).is_err(), "{text}");
        }
    }
}
