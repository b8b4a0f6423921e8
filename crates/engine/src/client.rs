//! A connection: its unparsed input, its transaction, and its replies with what they wait for.

use std::collections::VecDeque;

use lastsave_keyspace::Resolved;
use lastsave_resp::{ArgsBuf, Limits, Reply, RequestParser};

use crate::ClientId;
use crate::blocking::Parked;
use crate::pubsub::Subscriptions;

/// A command queued by MULTI.
#[derive(Clone)]
pub(crate) struct Queued {
    pub(crate) command: &'static lastsave_keyspace::Command,
    pub(crate) args: ArgsBuf,
}

/// A key that a client watches.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) db: usize,
    pub(crate) key: Vec<u8>,
    /// Whether the key had already expired when it was watched: then its removal is no change.
    pub(crate) was_expired: bool,
}

/// A stretch of the reply buffer that may leave when the log has reached an offset.
#[derive(Clone)]
struct Waiting {
    /// Where the stretch ends in the reply buffer.
    end: usize,
    /// The offset that must be passed; 0 for a reply that waits only for those before it.
    offset: u64,
}

/// Why a client's input is not executed for now.
#[derive(Clone)]
pub(crate) enum Held {
    /// Its command waits for a key.
    ForKeys(Box<Parked>),
    /// CLIENT PAUSE holds its next command up.
    Paused,
}

/// Whether a client is answered: CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// It is.
    On,
    /// It is not.
    Off,
    /// The next command is not answered.
    SkipNext,
    /// This command is not answered.
    Skip,
}

/// A connection.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) address: String,
    pub(crate) local_address: String,
    pub(crate) name: String,
    pub(crate) db: usize,
    pub(crate) authenticated: bool,
    pub(crate) created_us: u64,
    pub(crate) last_seen_us: u64,
    pub(crate) last_command: Option<Resolved>,
    pub(crate) no_evict: bool,

    pub(crate) parser: RequestParser,
    /// Limits to obey from the next request on.
    pub(crate) new_limits: Option<Limits>,
    /// Bytes received and not executed yet.
    pub(crate) input: Vec<u8>,
    /// How many bytes of the input to come were looked at: [`crate::Engine::expect_input`].
    pub(crate) looked_to: usize,
    /// Bytes of the input being executed, and of the words of the command being executed: `qbuf` and `argv-mem` of
    /// CLIENT LIST.
    pub(crate) executing_len: usize,
    pub(crate) words_len: usize,
    /// Input is kept, not executed, while this is set.
    pub(crate) held: Option<Held>,

    pub(crate) in_multi: bool,
    /// A command was refused while queueing: EXEC will be.
    pub(crate) multi_refused: bool,
    /// A watched key has changed: EXEC will answer null.
    pub(crate) watch_broken: bool,
    pub(crate) queued: Vec<Queued>,
    /// Bytes that the queued commands hold.
    queued_bytes: usize,
    pub(crate) watched: Vec<Watched>,

    pub(crate) subscriptions: Subscriptions,
    /// Whether it is in the state that subscribing leads to.
    pub(crate) subscriber: bool,
    /// Whether it is shown every command: MONITOR.
    pub(crate) monitor: bool,
    pub(crate) answers: Answers,

    pub(crate) reply: Reply,
    released: usize,
    sent: usize,
    waiting: VecDeque<Waiting>,
    /// An `Output::Reply` was given and the released bytes have not all been taken since.
    announced: bool,
    /// No more input is executed; the connection closes once its replies have left.
    pub(crate) closing: bool,
    /// It closes at once, whatever replies are left.
    pub(crate) killed: bool,
    /// The second since which it has been above the soft limit of its class, without a break.
    pub(crate) over_soft_limit_since_s: Option<u64>,
    /// What it counted for in the sum of all clients' memory: see [`crate::limits`].
    pub(crate) counted_memory: usize,
    /// What it counted for in the memory that `maxmemory` limits.
    pub(crate) held_memory: usize,
}

/// What a connection takes by itself, what each command queued by MULTI and each of its words take besides the bytes,
/// and what each watched key does. The same on every machine, as INFO is to be.
const CLIENT_BYTES: usize = 1024;
const QUEUED_BYTES: usize = 32;
const WORD_BYTES: usize = 8;
const WATCHED_BYTES: usize = 48;

