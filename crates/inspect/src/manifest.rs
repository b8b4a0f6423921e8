//! Manifests: lines and words, and what Redis would refuse of them.

use lastsave_aof::Manifest;

use crate::build::Builder;
use crate::inspector::Findings;
use crate::words::escaped;
use crate::{Limits, Node, NodeKind};

/// Reads a manifest.
pub(crate) fn manifest(
    text: &[u8],
    limits: &Limits,
    out: &mut Builder,
    findings: &mut Findings,
) -> Vec<Node> {
    let refused = Manifest::parse(text).err();
    let mut nodes = Vec::new();
    let mut start = 0;
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = start + line.len() as u64;
        out.start(end > limits.window.start && start < limits.window.end && limits.keys.is_none());
        self::line(out, start, line);
        let fault = refused
            .as_ref()
            .filter(|error| error.line.as_ref().is_some_and(|(at, _)| *at == number + 1));
        let mut made = out.take();
        if let Some(error) = fault {
            findings.problem(start..end, None, error.message.into());
            if let Some(node) = made.last_mut() {
                node.children
                    .push(crate::rdb::error_node(start..end, error.message));
            }
        }
        nodes.append(&mut made);
        start = end;
    }
    if let Some(error) = refused.filter(|error| error.line.is_none()) {
        findings.problem(0..start, None, error.message.into());
        nodes.push(crate::rdb::error_node(0..start, error.message));
    }
    nodes
}

fn line(out: &mut Builder, start: u64, line: &[u8]) {
    out.open(
        start,
        NodeKind::Line,
        if line.starts_with(b"#") {
            "comment"
        } else {
            "line"
        },
    );
    if !line.starts_with(b"#") {
        let mut at = 0;
        for word in line.split_inclusive(u8::is_ascii_whitespace) {
            let text = word.trim_ascii();
            let from = start + at;
            at += word.len() as u64;
            if !text.is_empty() {
                out.leaf(from..start + at, NodeKind::Text, "word", || {
                    escaped(text, 200)
                });
            }
        }
    }
    out.close(start + line.len() as u64, || {
        escaped(line.trim_ascii_end(), 200)
    });
}
