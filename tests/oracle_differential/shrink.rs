//! A program that shows a difference, made as short as can be.

use crate::{Difference, Pair, Program};

/// How often a program is run at most to make it shorter.
const MAX_RUNS: usize = 150;

/// The shortest program that is found, as text.
pub(crate) fn shortest(pair: &mut Pair, program: Program, difference: Difference) -> String {
    let mut best = cut(program, &difference);
    let mut shown = difference;
    let mut chunk = best.steps.len().div_ceil(2);
    let mut runs = 0;
    while chunk > 0 && runs < MAX_RUNS {
        let mut from = best.steps.len();
        while from > 0 && runs < MAX_RUNS {
            from = from.saturating_sub(chunk);
            let mut shorter = best.clone();
            let to = (from + chunk).min(shorter.steps.len());
            shorter.steps.drain(from..to);
            runs += 1;
            if let Some(difference) = pair.run(&shorter) {
                best = cut(shorter, &difference);
                shown = difference;
                from = from.min(best.steps.len());
            }
        }
        chunk /= 2;
    }
    let settings = best
        .settings
        .iter()
        .map(|words| words[2..].concat().escape_ascii().to_string());
    let settings: Vec<String> = settings.collect();
    let steps: Vec<String> = best
        .steps
        .iter()
        .map(|step| format!("  > {step}"))
        .collect();
    format!(
        "{}\n  after {}\n{}",
        shown.text,
        settings.join(" "),
        steps.join("\n")
    )
}

/// Without what comes behind the difference.
fn cut(mut program: Program, difference: &Difference) -> Program {
    if let Some(at) = difference.at {
        program.steps.truncate(at + 1);
    }
    program
}
