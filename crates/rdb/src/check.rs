//! What `redis-check-rdb` says of a file.
//!
//! [`check`] prints what the tool of Redis 7.0.15 prints, line for line, and comes to the same verdict, with
//! these differences. No input crashes it, or keeps it busy for ever as a file torn inside a module's data does
//! with the tool. It does not say that a length is too large to be allocated, but fails as on a file that ends
//! there. It refuses sorted sets that are not in order, and streams whose length is wrong. Unlike the decoder, and
//! like the tool, it passes over functions and module data, and refuses versions above [`VERSION`].

use std::io::Read;

use lastsave_keyspace::Settings;

use crate::VERSION;
use crate::decode::leading_number;
use crate::format::{TYPE_NAMES, is_value_type, module_opcode, opcode, value_type};
use crate::input::{Fault, Input};
use crate::value::{ValueFault, Words, read_value};

/// Messages of the tool are cut at this many bytes.
const MESSAGE_BYTES: usize = 1023;

/// The verdict on a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the tool prints. Names of keys and fields are in it as they are, so it need not be UTF-8.
    pub output: Vec<u8>,
    /// A last line that the tool writes in the format of the server's log, at level WARNING. Only the caller knows
    /// the process and the time that go before it.
    pub log_line: Option<&'static str>,
    /// Whether the file is sound.
    pub ok: bool,
    /// Where the check ended: behind the content, if the file is sound.
    pub end: u64,
}

impl Report {
    /// The status that the tool exits with.
    pub fn exit_code(&self) -> i32 {
        if self.ok { 0 } else { 1 }
    }
}

/// Checks a file. `now_ms`: the time that decides which keys count as expired, in milliseconds since the epoch.
/// The bytes behind the end of the file's content, if any, are not looked at.
pub fn check(reader: impl Read, file_name: &str, now_ms: u64) -> Report {
    let mut check = Check {
        input: Input::new(reader, true),
        output: Vec::new(),
        now_ms,
        settings: Settings::default(),
        doing: Doing::Start,
        key: None,
        // Until the first key is done, the tool believes that it reads a string.
        value_type: Some(value_type::STRING),
        keys: 0,
        expires: 0,
        already_expired: 0,
    };
    check.info(0, format!("Checking RDB file {file_name}").as_bytes());
    let mut report = Report {
        output: Vec::new(),
        log_line: None,
        ok: true,
        end: 0,
    };
    match check.run() {
        Ok(()) => {
            check.info_here(br"\o/ RDB looks OK! \o/");
            check.counts();
        }
        Err(failure) => {
            check.error(&failure);
            report.ok = false;
            if failure.terminates {
                report.log_line = Some("Terminating server after rdb file reading failure.");
            }
        }
    }
    report.end = check.input.offset();
    report.output = check.output;
    report
}

/// What the tool says it was doing when an error comes up.
#[derive(Clone, Copy)]
enum Doing {
    Start,
    ReadType,
    ReadExpire,
    ReadKey,
    ReadObjectValue,
    CheckSum,
    ReadLen,
    ReadAux,
    ReadModuleAux,
    ReadFunctions,
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ReadType => "read-type",
            Self::ReadExpire => "read-expire",
            Self::ReadKey => "read-key",
            Self::ReadObjectValue => "read-object-value",
            Self::CheckSum => "check-sum",
            Self::ReadLen => "read-len",
            Self::ReadAux => "read-aux",
            Self::ReadModuleAux => "read-module-aux",
            Self::ReadFunctions => "read-functions",
        }
    }
}

struct Failure {
    offset: u64,
    message: Vec<u8>,
    /// Whether the tool reports it from inside the loader and leaves through the log.
    terminates: bool,
}

struct Check<R> {
    input: Input<R>,
    output: Vec<u8>,
    now_ms: u64,
    settings: Settings,
    doing: Doing,
    key: Option<Vec<u8>>,
    value_type: Option<u8>,
    keys: u64,
    expires: u64,
    already_expired: u64,
}

