//! The writer against the simulated disk: what it says of its offsets must be true at every moment.

use lastsave_vfs::{Errno, Fault, Op, SimDisk, Survival, SyncKind};
use proptest::prelude::*;

use super::*;

const FILE: &str = "1.incr.aof";

fn start() -> (SimDisk, Writer) {
    let mut disk = SimDisk::new(None);
    let file = open(&mut disk, FILE);
    (disk, Writer::new(file, 0))
}

/// Opens a new file whose name is durable.
fn open(disk: &mut SimDisk, path: &str) -> FileId {
    let file = disk.open(path, OpenMode::Append).expect("open");
    disk.sync_dir("").expect("sync_dir");
    file
}

fn append(writer: &mut Writer, bytes: &[u8]) -> u64 {
    writer.append(|buf| buf.extend_from_slice(bytes))
}

fn sync(writer: &mut Writer, disk: &mut SimDisk) -> bool {
    let Some(ticket) = writer.begin_sync() else {
        return false;
    };
    let ok = disk.sync(ticket.file, SyncKind::Data).is_ok();
    writer.sync_done(ticket, ok, disk);
    ok
}

fn offsets(appended: u64, written: u64, synced: u64) -> Offsets {
    Offsets {
        appended,
        written,
        synced,
    }
}

#[test]
fn the_three_offsets_follow_each_other() {
    let (mut disk, mut writer) = start();
    assert_eq!(append(&mut writer, b"first "), 6);
    assert_eq!(writer.offsets(), offsets(6, 0, 0));
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.offsets(), offsets(6, 6, 0));
    let ticket = writer.begin_sync().expect("unsynced bytes");
    assert_eq!(writer.begin_sync(), None, "one at a time");
    append(&mut writer, b"second");
    writer.flush(&mut disk).expect("flush");
    disk.sync(ticket.file, SyncKind::Data).expect("sync");
    writer.sync_done(ticket, true, &mut disk);
    assert_eq!(
        writer.offsets(),
        offsets(12, 12, 6),
        "the ticket speaks for what was written when it was begun"
    );
    assert!(sync(&mut writer, &mut disk));
    assert_eq!(
        (writer.offsets(), writer.begin_sync()),
        (offsets(12, 12, 12), None)
    );
    assert_eq!(
        (disk.read(FILE).expect("read"), writer.file_len()),
        (b"first second".to_vec(), 12)
    );
}

#[test]
fn a_short_write_is_cut_back_and_nothing_is_lost() {
    for accepted in 0..6 {
        let (mut disk, mut writer) = start();
        append(&mut writer, b"whole ");
        writer.flush(&mut disk).expect("flush");
        append(&mut writer, b"second");
        disk.add_fault(Fault::once(Op::Write, Errno::NoSpace).accepting(accepted));
        assert_eq!(
            writer.flush(&mut disk).expect_err("ordered").errno,
            Errno::NoSpace
        );
        assert_eq!(disk.read(FILE).expect("read"), b"whole ");
        assert_eq!(
            (writer.offsets(), writer.buffered()),
            (offsets(12, 6, 0), &b"second"[..])
        );
        writer.flush(&mut disk).expect("space again");
        assert_eq!(
            disk.read(FILE).expect("read"),
            b"whole second",
            "no hole, nothing twice"
        );
    }
}

#[test]
fn where_cutting_back_fails_the_taken_part_counts() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"second");
    disk.add_fault(Fault::once(Op::Write, Errno::NoSpace).accepting(2));
    disk.add_fault(Fault::once(Op::Truncate, Errno::Io));
    writer.flush(&mut disk).expect_err("ordered");
    assert_eq!(
        (writer.offsets(), writer.file_len(), writer.buffered()),
        (offsets(6, 2, 0), 2, &b"cond"[..])
    );
    writer.flush(&mut disk).expect("space again");
    assert_eq!(disk.read(FILE).expect("read"), b"second");
}

