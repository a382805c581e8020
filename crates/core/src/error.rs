//! What can go wrong, in five kinds (and the user's own interruption). Every face maps the kinds once.

use std::path::Path;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: its text says what failed, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not what was written: a checksum, length or structure disagrees.
    #[error("{0}")]
    Damaged(String),
    /// The file ends before what it promises.
    #[error("{0}")]
    Truncated(String),
    /// Written by a newer version, or with an extension or codec that this version does not know.
    #[error("{0}")]
    Unsupported(String),
    /// The caller asked for something that cannot be: a bad argument, a path that must not be written.
    #[error("{0}")]
    Invalid(String),
    /// The place where bytes live failed: not found, no permission, disk full, a source that changed.
    #[error("{context}: {source}")]
    Store {
        /// What was being done, with the path.
        context: String,
        /// What the operating system or the store answered.
        source: std::io::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// A store failure while doing `action` (such as "cannot read") to `path`.
    pub fn store(action: &str, path: &Path, source: std::io::Error) -> Self {
        Self::Store {
            context: format!("{action} {}", path.display()),
            source,
        }
    }

    /// This error inside one of reading or writing, for code that knows no other kind; [`Error::from_io`] takes it out again.
    pub(crate) fn into_io(self) -> std::io::Error {
        match self {
            Self::Interrupted => std::io::ErrorKind::TimedOut.into(),
            other => std::io::Error::other(other),
        }
    }

    /// The error that [`Error::into_io`] put into `error`.
    pub(crate) fn from_io(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(source) => Self::Store {
                context: "cannot read or write".into(),
                source,
            },
        }
    }

    /// The same error once more, for another who waits for what failed.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Store { context, source } => Self::Store {
                context: context.clone(),
                source: std::io::Error::new(source.kind(), source.to_string()),
            },
            Self::Damaged(text) => Self::Damaged(text.clone()),
            Self::Truncated(text) => Self::Truncated(text.clone()),
            Self::Unsupported(text) => Self::Unsupported(text.clone()),
            Self::Invalid(text) => Self::Invalid(text.clone()),
            Self::Interrupted => Self::Interrupted,
        }
    }

    /// The same error with `place` put before its text, unless that names it already, as those of object stores do.
    #[must_use]
    pub fn at(self, place: impl std::fmt::Display) -> Self {
        let place = place.to_string();
        match self {
            Self::Store { context, source } if context.contains(&place) => {
                Self::Store { context, source }
            }
            Self::Damaged(text) => Self::Damaged(format!("{place}: {text}")),
            Self::Truncated(text) => Self::Truncated(format!("{place}: {text}")),
            Self::Unsupported(text) => Self::Unsupported(format!("{place}: {text}")),
            Self::Invalid(text) => Self::Invalid(format!("{place}: {text}")),
            Self::Store { context, source } => Self::Store {
                context: format!("{place}: {context}"),
                source,
            },
            Self::Interrupted => Self::Interrupted,
        }
    }
}
