//! The crash sweep: a crash before every disk operation of a run, and what each would have lost.

use std::fmt::Write;

use lastsave_scenario::CrashKind;
use lastsave_scenario::sweep::{Bin, Summary};
use leptos::{ev, html, prelude::*};

use super::on_resize;
use crate::{
    format,
    lab::{Bench, Doing, Lab, example, protocol::ToLab, use_lab},
    state::use_app,
};

/// The kinds of crashes with their names.
const KINDS: [(CrashKind, &str, &str); 4] = [
    (
        CrashKind::Power,
        "power",
        "The power goes, and nothing that was not synced survives",
    ),
    (
        CrashKind::Kill,
        "kill -9",
        "The process dies; the operating system keeps what it was given",
    ),
    (
        CrashKind::PowerAll,
        "power, all kept",
        "The power goes, and all that was written happened to reach the device",
    ),
    (
        CrashKind::Torn(1),
        "power, torn",
        "The power goes; of what was not synced each sector survives by a coin",
    ),
];

/// How many points at most, as the menu has it.
const POINTS: [(u64, &str); 3] = [(1_000, "1,000"), (25_000, "25,000"), (100_000, "100,000")];

/// Heights of the two pictures of a kind, in CSS pixels.
const CURVES: f64 = 108.0;
const LOSSES: f64 = 44.0;
/// Room at the left and right.
const MARGIN: f64 = 14.0;

#[component]
pub(crate) fn Sweep() -> impl IntoView {
    let lab = use_lab();
    view! {
        <Order />
        <div class="scroll lab-results" tabindex="0" role="region" aria-label="Crash sweep">
            {move || match lab.sweeping.get() {
                Doing::Nothing => view! { <Teach /> }.into_any(),
                Doing::Refused(reason) => view! { <p class="hint loss">{reason}</p> }.into_any(),
                _ => view! { <Results /> }.into_any(),
            }}
        </div>
    }
}