#[test]
fn a_rotation_holds_bytes_back_until_the_old_file_is_durable() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"old");
    writer.flush(&mut disk).expect("flush");
    let file = open(&mut disk, "2.incr.aof");
    let ticket = writer.rotate(file, &mut disk).expect("unsynced bytes");
    assert!(ticket.last && writer.held());
    append(&mut writer, b"new");
    writer.flush(&mut disk).expect("nothing is wrong");
    assert_eq!((writer.offsets(), writer.file_len()), (offsets(6, 3, 0), 0));
    disk.sync(ticket.file, SyncKind::Data).expect("sync");
    writer.sync_done(ticket, true, &mut disk);
    disk.len(ticket.file).expect_err("closed");
    writer.flush(&mut disk).expect("flush");
    assert_eq!(
        (writer.offsets(), writer.file_len(), writer.held()),
        (offsets(6, 6, 3), 3, false)
    );
    assert_eq!(disk.read("2.incr.aof").expect("read"), b"new");
}

#[test]
fn a_rotation_with_nothing_unsynced_needs_no_ticket() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"old");
    writer.flush(&mut disk).expect("flush");
    assert!(sync(&mut writer, &mut disk));
    let file = open(&mut disk, "2.incr.aof");
    assert_eq!(writer.rotate(file, &mut disk), None);
    assert!(!writer.held());
}

#[test]
fn a_sync_begun_before_a_rotation_does_not_speak_for_the_rest() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"one");
    writer.flush(&mut disk).expect("flush");
    let early = writer.begin_sync().expect("unsynced bytes");
    append(&mut writer, b"two");
    writer.flush(&mut disk).expect("flush");
    let file = open(&mut disk, "2.incr.aof");
    assert_eq!(writer.rotate(file, &mut disk), None, "one sync at a time");
    append(&mut writer, b"three");
    writer.sync_done(early, true, &mut disk);
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.offsets(), offsets(11, 6, 3), "still held");
    let ticket = writer.begin_sync().expect("the old file's");
    assert!(ticket.last && ticket.file == early.file && ticket.offset == 6);
    writer.sync_done(ticket, true, &mut disk);
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.offsets(), offsets(11, 11, 6));
}

#[test]
fn what_is_buffered_at_a_rotation_goes_to_the_old_file() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"old");
    disk.set_capacity(Some(0));
    writer.flush(&mut disk).expect_err("full");
    let file = open(&mut disk, "2.incr.aof");
    assert_eq!(writer.rotate(file, &mut disk), None);
    append(&mut writer, b"new");
    disk.set_capacity(None);
    writer.flush(&mut disk).expect("flush");
    assert_eq!(disk.read(FILE).expect("read"), b"old");
    assert!(sync(&mut writer, &mut disk));
    writer.flush(&mut disk).expect("flush");
    assert_eq!(disk.read("2.incr.aof").expect("read"), b"new");
}

#[test]
fn bytes_found_in_the_file_are_synced_before_a_rotation() {
    let mut disk = SimDisk::new(None);
    let file = open(&mut disk, FILE);
    write_all(&mut disk, file, b"found").expect("write");
    let mut writer = Writer::new(file, 5);
    let next = open(&mut disk, "2.incr.aof");
    let ticket = writer
        .rotate(next, &mut disk)
        .expect("they may be in memory only");
    assert!(ticket.last && ticket.offset == 0);
    append(&mut writer, b"new");
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.offsets().written, 0);
    disk.sync(ticket.file, SyncKind::Data).expect("sync");
    writer.sync_done(ticket, true, &mut disk);
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.offsets().written, 3);
}

#[test]
fn after_a_failed_sync_the_offset_stays_until_the_bytes_are_written_again() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"safe ");
    writer.flush(&mut disk).expect("flush");
    assert!(sync(&mut writer, &mut disk));
    append(&mut writer, b"doubtful");
    writer.flush(&mut disk).expect("flush");
    disk.add_fault(Fault::once(Op::Sync, Errno::Io));
    assert!(!sync(&mut writer, &mut disk));
    assert_eq!((writer.suspect(), writer.begin_sync()), (Some(5..13), None));
    append(&mut writer, b" more");
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.rewrite_suspect(&mut disk, FILE), Ok(true));
    assert!(sync(&mut writer, &mut disk));
    assert_eq!(writer.offsets(), offsets(18, 18, 18));
    disk.power_loss(Survival::None);
    assert_eq!(disk.read(FILE).expect("read"), b"safe doubtful more");
}

