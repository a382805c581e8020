//! Where bytes live: files of this machine and pipes, and objects of stores, which are read by many requests at a time.

mod cache;
mod client;
mod connector;
mod counters;
mod credentials;
mod failure;
mod limits;
pub mod local;
mod location;
mod object;
mod opening;
mod parts;
mod remote;
mod request;
mod runs;
mod runtime;
mod sending;
mod settings;
mod source;
mod target;
mod transfers;
mod upload;
mod waiting;

pub use counters::TransferTotals;
pub use location::Location;
pub use object::Object;
pub use opening::First;
pub use remote::Reading;
pub use settings::TransferSettings;
pub use source::{Facts, Source};
pub use target::{Target, cannot_write};
pub use transfers::{configure, totals, while_waiting};