impl<R: Read> Check<R> {
    fn run(&mut self) -> Result<(), Failure> {
        let header: [u8; 9] = self.read(Input::array)?;
        let Some(digits) = header.strip_prefix(b"REDIS") else {
            return Err(self.failure("Wrong signature trying to load DB from file"));
        };
        let version = leading_number(digits);
        if !(1..=VERSION).contains(&version) {
            return Err(self.failure(&format!("Can't handle RDB format version {version}")));
        }

        let mut expires_at_ms = -1;
        loop {
            self.doing = Doing::ReadType;
            match self.read(Input::byte)? {
                opcode::EXPIRE_TIME => {
                    self.doing = Doing::ReadExpire;
                    expires_at_ms = i64::from(i32::from_le_bytes(self.read(Input::array)?)) * 1_000;
                }
                opcode::EXPIRE_TIME_MS => {
                    self.doing = Doing::ReadExpire;
                    expires_at_ms = i64::from_le_bytes(self.read(Input::array)?);
                }
                opcode::FREQUENCY => {
                    self.read(Input::byte)?;
                }
                opcode::IDLE => {
                    self.read(Input::length)?;
                }
                opcode::END => break,
                opcode::SELECT_DB => {
                    self.doing = Doing::ReadLen;
                    let db = self.read(Input::length)?;
                    self.info_here(format!("Selecting DB ID {db}").as_bytes());
                }
                opcode::RESIZE_DB => {
                    self.doing = Doing::ReadLen;
                    self.read(Input::length)?;
                    self.read(Input::length)?;
                }
                opcode::AUX => self.aux()?,
                opcode::MODULE_AUX => self.module_aux()?,
                kind @ (opcode::FUNCTION | opcode::FUNCTION2) => self.function(kind)?,
                kind if is_value_type(kind) => {
                    self.key_and_value(kind)?;
                    if expires_at_ms != -1 {
                        self.expires += 1;
                        if i128::from(expires_at_ms) < i128::from(self.now_ms) {
                            self.already_expired += 1;
                        }
                    }
                    expires_at_ms = -1;
                }
                kind => return Err(self.failure(&format!("Invalid object type: {kind}"))),
            }
        }
        if version >= 5 {
            self.checksum()
        } else {
            Ok(())
        }
    }

    fn key_and_value(&mut self, kind: u8) -> Result<(), Failure> {
        self.value_type = Some(kind);
        self.doing = Doing::ReadKey;
        self.key = Some(self.read(Input::string)?);
        self.keys += 1;
        self.doing = Doing::ReadObjectValue;
        match kind {
            value_type::MODULE => return Err(self.module_without_end()?),
            value_type::MODULE_2 => {
                let id = self.read_or(Input::length, 2622, "Short read module id")?;
                self.module_data(&module_name(id))?;
            }
            _ => self.value(kind)?,
        }
        self.key = None;
        self.value_type = None;
        Ok(())
    }

    fn aux(&mut self) -> Result<(), Failure> {
        self.doing = Doing::ReadAux;
        let name = self.read(Input::string)?;
        let value = self.read(Input::string)?;
        let line = [
            b"AUX FIELD ",
            until_nul(&name),
            b" = '",
            until_nul(&value),
            b"'",
        ]
        .concat();
        self.info_here(&line);
        Ok(())
    }

    fn module_aux(&mut self) -> Result<(), Failure> {
        self.doing = Doing::ReadModuleAux;
        let id = self.read(Input::length)?;
        let when_opcode = self.read(Input::length)?;
        self.read(Input::length)?;
        if when_opcode != module_opcode::UNSIGNED {
            return Err(self.failure("bad when_opcode"));
        }
        let name = module_name(id);
        self.info_here(format!("MODULE AUX for: {name}").as_bytes());
        self.module_data(&name)
    }

    /// A value that no check of it could let pass: only its module knows where it ends.
    fn module_without_end(&mut self) -> Result<Failure, Failure> {
        let id = self.read_or(Input::length, 2622, "Short read module id")?;
        let name = module_name(id);
        let message = format!(
            "The RDB file contains module data I can't load: no matching module type '{name}'"
        );
        Ok(self.loader_failure(2636, &message))
    }