#[test]
fn what_cannot_be_written_again_is_left_to_a_rewrite() {
    let (mut disk, mut writer) = start();
    writer.set_retained_limit(4);
    append(&mut writer, b"doubtful");
    writer.flush(&mut disk).expect("flush");
    disk.add_fault(Fault::once(Op::Sync, Errno::Io));
    assert!(!sync(&mut writer, &mut disk));
    assert_eq!(writer.rewrite_suspect(&mut disk, FILE), Ok(false));
    let file = open(&mut disk, "2.incr.aof");
    assert_eq!(writer.rotate(file, &mut disk), None);
    append(&mut writer, b"new");
    writer.flush(&mut disk).expect("flush");
    assert_eq!(writer.offsets(), offsets(11, 8, 0), "held");
    writer.superseded(8, &mut disk);
    writer.flush(&mut disk).expect("flush");
    assert_eq!(
        (writer.offsets(), writer.suspect(), writer.held()),
        (offsets(11, 11, 8), None, false)
    );
}

#[test]
fn a_new_base_makes_buffered_bytes_needless() {
    let (mut disk, mut writer) = start();
    append(&mut writer, b"before");
    let file = open(&mut disk, "2.incr.aof");
    writer.rotate(file, &mut disk);
    append(&mut writer, b"after");
    writer.superseded(6, &mut disk);
    writer.flush(&mut disk).expect("flush");
    assert_eq!(
        disk.read(FILE).expect("read"),
        b"",
        "nothing is applied twice"
    );
    assert_eq!(disk.read("2.incr.aof").expect("read"), b"after");
    assert_eq!(writer.offsets(), offsets(11, 11, 6));
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Flush,
    /// The next write takes so many bytes and fails; perhaps cutting back fails, too.
    ShortFlush(usize, bool),
    BeginSync,
    DoSync(bool),
    SyncDone,
    Rotate,
    RewriteSuspect,
    Supersede,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![1usize..100, 3000usize..6000].prop_map(Step::Append),
        4 => Just(Step::Flush),
        2 => (0usize..6000, prop::bool::weighted(0.3)).prop_map(|(len, cut)| Step::ShortFlush(len, cut)),
        4 => Just(Step::BeginSync),
        4 => prop::bool::weighted(0.8).prop_map(Step::DoSync),
        4 => Just(Step::SyncDone),
        2 => Just(Step::Rotate),
        1 => Just(Step::RewriteSuspect),
        1 => Just(Step::Supersede),
    ]
}

/// What was appended, and where it should be.
#[derive(Default)]
struct Model {
    log: Vec<u8>,
    unit_ends: Vec<u64>,
    /// Where each file's part of the log starts.
    starts: Vec<u64>,
    superseded: u64,
    /// Whether a write was torn that could not be cut back.
    torn: bool,
}

