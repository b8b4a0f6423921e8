//! Saving an RDB file, and loading it and an append-only file.

use super::client::KEY_LEN;
use super::side::{Folder, Side};
use super::table::{Table, Unit};
use super::{ALTERNATING, Programs, client, mean};
use crate::util::Result;

/// The length of values, in bytes.
const VALUE_LEN: usize = 8;

/// SAVE, the start with an RDB file, the start with an append-only file of SETs.
pub(super) fn measure(programs: &Programs, keys: u64, table: &mut Table) -> Result<()> {
    println!("SAVE of {keys} keys …");
    let folders = [Folder::new()?, Folder::new()?];
    let settings = ["--save", "", "--appendonly", "no"];
    let sides = programs.start_in(&folders, &settings)?;
    fill(&sides, keys)?;
    let mut seconds = [Vec::new(), Vec::new()];
    for index in [0, 1].into_iter().chain(ALTERNATING) {
        let took_s = client::time_call(sides[index].port(), "SAVE");
        seconds[index].push(took_s.map_err(|error| format!("SAVE: {error}"))?);
    }
    drop(sides);
    let what = format!("SAVE, {keys} keys of {KEY_LEN} + {VALUE_LEN} B");
    row(table, &what, &seconds);

    println!("loading an RDB file of {keys} keys …");
    let seconds = time_starts(programs, &folders, &settings)?;
    let what = format!("start to PONG with an RDB file, {keys} keys");
    row(table, &what, &seconds);

    println!("loading an append-only file of {keys} SETs …");
    let folders = [Folder::new()?, Folder::new()?];
    let log_alone = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];
    let settings = [&["--save", ""], &log_alone[..]].concat();
    fill(&programs.start_in(&folders, &settings)?, keys)?;
    let seconds = time_starts(programs, &folders, &settings)?;
    let what = format!("start to PONG with an append-only file, {keys} SETs");
    row(table, &what, &seconds);
    Ok(())
}

fn fill(sides: &[Side; 2], keys: u64) -> Result<()> {
    for side in sides {
        client::fill(side.port(), keys, VALUE_LEN).map_err(|error| format!("filling: {error}"))?;
    }
    Ok(())
}

/// How long servers take to start in these directories, in seconds; the first start of each, which warms the caches, too.
fn time_starts(
    programs: &Programs,
    folders: &[Folder; 2],
    settings: &[&str],
) -> Result<[Vec<f64>; 2]> {
    let mut seconds = [Vec::new(), Vec::new()];
    for index in [0, 1].into_iter().chain(ALTERNATING) {
        let program = programs.servers()[index];
        let side = Side::start_in(program, folders[index].path(), settings)?;
        seconds[index].push(side.started_in_s());
    }
    Ok(seconds)
}

/// A row of means, the first figure of each side, which warmed it up, left out.
fn row(table: &mut Table, what: &str, seconds: &[Vec<f64>; 2]) {
    let [ours, redis] = seconds.each_ref().map(|runs| mean(&runs[1..]));
    table.row(what, Unit::Seconds, ours, redis);
}
