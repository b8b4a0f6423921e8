//! The reply writer: RESP2 and RESP3 values appended to one buffer.

/// The protocol version of a connection, chosen by HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every client speaks until it says `HELLO 3`.
    #[default]
    Resp2,
    /// Adds maps, sets, doubles, booleans, null, big numbers, verbatim strings and pushes.
    Resp3,
}

/// A growing buffer of encoded replies. Where RESP2 lacks a type, the method writes what Redis writes instead.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    buf: Vec<u8>,
    protocol: Protocol,
    limit: Limit,
}

/// A buffer of so many bytes takes no more strings.
#[derive(Clone, Copy, Debug)]
struct Limit(usize);

impl Default for Limit {
    fn default() -> Self {
        Self(usize::MAX)
    }
}

/// The place of an array header whose length is not known yet; see [`Reply::deferred_array`].
#[derive(Debug)]
#[must_use = "an array whose length is never set is a broken reply"]
pub struct DeferredLen(usize);

impl Reply {
    /// An empty buffer.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            buf: Vec::new(),
            protocol,
            limit: Limit::default(),
        }
    }

    /// The protocol that values are encoded in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol for the values to come.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Has strings left out once the buffer holds so many bytes, whatever they make of the reply: it is never sent.
    #[inline]
    pub fn set_limit(&mut self, len: usize) {
        self.limit = Limit(len);
    }

    /// Whether there is a limit.
    pub fn is_limited(&self) -> bool {
        self.limit.0 != usize::MAX
    }

    /// Whether the limit is reached: nothing that is written now will be seen by anybody.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.buf.len() > self.limit.0
    }

    /// The encoded bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buf
    }

    /// The buffer itself, to drain, truncate or append already encoded bytes.
    pub fn buf_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }

    /// `+OK`
    pub fn ok(&mut self) {
        self.simple("OK");
    }

    /// `+text`: no line ends inside.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `-text`: `text` opens with the error's code (`ERR …`, `WRONGTYPE …`); line ends inside become spaces.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// As [`Reply::error`], for a text that quotes bytes of a request which need not be UTF-8.
    pub fn error_bytes(&mut self, text: &[u8]) {
        let start = self.buf.len();
        self.line(b'-', text);
        let end = self.buf.len() - 2;
        for byte in &mut self.buf[start..end] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    /// `:value`
    pub fn integer(&mut self, value: i64) {
        self.line(b':', itoa::Buffer::new().format(value).as_bytes());
    }

    /// `$len bytes`
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if self.is_full() {
            return;
        }
        // Room for the header's longest form as well, so that one growth at most is needed.
        self.buf.reserve(bytes.len() + 25);
        self.header(b'$', bytes.len());
        self.buf.extend_from_slice(bytes);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// `$len digits`: an integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A missing value: `$-1`, or `_` in RESP3.
    pub fn null(&mut self) {
        self.buf.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// A missing array: `*-1`, or `_` in RESP3. What EXEC answers when a watched key changed.
    pub fn null_array(&mut self) {
        self.buf.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The header of an array of `len` values, which follow.
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// The header of a map of `len` pairs, which follow: an array of `2 * len` in RESP2.
    pub fn map(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', 2 * len),
            Protocol::Resp3 => self.header(b'%', len),
        }
    }

    /// The header of a set of `len` values: an array in RESP2.
    pub fn set(&mut self, len: usize) {
        self.header(self.resp3_or(b'~', b'*'), len);
    }

    /// The header of an out-of-band push of `len` values: an array in RESP2.
    pub fn push(&mut self, len: usize) {
        self.header(self.resp3_or(b'>', b'*'), len);
    }

    /// The header of an attribute of `len` pairs, which go before the reply that they are about. RESP3 only.
    pub fn attribute(&mut self, len: usize) {
        self.header(b'|', len);
    }

    /// A whole number of any size, as its digits: `(digits`, or a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// `#t` or `#f`; `:1` or `:0` in RESP2.
    pub fn boolean(&mut self, value: bool) {
        match self.protocol {
            Protocol::Resp2 => self.integer(i64::from(value)),
            Protocol::Resp3 => self.line(b'#', if value { b"t" } else { b"f" }),
        }
    }

    /// A double already printed as text: `,text`, or a bulk string in RESP2.
    pub fn double(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// A verbatim string with its three-letter format (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        self.header(b'=', format.len() + 1 + text.len());
        self.buf.extend_from_slice(format.as_bytes());
        self.buf.push(b':');
        self.buf.extend_from_slice(text);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// Marks the place of an array header whose length is told later by [`Reply::set_array_len`]. Of several,
    /// the one marked last is told first.
    pub fn deferred_array(&mut self) -> DeferredLen {
        DeferredLen(self.buf.len())
    }

    /// Writes the header of a deferred array of `len` values, moving what was written behind its place.
    #[expect(clippy::needless_pass_by_value, reason = "a length is told once")]
    pub fn set_array_len(&mut self, at: DeferredLen, len: usize) {
        self.set_len(at.0, b'*', len);
    }

    /// As [`Reply::set_array_len`], but the header is that of a map of `len` pairs. In RESP2, where the pairs must
    /// have been written as arrays of two, it is that of an array of `len` of them.
    #[expect(clippy::needless_pass_by_value, reason = "a length is told once")]
    pub fn set_map_len(&mut self, at: DeferredLen, len: usize) {
        self.set_len(at.0, self.resp3_or(b'%', b'*'), len);
    }

    fn set_len(&mut self, at: usize, kind: u8, len: usize) {
        let mut digits = itoa::Buffer::new();
        let header = [&[kind], digits.format(len).as_bytes(), b"\r\n"].concat();
        self.buf.splice(at..at, header);
    }

    fn resp3_or(&self, resp3: u8, resp2: u8) -> u8 {
        match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        }
    }

    fn header(&mut self, kind: u8, len: usize) {
        self.line(kind, itoa::Buffer::new().format(len).as_bytes());
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.buf.reserve(text.len() + 3);
        self.buf.push(kind);
        self.buf.extend_from_slice(text);
        self.buf.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol, write: impl Fn(&mut Reply)) -> String {
        let mut reply = Reply::new(protocol);
        write(&mut reply);
        reply.bytes().escape_ascii().to_string()
    }

    #[test]
    fn each_value_in_both_protocols() {
        type Write = fn(&mut Reply);
        let cases: [(Write, &str, &str); 17] = [
            (Reply::ok, r"+OK\r\n", r"+OK\r\n"),
            (
                |r| r.error("ERR a\r\nb"),
                r"-ERR a  b\r\n",
                r"-ERR a  b\r\n",
            ),
            (
                |r| r.error_bytes(b"ERR \xff"),
                r"-ERR \xff\r\n",
                r"-ERR \xff\r\n",
            ),
            (
                |r| r.integer(i64::MIN),
                r":-9223372036854775808\r\n",
                r":-9223372036854775808\r\n",
            ),
            (
                |r| r.bulk(b"a\r\n\0"),
                r"$4\r\na\r\n\x00\r\n",
                r"$4\r\na\r\n\x00\r\n",
            ),
            (|r| r.bulk_integer(-7), r"$2\r\n-7\r\n", r"$2\r\n-7\r\n"),
            (Reply::null, r"$-1\r\n", r"_\r\n"),
            (Reply::null_array, r"*-1\r\n", r"_\r\n"),
            (|r| r.array(2), r"*2\r\n", r"*2\r\n"),
            (|r| r.map(2), r"*4\r\n", r"%2\r\n"),
            (|r| r.set(2), r"*2\r\n", r"~2\r\n"),
            (|r| r.push(2), r"*2\r\n", r">2\r\n"),
            (|r| r.boolean(true), r":1\r\n", r"#t\r\n"),
            (|r| r.boolean(false), r":0\r\n", r"#f\r\n"),
            (|r| r.double("0.5"), r"$3\r\n0.5\r\n", r",0.5\r\n"),
            (
                |r| r.verbatim("txt", b"abc"),
                r"$3\r\nabc\r\n",
                r"=7\r\ntxt:abc\r\n",
            ),
            (|r| r.simple("PONG"), r"+PONG\r\n", r"+PONG\r\n"),
        ];
        for (write, resp2, resp3) in cases {
            assert_eq!(written(Protocol::Resp2, write), resp2);
            assert_eq!(written(Protocol::Resp3, write), resp3);
        }
    }

    #[test]
    fn deferred_lengths_nest() {
        let text = written(Protocol::Resp2, |reply| {
            reply.integer(0);
            let outer = reply.deferred_array();
            reply.integer(1);
            let inner = reply.deferred_array();
            reply.integer(2);
            reply.set_array_len(inner, 1);
            reply.set_array_len(outer, 2);
            reply.integer(3);
        });
        assert_eq!(text, r":0\r\n*2\r\n:1\r\n*1\r\n:2\r\n:3\r\n");
    }
}