/// What is to be swept, and the button that does it.
#[component]
fn Order() -> impl IntoView {
    let (app, lab) = (use_app(), use_lab());
    let running = Memo::new(move |_| matches!(lab.sweeping.get(), Doing::Running(_)));
    let kinds = KINDS.map(|(kind, name, title)| {
        let on = move || lab.kinds.get().contains(&kind);
        view! {
            <label class="check" title=title>
                <input
                    type="checkbox"
                    prop:checked=on
                    disabled=move || running.get()
                    on:change=move |_| {
                        lab.kinds
                            .update(|kinds| {
                                if !kinds.contains(&kind) {
                                    kinds.push(kind);
                                } else if kinds.len() > 1 {
                                    kinds.retain(|known| *known != kind);
                                }
                            });
                    }
                />
                {name}
            </label>
        }
    });
    view! {
        <div class="bar">
            <Show
                when=move || running.get()
                fallback=move || {
                    view! {
                        <button
                            class="primary"
                            on:click=move |_| app.session.with_untracked(|session| lab.sweep(app, session))
                        >
                            "Sweep this session"
                        </button>
                    }
                }
            >
                <Running doing=lab.sweeping bench=Bench::Sweep />
            </Show>
            {kinds.collect_view()}
            <label class="check">
                "at most"
                <select
                    aria-label="Crash points at most"
                    disabled=move || running.get()
                    on:change=move |event| {
                        lab.points.set(event_target_value(&event).parse().unwrap_or(25_000));
                    }
                >
                    {POINTS
                        .map(|(value, text)| {
                            view! {
                                <option value=value selected=move || lab.points.get() == value>
                                    {text}
                                    " points"
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
        </div>
    }
}

/// How far a job is, and Stop.
#[component]
pub(crate) fn Running(doing: RwSignal<Doing>, bench: Bench) -> impl IntoView {
    let lab = use_lab();
    let percent = move || match doing.get() {
        Doing::Running(fraction) => (fraction * 100.0) as u32,
        _ => 100,
    };
    view! {
        <span class="lab-running">
            <progress max="100" aria-label="Done" value=move || percent().to_string()></progress>
            <span class="data">{percent} " %"</span>
            <button on:click=move |_| lab.stop(bench)>"Stop"</button>
        </span>
    }
}

/// What a sweep is.
#[component]
fn Teach() -> impl IntoView {
    let (app, lab) = (use_app(), use_lab());
    view! {
        <div class="empty">
            <p>
                "A sweep runs this session again and crashes it before every single write, fsync and rename. Each time a server is started on what the disk then holds, and what had been acknowledged is compared with what came back: the worst moment for a crash, found rather than guessed."
            </p>
            <p class="row">
                <button class="named" on:click=move |_| lab.sweep(app, &example())>
                    "Sweep an example: half a minute of carts"
                </button>
            </p>
        </div>
    }
}

#[component]
fn Results() -> impl IntoView {
    let lab = use_lab();
    let count = Memo::new(move |_| lab.found.with(|found| found.charts.len()));
    view! {
        <p class="lab-summary">
            <strong>{move || lab.swept.get()}</strong>
            ": "
            {move || {
                lab.found
                    .with(|found| {
                        let report = &found.report;
                        format!(
                            "{} crash points ({}) of {} disk operations; {} different disks recovered in {:.1} s",
                            format::count(report.points),
                            report.stride,
                            format::count(report.operations),
                            format::count(report.images),
                            found.took_ms / 1e3,
                        )
                    })
            }}
            {move || (lab.sweeping.get() == Doing::Stopped).then_some(". Stopped: the rest of the run was not swept")}
        </p>
        {move || (0..count.get()).map(|kind| view! { <Kind kind /> }).collect_view()}
    }
}

/// Both pictures of one kind of crash, and the point looked at.
#[component]
fn Kind(kind: usize) -> impl IntoView {
    let lab = use_lab();
    let width = RwSignal::new(600.0);
    let frame = NodeRef::<html::Div>::new();
    Effect::new(move || {
        if let Some(frame) = frame.get() {
            let measured = frame.clone();
            on_resize(&frame, move || {
                width.set(f64::from(measured.client_width()));
            });
        }
    });
    let bins = Memo::new(move |_| {
        lab.found
            .with(|found| found.charts.get(kind).cloned().unwrap_or_default())
    });
    let summary = Memo::new(move |_| {
        lab.found
            .with(|found| found.report.kinds.get(kind).cloned().unwrap_or_default())
    });
    let drawn = Memo::new(move |_| bins.with(|bins| Drawing::new(bins, width.get())));
    let chosen = Memo::new(move |_| {
        lab.at
            .get()
            .filter(|(at, _)| *at == kind)
            .map(|(_, bin)| bin)
    });
    let look = move |bin: Bin| {
        if chosen.get_untracked() != Some(bin) {
            lab.at.set(Some((kind, bin)));
            Lab::ask(Bench::Sweep, &ToLab::Point(bin.point));
        }
    };
    let open = move || {
        if let Some(bin) = chosen.get_untracked() {
            Lab::ask(Bench::Sweep, &ToLab::Cell(bin.point, kind));
        }
    };
    let step = move |place: Place| {
        bins.with_untracked(|bins| {
            let at = chosen
                .get_untracked()
                .and_then(|bin| bins.iter().position(|known| *known == bin));
            if let Some(bin) = place.of(bins, at) {
                look(*bin);
            }
        });
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let place = match event.key().as_str() {
            "ArrowRight" => Place::By(1),
            "ArrowLeft" => Place::By(-1),
            "PageUp" => Place::By(20),
            "PageDown" => Place::By(-20),
            "Home" => Place::First,
            "End" => Place::Last,
            "w" => Place::Worst,
            "Enter" => {
                event.prevent_default();
                return open();
            }
            _ => return,
        };
        event.prevent_default();
        step(place);
    };
    let find = move |x: f64| {
        bins.with_untracked(|bins| {
            drawn.with_untracked(|drawn| {
                let near = |bin: &&Bin| (drawn.x(bin.at_us) - x).abs();
                bins.iter()
                    .min_by(|a, b| near(a).total_cmp(&near(b)))
                    .copied()
            })
        })
    };
    let by_touch = StoredValue::new(false);
    let words = move || chosen.get().map(|bin| in_words(&bin));
    view! {
        <section class="kind" aria-label=move || summary.with(|summary| summary.kind.clone())>
            <h3>
                {move || summary.with(|summary| name_of(&summary.kind))}
                <span class="hint">{move || summary.with(verdict)}</span>
            </h3>
            <div
                class="sweep-chart"
                node_ref=frame
                tabindex="0"
                role="slider"
                aria-label="Crash points along the run; Enter opens one as a scenario"
                aria-valuemin="0"
                aria-valuemax=move || bins.with(|bins| bins.len().saturating_sub(1))
                aria-valuenow=move || {
                    let bin = chosen.get();
                    bins.with(|bins| bins.iter().position(|known| Some(*known) == bin).unwrap_or(0))
                }
                aria-valuetext=move || words().unwrap_or_else(|| "none chosen".into())
                on:keydown=on_key
                on:pointerdown=move |event| by_touch.set_value(event.pointer_type() == "touch")
                on:pointermove=move |event| {
                    if let Some(bin) = find(f64::from(event.offset_x())) {
                        look(bin);
                    }
                }
                on:click=move |event| {
                    if let Some(bin) = find(f64::from(event.offset_x())) {
                        look(bin);
                    }
                    // A finger has not seen the point before: the button below opens it.
                    if !by_touch.get_value() {
                        open();
                    }
                }
            >
                <svg aria-hidden="true" height=CURVES + LOSSES>
                    <path class="grid" d=move || drawn.with(|it| it.grid.clone()) />
                    <path class="lost" d=move || drawn.with(|it| it.gap.clone()) />
                    <path class="acknowledged" d=move || drawn.with(|it| it.acknowledged.clone()) />
                    <path class="recovered" d=move || drawn.with(|it| it.recovered.clone()) />
                    <path class="losses" d=move || drawn.with(|it| it.losses.clone()) />
                    <path class="dead" d=move || drawn.with(|it| it.dead.clone()) />
                    <text x=MARGIN y="11">
                        {move || drawn.with(|it| format!("{} acknowledged", format::writes(it.top)))}
                    </text>
                    <text x=MARGIN y=CURVES + 11.0>
                        {move || drawn.with(|it| format!("lost, at most {}", format::writes(it.most)))}
                    </text>
                    {move || {
                        drawn
                            .with(|it| it.worst)
                            .map(|(x, y)| view! { <circle class="worst" cx=x cy=y r="5" /> })
                    }}
                    {move || {
                        chosen
                            .get()
                            .map(|bin| {
                                let x = drawn.with(|it| it.x(bin.at_us));
                                let d = format!("M{x:.1} 14V{}", CURVES + LOSSES);
                                view! { <path class="pointer" d=d /> }
                            })
                    }}
                </svg>
            </div>
            <div class="readout">
                {move || match chosen.get() {
                    None => {
                        view! {
                            <p class="hint">
                                <span class="key acknowledged"></span>
                                "acknowledged "
                                <span class="key recovered"></span>
                                "came back "
                                <span class="key lost"></span>
                                "lost. Point at a moment, or press → with the chart in focus."
                            </p>
                            <button
                                disabled=move || bins.with(Vec::is_empty)
                                on:click=move |_| step(Place::Worst)
                            >
                                "Show the worst"
                            </button>
                        }
                            .into_any()
                    }
                    Some(bin) => {
                        view! {
                            <p>
                                <span class="data">{format::time_of_day(bin.at_us)}</span>
                                " "
                                {move || {
                                    lab.point
                                        .get()
                                        .filter(|(index, _)| *index == bin.point)
                                        .map(|(_, point)| {
                                            if point.words.starts_with("the end") {
                                                "at the end of the run".to_owned()
                                            } else {
                                                format!("before operation {}: {}", format::count(point.number), point.words)
                                            }
                                        })
                                }}
                                <br />
                                <strong class:loss=bin.outcome.lost + u64::from(!bin.outcome.started) != 0>{in_words(&bin)}</strong>
                            </p>
                            <button on:click=move |_| open()>"Open as a scenario"</button>
                            <button on:click=move |_| step(Place::Worst)>"Worst"</button>
                        }
                            .into_any()
                    }
                }}
            </div>
        </section>
    }
}

/// Where to look next.
#[derive(Clone, Copy)]
enum Place {
    By(isize),
    First,
    Last,
    Worst,
}

impl Place {
    fn of(self, bins: &[Bin], at: Option<usize>) -> Option<&Bin> {
        let last = bins.len().checked_sub(1)?;
        let index = match (self, at) {
            (Self::First, _) | (Self::By(_), None) => 0,
            (Self::Last, _) => last,
            (Self::By(by), Some(at)) => at.saturating_add_signed(by).min(last),
            (Self::Worst, _) => worst(bins)?,
        };
        bins.get(index)
    }
}

/// The index of the worst point.
fn worst(bins: &[Bin]) -> Option<usize> {
    let rank = |bin: &Bin| (!bin.outcome.started, bin.outcome.lost);
    (0..bins.len())
        .rev()
        .max_by_key(|index| rank(&bins[*index]))
}

fn name_of(word: &str) -> &'static str {
    match word {
        "kill" => "kill -9",
        "power" => "Power loss, nothing unsynced survives",
        "power-all" => "Power loss, all that was written survives",
        _ => "Power loss, torn by a coin",
    }
}

/// A kind of crash in a sentence.
fn verdict(summary: &Summary) -> String {
    let [_, _, _, most] = summary.lost;
    let mut text = match most {
        0 => "nothing acknowledged is lost at any point".to_owned(),
        most => format!(
            "at worst {} lost, the oldest {} old; half of the points lose {} or fewer",
            format::writes(most),
            format::duration_us(summary.oldest_lost_us[3]),
            format::count(summary.lost[0])
        ),
    };
    if summary.not_started > 0 {
        text += &format!(
            "; no start after {} points",
            format::count(summary.not_started)
        );
    }
    if summary.broken > 0 {
        text += &format!(
            "; the policy's promise is broken at {}",
            format::count(summary.broken)
        );
    } else {
        text += "; the policy's promise is kept";
    }
    text
}

/// A point in a sentence.
fn in_words(bin: &Bin) -> String {
    let outcome = &bin.outcome;
    if !outcome.started {
        return format!(
            "{} acknowledged; the server does not start",
            format::count(bin.acknowledged)
        );
    }
    match outcome.lost {
        0 => format!(
            "{} acknowledged, all of them back",
            format::count(bin.acknowledged)
        ),
        lost => format!(
            "{} acknowledged, {} back, {} lost, the oldest {} old",
            format::count(bin.acknowledged),
            format::count(outcome.recovered),
            format::count(lost),
            format::duration_us(outcome.oldest_lost_us)
        ),
    }
}

/// The paths of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
struct Drawing {
    width: f64,
    start_us: u64,
    span_us: f64,
    /// The most acknowledged and the most lost.
    top: u64,
    most: u64,
    grid: String,
    acknowledged: String,
    recovered: String,
    gap: String,
    losses: String,
    dead: String,
    worst: Option<(f64, f64)>,
}

impl Drawing {
    fn new(bins: &[Bin], width: f64) -> Self {
        let start_us = bins.first().map_or(0, |bin| bin.at_us);
        let end_us = bins.last().map_or(1, |bin| bin.at_us);
        let mut it = Self {
            width,
            start_us,
            span_us: end_us.saturating_sub(start_us).max(1) as f64,
            top: bins.iter().map(|bin| bin.acknowledged).max().unwrap_or(0),
            most: bins.iter().map(|bin| bin.outcome.lost).max().unwrap_or(0),
            ..Self::default()
        };
        let right = width - MARGIN;
        let floor = CURVES + LOSSES - 1.0;
        it.grid = format!("M{MARGIN} {CURVES}H{right}M{MARGIN} {floor}H{right}");
        let mut back = Vec::new();
        for bin in bins {
            let x = it.x(bin.at_us);
            let verb = if it.acknowledged.is_empty() { 'M' } else { 'L' };
            let above = it.y(bin.acknowledged);
            let below = it.y(bin.outcome.recovered);
            // Writing to a string cannot fail.
            let _ = write!(it.acknowledged, "{verb}{x:.1} {above:.1}");
            let _ = write!(it.recovered, "{verb}{x:.1} {below:.1}");
            back.push((x, below));
            if bin.outcome.lost > 0 {
                let tall = bin.outcome.lost as f64 / it.most.max(1) as f64 * (LOSSES - 16.0);
                let _ = write!(it.losses, "M{x:.1} {floor}v-{:.1}", tall.max(1.5));
            }
            if !bin.outcome.started {
                let y = CURVES - 8.0;
                let _ = write!(it.dead, "M{:.1} {:.1}l6 6m0 -6l-6 6", x - 3.0, y - 3.0);
            }
        }
        it.gap.clone_from(&it.acknowledged);
        for (x, y) in back.iter().rev() {
            let _ = write!(it.gap, "L{x:.1} {y:.1}");
        }
        if !it.gap.is_empty() {
            it.gap.push('Z');
        }
        it.worst = worst(bins)
            .map(|index| &bins[index])
            .filter(|bin| bin.outcome.lost > 0 || !bin.outcome.started)
            .map(|bin| (it.x(bin.at_us), it.y(bin.outcome.recovered)));
        it
    }

    fn x(&self, at_us: u64) -> f64 {
        let share = at_us.saturating_sub(self.start_us) as f64 / self.span_us;
        MARGIN + share.min(1.0) * (self.width - 2.0 * MARGIN).max(1.0)
    }

    fn y(&self, writes: u64) -> f64 {
        CURVES - writes as f64 / self.top.max(1) as f64 * (CURVES - 16.0)
    }
}

#[cfg(test)]
mod tests {
    use lastsave_scenario::sweep::Outcome;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn bins() -> Vec<Bin> {
        let losses = [0, 3, 1, 3];
        let bin = |(index, lost): (usize, &u64)| Bin {
            point: index,
            at_us: 1_000_000 * index as u64,
            acknowledged: 4 * index as u64,
            outcome: Outcome {
                started: true,
                recovered: 4 * index as u64 - lost,
                lost: *lost,
                ..Outcome::default()
            },
        };
        losses.iter().enumerate().map(bin).collect()
    }

    #[test]
    fn the_worst_point_is_the_first_of_those_that_lose_most() {
        let bins = bins();
        assert_eq!(worst(&bins), Some(1));
        assert_eq!(
            Place::By(-5).of(&bins, Some(2)).map(|bin| bin.point),
            Some(0)
        );
        assert_eq!(
            Place::By(9).of(&bins, Some(2)).map(|bin| bin.point),
            Some(3)
        );
        assert!(Place::Worst.of(&[], None).is_none());
    }

    #[test]
    fn a_chart_spans_its_width() {
        let drawn = Drawing::new(&bins(), 400.0);
        assert!(drawn.acknowledged.starts_with("M14.0"));
        assert!(drawn.acknowledged.contains("L386.0"));
        assert_eq!((drawn.top, drawn.most), (12, 3));
        assert!(Drawing::new(&[], 400.0).worst.is_none());
    }
}
