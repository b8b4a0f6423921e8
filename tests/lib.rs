//! Helpers shared by the tests of the whole.

pub mod fuzzing;
pub mod generated;
pub mod native;
pub mod proof;
