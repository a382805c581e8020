//! To be written.

mod alternatives;
mod arrays;
mod numbers;
mod qualities;
mod strings;
