//! Where bytes live. For now: files of this machine, and pipes.

pub mod local;
