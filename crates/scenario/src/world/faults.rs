//! Faults in force, and the words that set them.

use lastsave_vfs::{Errno, Fault, Op, SimDisk};

/// How background saves fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveFault {
    /// The child starts and then fails.
    Child,
    /// There is no memory for the child: rewrites fail too.
    Fork,
}

/// What is broken at the moment.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Whether and how background saves fail.
    pub save: Option<SaveFault>,
    /// How long a sync takes besides its bytes, in microseconds, if not what the machine's profile says.
    pub fsync_us: Option<u64>,
    calls: Vec<(Op, bool)>,
}

/// The calls that can be told to fail, by their words.
pub(crate) const FAILING_CALLS: [(&str, Op); 4] = [
    ("fsync", Op::Sync),
    ("write", Op::Write),
    ("rename", Op::Rename),
    ("open", Op::Open),
];

impl Faults {
    /// Makes a call fail with EIO, once or until [`Faults::mend_call`].
    pub(crate) fn break_call(&mut self, disk: &mut SimDisk, op: Op, once: bool) {
        self.calls.retain(|(other, _)| *other != op);
        self.calls.push((op, once));
        disk.clear_faults();
        for (op, once) in &self.calls {
            disk.add_fault(if *once {
                Fault::once(*op, Errno::Io)
            } else {
                Fault::always(*op, Errno::Io)
            });
        }
    }

    /// Lets a call succeed again.
    pub(crate) fn mend_call(&mut self, disk: &mut SimDisk, op: Op) {
        let in_force: Vec<Op> = disk.faults().iter().map(|fault| fault.op).collect();
        self.calls
            .retain(|(other, _)| *other != op && in_force.contains(other));
        disk.clear_faults();
        for (op, once) in self.calls.clone() {
            disk.add_fault(if once {
                Fault::once(op, Errno::Io)
            } else {
                Fault::always(op, Errno::Io)
            });
        }
    }

    /// The faults in force, in the words that set them.
    pub(crate) fn words(&self, disk: &SimDisk) -> Vec<String> {
        let mut words = Vec::new();
        match self.save {
            Some(SaveFault::Child) => words.push("bgsave fail".into()),
            Some(SaveFault::Fork) => words.push("fork fail".into()),
            None => {}
        }
        if let Some(us) = self.fsync_us {
            words.push(format!("fsync slow {}", crate::units::duration(us)));
        }
        for fault in disk.faults() {
            if let Some((word, _)) = FAILING_CALLS.iter().find(|(_, op)| *op == fault.op) {
                let once = if fault.times == Some(1) { " once" } else { "" };
                words.push(format!("{word} fail{once}"));
            }
        }
        if let Some(capacity) = disk.capacity() {
            words.push(if capacity <= disk.used_bytes() {
                "disk full".into()
            } else {
                format!("disk capacity {}", crate::units::bytes(capacity))
            });
        }
        words
    }
}