impl Model {
    /// The files that no base holds, each with the range of the log that belongs in it.
    fn files(&self) -> impl Iterator<Item = (String, Range<u64>)> + '_ {
        let end = |index: usize| {
            self.starts
                .get(index + 1)
                .copied()
                .unwrap_or(self.log.len() as u64)
        };
        let ranges = self
            .starts
            .iter()
            .enumerate()
            .map(move |(index, &start)| (index, start..end(index)));
        let live = ranges.filter(|(index, range)| {
            *index + 1 == self.starts.len() || range.end > self.superseded
        });
        live.map(|(index, range)| (format!("{}.incr.aof", index + 1), range))
    }

    fn part(&self, range: &Range<u64>, end: u64) -> &[u8] {
        &self.log[range.start as usize..range.end.min(end).max(range.start) as usize]
    }

    fn check(
        &self,
        writer: &Writer,
        disk: &SimDisk,
        seed: u64,
    ) -> std::result::Result<(), TestCaseError> {
        let Offsets {
            appended,
            written,
            synced,
        } = writer.offsets();
        prop_assert!(synced <= written && written <= appended);
        prop_assert_eq!(appended, self.log.len() as u64);
        prop_assert_eq!(writer.buffered(), &self.log[written as usize..]);
        prop_assert!(
            self.torn || self.unit_ends.contains(&written),
            "only whole units"
        );
        let mut after = disk.clone();
        after.power_loss(Survival::Seeded(seed));
        let mut complete = true;
        for (path, range) in self.files() {
            let now = disk.read(&path).expect("read");
            if range.start >= self.superseded {
                prop_assert_eq!(
                    &now[..],
                    self.part(&range, written),
                    "written is what a kill leaves"
                );
            }
            let left = after.read(&path).expect("its name is durable");
            prop_assert!(
                left.is_empty() || complete,
                "a later file has bytes, an earlier one lost some"
            );
            let safe = if range.start >= self.superseded {
                self.part(&range, synced)
            } else {
                &[]
            };
            prop_assert!(left.starts_with(safe), "synced is what a power loss leaves");
            complete = left == self.part(&range, u64::MAX);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_offsets_are_true_at_every_moment(
        steps in prop::collection::vec(step(), 1..60),
        seed: u64,
        retained in prop_oneof![Just(RETAINED_LIMIT), Just(2000), Just(0)],
    ) {
        let (mut disk, mut writer) = start();
        writer.set_retained_limit(retained);
        let mut model = Model { starts: vec![0], unit_ends: vec![0], ..Model::default() };
        let mut ticket = None;
        let mut outcome = None;
        for (number, step) in steps.into_iter().enumerate() {
            let before = writer.offsets();
            match step {
                Step::Append(len) => {
                    let unit = vec![number as u8 + 1; len];
                    model.log.extend_from_slice(&unit);
                    model.unit_ends.push(append(&mut writer, &unit));
                }
                Step::Flush => writer.flush(&mut disk).expect("no fault"),
                Step::ShortFlush(len, cut_fails) => {
                    disk.add_fault(Fault::once(Op::Write, Errno::NoSpace).accepting(len));
                    if cut_fails {
                        disk.add_fault(Fault::once(Op::Truncate, Errno::Io));
                    }
                    let result = writer.flush(&mut disk);
                    model.torn |= result.is_err() && cut_fails;
                    disk.clear_faults();
                }
                Step::BeginSync => ticket = writer.begin_sync().or(ticket),
                Step::DoSync(ok) => {
                    if let Some(SyncTicket { file, .. }) = ticket && outcome.is_none() {
                        if !ok {
                            disk.add_fault(Fault::once(Op::Sync, Errno::Io));
                        }
                        outcome = Some(disk.sync(file, SyncKind::Data).is_ok());
                    }
                }
                Step::SyncDone => {
                    if let Some(ok) = outcome.take() {
                        writer.sync_done(ticket.take().expect("it was done"), ok, &mut disk);
                    }
                }
                Step::Rotate => {
                    let file = open(&mut disk, &format!("{}.incr.aof", model.starts.len() + 1));
                    model.starts.push(model.log.len() as u64);
                    ticket = writer.rotate(file, &mut disk).or(ticket);
                }
                Step::RewriteSuspect => {
                    let path = format!("{}.incr.aof", model.starts.len());
                    writer.rewrite_suspect(&mut disk, &path).expect("no fault");
                }
                Step::Supersede => {
                    // A rewrite that began at the last rotation is done.
                    model.superseded = *model.starts.last().expect("never empty");
                    writer.superseded(model.superseded, &mut disk);
                }
            }
            let after = writer.offsets();
            prop_assert!(after.written >= before.written && after.synced >= before.synced, "none goes back");
            model.check(&writer, &disk, seed ^ number as u64)?;
        }
        disk.kill();
        disk.sync_everything();
    }
}
