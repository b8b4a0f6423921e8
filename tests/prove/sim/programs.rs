//! Case 29: the log, the base with what follows it, and the live data are the same, for random programs, at every instant
//! of a rewrite.

use lastsave_dict::{Chunk, Slice};
use lastsave_keyspace::{
    Blocking, Call, Effects, Handler, Keyspace, Object, Origin, UsageClock, resolve,
};
use lastsave_rdb::{Aux, Decoder, Encoder, EncoderOptions, Item as Found};
use lastsave_resp::{ArgsBuf, Reply};
use lastsave_tests::proof::{Proof, long};
use lastsave_vfs::SimDisk;

use crate::driver::{Driver, START_US};
use crate::machine::Random;
use crate::script::{Item, Words, request, words, workload, write};

const WITH_LOG: &str = "appendonly yes\nappendfsync no\nsave \"\"\nauto-aof-rewrite-percentage 0\n";
const AS_COMMANDS: &str = "appendonly yes\nappendfsync no\nsave \"\"\nauto-aof-rewrite-percentage 0\naof-use-rdb-preamble no\n";

/// Runs a program with a rewrite at `at`, and holds three things against each other: the data of the run, those of the
/// restart from base and log, and those of the base alone against the data at the cut.
fn rewrite_at(config: &'static str, seed: u64, at: usize) -> Result<(), String> {
    let script = workload(seed, 60, &[(at, "BGREWRITEAOF")]);
    let mut driver = Driver::start(config, SimDisk::new(None), 1, seed + at as u64, false);
    let mut cut = None;
    for item in &script {
        let rewrites = matches!(item, Item::Request(words) if words[0] == b"BGREWRITEAOF");
        if rewrites {
            driver.play(&Item::Advance(0));
            cut = Some(driver.engine.keyspace().digest());
        }
        driver.play(item);
    }
    driver.finish_jobs();
    let live = driver.engine.keyspace().digest();
    let mut disk = driver.machine.tape.disk.clone();
    disk.kill();
    let again = Driver::start(config, disk.clone(), 2, 1, false);
    if again.history[0] != live {
        return Err(format!(
            "base and log are other data: {:?}",
            again.log.last()
        ));
    }
    let text = disk.read("appendonlydir/appendonly.aof.manifest");
    let manifest = lastsave_aof::Manifest::parse(&text.expect("the log is on"));
    let base = manifest
        .expect("it is whole")
        .base
        .expect("there is a base");
    if base.seq == 1 {
        return Err("no rewrite has ended".into());
    }
    // The base alone, as an old single file.
    let bytes = disk.read(&format!("appendonlydir/{}", base.name));
    let mut disk = SimDisk::new(None);
    disk.write_file("appendonly.aof", &bytes.expect("it is listed"))
        .expect("the disk is empty");
    let alone = Driver::start(config, disk, 3, 1, false);
    if Some(alone.history[0]) != cut {
        return Err(format!(
            "the base is not the data of its cut: {:?}",
            alone.log.last()
        ));
    }
    Ok(())
}

#[test]
fn case_29_replays_equal_the_live_data_wherever_a_rewrite_begins() {
    let mut proof = Proof::of(
        29,
        "random programs with a rewrite begun before each of their requests, bases as snapshots and as commands",
        "base + log = the live data; the base alone = the data at the cut",
    );
    for seed in 0..if long() { 60 } else { 6 } {
        for config in [WITH_LOG, AS_COMMANDS] {
            for at in 0..60 {
                proof.case();
                if let Err(fault) = rewrite_at(config, 2900 + seed, at) {
                    proof.violation(format!("seed {seed}, rewrite at {at}, {config:?}: {fault}"));
                }
            }
        }
    }
    proof.finish();
}

#[test]
fn case_29_a_log_never_rewritten_holds_the_same() {
    let mut proof = Proof::of(
        29,
        "random programs with and without rewrites",
        "the log alone = base + log = the live data",
    );
    for seed in 0..if long() { 500 } else { 40 } {
        let digest_with = |special: &[(usize, &str)]| {
            let mut driver = Driver::start(WITH_LOG, SimDisk::new(None), 1, seed, false);
            for item in workload(2960 + seed, 120, special) {
                driver.play(&item);
            }
            driver.finish_jobs();
            let live = driver.engine.keyspace().digest();
            let mut disk = driver.machine.tape.disk.clone();
            disk.kill();
            let again = Driver::start(WITH_LOG, disk, 2, 1, false);
            (live, again.history[0])
        };
        let (live, replayed) = digest_with(&[]);
        proof.case();
        if live != replayed {
            proof.violation(format!("seed {seed}: the log alone is other data"));
        }
        let (live, replayed) = digest_with(&[(40, "BGREWRITEAOF; @2"), (90, "BGREWRITEAOF")]);
        proof.case();
        if live != replayed {
            proof.violation(format!("seed {seed}: base and log are other data"));
        }
    }
    proof.finish();
}

/// A keyspace that commands are called on, without a server around it.
struct Bare {
    keyspace: Keyspace,
    db: usize,
    now_us: u64,
    reply: Reply,
    effects: Effects,
}

