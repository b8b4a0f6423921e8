//! What commands that wait for a key have in common.

use crate::call::{Answered, Block, BlockedOn, TimedOut};
use crate::number::LongDouble;
use crate::{Blocking, Call};

/// When a command stops waiting, in microseconds since the epoch; `None`: never.
pub(super) type Deadline = Option<u64>;

impl Call<'_> {
    /// Reads how long to wait, in seconds, or answers with an error.
    pub(super) fn deadline(&mut self, text: &[u8]) -> Result<Deadline, Answered> {
        let Some(seconds) = LongDouble::parse(text) else {
            self.reply
                .error("ERR timeout is not a float or out of range");
            return Err(Answered);
        };
        // What 64 bits cannot hold counts as the lowest number.
        let timeout_ms = seconds.thousandfold_rounded_up().unwrap_or(i64::MIN);
        let Ok(timeout_ms) = u64::try_from(timeout_ms) else {
            self.reply.error("ERR timeout is negative");
            return Err(Answered);
        };
        let deadline_ms = self.now_ms().saturating_add(timeout_ms);
        Ok((timeout_ms > 0).then_some(deadline_ms.saturating_mul(1000)))
    }

    /// Has the command wait for one of `keys`, or answers as if it had waited in vain where it may not.
    pub(super) fn wait_for<'k>(
        &mut self,
        keys: impl IntoIterator<Item = &'k [u8]>,
        kind: BlockedOn,
        deadline_us: Deadline,
        on_timeout: TimedOut,
    ) {
        if self.blocking == Blocking::No {
            match on_timeout {
                TimedOut::Null => self.reply.null(),
                TimedOut::NullArray => self.reply.null_array(),
            }
            return;
        }
        self.effects.block = Some(Block {
            keys: keys.into_iter().map(<[u8]>::to_vec).collect(),
            kind,
            deadline_us,
            on_timeout,
            also_when_deleted: false,
            request: None,
        });
    }
}
