//! The twelve ways in which Redis 7.0.15 loses data and we do not. Each scenario runs twice: with `redis-faithful yes`
//! the loss happens, by default it does not. `real.rs` shows that the real server has it.

mod machine;
mod real;

use lastsave_vfs::{Errno, Fault, Op, SimDisk};
use machine::{Machine, snapshots, syncs};

const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";
const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";

/// A configuration with the log on.
fn logged(faithful: bool) -> String {
    with_log("yes", faithful)
}

fn with_log(appendonly: &str, faithful: bool) -> String {
    let faithful = if faithful { "yes" } else { "no" };
    format!("save \"\"\nappendonly {appendonly}\nappendfsync everysec\nredis-faithful {faithful}\n")
}

fn empty() -> SimDisk {
    SimDisk::new(None)
}

/// A killed machine's disk whose log holds these commands, written by the default server.
fn disk_with_log(commands: &[&str]) -> SimDisk {
    let mut machine = Machine::start(empty(), &logged(false));
    for command in commands {
        let reply = machine.run(command);
        assert!(!reply.starts_with('-'), "{command}: {reply}");
    }
    machine.kill()
}

fn put(disk: &mut SimDisk, path: &str, bytes: &[u8]) {
    disk.write_file(path, bytes).expect("there is room");
}

#[test]
fn defect_01_hole_after_a_short_write() {
    let restart = |faithful| {
        let mut machine = Machine::start(empty(), &logged(faithful));
        assert_eq!(machine.run("SET before 1"), "+OK");
        machine.run("BGREWRITEAOF");
        assert_eq!(machine.run("SET fits 1"), "+OK");
        machine
            .disk
            .set_capacity(Some(machine.disk.used_bytes() + 5));
        machine.run("SET short 1");
        machine.disk.set_capacity(None);
        machine.advance(1_000_000);
        assert_eq!(machine.run("SET after 1"), "+OK");
        Machine::start(machine.kill(), &logged(faithful))
    };
    let refused = restart(true);
    assert_eq!(refused.exited, Some(1), "the server said ok all along");
    assert!(refused.logged("Bad file format"), "{:#?}", refused.log);
    let mut server = restart(false);
    for key in ["before", "fits", "after"] {
        assert_eq!(server.run(&format!("GET {key}")), "$1 1");
    }
}

#[test]
fn defect_02_dangling_manifest() {
    let restart = |faithful| {
        let mut machine = Machine::start(empty(), &logged(faithful));
        assert_eq!(machine.run("SET k v"), "+OK");
        machine.hold(snapshots);
        machine.run("BGREWRITEAOF");
        machine
            .disk
            .add_fault(Fault::once(Op::SyncDir, Errno::Io).on("appendonlydir"));
        machine.release();
        assert_eq!(machine.run("SET after 1"), "+OK");
        Machine::start(machine.kill(), &logged(faithful))
    };
    let refused = restart(true);
    assert_eq!(refused.exited, Some(1));
    assert!(
        refused.logged("2.base.rdb doesn't exist"),
        "{:#?}",
        refused.log
    );
    let mut server = restart(false);
    assert_eq!(server.run("GET k"), "$1 v");
    assert_eq!(server.run("GET after"), "$1 1");
}

#[test]
fn defect_03_torn_exec_swallows_later_writes() {
    let whole = disk_with_log(&["SET k v", "MULTI", "SET a 1", "SET b 1", "EXEC"]);
    let bytes = whole.read(INCR).expect("it is there");
    // At how many points a tear loses a write that was acknowledged behind it.
    let losses = |faithful| {
        let lost = |cut: &usize| {
            let mut disk = whole.clone();
            put(&mut disk, INCR, &bytes[..*cut]);
            let mut machine = Machine::start(disk, &logged(faithful));
            assert_eq!(machine.run("SET later 1"), "+OK", "torn at {cut}");
            let mut machine = Machine::start(machine.kill(), &logged(faithful));
            assert_eq!(machine.exited, None);
            machine.run("GET later") != "$1 1"
        };
        (0..=bytes.len()).filter(lost).count()
    };
    assert!(losses(true) > 20);
    assert_eq!(losses(false), 0);
}

/// A single file as Redis 4 to 6 wrote it: a snapshot, and one command behind it.
fn old_file() -> (Vec<u8>, usize) {
    let mut machine = Machine::start(empty(), &logged(false));
    machine.run("SET k v");
    machine.run("BGREWRITEAOF");
    let mut bytes = machine
        .disk
        .read("appendonlydir/appendonly.aof.2.base.rdb")
        .expect("it is there");
    let preamble_len = bytes.len();
    bytes.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
    (bytes, preamble_len)
}

