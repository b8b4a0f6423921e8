//! What `redis-check-aof` says of a file, and what `--fix` and `--truncate-to-timestamp` do.
//!
//! The tool's words, exit codes and order of work are those of Redis 7.0.15. It differs in two points. A file is
//! never taken for a manifest when its first line that is no comment begins like a request or a snapshot; Redis calls
//! an append-only file with a value like `file…` on a line of its own a broken manifest. And a length that no file
//! could hold is a length like any other; Redis runs out of memory over it.

mod input;

use lastsave_vfs::{FileId, OpenMode, Vfs, read_file};

use crate::Manifest;
use crate::text::{c_number, until_nul};
use input::Input;

/// The longest line of a manifest that is looked at in one piece.
const MANIFEST_MAX_LINE: usize = 1024;
/// The longest annotation that is looked at in one piece.
const ANNOTATION_MAX_LINE: usize = 1023;
/// The last words of a checker of snapshots that ends its process.
const TERMINATED: &[u8] = b"Terminating server after rdb file reading failure.";
/// The longest header of a request or a word.
const HEADER_MAX_LINE: usize = 127;

/// Checks the snapshot at the start of a file: appends what `redis-check-rdb` would print of it, and returns where
/// it ends, or `None` if it is not sane.
pub type CheckRdb<'a> = dyn FnMut(&mut dyn Vfs, &str, &mut Vec<u8>) -> Option<u64> + 'a;

/// What the tool is started with.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The command line behind the program's name.
    pub args: &'a [&'a str],
    /// The program's name, for the usage.
    pub program: &'a str,
    /// The line typed at `Continue? [y/N]: `; empty at the end of the input. `None` if nobody was asked yet.
    pub answer: Option<&'a str>,
    /// What a log line opens with: process, role, time and level, as in `1:C 01 Jan 2025 00:00:00.000 # `. The tool
    /// logs what is wrong with a manifest and prints the rest.
    pub log_prefix: &'a str,
}

/// What the tool did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it printed.
    pub output: Vec<u8>,
    /// Its exit code; `None` if it waits for an answer. Run it again with one: nothing was changed, and the
    /// output begins with the same bytes.
    pub exit_code: Option<i32>,
}

/// Runs the tool.
pub fn run(
    vfs: &mut dyn Vfs,
    invocation: &Invocation<'_>,
    check_rdb: &mut CheckRdb<'_>,
) -> Outcome {
    let mut tool = Tool {
        vfs,
        check_rdb,
        invocation,
        output: Vec::new(),
        fix: false,
        to_timestamp: 0,
        error: Vec::new(),
        error_offset: 0,
        line: 1,
        stale: [0; HEADER_MAX_LINE + 1],
    };
    let exit_code = match tool.main() {
        Ok(()) => Some(0),
        Err(Stop::Exit) => Some(1),
        Err(Stop::Ask) => None,
    };
    Outcome {
        output: tool.output,
        exit_code,
    }
}

/// Why the tool ends early.
enum Stop {
    /// It exits with 1.
    Exit,
    /// It needs an answer.
    Ask,
}

type Flow<T> = Result<T, Stop>;

/// How the check of one file ended.
enum Verdict {
    Ok,
    Empty,
    Truncated,
    TimestampTruncated,
}

/// A file is not what it should be; the reason is kept in [`Tool::error`], if there is one.
struct Invalid;

struct Tool<'a, 'b> {
    vfs: &'a mut dyn Vfs,
    check_rdb: &'a mut CheckRdb<'b>,
    invocation: &'a Invocation<'a>,
    output: Vec<u8>,
    fix: bool,
    to_timestamp: i64,
    error: Vec<u8>,
    /// Where the last thing read began: what an error is reported at.
    error_offset: u64,
    /// Counts on from file to file.
    line: u64,
    /// The last `*` line, with what longer ones left behind it. Where a line is cut short the tool prints a byte
    /// more than there is, and this is what it finds.
    stale: [u8; HEADER_MAX_LINE + 1],
}

/// Prints a line.
macro_rules! say {
    ($tool:expr, $($arg:tt)*) => {{
        $tool.output.extend_from_slice(format!($($arg)*).as_bytes());
        $tool.output.push(b'\n');
    }};
}

