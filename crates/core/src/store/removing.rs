//! Removing exactly the file or object that was looked at: whatever has come into its place since stays.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::Method;
use object_store::ObjectStoreExt;
use tempfile::TempPath;

use super::connector::with_header;
use super::counters::add;
use super::failure::{Attempts, Failure, asked};
use super::local::{Stamp, folder_of, shown, sync_folder_of};
use super::location::{Kind, Location, ObjectUrl};
use super::s3::{Asking, Call};
use super::state::State;
use super::waiting::on_object;
use crate::{Error, Result};

/// What an action is called in errors.
const ACTION: &str = "cannot remove";

/// Removes what is at `location` if it is in `state`; without one, whatever is there. False where nothing was there any more.
/// Of a bucket that keeps versions, the version of the state is removed and no other.
///
/// # Errors
/// [`Error::Store`] when it is in another state, and when it may not be removed: then it is left as it is;
/// [`Error::Unsupported`] for web servers; [`Error::Invalid`] for links and what is no file.
pub fn remove(location: &Location, state: Option<&State>) -> Result<bool> {
    match location {
        Location::Path(path) => remove_file(path, state),
        Location::Url(url) if url.kind == Kind::Http => Err(Error::Unsupported(format!(
            "{url}: nothing is removed from web servers; remove it where it is kept"
        ))),
        Location::Url(url) => remove_object(url, state),
    }
}

fn remove_file(path: &Path, state: Option<&State>) -> Result<bool> {
    let failed = |error| Error::store(ACTION, path, error);
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(failed)?,
    };
    if !metadata.is_file() {
        let what = match metadata.file_type() {
            kind if kind.is_symlink() => "a link; name what it leads to",
            kind if kind.is_dir() => "a folder; name files",
            _ => "a device, pipe or socket, not a file",
        };
        return Err(Error::Invalid(format!("{} is {what}", path.display())));
    }
    compare_file(path, &metadata, state)?;
    let Some(state) = state else {
        fs::remove_file(path).map_err(failed)?;
        sync_folder_of(path)?;
        return Ok(true);
    };
    // Under another name nobody replaces it between the last look and its end. It is no `.tmp`: a process that is killed here
    // may leave a file that is another one than was looked at, which nobody must take for remains.
    let name = shown(path.file_name().unwrap_or_default());
    let aside = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".removing")
        .tempfile_in(folder_of(path))
        .map_err(failed)?
        .into_temp_path();
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(failed)?,
    }
    let compared = fs::symlink_metadata(&aside)
        .map_err(failed)
        .and_then(|metadata| compare_file(path, &metadata, Some(state)));
    if let Err(error) = compared {
        put_back(aside, path)?;
        return Err(error);
    }
    aside.close().map_err(failed)?;
    sync_folder_of(path)?;
    Ok(true)
}

/// Gives a file its name back, unless there is another of that name now.
fn put_back(aside: TempPath, path: &Path) -> Result<()> {
    let Err(error) = aside.persist_noclobber(path) else {
        return Ok(());
    };
    let kept = error.path.keep();
    let kept = kept.map_or_else(
        |_| "beside it".to_owned(),
        |kept| format!("as {}", kept.display()),
    );
    Err(Error::store(
        ACTION,
        path,
        io::Error::other(format!(
            "it changed since it was looked at, and is now {kept}: {}",
            error.error
        )),
    ))
}

fn compare_file(path: &Path, metadata: &fs::Metadata, state: Option<&State>) -> Result<()> {
    let now = State::of_file(&Stamp::of(metadata));
    match state.and_then(|state| state.differs(&now)) {
        Some(how) => Err(Error::store(
            ACTION,
            path,
            io::Error::other(format!(
                "it changed since it was looked at ({how}); it was left as it is"
            )),
        )),
        None => Ok(()),
    }
}

fn remove_object(url: &ObjectUrl, state: Option<&State>) -> Result<bool> {
    on_object(url, &AtomicBool::new(false), async |requests| {
        let asking = Asking {
            requests,
            action: ACTION,
        };
        Removal { asking, state }.run().await
    })
}

/// The removal of an object.
struct Removal<'a> {
    asking: Asking<'a>,
    state: Option<&'a State>,
}

