//! Files that are torn, damaged or missing: what a start makes of them (fault cases 8, 9, 10, 12, 18 to 21), and that
//! redis-server 7.0.15 makes the same of them, and we of its files (case 30).
//!
//! The oracles:
//!
//! - **P**, **A**: what is there after a start is what some prefix of the commands leads to; transactions are in it
//!   wholly or not at all;
//! - **F**: what was acknowledged then outlives the next crash;
//! - **O**: the server starts, or refuses and leaves every file as it is;
//! - **I**: another start gives the same data and the same files.

mod bit_flips;
mod compare;
mod crash_images;
mod damaged;
mod load;
mod manifests;
mod old_forms;
mod oracle;
mod ours;
mod samples;
mod state;
mod tools;
mod truncation;