#[test]
fn defect_04_preamble_cut_with_the_torn_first_command() {
    let (bytes, preamble_len) = old_file();
    let losses = |faithful| {
        let lost = |cut: &usize| {
            let mut disk = empty();
            put(&mut disk, "appendonly.aof", &bytes[..*cut]);
            let mut machine = Machine::start(disk, &logged(faithful));
            assert_eq!(machine.run("GET k"), "$1 v", "the first start shows it");
            let mut machine = Machine::start(machine.kill(), &logged(faithful));
            machine.run("GET k") != "$1 v"
        };
        (preamble_len..=bytes.len()).filter(lost).count()
    };
    assert_eq!(losses(true), bytes.len() - preamble_len - 1);
    assert_eq!(losses(false), 0);
}

#[test]
fn defect_05_torn_tail_in_a_file_that_is_not_the_last() {
    const SECOND: &str = "appendonlydir/appendonly.aof.2.incr.aof";
    let mut torn = disk_with_log(&["SET k 1", "SET k 2"]);
    let bytes = torn.read(INCR).expect("it is there");
    put(&mut torn, INCR, &bytes[..bytes.len() - 3]);
    put(
        &mut torn,
        SECOND,
        b"*3\r\n$3\r\nSET\r\n$5\r\nlater\r\n$1\r\n1\r\n",
    );
    let mut manifest = torn.read(MANIFEST).expect("it is there");
    manifest.extend_from_slice(b"file appendonly.aof.2.incr.aof seq 2 type i\n");
    put(&mut torn, MANIFEST, &manifest);
    let twice = |faithful| {
        let first = Machine::start(torn.clone(), &logged(faithful));
        assert_eq!(first.exited, Some(1));
        assert!(first.logged("the truncated file is not the last file"));
        Machine::start(first.kill(), &logged(faithful))
    };
    let mut gap = twice(true);
    assert_eq!(gap.exited, None);
    assert_eq!(
        (gap.run("GET k"), gap.run("GET later")),
        ("$1 1".into(), "$1 1".into())
    );
    let refused = twice(false);
    assert_eq!(refused.exited, Some(1));
    assert_eq!(
        refused.disk.read(INCR),
        torn.read(INCR),
        "nothing was touched"
    );
}

#[test]
fn defect_06_replies_go_out_while_the_write_is_put_off() {
    const WRITES: usize = 50;
    let survivors = |faithful| {
        let mut machine = Machine::start(empty(), &logged(faithful));
        machine.run("SET first 1");
        machine.hold(syncs);
        machine.advance(1_500_000);
        for number in 0..WRITES {
            assert_eq!(
                machine.run(&format!("RPUSH k {number}")),
                format!(":{}", number + 1)
            );
            machine.advance(10_000);
        }
        let mut machine = Machine::start(machine.kill(), &logged(faithful));
        machine.run("LLEN k")
    };
    assert_eq!(survivors(true), ":0", "fifty were acknowledged");
    assert_eq!(survivors(false), format!(":{WRITES}"));
}

#[test]
fn defect_06_a_write_is_put_off_for_two_seconds_at_most() {
    let mut machine = Machine::start(empty(), &logged(true));
    machine.run("SET first 1");
    machine.hold(syncs);
    machine.advance(1_500_000);
    machine.run("SET k v");
    machine.advance(3_000_000);
    assert!(machine.logged("Asynchronous AOF fsync is taking too long"));
    assert!(
        machine
            .run("INFO persistence")
            .contains("aof_delayed_fsync:1")
    );
    let mut machine = Machine::start(machine.kill(), &logged(true));
    assert_eq!(machine.run("GET k"), "$1 v");
}

#[test]
fn defect_07_one_failed_fsync_and_no_way_back() {
    let after_a_minute = |faithful| {
        let mut machine = Machine::start(empty(), &logged(faithful));
        machine
            .disk
            .add_fault(Fault::once(Op::Sync, Errno::Io).on(INCR));
        assert_eq!(machine.run("SET k v"), "+OK");
        machine.hold(syncs);
        machine.advance(1_500_000);
        machine.release();
        assert!(machine.run("SET refused 1").starts_with("-MISCONF"));
        machine.advance(60_000_000);
        machine
    };
    let mut stuck = after_a_minute(true);
    assert!(stuck.run("SET later 1").starts_with("-MISCONF"));
    assert!(stuck.run("PING").starts_with("-MISCONF"));
    let mut server = after_a_minute(false);
    assert_eq!(server.run("SET later 1"), "+OK");
    server.advance(3_000_000);
    // The sync that failed counts its pages as clean, so no later one writes them: what was said to be synced must have
    // been written again.
    let mut server = Machine::start(server.cut_power(), &logged(false));
    assert_eq!(
        (server.run("GET k"), server.run("GET later")),
        ("$1 v".into(), "$1 1".into())
    );
}