impl Tool<'_, '_> {
    fn main(&mut self) -> Flow<()> {
        let path = match *self.invocation.args {
            [path] => path,
            ["--fix", path] => {
                self.fix = true;
                path
            }
            ["--truncate-to-timestamp", seconds, path] => {
                let parsed = if seconds.is_empty() {
                    Ok(0)
                } else {
                    seconds.trim_start().parse()
                };
                let Ok(seconds) = parsed else {
                    say!(self, "Invalid timestamp, aborting...");
                    return Err(Stop::Exit);
                };
                self.to_timestamp = seconds;
                path
            }
            _ => {
                let program = self.invocation.program;
                say!(
                    self,
                    "Usage: {program} [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>"
                );
                return Err(Stop::Exit);
            }
        };
        if self.is_manifest(path)? {
            self.check_multi_part(path)
        } else {
            let preamble = self.is_rdb(path)?;
            say!(self, "Start checking Old-Style AOF");
            let verdict = self.check_file(path, path, true, preamble)?;
            self.say_verdict("AOF", path, &verdict);
            Ok(())
        }
    }

    fn say_verdict(&mut self, kind: &str, name: &str, verdict: &Verdict) {
        match verdict {
            Verdict::Ok => say!(self, "{kind} {name} is valid"),
            Verdict::Empty => say!(self, "{kind} {name} is empty"),
            Verdict::Truncated => say!(self, "Successfully truncated AOF {name}"),
            Verdict::TimestampTruncated => {
                say!(
                    self,
                    "Successfully truncated AOF {name} to timestamp {}",
                    self.to_timestamp
                );
            }
        }
    }

