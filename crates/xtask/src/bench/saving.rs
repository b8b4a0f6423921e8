//! What a background save or rewrite costs the clients meanwhile: in latency, and in memory.

use std::thread;
use std::time::{Duration, Instant};

use super::client::{self, Client, KEY_LEN};
use super::load::Load;
use super::side::Side;
use super::table::{Table, Unit};
use super::{ALTERNATING, Programs, mean};
use crate::util::Result;

/// The length of values, in bytes.
const VALUE_LEN: usize = 100;

/// Saves in one turn of one side: ours are short, and one in a thousand is to be told.
const SAVES_PER_TURN: usize = 4;

/// How long a load goes on before anything is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// How often it is looked whether a save has ended, and how much memory is in use.
const LOOK: Duration = Duration::from_millis(5);

/// BGSAVE and BGREWRITEAOF, each under a paced load and under a full one.
pub(super) fn measure(programs: &Programs, keys: u64, table: &mut Table) -> Result<()> {
    let log = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];
    for (command, settings) in [
        ("BGSAVE", &["--appendonly", "no"][..]),
        ("BGREWRITEAOF", &log),
    ] {
        println!("{command} of {keys} keys under load …");
        let sides = programs.start(&[&["--save", ""], settings].concat())?;
        for side in &sides {
            client::fill(side.port(), keys, VALUE_LEN)
                .map_err(|error| format!("filling: {error}"))?;
        }
        let under_load = |error| format!("{command} under load: {error}");
        latency(&sides, command, keys, table).map_err(under_load)?;
        memory(&sides, command, keys, table).map_err(under_load)?;
    }
    Ok(())
}

/// A background job that has ended.
struct Ran {
    from: Instant,
    to: Instant,
}

/// Runs a background job, and calls `meanwhile` again and again.
fn run(client: &mut Client, command: &str, mut meanwhile: impl FnMut()) -> std::io::Result<Ran> {
    let from = Instant::now();
    client.call(format!("{command}\r\n").as_bytes(), b"\r\n")?;
    loop {
        meanwhile();
        thread::sleep(LOOK);
        let busy = client.persistence("rdb_bgsave_in_progress")?
            + client.persistence("aof_rewrite_in_progress")?
            + client.persistence("aof_rewrite_scheduled")?;
        if busy == 0 {
            let to = Instant::now();
            return Ok(Ran { from, to });
        }
    }
}

fn latency(sides: &[Side; 2], command: &str, keys: u64, table: &mut Table) -> std::io::Result<()> {
    let mut took_ms = [Vec::new(), Vec::new()];
    let mut seconds = [Vec::new(), Vec::new()];
    for index in ALTERNATING {
        let load = Load::paced(sides[index].port(), keys, VALUE_LEN);
        thread::sleep(WARM_UP);
        let mut client = Client::connect(sides[index].port())?;
        let runs: std::io::Result<Vec<Ran>> = (0..SAVES_PER_TURN)
            .map(|_| run(&mut client, command, || {}))
            .collect();
        let samples = load.stop()?;
        let runs = runs?;
        let during = |due: &Instant| runs.iter().any(|run| (run.from..=run.to).contains(due));
        let samples = samples.iter().filter(|sample| during(&sample.due));
        took_ms[index].extend(samples.map(|sample| sample.took.as_secs_f64() * 1000.0));
        let lengths = runs.iter().map(|run| (run.to - run.from).as_secs_f64());
        seconds[index].extend(lengths);
    }
    for took_ms in &mut took_ms {
        took_ms.sort_by(f64::total_cmp);
    }
    for (name, per_mille) in [("p50", 500), ("p99", 990), ("p99.9", 999)] {
        let [ours, redis] = took_ms
            .each_ref()
            .map(|took_ms| took_ms[took_ms.len() * per_mille / 1000]);
        let what = format!("GET and SET during {command}: latency {name}");
        table.row(&what, Unit::Milliseconds, ours, redis);
    }
    let [ours, redis] = seconds.each_ref().map(|seconds| mean(seconds));
    let what = format!("{command} under that load, {keys} keys of {KEY_LEN} + {VALUE_LEN} B");
    table.row(&what, Unit::Seconds, ours, redis);
    Ok(())
}

fn memory(sides: &[Side; 2], command: &str, keys: u64, table: &mut Table) -> std::io::Result<()> {
    let mut extra_mib = [0f64; 2];
    for index in ALTERNATING {
        let side = &sides[index];
        let load = Load::full(side.port(), keys, VALUE_LEN);
        // The load has an appetite of its own, which shows before the save begins.
        let started = Instant::now();
        let mut before_mib = 0f64;
        while started.elapsed() < WARM_UP {
            before_mib = before_mib.max(side.family_mib());
            thread::sleep(LOOK);
        }
        let mut peak_mib = 0f64;
        let ran = run(&mut Client::connect(side.port())?, command, || {
            peak_mib = peak_mib.max(side.family_mib());
        });
        load.stop()?;
        ran?;
        extra_mib[index] = extra_mib[index].max(peak_mib - before_mib);
    }
    let what = format!("extra memory during {command} under full write load");
    table.row(&what, Unit::Mebibytes, extra_mib[0], extra_mib[1]);
    Ok(())
}
