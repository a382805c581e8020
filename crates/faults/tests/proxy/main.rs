//! The proxy between a server and a client: what it breaks, and what it leaves whole.

mod common;
mod faults;
mod passing;
