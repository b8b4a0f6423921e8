//! Lessons: scenario files whose comments tell a story.
//!
//! ```text
//! # lastsave scenario 1
//! # Lesson: What a power loss takes
//! seed 7
//!
//! # Prose. Lines that follow each other are one paragraph; `code` stands between backquotes.
//! redis-server --appendonly yes
//! SET greeting hello
//!
//! # ? Is the write there after a power loss?
//! # - Yes: it was acknowledged, but nobody has synced it.
//! # + No: it was in the page cache, which is memory.
//! crash power
//! redis-server --appendonly yes
//! expect lost == 1
//! ```
//!
//! Comments begin a step, and the lines behind them are what it runs. To the shell comments are comments, so a lesson runs
//! wherever a scenario does; a scenario with a question is a lesson. Reading one never fails: what is no question is prose.

use crate::{Scenario, shell};

/// A scenario as a story in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The title's part before a colon and a space, or all of it.
    pub name: String,
    /// What the lesson is about: the rest of the title.
    pub about: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The steps, in order. There is at least one, with a question.
    pub steps: Vec<LessonStep>,
}

/// What is told, what is asked, and what is run then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonStep {
    /// Paragraphs. [`prose_pieces`] tells code from text.
    pub prose: Vec<String>,
    /// What is asked before the lines are run.
    pub question: Option<Question>,
    /// Lines for the shell, without comments and empty lines; among them the expectations.
    pub lines: Vec<String>,
}

/// A question with its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// What could be answered.
    pub answers: Vec<Answer>,
}

/// An answer, and what is to be said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is a right one.
    pub right: bool,
    /// The answer.
    pub text: String,
    /// Why it is right or wrong.
    pub why: String,
}

impl Lesson {
    /// The lesson that a scenario is, if it asks something.
    pub fn of(scenario: &Scenario) -> Option<Self> {
        let lines = scenario.lines.iter().map(|(_, line)| line.as_str());
        let steps = steps(lines);
        let asks = |step: &LessonStep| step.question.is_some();
        if !steps.iter().any(asks) {
            return None;
        }
        let (name, about) = scenario
            .title
            .split_once(": ")
            .unwrap_or((&scenario.title, ""));
        Some(Self {
            name: name.to_owned(),
            about: about.to_owned(),
            seed: scenario.seed,
            steps,
        })
    }
}

/// What a line of a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Command,
    /// Of a here-document.
    Text,
    Expectation,
}

impl LessonStep {
    /// What its expectations claim, in order: `lost == 1`.
    pub fn claims(&self) -> impl Iterator<Item = String> {
        self.kinds()
            .into_iter()
            .filter(|(kind, _)| *kind == Kind::Expectation)
            .filter_map(|(_, line)| shell::claim_of(line))
    }

    /// Its lines without the expectations, which would give the answers away.
    pub fn script(&self) -> Vec<&str> {
        let lines = self.kinds().into_iter();
        lines
            .filter(|(kind, _)| *kind != Kind::Expectation)
            .map(|(_, line)| line)
            .collect()
    }

    /// How many commands it runs.
    pub fn commands(&self) -> usize {
        let is_command = |(kind, _): &(Kind, &str)| *kind == Kind::Command;
        self.kinds().into_iter().filter(is_command).count()
    }

    fn kinds(&self) -> Vec<(Kind, &str)> {
        let mut here_end: Option<String> = None;
        let mut kinds = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let kind = match &here_end {
                Some(end) => {
                    if line.trim() == *end {
                        here_end = None;
                    }
                    Kind::Text
                }
                None if shell::claim_of(line).is_some() => Kind::Expectation,
                None => {
                    here_end = shell::here_end_of(line);
                    Kind::Command
                }
            };
            kinds.push((kind, line.as_str()));
        }
        kinds
    }
}

/// Splits a paragraph at its backquotes. `true` marks code; a backquote without a partner is text.
pub fn prose_pieces(paragraph: &str) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let mut rest = paragraph;
    while let Some((text, code, after)) = rest.split_once('`').and_then(|(text, after)| {
        after
            .split_once('`')
            .map(|(code, after)| (text, code, after))
    }) {
        pieces.push((false, text));
        pieces.push((true, code));
        rest = after;
    }
    pieces.push((false, rest));
    pieces.retain(|(_, text)| !text.is_empty());
    pieces
}

/// What the last comment belongs to, which the next one may continue.
#[derive(PartialEq, Eq)]
enum Last {
    Nothing,
    Prose,
    Question,
    Answer,
}