#[test]
fn defect_07_a_failed_fsync_counts_as_one() {
    let after_power_loss = |faithful| {
        let mut machine = Machine::start(empty(), &logged(faithful));
        machine
            .disk
            .add_fault(Fault::once(Op::Sync, Errno::Io).on(INCR));
        machine.run("SET k v");
        machine.advance(60_000_000);
        Machine::start(machine.cut_power(), &logged(faithful)).run("GET k")
    };
    assert_eq!(
        after_power_loss(true),
        "$-1",
        "a minute after it was acknowledged"
    );
    assert_eq!(after_power_loss(false), "$1 v");
}

#[test]
fn defect_08_killed_before_the_first_rewrite_ends() {
    let restart = |faithful| {
        let mut machine = Machine::start(empty(), &with_log("no", faithful));
        machine.run("SET k v");
        machine.run("SAVE");
        machine.hold(snapshots);
        assert_eq!(machine.run("CONFIG SET appendonly yes"), "+OK");
        // CONFIG REWRITE: the next start finds the log switched on.
        let mut machine = Machine::start(machine.kill(), &logged(faithful));
        let found = machine.run("GET k");
        // An orderly end saves.
        machine.run("SHUTDOWN SAVE");
        assert_eq!(machine.exited, Some(0), "{:#?}", machine.log);
        let mut machine = Machine::start(machine.kill(), &with_log("no", faithful));
        (found, machine.run("GET k"))
    };
    assert_eq!(
        restart(true),
        ("$-1".into(), "$-1".into()),
        "the RDB file, too"
    );
    assert_eq!(restart(false), ("$1 v".into(), "$1 v".into()));
}

#[test]
fn defect_09_missing_manifest() {
    let mut stray = disk_with_log(&["SET stale 1"]);
    stray.remove(MANIFEST).expect("it is there");
    let mut machine = Machine::start(stray.clone(), &logged(true));
    assert_eq!(machine.run("DBSIZE"), ":0");
    machine.run("SET new 1");
    let mut machine = Machine::start(machine.kill(), &logged(true));
    assert_eq!(machine.run("GET stale"), "$1 1", "it reappears");

    let refused = Machine::start(stray.clone(), &logged(false));
    assert_eq!(refused.exited, Some(1));
    assert!(refused.logged("manifest appendonly.aof.manifest is missing"));
    let names = |disk: &SimDisk| {
        disk.files()
            .into_iter()
            .map(|file| file.path)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&refused.disk), names(&stray));
}

#[test]
fn defect_10_appendonly_edited_into_the_file() {
    let restart = |faithful| {
        let mut machine = Machine::start(empty(), &with_log("no", faithful));
        machine.run("SET k v");
        machine.run("SAVE");
        let mut machine = Machine::start(machine.kill(), &logged(faithful));
        (
            machine.run("GET k"),
            machine.logged("appendonly is yes but"),
        )
    };
    assert_eq!(restart(true), ("$-1".into(), false), "silently empty");
    assert_eq!(restart(false), ("$1 v".into(), true));
}

#[test]
fn defect_11_orphans_fill_the_disk() {
    let orphans = |faithful| {
        let mut machine = Machine::start(empty(), &logged(faithful));
        machine.run("SET k v");
        machine.advance(1_000_000);
        machine.disk.add_fault(Fault::always(Op::Unlink, Errno::Io));
        machine.disk.add_fault(Fault::always(Op::Rename, Errno::Io));
        machine.run("BGSAVE");
        machine.advance(1_000_000);
        machine.run("BGREWRITEAOF");
        machine.disk.clear_faults();
        let machine = Machine::start(machine.kill(), &logged(faithful));
        assert_eq!(machine.exited, None, "{:#?}", machine.log);
        let files = machine.disk.files().into_iter();
        files.filter(|file| file.path.contains("temp-")).count()
    };
    assert!(orphans(true) > 0);
    assert_eq!(orphans(false), 0);
}

/// How the flips of all bits of a file end.
#[derive(Debug, Default)]
struct Flips {
    refused: usize,
    same: usize,
    /// Cut like a torn tail, and said so.
    cut: usize,
    silently_wrong: usize,
}

fn flip_all(disk: &SimDisk, config: &str) -> Flips {
    let bytes = disk.read(INCR).expect("it is there");
    let right = Machine::start(disk.clone(), config).digest();
    let mut flips = Flips::default();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut disk = disk.clone();
        put(&mut disk, INCR, &flipped);
        let machine = Machine::start(disk, config);
        let counter = if machine.exited.is_some() {
            &mut flips.refused
        } else if machine.digest() == right {
            &mut flips.same
        } else if machine.logged("Truncating the AOF") {
            &mut flips.cut
        } else {
            &mut flips.silently_wrong
        };
        *counter += 1;
    }
    flips
}