impl Bare {
    fn new(seed: u64) -> Self {
        Self {
            keyspace: Keyspace::new(2, seed),
            db: 0,
            now_us: START_US,
            reply: Reply::default(),
            effects: Effects::default(),
        }
    }

    fn call(&mut self, words: &Words) {
        if words[0] == b"SELECT" {
            self.db = usize::from(words[1] == b"1");
            return;
        }
        let args: ArgsBuf = words.iter().collect();
        let Ok(resolved) = resolve(args.as_args()) else {
            return;
        };
        let Handler::Data(handler) = resolved.command.handler else {
            return;
        };
        self.now_us += 1000;
        self.reply.buf_mut().clear();
        self.effects.clear();
        handler(&mut Call {
            args: args.as_args(),
            keyspace: &mut self.keyspace,
            db: self.db,
            now_us: self.now_us,
            origin: Origin::Client,
            blocking: Blocking::No,
            reply: &mut self.reply,
            effects: &mut self.effects,
        });
    }
}

/// Cuts a snapshot, goes on changing the data while the walk yields a few entries at a time, and returns the digest at the
/// cut and that of the encoded and decoded snapshot.
fn snapshot_while_changing(seed: u64) -> (u64, u64) {
    let mut random = Random(seed);
    let mut bare = Bare::new(seed);
    for _ in 0..50 + random.below(300) {
        bare.call(&write(&mut random));
        if random.one_in(9) {
            bare.db = random.below(2) as usize;
        }
    }
    let at_cut = bare.keyspace.digest();
    bare.keyspace.snapshot_begin();
    let aux = Aux {
        version: "7.0.15",
        created_at_s: 0,
        used_memory: 0,
        aof_base: true,
    };
    let options = EncoderOptions {
        compression: true,
        checksum: true,
        usage: UsageClock::new(&bare.keyspace.settings, bare.now_us),
    };
    let mut encoder = Encoder::new(options, &aux);
    let slice = Slice {
        max_entries: 1 + random.below(6) as usize,
        max_bytes: 1 << 20,
    };
    loop {
        for _ in 0..random.below(4) {
            bare.call(&write(&mut random));
        }
        if random.one_in(20) {
            bare.call(&words("FLUSHDB"));
        }
        let mut parts: Vec<(usize, Chunk<Object>)> = Vec::new();
        let complete = bare
            .keyspace
            .snapshot_walk(slice, &mut Chunk::new, &mut parts);
        for (db, chunk) in &parts {
            for record in chunk.records() {
                encoder.record(*db, &record);
            }
        }
        if complete {
            break;
        }
    }
    encoder.finish();
    let bytes = encoder.take(Vec::new());
    (at_cut, decoded_digest(&bytes, seed))
}

fn decoded_digest(bytes: &[u8], seed: u64) -> u64 {
    let mut keyspace = Keyspace::new(2, seed + 1);
    let mut decoder = Decoder::new(bytes, true).expect("the head is whole");
    let mut db = 0;
    loop {
        match decoder.next_item().expect("it was just encoded") {
            Found::SelectDb(number) => db = number as usize,
            Found::Key {
                key,
                value,
                expires_at_ms,
                usage,
            } => {
                let is_new = keyspace.restore(db, &key, value, expires_at_ms, usage);
                assert!(is_new, "a key comes twice");
            }
            Found::End => return keyspace.digest(),
            _ => {}
        }
    }
}

#[test]
fn case_29_a_snapshot_is_the_data_of_its_cut_whatever_changes_meanwhile() {
    let mut proof = Proof::of(
        29,
        "snapshots walked a few entries at a time, with random commands between any two steps",
        "what comes out, encoded and decoded, is the data at the cut, each key once",
    );
    for seed in 0..if long() { 20_000 } else { 800 } {
        let (at_cut, decoded) = snapshot_while_changing(seed);
        proof.case();
        if at_cut != decoded {
            proof.violation(format!("seed {seed}: other data than at the cut"));
        }
    }
    proof.finish();
}

#[test]
fn case_31_the_same_seed_gives_the_same_bytes() {
    let mut proof = Proof::of(
        31,
        "runs of every policy, natively, twice each (the scenarios' hashes, natively and as WebAssembly, are compared by tests/suite and tests/wasm)",
        "the same trace hash, files, history and log",
    );
    let runs = [
        crate::runs::always(311),
        crate::runs::everysec(312),
        crate::runs::no(313),
        crate::runs::lax(314),
        crate::runs::policies(315),
    ];
    for run in runs.iter().chain(&crate::runs::switched(316)) {
        for schedule in 0..3 {
            let once = || {
                let mut driver = Driver::start(run.config, SimDisk::new(None), 1, schedule, false);
                for item in &run.script {
                    driver.play(item);
                }
                driver.play(&request("SET end 1"));
                driver.finish_jobs();
                let disk = &driver.machine.tape.disk;
                let hash = disk.trace_hash();
                (hash, crate::check::files(disk), driver.history, driver.log)
            };
            proof.case();
            if once() != once() {
                proof.violation(format!("{}, schedule {schedule}: another run", run.name));
            }
        }
    }
    proof.finish();
}