    fn check_multi_part(&mut self, path: &str) -> Flow<()> {
        say!(self, "Start checking Multi Part AOF");
        let dir = match path.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((dir, _)) => dir,
            None => ".",
        };
        let manifest = self.load_manifest(path)?;
        let mut files_left = manifest.files().count();
        if let Some(base) = &manifest.base {
            let path = format!("{dir}/{}", base.name);
            files_left -= 1;
            let rdb = self.is_rdb(&path)?;
            say!(
                self,
                "Start to check BASE AOF ({} format).",
                if rdb { "RDB" } else { "RESP" }
            );
            let verdict = self.check_file(&base.name, &path, files_left == 0, rdb)?;
            self.say_verdict("BASE AOF", &base.name, &verdict);
        }
        if !manifest.incrs.is_empty() {
            say!(self, "Start to check INCR files.");
        }
        for incr in &manifest.incrs {
            let path = format!("{dir}/{}", incr.name);
            files_left -= 1;
            let verdict = self.check_file(&incr.name, &path, files_left == 0, false)?;
            self.say_verdict("INCR AOF", &incr.name, &verdict);
        }
        say!(self, "All AOF files and manifest are valid");
        Ok(())
    }

    fn load_manifest(&mut self, path: &str) -> Flow<Manifest> {
        let messages = match read_file(self.vfs, path) {
            Ok(text) => match Manifest::parse(&text) {
                Ok(manifest) => return Ok(manifest),
                Err(error) => error.log_messages(),
            },
            Err(error) => {
                vec![format!(
                    "Fatal error: can't open the AOF manifest file {path} for reading: {error}"
                )]
            }
        };
        for message in messages {
            say!(self, "{}{message}", self.invocation.log_prefix);
        }
        Err(Stop::Exit)
    }

    /// Whether the file is a manifest; see the module's documentation.
    fn is_manifest(&mut self, path: &str) -> Flow<bool> {
        let file = self.open_to_look(path)?;
        let mut input = Input::new(file);
        let is_manifest = loop {
            match input.line(self.vfs, MANIFEST_MAX_LINE) {
                Ok(line) if line.starts_with(b"file") => break true,
                Ok(line) if line.is_empty() || line[0] == b'*' || line.starts_with(b"REDIS") => {
                    break false;
                }
                Ok(_) => {}
                Err(_) => {
                    say!(self, "Cannot read file: {path}");
                    return Err(Stop::Exit);
                }
            }
        };
        self.vfs.close(file);
        Ok(is_manifest)
    }

    /// Whether the file begins with a snapshot.
    fn is_rdb(&mut self, path: &str) -> Flow<bool> {
        let file = self.open_to_look(path)?;
        let mut header = [0; 8];
        let mut input = Input::new(file);
        let is_rdb = input
            .bytes(self.vfs, 8, &mut header)
            .is_ok_and(|len| len == 8)
            && header.starts_with(b"REDIS");
        self.vfs.close(file);
        Ok(is_rdb)
    }

    fn open_to_look(&mut self, path: &str) -> Flow<FileId> {
        self.vfs.open(path, OpenMode::Read).map_err(|error| {
            say!(self, "Cannot open file {path}: {error}");
            Stop::Exit
        })
    }

    /// Checks one file of commands, behind its preamble if it has one. `name` is what it is called, `path` where
    /// it is.
    fn check_file(
        &mut self,
        name: &str,
        path: &str,
        is_last: bool,
        preamble: bool,
    ) -> Flow<Verdict> {
        let file = match self.vfs.open(path, OpenMode::Update) {
            Ok(file) => file,
            Err(error) => {
                say!(self, "Cannot open file {path}: {error}, aborting...");
                return Err(Stop::Exit);
            }
        };
        let verdict = self.check_open_file(file, name, path, is_last, preamble);
        self.vfs.close(file);
        verdict
    }

    fn check_open_file(
        &mut self,
        file: FileId,
        name: &str,
        path: &str,
        is_last: bool,
        preamble: bool,
    ) -> Flow<Verdict> {
        let Ok(size) = self.vfs.len(file) else {
            say!(self, "Cannot stat file: {name}, aborting...");
            return Err(Stop::Exit);
        };
        if size == 0 {
            return Ok(Verdict::Empty);
        }
        let mut input = Input::new(file);
        if preamble {
            let Some(end) = (self.check_rdb)(self.vfs, path, &mut self.output) else {
                // The checker of snapshots may have ended the tool by itself.
                if !self.output.trim_ascii_end().ends_with(TERMINATED) {
                    say!(self, "RDB preamble of AOF file is not sane, aborting.");
                }
                return Err(Stop::Exit);
            };
            say!(self, "RDB preamble is OK, proceeding with AOF tail...");
            input.seek(end);
        }

        let mut whole = 0;
        let mut multi = 0;
        loop {
            if multi == 0 {
                whole = input.offset();
            }
            match input.peek(self.vfs) {
                Ok(Some(b'#')) => {
                    if self.annotation(&mut input, file, path, is_last)? {
                        return Ok(Verdict::TimestampTruncated);
                    }
                }
                Ok(Some(b'*')) => {
                    if self.request(&mut input, path, &mut multi).is_err() {
                        break;
                    }
                }
                Ok(Some(_)) => {
                    say!(self, "AOF {name} format error");
                    break;
                }
                Ok(None) => break,
                Err(_) => {
                    say!(self, "Failed to read from AOF {name}, aborting...");
                    return Err(Stop::Exit);
                }
            }
        }
        if input.at_end() && multi != 0 && self.error.is_empty() {
            self.set_error(b"Reached EOF before reading EXEC for MULTI");
        }
        if !self.error.is_empty() {
            self.output.extend_from_slice(&self.error);
            self.output.push(b'\n');
        }

        let surplus = size - whole;
        if surplus == 0 && self.to_timestamp != 0 {
            say!(
                self,
                "Truncate nothing in AOF {name} to timestamp {}",
                self.to_timestamp
            );
            return Ok(Verdict::Ok);
        }
        say!(
            self,
            "AOF analyzed: filename={name}, size={size}, ok_up_to={whole}, ok_up_to_line={}, diff={surplus}",
            self.line
        );
        if surplus == 0 {
            return Ok(Verdict::Ok);
        }
        if !self.fix {
            say!(
                self,
                "AOF {name} is not valid. Use the --fix option to try fixing it."
            );
            return Err(Stop::Exit);
        }
        if !is_last {
            say!(
                self,
                "Failed to truncate AOF {name} because it is not the last file"
            );
            return Err(Stop::Exit);
        }
        say!(
            self,
            "This will shrink the AOF {name} from {size} bytes, with {surplus} bytes, to {whole} bytes"
        );
        self.output.extend_from_slice(b"Continue? [y/N]: ");
        let answer = self.invocation.answer.ok_or(Stop::Ask)?;
        if !answer.starts_with(['y', 'Y']) {
            say!(self, "Aborting...");
            return Err(Stop::Exit);
        }
        if self.vfs.truncate(file, whole).is_err() {
            say!(self, "Failed to truncate AOF {name}");
            return Err(Stop::Exit);
        }
        Ok(Verdict::Truncated)
    }

    /// Reads an annotation. `true` if it is a timestamp later than the one asked for, and the file was cut there.
    fn annotation(
        &mut self,
        input: &mut Input,
        file: FileId,
        path: &str,
        is_last: bool,
    ) -> Flow<bool> {
        let offset = input.offset();
        self.error_offset = offset;
        let Ok(line) = input.line(self.vfs, ANNOTATION_MAX_LINE) else {
            say!(
                self,
                "Failed to read annotations from AOF {path}, aborting..."
            );
            return Err(Stop::Exit);
        };
        let wanted = self.to_timestamp;
        let Some(text) = line.strip_prefix(b"#TS:").filter(|_| wanted != 0) else {
            return Ok(false);
        };
        let text = until_nul(text);
        let digits = text
            .iter()
            .position(|&byte| byte == b'\r')
            .map(|end| &text[..end]);
        let seconds = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let seconds = seconds.and_then(|digits| {
            if digits.is_empty() {
                Some(0)
            } else {
                digits.parse::<i64>().ok()
            }
        });
        let Some(seconds) = seconds else {
            say!(self, "Invalid timestamp annotation");
            return Err(Stop::Exit);
        };
        if seconds <= wanted {
            return Ok(false);
        }
        if offset == 0 {
            say!(
                self,
                "AOF {path} has nothing before timestamp {wanted}, aborting..."
            );
            return Err(Stop::Exit);
        }
        if !is_last {
            say!(
                self,
                "Failed to truncate AOF {path} to timestamp {wanted} to offset {offset} because it is not the last file."
            );
            say!(
                self,
                "If you insist, please delete all files after this file according to the manifest file and delete \
                 the corresponding records in manifest file manually. Then re-run redis-check-aof."
            );
            return Err(Stop::Exit);
        }
        if self.vfs.truncate(file, offset).is_err() {
            say!(self, "Failed to truncate AOF {path} to timestamp {wanted}");
            return Err(Stop::Exit);
        }
        Ok(true)
    }

    /// Reads a request and keeps count of open transactions.
    fn request(&mut self, input: &mut Input, path: &str, multi: &mut i32) -> Result<(), Invalid> {
        let count = self.number(input, b'*')?;
        for index in 0..count.min(i64::from(i32::MAX)) {
            let len = self.number(input, b'$')?;
            if !(0..=i64::MAX - 2).contains(&len) {
                self.set_error(
                    format!(
                        "Expected to read string of {len} bytes, which is not in the suitable range"
                    )
                    .as_bytes(),
                );
                return Err(Invalid);
            }
            let mut word = [0; 8];
            self.word(input, len as u64, &mut word)?;
            if index > 0 || len > 7 {
                continue;
            }
            let name = until_nul(&word[..len as usize]).to_ascii_lowercase();
            let (step, balanced, text) = match name.as_slice() {
                b"multi" => (1, 1, "MULTI"),
                b"exec" => (-1, 0, "EXEC"),
                _ => continue,
            };
            *multi += step;
            if *multi != balanced {
                self.set_error(format!("Unexpected {text} in AOF {path}").as_bytes());
                return Err(Invalid);
            }
        }
        Ok(())
    }

    /// Reads a header line: `prefix`, a number, the line end.
    fn number(&mut self, input: &mut Input, prefix: u8) -> Result<i64, Invalid> {
        self.error_offset = input.offset();
        let line = match input.line(self.vfs, HEADER_MAX_LINE) {
            Ok(line) if !line.is_empty() => line,
            _ => return Err(Invalid),
        };
        if line[0] != prefix {
            let text = [
                b"Expected prefix '",
                &[prefix][..],
                b"', got: '",
                &[line[0]],
                b"'",
            ]
            .concat();
            self.set_error(&text);
            return Err(Invalid);
        }
        let (number, taken) = c_number(until_nul(&line[1..]));
        let at = 1 + taken;
        let end = if prefix == b'*' {
            let len = line.len();
            self.stale[..len].copy_from_slice(line);
            self.stale[len] = 0;
            [self.stale[at], self.stale.get(at + 1).copied().unwrap_or(0)]
        } else {
            let byte = |at| line.get(at).copied().unwrap_or(0);
            [byte(at), byte(at + 1)]
        };
        self.newline(end)?;
        Ok(number)
    }

    /// Reads `len` bytes and a line end; the first bytes go to `word`.
    fn word(&mut self, input: &mut Input, len: u64, word: &mut [u8; 8]) -> Result<(), Invalid> {
        self.error_offset = input.offset();
        let read = match input.bytes(self.vfs, len, word) {
            Ok(read) if read == len => {
                let mut end = [0; 2];
                match input.bytes(self.vfs, 2, &mut end) {
                    Ok(2) => return self.newline(end),
                    Ok(more) => read + more,
                    Err(_) => read,
                }
            }
            Ok(read) => read,
            Err(_) => 0,
        };
        self.set_error(format!("Expected to read {} bytes, got {read} bytes", len + 2).as_bytes());
        Err(Invalid)
    }

    fn newline(&mut self, end: [u8; 2]) -> Result<(), Invalid> {
        if end == *b"\r\n" {
            self.line += 1;
            return Ok(());
        }
        // The tool prints its bytes as signed numbers.
        let [first, second] = end.map(|byte| i32::from(byte as i8));
        self.set_error(format!("Expected \\r\\n, got: {first:02x}{second:02x}").as_bytes());
        Err(Invalid)
    }

    /// Keeps a reason, with the offset of what was being read.
    fn set_error(&mut self, text: &[u8]) {
        self.error = format!("0x{:16x}: ", self.error_offset).into_bytes();
        self.error.extend_from_slice(until_nul(text));
    }
}

#[cfg(test)]
mod tests;
