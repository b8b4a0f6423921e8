//! LCS: the longest common subsequence of two strings.

use lastsave_resp::Reply;

use super::SYNTAX_ERROR;
use crate::{Call, number};

const NOT_STRINGS: &str = "ERR The specified keys must contain string values";
const LEN_AND_IDX: &str = "ERR If you want both the length and indexes, please just use IDX.";
const TOO_LONG: &str = "ERR String too long for LCS";
const TOO_MUCH_MEMORY: &str =
    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    /// Shorter matches are not told.
    min_match_len: usize,
}

impl Options {
    fn parse(call: &Call<'_>) -> Result<Self, &'static str> {
        let mut options = Self::default();
        let mut words = call.args.skip(3).iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("IDX") {
                options.idx = true;
            } else if is("LEN") {
                options.len = true;
            } else if is("WITHMATCHLEN") {
                options.with_match_len = true;
            } else if is("MINMATCHLEN") {
                let len = number::parse_i64(words.next().ok_or(SYNTAX_ERROR)?);
                let len = len.ok_or(super::NOT_AN_INTEGER)?;
                options.min_match_len = usize::try_from(len).unwrap_or(0);
            } else {
                return Err(SYNTAX_ERROR);
            }
        }
        if options.len && options.idx {
            return Err(LEN_AND_IDX);
        }
        Ok(options)
    }
}

pub(crate) fn lcs(call: &mut Call<'_>) {
    let args = call.args;
    let mut texts = [Vec::new(), Vec::new()];
    let mut are_strings = true;
    for (text, key) in texts.iter_mut().zip([&args[1], &args[2]]) {
        call.read(key, |_, entry| {
            let Some(entry) = entry else { return };
            match crate::object::Text::of(entry.value()) {
                Some(mut found) => *text = found.as_bytes().to_vec(),
                None => are_strings = false,
            }
        });
    }
    if !are_strings {
        return call.reply.error(NOT_STRINGS);
    }
    let options = match Options::parse(call) {
        Ok(options) => options,
        Err(error) => return call.reply.error(error),
    };
    let [first, second] = &texts;
    if first.len().max(second.len()) >= u32::MAX as usize - 1 {
        return call.reply.error(TOO_LONG);
    }
    let cells = (first.len() as u64 + 1) * (second.len() as u64 + 1);
    if cells.saturating_mul(4) > call.keyspace.settings.max_string_len as u64 {
        return call.reply.error(TOO_MUCH_MEMORY);
    }
    let table = Table::new(first, second);
    if options.idx {
        reply_matches(call.reply, &table, &options);
    } else if options.len {
        call.reply.integer(table.len().into());
    } else {
        let common: Vec<u8> = table.steps().map(|(at, _)| first[at]).collect();
        call.reply
            .bulk(&common.into_iter().rev().collect::<Vec<_>>());
    }
}

/// The length of the longest common subsequence of every two beginnings.
struct Table<'a> {
    first: &'a [u8],
    second: &'a [u8],
    /// Row by row: `second.len() + 1` cells for each length of the first one's beginning.
    cells: Vec<u32>,
}

impl<'a> Table<'a> {
    fn new(first: &'a [u8], second: &'a [u8]) -> Self {
        let width = second.len() + 1;
        let mut cells = vec![0u32; (first.len() + 1) * width];
        for (row, byte) in first.iter().enumerate() {
            let (above, below) = cells[row * width..].split_at_mut(width);
            for (column, other) in second.iter().enumerate() {
                below[column + 1] = if byte == other {
                    above[column] + 1
                } else {
                    above[column + 1].max(below[column])
                };
            }
        }
        Self {
            first,
            second,
            cells,
        }
    }

    fn cell(&self, row: usize, column: usize) -> u32 {
        self.cells[row * (self.second.len() + 1) + column]
    }

    fn len(&self) -> u32 {
        self.cell(self.first.len(), self.second.len())
    }

    /// The positions in both strings of the bytes of the subsequence that Redis picks, from the last to the first.
    fn steps(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut row, mut column) = (self.first.len(), self.second.len());
        std::iter::from_fn(move || {
            while row > 0 && column > 0 {
                if self.first[row - 1] == self.second[column - 1] {
                    row -= 1;
                    column -= 1;
                    return Some((row, column));
                }
                if self.cell(row - 1, column) > self.cell(row, column - 1) {
                    row -= 1;
                } else {
                    column -= 1;
                }
            }
            None
        })
    }
}

/// A stretch that is the same in both strings.
struct Match {
    first_start: usize,
    second_start: usize,
    len: usize,
}

fn reply_matches(reply: &mut Reply, table: &Table<'_>, options: &Options) {
    let mut matches: Vec<Match> = Vec::new();
    for (first, second) in table.steps() {
        match matches.last_mut() {
            Some(last) if last.first_start == first + 1 && last.second_start == second + 1 => {
                last.first_start = first;
                last.second_start = second;
                last.len += 1;
            }
            _ => matches.push(Match {
                first_start: first,
                second_start: second,
                len: 1,
            }),
        }
    }
    matches.retain(|found| found.len >= options.min_match_len);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for found in &matches {
        reply.array(2 + usize::from(options.with_match_len));
        for start in [found.first_start, found.second_start] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + found.len - 1) as i64);
        }
        if options.with_match_len {
            reply.integer(found.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(table.len().into());
}