/// Unsent replies up to this many bytes count as no burden.
pub(crate) const REPLY_ALLOWANCE: usize = 16 << 10;

/// A drained reply buffer keeps at most this much memory.
const IDLE_REPLY_CAPACITY: usize = 64 << 10;

/// A buffer that is never drained fully is compacted when this much of it has been sent.
const COMPACT_LEN: usize = 1 << 20;

impl Client {
    pub(crate) fn new(
        id: ClientId,
        now_us: u64,
        address: &str,
        local_address: &str,
        limits: Limits,
    ) -> Self {
        Self {
            id,
            address: address.into(),
            local_address: local_address.into(),
            name: String::new(),
            db: 0,
            authenticated: false,
            created_us: now_us,
            last_seen_us: now_us,
            last_command: None,
            no_evict: false,
            parser: RequestParser::new(limits),
            new_limits: None,
            input: Vec::new(),
            looked_to: 0,
            executing_len: 0,
            words_len: 0,
            held: None,
            in_multi: false,
            multi_refused: false,
            watch_broken: false,
            queued: Vec::new(),
            queued_bytes: 0,
            watched: Vec::new(),
            subscriptions: Subscriptions::default(),
            subscriber: false,
            monitor: false,
            answers: Answers::On,
            reply: Reply::default(),
            released: 0,
            sent: 0,
            waiting: VecDeque::new(),
            announced: false,
            closing: false,
            killed: false,
            over_soft_limit_since_s: None,
            counted_memory: 0,
            held_memory: 0,
        }
    }

    /// Says that what was appended to the reply buffer since the last call waits for the log to reach `offset`, or,
    /// with `None`, for nothing but the replies before it.
    pub(crate) fn gate_reply(&mut self, offset: Option<u64>) {
        let end = self.reply.bytes().len();
        if self.waiting.is_empty() && offset.is_none() {
            self.released = end;
        } else {
            self.waiting.push_back(Waiting {
                end,
                offset: offset.unwrap_or(0),
            });
        }
    }

    /// Whether some reply waits for the log.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The log has reached `offset`: releases the replies that waited for it.
    pub(crate) fn release_up_to(&mut self, offset: u64) {
        while let Some(first) = self.waiting.front()
            && first.offset <= offset
        {
            self.released = first.end;
            self.waiting.pop_front();
        }
    }

