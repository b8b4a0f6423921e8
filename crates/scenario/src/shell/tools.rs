//! redis-check-aof and redis-check-rdb: the same checks as the native tools make, on the simulated disk.

use lastsave_aof::check::{CheckRdb, Invocation, run};
use lastsave_engine::{Level, format_log_line};
use lastsave_vfs::{OpenMode, Reader, Vfs};

use super::{Io, Mode, Shell, Style};

/// The process ID of a tool, as its log lines show it.
const TOOL_PID: u32 = 977;

impl Shell {
    pub(super) fn redis_check_aof(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let answer = io.stdin.take().map(|bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.lines().next().unwrap_or("").to_owned()
        });
        self.check_aof(io, &args[1..], answer.as_deref(), 0)
    }

    /// The answer to `Continue? [y/N]: ` was typed.
    pub(super) fn answer_check(&mut self, args: &[String], answer: &str) {
        let mut io = Io {
            stdin: None,
            piped: None,
        };
        // What was printed before the question is printed already.
        let shown = self.check_output(args, None).0.len();
        self.status = self.check_aof(&mut io, args, Some(answer), shown);
        self.show_log();
    }

    fn check_aof(
        &mut self,
        io: &mut Io,
        args: &[String],
        answer: Option<&str>,
        shown: usize,
    ) -> i32 {
        let (output, exit_code) = self.check_output(args, answer);
        let shown = shown.min(output.len());
        let Some(exit_code) = exit_code else {
            // The question itself is the next prompt.
            let question = b"Continue? [y/N]: ";
            let text = output.strip_suffix(question).unwrap_or(&output);
            self.print(io, Style::Plain, &text[shown.min(text.len())..]);
            self.mode = Mode::Answer(args.to_vec());
            return 0;
        };
        let style = if exit_code == 0 {
            Style::Plain
        } else {
            Style::Loss
        };
        self.print(io, style, &output[shown..]);
        if exit_code != 0
            && let Some(path) = args.last()
            && self.read_file(path).is_err()
        {
            self.hint_at_log_directory(path, lastsave_vfs::Errno::NotFound);
        }
        exit_code
    }

    fn check_output(&mut self, args: &[String], answer: Option<&str>) -> (Vec<u8>, Option<i32>) {
        let now_us = self.world.now_us();
        let now_ms = now_us / 1000;
        let log_prefix =
            format_log_line(TOOL_PID, Level::Warning, now_us, 0, "").replacen(":M ", ":C ", 1);
        let paths: Vec<String> = args
            .iter()
            .map(|arg| {
                if arg.starts_with("--") {
                    arg.clone()
                } else {
                    self.resolve(arg)
                }
            })
            .collect();
        let words: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut check_rdb = |vfs: &mut dyn Vfs, path: &str, out: &mut Vec<u8>| {
            let file = vfs.open(path, OpenMode::Read).ok()?;
            // The tool names a file of a manifest as the manifest does.
            let name = match path.rsplit_once('/') {
                Some((_, name)) if words.last() != Some(&path) => name,
                _ => path,
            };
            let report = lastsave_rdb::check::check(Reader::new(vfs, file), name, now_ms);
            vfs.close(file);
            out.extend_from_slice(&report.output);
            report.ok.then_some(report.end)
        };
        let check_rdb: &mut CheckRdb<'_> = &mut check_rdb;
        let invocation = Invocation {
            args: &words,
            program: "redis-check-aof",
            answer,
            log_prefix: &log_prefix,
        };
        let outcome = self.world.by_hand(|disk| {
            let outcome = run(disk, &invocation, check_rdb);
            disk.sync_everything();
            outcome
        });
        (outcome.output, outcome.exit_code)
    }

    pub(super) fn redis_check_rdb(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let [_, path] = args else {
            self.complain("Usage: redis-check-rdb <rdb-file-name>");
            return 1;
        };
        let bytes = match self.read_file(path) {
            Ok(bytes) => bytes,
            Err(_) => {
                // The tool says no more of a file that it cannot open.
                self.print(
                    io,
                    Style::Loss,
                    format!("[offset 0] Checking RDB file {path}\n"),
                );
                return 1;
            }
        };
        let now_us = self.world.now_us();
        let report = lastsave_rdb::check::check(bytes.as_slice(), path, now_us / 1000);
        let style = if report.ok { Style::Plain } else { Style::Loss };
        self.print(io, style, &report.output);
        if let Some(line) = report.log_line {
            let line = format_log_line(TOOL_PID, Level::Warning, now_us, 0, line);
            self.print(io, style, line.replacen(":M ", ":C ", 1) + "\n");
        }
        report.exit_code()
    }
}
