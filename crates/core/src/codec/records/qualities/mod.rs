//! To be written.

mod recalibrated;