/// What the file whose bits are flipped holds.
const COMMANDS: [&str; 7] = [
    "SET key value",
    "SET session abc PXAT 4000000000000",
    "RPUSH list a b c",
    "ZADD scores 1.5 member",
    "HSET hash field value",
    "SELECT 3",
    "INCRBY counter 10",
];

#[test]
fn defect_12_bit_flips() {
    let disk = disk_with_log(&COMMANDS);
    let lax = flip_all(&disk, &logged(true));
    let strict = flip_all(&disk, &logged(false));
    println!("as Redis: {lax:?}\nby default: {strict:?}");
    assert!(strict.silently_wrong < lax.silently_wrong);
    assert!(strict.refused > lax.refused);
}

#[test]
fn with_checksums_no_flip_is_silent() {
    let config = format!("{}aof-checksums yes\n", logged(false));
    let mut machine = Machine::start(empty(), &config);
    for command in COMMANDS {
        assert!(!machine.run(command).starts_with('-'), "{command}");
    }
    let disk = machine.kill();
    let flips = flip_all(&disk, &config);
    println!("with checksums: {flips:?}");
    assert_eq!((flips.silently_wrong, flips.cut), (0, 0));
    // Whatever the parameter says, a checksum that is there is verified.
    assert_eq!(flip_all(&disk, &logged(false)).silently_wrong, 0);
}

/// What GET k answers after `play`, a kill, and a start with the log on.
fn after_kill(faithful: bool, start: &str, play: impl Fn(&mut Machine)) -> (String, SimDisk) {
    let mut machine = Machine::start(disk_with_log(&["SET k 1"]), &with_log(start, faithful));
    play(&mut machine);
    let mut machine = Machine::start(machine.kill(), &logged(faithful));
    assert_eq!(machine.exited, None, "{:#?}", machine.log);
    (machine.run("GET k"), machine.kill())
}

#[test]
fn a_log_that_was_switched_off_is_older_than_the_next_save() {
    let play = |machine: &mut Machine| {
        machine.run("CONFIG SET appendonly no");
        machine.run("SET k 2");
        machine.run("SAVE");
        machine.run("SET k 3");
        machine.hold(snapshots);
        assert_eq!(machine.run("CONFIG SET appendonly yes"), "+OK");
    };
    assert_eq!(after_kill(true, "yes", play).0, "$1 1", "two saves ago");
    let (found, disk) = after_kill(false, "yes", play);
    assert_eq!(found, "$1 2");
    let kept = |file: &lastsave_vfs::FileStatus| {
        file.path.starts_with("appendonlydir.superseded-") && file.path.ends_with(".1.incr.aof")
    };
    assert!(disk.files().iter().any(kept), "nothing was destroyed");
}

#[test]
fn a_log_that_was_switched_off_is_the_newest_without_a_save() {
    let play = |machine: &mut Machine| {
        machine.run("SAVE");
        machine.run("SET k 2");
        machine.run("CONFIG SET appendonly no");
        machine.run("SET k 3");
        machine.hold(snapshots);
        assert_eq!(machine.run("CONFIG SET appendonly yes"), "+OK");
    };
    assert_eq!(after_kill(false, "yes", play).0, "$1 2");
}

#[test]
fn a_save_begun_before_the_log_was_switched_off_is_older_than_it() {
    let play = |machine: &mut Machine| {
        machine.hold(snapshots);
        machine.run("BGSAVE");
        machine.run("SET k 2");
        machine.run("CONFIG SET appendonly no");
        machine.release();
    };
    assert_eq!(after_kill(false, "yes", play).0, "$1 2");
}

#[test]
fn a_log_of_another_life_is_older_than_the_rdb_file() {
    let saved = |machine: &mut Machine| {
        machine.run("SET k 2");
        machine.run("SAVE");
    };
    assert_eq!(after_kill(true, "no", saved).0, "$1 1");
    assert_eq!(after_kill(false, "no", saved).0, "$1 2");
    let never_saved = |machine: &mut Machine| {
        assert!(machine.logged("is not loaded"));
        machine.run("SET k 2");
    };
    assert_eq!(after_kill(false, "no", never_saved).0, "$1 1");
}

#[test]
fn a_log_switched_on_again_counts_when_its_base_stands() {
    let play = |machine: &mut Machine| {
        machine.run("CONFIG SET appendonly no");
        machine.run("SET k 2");
        machine.run("SAVE");
        machine.run("CONFIG SET appendonly yes");
        machine.run("SET k 3");
    };
    assert_eq!(after_kill(false, "yes", play).0, "$1 3");
    let rewritten = |machine: &mut Machine| {
        machine.run("CONFIG SET appendonly no");
        machine.run("SAVE");
        machine.run("SET k 2");
        machine.run("BGREWRITEAOF");
    };
    assert_eq!(
        after_kill(false, "yes", rewritten).0,
        "$1 2",
        "made with the log off"
    );
}
