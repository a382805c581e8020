//! The state that a file or an object is in: what is compared before something is done to exactly that.

use serde::{Deserialize, Serialize};

use super::local::Stamp;
use super::location::Kind;
use super::request::Pin;

/// What a place says of what stands there. What it does not know is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// Length in bytes.
    pub length: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified_ns: Option<i64>,
    /// The store's name for the state.
    pub etag: Option<String>,
    /// The object's version, where the bucket keeps versions; Google's generation.
    pub version: Option<String>,
    /// Storage class, where the store says one: it is silent about S3's usual one.
    pub storage_class: Option<String>,
    /// Device that a file is on.
    pub device: Option<u64>,
    /// The file's number there.
    pub inode: Option<u64>,
}

impl State {
    /// Of a file.
    pub fn of_file(stamp: &Stamp) -> Self {
        Self {
            length: stamp.length,
            modified_ns: Some(stamp.mtime_ns),
            device: Some(stamp.device),
            inode: Some(stamp.inode),
            ..Self::default()
        }
    }

    /// Of an object, from its pin and the headers that tell of it.
    pub fn of_object(kind: Kind, pin: &Pin, headers: &http::HeaderMap) -> Self {
        let header = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let (version, class) = match kind {
            Kind::S3 => ("x-amz-version-id", "x-amz-storage-class"),
            Kind::Gcs => ("x-goog-generation", "x-goog-storage-class"),
            Kind::Azure => ("x-ms-version-id", "x-ms-access-tier"),
            Kind::Http | Kind::Memory => ("", ""),
        };
        Self {
            length: pin.length,
            modified_ns: (pin.modified_ns != 0).then_some(pin.modified_ns),
            etag: pin.etag.clone(),
            version: header(version),
            storage_class: header(class),
            ..Self::default()
        }
    }

    /// The same as an object's pin.
    pub fn pin(&self) -> Pin {
        Pin {
            length: self.length,
            etag: self.etag.clone(),
            modified_ns: self.modified_ns.unwrap_or(0),
        }
    }

    /// How another state differs in what tells content apart; none where it does not.
    pub fn differs(&self, other: &Self) -> Option<String> {
        if let Some(how) = self.pin().differs(&other.pin()) {
            return Some(how.replacen("ETag no, then no", "another time", 1));
        }
        let is_other = (self.device, self.inode) != (other.device, other.inode);
        is_other.then(|| "another file of that name".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_differ_by_what_tells_content_apart() {
        let stamp = Stamp {
            device: 1,
            inode: 2,
            length: 3,
            mtime_ns: 4,
        };
        let file = State::of_file(&stamp);
        assert_eq!(file.differs(&file), None);
        let other = |change: fn(&mut Stamp)| {
            let mut stamp = stamp;
            change(&mut stamp);
            file.differs(&State::of_file(&stamp)).unwrap()
        };
        assert_eq!(other(|stamp| stamp.length = 9), "3 bytes, then 9");
        assert_eq!(other(|stamp| stamp.mtime_ns = 9), "another time");
        assert_eq!(other(|stamp| stamp.inode = 9), "another file of that name");
        let mut object = State {
            etag: Some("a".to_owned()),
            ..State::default()
        };
        let before = object.clone();
        object.storage_class = Some("GLACIER".to_owned());
        object.modified_ns = Some(7);
        assert_eq!(before.differs(&object), None);
        object.etag = Some("b".to_owned());
        assert_eq!(before.differs(&object).unwrap(), "ETag a, then b");
    }
}