impl Removal<'_> {
    async fn run(&self) -> Result<bool> {
        let mut attempts = Attempts::default();
        if !self.is_there().await? {
            return Ok(false);
        }
        loop {
            let Err(failure) = self.once().await else {
                return Ok(true);
            };
            if failure.is_missing() {
                // An attempt whose answer was lost may have removed it.
                return Ok(attempts.any());
            }
            if failure.is_unmet() {
                if !self.is_there().await? {
                    return Ok(attempts.any());
                }
                return Err(self.asking.changed("the store refused"));
            }
            let failure = failure.of_conflict();
            self.asking
                .try_again(&mut attempts, failure, "all of it")
                .await?;
        }
    }

    /// The version to be removed, where S3 has told one.
    fn version(&self) -> Option<&str> {
        let is_s3 = self.asking.requests.url.kind == Kind::S3;
        let version = self.state?.version.as_deref()?;
        is_s3.then_some(version)
    }

    /// Whether something is there; fails if that is in another state.
    async fn is_there(&self) -> Result<bool> {
        let requests = &self.asking.requests;
        let (pin, headers) = match requests.facts_of(self.version()).await {
            Err(Error::Store { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(false);
            }
            other => other?,
        };
        let now = State::of_object(requests.url.kind, &pin, &headers);
        match self.state.and_then(|state| state.differs(&now)) {
            Some(how) => Err(self.asking.changed(&how)),
            None => Ok(true),
        }
    }

    /// Asks the store to remove it, on the condition that it is in the state, where the store knows such conditions.
    async fn once(&self) -> std::result::Result<(), Failure> {
        let requests = &self.asking.requests;
        if requests.client.s3.is_some() {
            let call = self.call();
            return self.asking.once(&call, Duration::ZERO).await.map(drop);
        }
        let transfers = requests.transfers;
        let _busy = transfers.connections.take().await;
        add(&transfers.counters.puts, 1);
        let patience = transfers.settings.timeout;
        let request = requests.client.store.delete(&requests.url.key);
        let generation = match (requests.url.kind, self.state) {
            (Kind::Gcs, Some(state)) => state.version.as_deref(),
            _ => None,
        };
        let generation = generation.and_then(|generation| generation.parse().ok());
        let removed = match generation {
            Some(generation) => {
                asked(
                    patience,
                    with_header("x-goog-if-generation-match", generation, request),
                )
                .await
            }
            None => asked(patience, request).await,
        };
        removed.map(drop)
    }

    fn call(&self) -> Call {
        let mut call = Call {
            method: Method::DELETE,
            ..Call::default()
        };
        if let Some(version) = self.version() {
            // A version is never another one, but for the one called null, which was just compared.
            call.query.push(("versionId", version.to_owned()));
        } else if let Some(etag) = self.state.and_then(|state| state.pin().condition()) {
            call.headers.push(("if-match", etag));
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::look;

    #[test]
    fn a_file_is_removed_once_and_only_in_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let location = Location::from(&path);
        fs::write(&path, b"one").unwrap();
        let state = look(&location).unwrap();
        // Of the same length and time, but another file.
        let other = folder.path().join("y");
        fs::write(&other, b"two").unwrap();
        let times =
            fs::FileTimes::new().set_modified(fs::metadata(&path).unwrap().modified().unwrap());
        fs::File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_times(times)
            .unwrap();
        fs::rename(&path, folder.path().join("z")).unwrap();
        fs::rename(&other, &path).unwrap();
        let error = remove(&location, Some(&state)).unwrap_err().to_string();
        assert!(error.contains("changed"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let state = look(&location).unwrap();
        assert!(remove(&location, Some(&state)).unwrap());
        assert!(!remove(&location, Some(&state)).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_put_back_unless_another_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for (theirs, kept) in [(None, 1), (Some("theirs"), 2)] {
            let _ = fs::remove_file(&path);
            let aside = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
            if let Some(theirs) = theirs {
                fs::write(&path, theirs).unwrap();
            }
            let put = put_back(aside.into_temp_path(), &path);
            assert_eq!(put.is_ok(), theirs.is_none());
            assert_eq!(
                fs::read(&path).unwrap(),
                theirs.unwrap_or_default().as_bytes()
            );
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), kept);
        }
    }

    #[test]
    fn what_is_no_file_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for path in [folder.path(), &link, Path::new("/dev/null")] {
            let refused = remove(&path.into(), None);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{path:?}");
        }
        assert!(link.is_symlink());
    }
}