    fn value(&mut self, kind: u8) -> Result<(), Failure> {
        let read = read_value(&mut self.input, kind, &self.settings);
        let fault = match read {
            Ok(_) => return Ok(()),
            Err(fault) => fault,
        };
        Err(match fault {
            ValueFault::Read(fault) => self.faulty(&fault),
            ValueFault::ReadPart(fault, words) => self.faulty_part(&fault, &words),
            ValueFault::Corrupt(words) => self.loader_failure(words.line, &words.text),
            // The tool takes every value that it gets nothing of for cut off.
            ValueFault::Unsaid | ValueFault::Empty => {
                self.failure("Unexpected EOF reading RDB file")
            }
            ValueFault::UnknownType => {
                self.loader_failure(2681, &format!("Unknown RDB encoding type {kind}"))
            }
        })
    }

    fn module_data(&mut self, name: &str) -> Result<(), Failure> {
        loop {
            let (read, what, line) = match self.read(Input::length)? {
                module_opcode::END => return Ok(()),
                module_opcode::SIGNED | module_opcode::UNSIGNED => {
                    (self.input.length().map(drop), "integer", 1_540)
                }
                module_opcode::STRING => (self.input.string().map(drop), "string", 1_546),
                module_opcode::FLOAT => (self.input.array::<4>().map(drop), "float", 1_553),
                module_opcode::DOUBLE => (self.input.array::<8>().map(drop), "double", 1_559),
                _ => continue,
            };
            if let Err(fault) = read {
                let failure = self.faulty(&fault);
                if failure.terminates {
                    return Err(failure);
                }
                return Err(Failure {
                    message: inside_loader(
                        line,
                        &format!("Error reading {what} from module {name} value"),
                    ),
                    terminates: true,
                    ..failure
                });
            }
        }
    }

    fn function(&mut self, kind: u8) -> Result<(), Failure> {
        self.doing = Doing::ReadFunctions;
        if kind == opcode::FUNCTION2 {
            return self.library_part(Input::string, "payload").map(drop);
        }
        self.library_part(Input::string, "name")?;
        let failed_engine = "Failed loading library, Failed loading engine name";
        self.library_part_or(Input::string, failed_engine)?;
        if self.library_part(Input::length, "description indicator")? != 0 {
            self.library_part(Input::string, "description")?;
        }
        self.library_part(Input::string, "blob").map(drop)
    }

    fn library_part<T>(
        &mut self,
        read: impl FnOnce(&mut Input<R>) -> Result<T, Fault>,
        what: &str,
    ) -> Result<T, Failure> {
        self.library_part_or(
            read,
            &format!("Failed loading library, Failed loading library {what}"),
        )
    }

    fn library_part_or<T>(
        &mut self,
        read: impl FnOnce(&mut Input<R>) -> Result<T, Fault>,
        message: &str,
    ) -> Result<T, Failure> {
        read(&mut self.input).map_err(|fault| {
            let failure = self.faulty(&fault);
            if failure.terminates {
                failure
            } else {
                Failure {
                    message: message.into(),
                    ..failure
                }
            }
        })
    }

