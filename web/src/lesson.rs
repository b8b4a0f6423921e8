//! The lesson being read: where the reader is, and what the machine's lines and checks say about it.

use std::sync::Arc;

use lastsave_scenario::{CheckView, Lesson, LessonStep, Scenario};

/// A lesson and how far its reader is.
#[derive(Clone, PartialEq)]
pub(crate) struct Reading {
    /// The scenario file it is.
    pub text: Arc<str>,
    /// The lesson.
    pub lesson: Arc<Lesson>,
    /// The step shown.
    pub at: usize,
    /// The answer chosen at each step.
    pub answers: Vec<Option<usize>>,
}

/// Where the browser keeps the lesson of this page, so that a reload has it again.
const STORED_AS: &str = "lastsave.lesson";
/// Where the browser keeps the names of the lessons read to their ends, one a line.
const FINISHED_AS: &str = "lastsave.lessons";

impl Reading {
    /// A lesson at its beginning. `None` if the text is no lesson.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let lesson = Lesson::of(&Scenario::parse(text).ok()?)?;
        Some(Self {
            text: text.into(),
            at: 0,
            answers: vec![None; lesson.steps.len()],
            lesson: Arc::new(lesson),
        })
    }

    /// The step shown.
    pub(crate) fn step(&self) -> &LessonStep {
        &self.lesson.steps[self.at]
    }

    /// How many steps have been run, of which every line was entered in its order: by the panel or by hand.
    pub(crate) fn done(&self, entered: &[String]) -> usize {
        let mut entered = entered.iter();
        let has_run = |step: &&LessonStep| step.lines.iter().all(|line| entered.any(|e| e == line));
        self.lesson.steps.iter().take_while(has_run).count()
    }

    /// The claims of the step shown, each with its check if that has taken place.
    pub(crate) fn claims(&self, checks: &[CheckView]) -> Vec<(String, Option<CheckView>)> {
        let mut rest = checks;
        let mut shown = Vec::new();
        for (at, step) in self.lesson.steps.iter().enumerate().take(self.at + 1) {
            for claim in step.claims() {
                let found = rest.iter().position(|check| check.claim == claim);
                let check = found.map(|index| rest[index].clone());
                rest = &rest[found.map_or(0, |index| index + 1)..];
                if at == self.at {
                    shown.push((claim, check));
                }
            }
        }
        shown
    }

    /// The lesson that was read here before a reload.
    pub(crate) fn stored() -> Option<Self> {
        let kept = web_sys::window()?.session_storage().ok()??;
        let kept = kept.get_item(STORED_AS).ok()??;
        let (place, text) = kept.split_once('\n')?;
        let mut reading = Self::of(text)?;
        let mut numbers = place.split(' ').map(|word| word.parse().ok());
        reading.at = numbers.next()??;
        reading.at = reading.at.min(reading.lesson.steps.len() - 1);
        for (answer, number) in reading.answers.iter_mut().zip(numbers) {
            *answer = number;
        }
        Some(reading)
    }

    /// Keeps it for a reload.
    pub(crate) fn store(reading: Option<&Self>) {
        let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.session_storage())
        else {
            return;
        };
        // A browser that keeps nothing forgets the lesson at a reload.
        let _ = match reading {
            None => storage.remove_item(STORED_AS),
            Some(reading) => {
                let mut kept = reading.at.to_string();
                for answer in &reading.answers {
                    kept.push(' ');
                    kept.push_str(&answer.map_or("-".into(), |number| number.to_string()));
                }
                kept.push('\n');
                kept.push_str(&reading.text);
                storage.set_item(STORED_AS, &kept)
            }
        };
    }
}

/// The names of the lessons that were read to their ends, in this browser.
pub(crate) fn finished() -> Vec<String> {
    local_storage()
        .and_then(|storage| storage.get_item(FINISHED_AS).ok()?)
        .map(|names| names.lines().map(str::to_owned).collect())
        .unwrap_or_default()
}

/// Remembers that a lesson was read to its end.
pub(crate) fn finish(name: &str) {
    let mut names = finished();
    if let Some(storage) = local_storage()
        && !names.iter().any(|known| known == name)
    {
        names.push(name.to_owned());
        // Without storage nothing is remembered.
        let _ = storage.set_item(FINISHED_AS, &names.join("\n"));
    }
}

fn local_storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const TEXT: &str = "# lastsave scenario 1\n# L: l\n\n# a\nSET a 1\nexpect keys == 1\n\n# ? b\n# + c\nSET a 1\n\
                        expect keys == 1\nexpect lost == 0\n\n# end\n";

    #[test]
    fn steps_are_done_when_their_lines_were_entered_in_order() {
        let reading = Reading::of(TEXT).unwrap();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(reading.done(&[]), 0);
        assert_eq!(reading.done(&lines("SET a 1")), 0);
        assert_eq!(reading.done(&lines("SET a 1\nGET a\nexpect keys == 1")), 1);
        let all = "SET a 1\nexpect keys == 1\nSET a 1\nexpect keys == 1\nexpect lost == 0";
        assert_eq!(reading.done(&lines(all)), 3);
    }

    #[test]
    fn each_claim_has_its_own_check() {
        let mut reading = Reading::of(TEXT).unwrap();
        let check = |claim: &str, met| CheckView {
            claim: claim.into(),
            met,
            value: None,
        };
        let checks = [check("keys == 1", true), check("keys == 1", false)];
        assert!(reading.claims(&checks)[0].1.as_ref().unwrap().met);
        reading.at = 1;
        let claims = reading.claims(&checks);
        assert!(!claims[0].1.as_ref().unwrap().met);
        assert_eq!(claims[1], ("lost == 0".into(), None));
    }

    #[test]
    fn a_scenario_that_asks_nothing_is_no_lesson() {
        assert!(Reading::of("# lastsave scenario 1\n# t\nPING\n").is_none());
        assert!(Reading::of("PING").is_none());
    }
}
