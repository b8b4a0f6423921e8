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
#[derive(Debug, Default)]
pub struct Reply {
    buf: Vec<u8>,
    protocol: Protocol,
}

/// The place of an array header whose length is not known yet; see [`Reply::deferred_array`].
#[derive(Debug)]
#[must_use = "an array whose length is never set is a broken reply"]
pub struct DeferredLen(usize);

impl Reply {
    /// An empty buffer.
    pub fn new(protocol: Protocol) -> Self {
        Self { buf: Vec::new(), protocol }
    }

    /// The protocol that values are encoded in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol for the values to come.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
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
        let _ = text;
        todo!("helper")
    }

    /// `-text`: `text` opens with the error's code (`ERR …`, `WRONGTYPE …`); line ends inside become spaces.
    pub fn error(&mut self, text: &str) {
        let _ = text;
        todo!("helper")
    }

    /// `:value`
    pub fn integer(&mut self, value: i64) {
        let _ = value;
        todo!("helper")
    }

    /// `$len bytes`
    pub fn bulk(&mut self, bytes: &[u8]) {
        let _ = bytes;
        todo!("helper")
    }

    /// `$len digits`: an integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        let _ = value;
        todo!("helper")
    }

    /// A missing value: `$-1`, or `_` in RESP3.
    pub fn null(&mut self) {
        todo!("helper")
    }

    /// A missing array: `*-1`, or `_` in RESP3. What EXEC answers when a watched key changed.
    pub fn null_array(&mut self) {
        todo!("helper")
    }

    /// The header of an array of `len` values, which follow.
    pub fn array(&mut self, len: usize) {
        let _ = len;
        todo!("helper")
    }

    /// The header of a map of `len` pairs, which follow: an array of `2 * len` in RESP2.
    pub fn map(&mut self, len: usize) {
        let _ = len;
        todo!("helper")
    }

    /// The header of a set of `len` values: an array in RESP2.
    pub fn set(&mut self, len: usize) {
        let _ = len;
        todo!("helper")
    }

    /// The header of an out-of-band push of `len` values: an array in RESP2.
    pub fn push(&mut self, len: usize) {
        let _ = len;
        todo!("helper")
    }

    /// `#t` or `#f`; `:1` or `:0` in RESP2.
    pub fn boolean(&mut self, value: bool) {
        let _ = value;
        todo!("helper")
    }

    /// A double already printed as text: `,text`, or a bulk string in RESP2.
    pub fn double(&mut self, text: &str) {
        let _ = text;
        todo!("helper")
    }

    /// A verbatim string with its three-letter format (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        let _ = (format, text);
        todo!("helper")
    }

    /// Leaves room for an array header whose length is told later by [`Reply::set_array_len`].
    pub fn deferred_array(&mut self) -> DeferredLen {
        DeferredLen(self.buf.len())
    }

    /// Writes the header of a deferred array of `len` values.
    pub fn set_array_len(&mut self, at: DeferredLen, len: usize) {
        let _ = (at.0, len);
        todo!("helper")
    }
}