fn steps<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<LessonStep> {
    let mut steps = Vec::new();
    let mut step = LessonStep::default();
    let mut last = Last::Nothing;
    let mut here_end: Option<String> = None;
    for line in lines {
        if let Some(end) = &here_end {
            if line.trim() == *end {
                here_end = None;
            }
            step.lines.push(line.to_owned());
            continue;
        }
        let Some(comment) = line.trim_start().strip_prefix('#').map(str::trim) else {
            last = Last::Nothing;
            if !line.trim().is_empty() {
                here_end = shell::here_end_of(line);
                step.lines.push(line.to_owned());
            }
            continue;
        };
        if !step.lines.is_empty() {
            steps.push(std::mem::take(&mut step));
        }
        last = tell(&mut step, last, comment);
    }
    if step != LessonStep::default() {
        steps.push(step);
    }
    steps
}

/// Adds a comment to a step.
fn tell(step: &mut LessonStep, last: Last, comment: &str) -> Last {
    if comment.is_empty() {
        return Last::Nothing;
    }
    if let Some(text) = comment.strip_prefix("? ")
        && step.question.is_none()
    {
        step.question = Some(Question {
            text: text.trim().to_owned(),
            answers: Vec::new(),
        });
        return Last::Question;
    }
    let asking = matches!(last, Last::Question | Last::Answer);
    if let Some(question) = step.question.as_mut().filter(|_| asking) {
        let right = comment.starts_with("+ ");
        if right || comment.starts_with("- ") {
            let answer = comment[2..].trim();
            let (text, why) = answer.split_once(": ").unwrap_or((answer, ""));
            question.answers.push(Answer {
                right,
                text: text.to_owned(),
                why: why.to_owned(),
            });
            return Last::Answer;
        }
        let continued = match question.answers.last_mut() {
            Some(answer) if answer.why.is_empty() => &mut answer.text,
            Some(answer) => &mut answer.why,
            None => &mut question.text,
        };
        continued.push(' ');
        continued.push_str(comment);
        return last;
    }
    match step.prose.last_mut().filter(|_| last == Last::Prose) {
        Some(paragraph) => {
            paragraph.push(' ');
            paragraph.push_str(comment);
        }
        None => step.prose.push(comment.to_owned()),
    }
    Last::Prose
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Option<Lesson> {
        let text = format!("# lastsave scenario 1\n# A name: what it shows\nseed 7\n\n{script}");
        Lesson::of(&Scenario::parse(&text).unwrap())
    }

    #[test]
    fn a_lesson_has_steps_with_prose_questions_and_lines() {
        let lesson = read(
            "# One paragraph\n# on two lines.\n#\n# Another.\nSET a 1\n\nexpect keys == 1\n# ? Well,\n# what?\n\
             # - This: no,\n#   because: so.\n# + That: yes.\n# - Neither\ncrash power\nexpect lost == 1\nexpect lost < 2\n\n# The end.",
        )
        .unwrap();
        assert_eq!((lesson.name.as_str(), lesson.seed), ("A name", 7));
        assert_eq!(lesson.about, "what it shows");
        let [first, second, third] = lesson.steps.as_slice() else {
            panic!("three steps: {:?}", lesson.steps);
        };
        assert_eq!(first.prose, ["One paragraph on two lines.", "Another."]);
        assert_eq!(first.lines, ["SET a 1", "expect keys == 1"]);
        let question = second.question.as_ref().unwrap();
        assert_eq!(question.text, "Well, what?");
        let answers: Vec<_> = question
            .answers
            .iter()
            .map(|answer| (answer.right, answer.text.as_str(), answer.why.as_str()))
            .collect();
        assert_eq!(
            answers,
            [
                (false, "This", "no, because: so."),
                (true, "That", "yes."),
                (false, "Neither", "")
            ]
        );
        assert_eq!(second.commands(), 1);
        assert_eq!(
            second.claims().collect::<Vec<_>>(),
            ["lost == 1", "lost < 2"]
        );
        assert_eq!((third.prose.len(), third.lines.len()), (1, 0));
    }

    #[test]
    fn comments_of_a_here_document_belong_to_it() {
        let lesson = read("# ? q\n# + a\ncat > redis.conf <<EOF\n# safe\n\nexpect\nEOF\nPING\n");
        let steps = lesson.unwrap().steps;
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].lines.len(), 6);
        assert_eq!(steps[0].commands(), 2);
        assert_eq!(steps[0].script().len(), 6);
        assert_eq!(steps[0].claims().count(), 0);
    }

    #[test]
    fn a_scenario_without_a_question_is_no_lesson() {
        assert_eq!(read("# - an answer\n# + to nothing\nPING"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("cat > a <<EOF\n# ? no question\n"), None);
    }

    #[test]
    fn code_stands_between_backquotes() {
        assert_eq!(
            prose_pieces("Type `SET a 1` here"),
            [(false, "Type "), (true, "SET a 1"), (false, " here")]
        );
        assert_eq!(prose_pieces("a ` b"), [(false, "a ` b")]);
        assert_eq!(prose_pieces("`x`"), [(true, "x")]);
        assert_eq!(prose_pieces("``"), []);
    }
}