    /// The log cannot take what the waiting replies stand for: each that waits for an offset above `written` becomes
    /// `error`, so that nothing is acknowledged that a crash would take. The others keep their bytes.
    pub(crate) fn refuse_waiting(&mut self, written: u64, error: &str) {
        let mut rebuilt = Reply::new(self.reply.protocol());
        let mut start = self.released;
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.offset > written {
                rebuilt.error(error);
            } else {
                rebuilt
                    .buf_mut()
                    .extend_from_slice(&self.reply.bytes()[start..waiting.end]);
            }
            start = waiting.end;
        }
        let buf = self.reply.buf_mut();
        buf.truncate(self.released);
        buf.extend_from_slice(rebuilt.bytes());
        self.released = buf.len();
    }

    /// Whether the driver has to be told of released bytes. Says yes once until they have been taken.
    pub(crate) fn must_announce(&mut self) -> bool {
        let news = self.released > self.sent && !self.announced;
        self.announced |= news;
        news
    }

    /// The bytes that may be sent now.
    pub(crate) fn released_bytes(&self) -> &[u8] {
        &self.reply.bytes()[self.sent..self.released]
    }

    /// The first `len` released bytes were sent.
    pub(crate) fn consume(&mut self, len: usize) {
        self.sent += len;
        assert!(
            self.sent <= self.released,
            "bytes were sent that had not been released"
        );
        self.announced = self.sent < self.released;
        let buf = self.reply.buf_mut();
        if self.sent == buf.len() {
            buf.clear();
            buf.shrink_to(IDLE_REPLY_CAPACITY);
            (self.sent, self.released) = (0, 0);
        } else if self.sent >= COMPACT_LEN {
            buf.drain(..self.sent);
            for waiting in &mut self.waiting {
                waiting.end -= self.sent;
            }
            self.released -= self.sent;
            self.sent = 0;
        }
    }

    /// Whether it comes from the same machine.
    pub(crate) fn is_local(&self) -> bool {
        self.is_unix_socket()
            || self.address.starts_with("127.")
            || self.address.starts_with("[::1]")
    }

    /// Whether it comes by a Unix socket, whose addresses are paths: `/tmp/redis.sock:0`.
    pub(crate) fn is_unix_socket(&self) -> bool {
        self.address.starts_with('/')
    }

    /// Bytes of replies that have not been sent.
    pub(crate) fn unsent_len(&self) -> usize {
        self.reply.bytes().len() - self.sent
    }

    /// Bytes of unsent replies if they are more than every client is granted: `omem` of CLIENT LIST.
    pub(crate) fn output_memory_bytes(&self) -> usize {
        match self.unsent_len() {
            ..=REPLY_ALLOWANCE => 0,
            len => len,
        }
    }

    /// Bytes that MULTI and WATCH hold: `multi-mem` of CLIENT LIST.
    pub(crate) fn transaction_memory_bytes(&self) -> usize {
        self.queued_bytes + self.watched.len() * WATCHED_BYTES
    }

    /// Queues a command for EXEC.
    pub(crate) fn queue(&mut self, queued: Queued) {
        let words = queued.args.as_args();
        let words = words.iter().map(|word| word.len() + WORD_BYTES);
        self.queued_bytes += QUEUED_BYTES + words.sum::<usize>();
        self.queued.push(queued);
    }

    /// Bytes held for this connection.
    pub(crate) fn memory_bytes(&self) -> usize {
        CLIENT_BYTES
            + self.input.capacity().max(self.executing_len)
            + self.unsent_len()
            + self.transaction_memory_bytes()
            + self.subscriptions.memory_bytes()
    }

    /// As [`Client::memory_bytes`], with what is to come of a long word that is being received: `tot-mem` of CLIENT LIST.
    pub(crate) fn promised_memory_bytes(&self) -> usize {
        let announced = match self.parser.long_word_start() {
            0 => 0,
            _ => self.input.len().saturating_add(self.parser.missing_len()),
        };
        let to_come = announced.saturating_sub(self.input.capacity());
        self.memory_bytes().saturating_add(to_come)
    }

    /// Leaves MULTI and forgets what was queued and watched. Returns whether it watched anything.
    pub(crate) fn discard_transaction(&mut self) -> bool {
        self.in_multi = false;
        self.multi_refused = false;
        self.watch_broken = false;
        self.queued.clear();
        self.queued_bytes = 0;
        let watched = !self.watched.is_empty();
        self.watched.clear();
        watched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(
            ClientId(1),
            0,
            "127.0.0.1:1",
            "127.0.0.1:2",
            Limits::default(),
        )
    }

    #[test]
    fn a_reply_waits_for_its_offset_and_those_behind_it_wait_too() {
        let mut client = client();
        client.reply.ok();
        client.gate_reply(Some(10));
        client.reply.integer(1);
        client.gate_reply(None);
        client.release_up_to(9);
        assert_eq!(client.released_bytes(), b"");
        client.release_up_to(10);
        assert_eq!(client.released_bytes(), b"+OK\r\n:1\r\n");
    }

    #[test]
    fn replies_to_writes_that_the_log_refused_become_errors() {
        let mut client = client();
        client.reply.ok();
        client.gate_reply(Some(10));
        client.reply.integer(1);
        client.gate_reply(None);
        client.refuse_waiting(9, "MISCONF no space");
        assert_eq!(client.released_bytes(), b"-MISCONF no space\r\n:1\r\n");
    }

    #[test]
    fn what_was_sent_is_forgotten() {
        let mut client = client();
        client.reply.ok();
        client.gate_reply(None);
        assert!(client.must_announce());
        assert!(!client.must_announce());
        client.consume(2);
        assert_eq!(client.released_bytes(), b"K\r\n");
        client.consume(3);
        assert_eq!(client.released_bytes(), b"");
    }
}
