//! Logs: commands with their words, transactions, annotations, and how the file ends.

use std::io::Read;

use lastsave_aof::{Entry, ReadError, Reader};
use lastsave_keyspace::{glob, resolve};
use lastsave_resp::Args;

use crate::build::Builder;
use crate::inspector::Findings;
use crate::words::{escaped, moment};
use crate::{Limits, Node, NodeKind};

/// Words of a command in the line that sums it up.
const SHOWN_WORDS: usize = 12;

/// A log being read.
pub(crate) struct Log<R> {
    reader: Reader<R>,
    /// Where the transaction that is open begins.
    transaction: Option<u64>,
    /// Whether anything of the open transaction is wanted, and how many commands are in it.
    wanted: bool,
    queued: u64,
}

/// What a reading of the next entry led to.
pub(crate) enum Step {
    /// An entry, with its nodes if it is whole and wanted.
    Entry(Vec<Node>),
    /// The clean end; the nodes of a transaction that is not whole.
    End(Vec<Node>),
    /// It cannot be read any further; the log is whole up to the first offset, and what follows was met at the second.
    Broken(Vec<Node>, u64, String),
}

impl<R: Read> Log<R> {
    /// Reads from `reader`, with `ahead` first, which begins at `offset`.
    pub(crate) fn new(ahead: Vec<u8>, reader: R, offset: u64) -> Self {
        Self {
            reader: Reader::new(ahead, reader, offset).strict(true),
            transaction: None,
            wanted: false,
            queued: 0,
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.reader.offset()
    }

    pub(crate) fn entry(
        &mut self,
        limits: &Limits,
        out: &mut Builder,
        findings: &mut Findings,
    ) -> Step {
        let start = self.reader.offset();
        let text = match self.reader.next_entry() {
            Ok(Some(Entry::Command(args))) => {
                let end = start + args.source().len() as u64;
                let in_window = end > limits.window.start && start < limits.window.end;
                let wanted = in_window
                    && limits
                        .keys
                        .as_deref()
                        .is_none_or(|pattern| names_key(args, pattern));
                findings.commands += 1;
                match (&args[0].to_ascii_lowercase()[..], self.transaction) {
                    (b"multi", None) => {
                        self.transaction = Some(start);
                        self.wanted = in_window && limits.keys.is_none();
                        self.queued = 0;
                        out.start(start < limits.window.end);
                        out.open(start, NodeKind::Transaction, "transaction");
                        command(out, start, args, wanted);
                        return Step::Entry(Vec::new());
                    }
                    (b"exec", Some(_)) => {
                        self.transaction = None;
                        command(out, start, args, self.wanted);
                        let queued = self.queued;
                        out.close(end, || match queued {
                            1 => "of 1 command".into(),
                            many => format!("of {many} commands"),
                        });
                        let nodes = out.take();
                        return Step::Entry(if self.wanted { nodes } else { Vec::new() });
                    }
                    (b"multi", Some(_)) => {
                        findings.problem(start..end, None, "MULTI within a transaction".into());
                    }
                    (b"exec", None) => {
                        findings.problem(start..end, None, "EXEC without MULTI".into());
                    }
                    _ => {}
                }
                self.wanted |= wanted;
                self.queued += 1;
                if self.transaction.is_none() {
                    out.start(wanted);
                }
                command(out, start, args, wanted);
                return Step::Entry(out.take());
            }
            Ok(Some(Entry::Annotation(line))) => {
                let text = annotation(line);
                let end = self.reader.offset();
                if self.transaction.is_none() {
                    out.start(
                        end > limits.window.start
                            && start < limits.window.end
                            && limits.keys.is_none(),
                    );
                }
                out.leaf(start..end, NodeKind::Annotation, "annotation", || text);
                return Step::Entry(out.take());
            }
            Ok(None) => {
                let Some(from) = self.transaction else {
                    return Step::End(Vec::new());
                };
                let text = "the file ends before the EXEC of this MULTI: none of it is applied";
                findings.problem(from..start, None, text.into());
                out.error(start..start, text);
                out.close_all(start);
                return Step::End(out.take());
            }
            Err(ReadError::Truncated { .. }) => "the file ends inside a command".into(),
            Err(ReadError::ZeroTail { .. }) => "nothing but zeros from here on".into(),
            Err(ReadError::BadFormat { .. }) => "not a command".into(),
            Err(error @ (ReadError::WrongChecksum { .. } | ReadError::Io(_))) => error.to_string(),
        };
        out.close_all(start);
        findings.problem(start..start, None, text.clone());
        let from = self.transaction.unwrap_or(start);
        if from < start {
            findings.problem(from..start, None, "the MULTI here has no EXEC".into());
        }
        Step::Broken(out.take(), start, text)
    }
}

/// Notes a command with its words.
fn command(out: &mut Builder, start: u64, args: Args<'_>, wanted: bool) {
    if !wanted {
        return;
    }
    out.open(start, NodeKind::Command, "command");
    // The first line says how many words there are.
    let source = args.source();
    let header = source
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    out.leaf(
        start..start + header as u64,
        NodeKind::Field,
        "words",
        || args.len().to_string(),
    );
    let mut from = header;
    for index in 0..args.len() {
        let Some(range) = args.range(index) else {
            break;
        };
        // The two bytes behind a word are its line end.
        let end = (range.end + 2).min(source.len());
        let label = if index == 0 { "name" } else { "word" };
        out.leaf(
            start + from as u64..start + end as u64,
            NodeKind::Text,
            label,
            || format!("\"{}\"", escaped(&args[index], 60)),
        );
        from = end;
    }
    out.close(start + source.len() as u64, || {
        let mut words: Vec<String> = args
            .iter()
            .take(SHOWN_WORDS)
            .map(|word| escaped(word, 60))
            .collect();
        if args.len() > SHOWN_WORDS {
            words.push(format!("… {} words in all", args.len()));
        }
        words.join(" ")
    });
}

fn annotation(line: &[u8]) -> String {
    let text = escaped(line, 60);
    let seconds = line
        .strip_prefix(b"TS:")
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse::<i64>().ok());
    match seconds {
        Some(seconds) => format!("# {text} ({})", moment(seconds.saturating_mul(1000))),
        None => format!("# {text}"),
    }
}

/// Whether one of the command's keys matches.
fn names_key(args: Args<'_>, pattern: &[u8]) -> bool {
    resolve(args).is_ok_and(|resolved| {
        resolved
            .command
            .keys
            .positions(args.len())
            .filter_map(|position| args.get(position))
            .any(|key| glob::matches(pattern, key, false))
    })
}