    fn checksum(&mut self) -> Result<(), Failure> {
        self.doing = Doing::CheckSum;
        let actual = self.input.checksum();
        let stored = u64::from_le_bytes(self.read(Input::array)?);
        if stored == 0 {
            self.info_here(b"RDB file was saved with checksum disabled: no check performed.");
        } else if Some(stored) != actual {
            return Err(self.failure("RDB CRC error"));
        } else {
            self.info_here(b"Checksum OK");
        }
        Ok(())
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Input<R>) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        read(&mut self.input).map_err(|fault| self.faulty(&fault))
    }

    /// As [`Check::read`]; the loader reports an end of the input in these words.
    fn read_or<T>(
        &mut self,
        read: impl FnOnce(&mut Input<R>) -> Result<T, Fault>,
        line: u32,
        text: &'static str,
    ) -> Result<T, Failure> {
        let text = text.into();
        read(&mut self.input).map_err(|fault| self.faulty_part(&fault, &Words { line, text }))
    }

    fn faulty_part(&self, fault: &Fault, words: &Words) -> Failure {
        let failure = self.faulty(fault);
        if failure.terminates {
            return failure;
        }
        Failure {
            message: inside_loader(words.line, &words.text),
            terminates: true,
            ..failure
        }
    }

    fn loader_failure(&self, line: u32, text: &str) -> Failure {
        Failure {
            offset: self.input.offset(),
            message: inside_loader(line, text),
            terminates: true,
        }
    }

    fn failure(&self, message: &str) -> Failure {
        Failure {
            offset: self.input.offset(),
            message: message.into(),
            terminates: false,
        }
    }

    fn faulty(&self, fault: &Fault) -> Failure {
        let (line, message) = match fault {
            Fault::Eof | Fault::Io(_) => {
                let message = b"Unexpected EOF reading RDB file".to_vec();
                return Failure {
                    offset: self.input.read_offset(),
                    message,
                    terminates: false,
                };
            }
            Fault::LengthValue => return self.failure("Unexpected EOF reading RDB file"),
            Fault::LengthForm => (236, "Unknown length encoding 2 in rdbLoadLen()".to_owned()),
            Fault::StringEncoding(number) => {
                (529, format!("Unknown RDB string encoding type {number}"))
            }
            Fault::Compressed => (413, "Invalid LZF compressed string".to_owned()),
        };
        Failure {
            offset: self.input.offset(),
            message: inside_loader(line, &message),
            terminates: true,
        }
    }

    fn info_here(&mut self, message: &[u8]) {
        self.info(self.input.offset(), message);
    }

    fn info(&mut self, offset: u64, message: &[u8]) {
        self.output
            .extend_from_slice(format!("[offset {offset}] ").as_bytes());
        self.output
            .extend_from_slice(&message[..message.len().min(MESSAGE_BYTES)]);
        self.output.push(b'\n');
    }

    fn error(&mut self, failure: &Failure) {
        self.output
            .extend_from_slice(b"--- RDB ERROR DETECTED ---\n");
        self.info(failure.offset, &failure.message);
        let doing = self.doing.name();
        self.output
            .extend_from_slice(format!("[additional info] While doing: {doing}\n").as_bytes());
        if let Some(key) = &self.key {
            self.output
                .extend_from_slice(b"[additional info] Reading key '");
            self.output.extend_from_slice(until_nul(key));
            self.output.extend_from_slice(b"'\n");
        }
        if let Some(kind) = self.value_type {
            let name = TYPE_NAMES
                .get(usize::from(kind))
                .copied()
                .unwrap_or("unknown");
            let line = format!("[additional info] Reading type {kind} ({name})\n");
            self.output.extend_from_slice(line.as_bytes());
        }
        self.counts();
    }

    fn counts(&mut self) {
        let Self {
            keys,
            expires,
            already_expired,
            ..
        } = *self;
        let lines = format!(
            "[info] {keys} keys read\n[info] {expires} expires\n[info] {already_expired} already expired\n"
        );
        self.output.extend_from_slice(lines.as_bytes());
    }
}

/// A message as the loader's own error report words it: with a line of Redis's source, and an offset that the tool
/// leaves at 0.
fn inside_loader(line: u32, message: &str) -> Vec<u8> {
    format!("Internal error in RDB reading offset 0, function at rdb.c:{line} -> {message}")
        .into_bytes()
}

/// What C's `printf` prints of a string.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The name of a module's type: nine characters of six bits each, above ten bits of version.
pub fn module_name(id: u64) -> String {
    const CHARACTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9)
        .rev()
        .map(|place| char::from(CHARACTERS[(id >> (10 + 6 * place) & 63) as usize]))
        .collect()
}

#[cfg(test)]
mod tests;
