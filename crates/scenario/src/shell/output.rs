//! What is printed: to the terminal in styled pieces, or into a pipe.

use lastsave_engine::Level;

use super::{Io, Shell, Span, Style};

/// Log lines shown behind a command: so many of the first and of the last.
const SHOWN_LOG_LINES: (usize, usize) = (8, 4);

impl Shell {
    pub(super) fn emit(&mut self, style: Style, text: impl Into<String>) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        match self.output.last_mut() {
            Some(last) if last.style == style => last.text.push_str(&text),
            _ => self.output.push(Span { style, text }),
        }
    }

    /// A line of the shell's own: a hint, a note. Never goes into a pipe.
    pub(super) fn note(&mut self, style: Style, text: &str) {
        self.emit(style, format!("{text}\n"));
    }

    /// Prints to a command's output.
    pub(super) fn print(&mut self, io: &mut Io, style: Style, text: impl AsRef<[u8]>) {
        match &mut io.piped {
            Some(out) => out.extend_from_slice(text.as_ref()),
            None => {
                let shown = printable(text.as_ref());
                self.last_output.push_str(&shown);
                self.emit(style, shown);
            }
        }
    }

    /// Prints what a command has to complain about.
    pub(super) fn complain(&mut self, text: &str) {
        let line = format!("{text}\n");
        self.last_output.push_str(&line);
        self.emit(Style::Loss, line);
    }

    /// Shows the log lines that have come since.
    pub(super) fn show_log(&mut self) {
        self.show_messages();
        let lines = self.world.take_log();
        let (first, last) = SHOWN_LOG_LINES;
        let hidden = lines.len().saturating_sub(first + last);
        for (index, (level, line)) in lines.iter().enumerate() {
            if hidden > 0 && index == first {
                self.note(
                    Style::Dim,
                    &format!(
                        "… {hidden} more lines of the log (`log {}` shows them)",
                        lines.len()
                    ),
                );
            }
            if index < first || index >= first + hidden {
                self.emit_log_line(*level, line);
            }
        }
    }

    pub(super) fn emit_log_line(&mut self, level: Level, line: &str) {
        // What every start says at this level warns of nothing.
        let routine = line.contains(":C ") || line.ends_with("# Server initialized");
        let style = if level == Level::Warning && !routine {
            Style::Warning
        } else {
            Style::Dim
        };
        self.note(style, line);
    }
}

/// Bytes as a terminal can show them: line ends and tabs stay, what is no text becomes a middle dot.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => '·',
            c => c,
        })
        .collect()
}
