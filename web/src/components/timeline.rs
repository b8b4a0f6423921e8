//! Simulated time as a picture: the exposure curve, and what happened under it.

use std::fmt::Write;

use lastsave_scenario::{MarkKind, TimelineMark, TimelinePoint, TimelineView, VerdictView};
use leptos::{ev, html, prelude::*};

use super::on_resize;
use crate::{format, state::use_app};

/// Room at the left and right of the curve, in CSS pixels.
const MARGIN: f64 = 12.0;
/// Where the lane of marks begins, from the bottom.
const LANE: f64 = 30.0;
/// Room for the times under the lane.
const TIMES: f64 = 14.0;
/// A mark is pointed at within this distance.
const NEAR: f64 = 7.0;

/// How instants and amounts become places.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    width: f64,
    height: f64,
    start_us: u64,
    span_us: f64,
    top: u64,
}

impl Scale {
    fn new(timeline: &TimelineView, width: f64, height: f64) -> Self {
        let highest = timeline.points.iter().map(|p| p.exposed).max().unwrap_or(0);
        Self {
            width,
            height,
            start_us: timeline.start_us,
            span_us: timeline.end_us.saturating_sub(timeline.start_us).max(1) as f64,
            top: round_up(highest),
        }
    }

    fn x(&self, at_us: u64) -> f64 {
        let share = at_us.saturating_sub(self.start_us) as f64 / self.span_us;
        MARGIN + share.min(1.0) * (self.width - 2.0 * MARGIN)
    }

    fn y(&self, exposed: u64) -> f64 {
        let floor = self.floor();
        floor - exposed as f64 / self.top as f64 * (floor - 14.0)
    }

    fn floor(&self) -> f64 {
        self.height - LANE
    }

    fn time(&self, x: f64) -> u64 {
        let share = ((x - MARGIN) / (self.width - 2.0 * MARGIN)).clamp(0.0, 1.0);
        self.start_us + (share * self.span_us) as u64
    }
}

/// The next round number: a digit or two, then noughts.
fn round_up(value: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [10, 12, 15, 20, 25, 30, 40, 50, 60, 80] {
            if let Some(top) = unit.checked_mul(factor).filter(|top| *top >= value) {
                return top;
            }
        }
        match unit.checked_mul(10) {
            Some(next) => unit = next,
            None => return u64::MAX,
        }
    }
}

/// The instants to label: round ones, a handful.
fn ticks(timeline: &TimelineView, width: f64) -> Vec<u64> {
    const STEPS_S: [u64; 16] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400,
    ];
    let span_us = timeline.end_us.saturating_sub(timeline.start_us);
    let most = (width / 110.0).max(2.0) as u64;
    let step_us = STEPS_S
        .iter()
        .map(|step| step * 1_000_000)
        .find(|step| span_us / step <= most);
    let Some(step_us) = step_us.filter(|_| span_us > 0) else {
        return Vec::new();
    };
    let first = timeline.start_us.div_ceil(step_us) * step_us;
    (first..=timeline.end_us)
        .step_by(step_us as usize)
        .collect()
}

/// The curve as an SVG path, and the area under it.
fn curve(timeline: &TimelineView, scale: &Scale) -> (String, String) {
    let mut line = String::new();
    for point in &timeline.points {
        let verb = if line.is_empty() { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{verb}{:.1} {:.1}",
            scale.x(point.at_us),
            scale.y(point.exposed)
        );
    }
    let area = match (timeline.points.first(), timeline.points.last()) {
        (Some(first), Some(last)) => format!(
            "{line}L{:.1} {floor:.1}L{:.1} {floor:.1}Z",
            scale.x(last.at_us),
            scale.x(first.at_us),
            floor = scale.floor()
        ),
        _ => String::new(),
    };
    (line, area)
}

/// The part of the area under the curve that a crash took.
fn lost_area(timeline: &TimelineView, scale: &Scale, verdict: &VerdictView) -> String {
    if verdict.lost == 0 {
        return String::new();
    }
    let crash_us = verdict.crashed_at_us;
    let first_us = crash_us.saturating_sub(verdict.oldest_lost_ms * 1_000);
    let within = |point: &&TimelinePoint| (first_us..=crash_us).contains(&point.at_us);
    let points: Vec<_> = timeline.points.iter().filter(within).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let floor = scale.floor();
    let mut area = format!("M{:.1} {floor:.1}", scale.x(first.at_us));
    for point in &points {
        // Writing to a string cannot fail.
        let _ = write!(
            area,
            "L{:.1} {:.1}",
            scale.x(point.at_us),
            scale.y(point.exposed)
        );
    }
    let _ = write!(area, "L{:.1} {floor:.1}Z", scale.x(last.at_us));
    area
}

/// The marks that have room: of a kind, none closer to the one before than it is wide.
fn thinned(timeline: &TimelineView, scale: &Scale) -> Vec<TimelineMark> {
    let mut last_x = [f64::NEG_INFINITY; 10];
    let mut marks = timeline.marks.clone();
    marks.retain(|mark| {
        let room = match mark.kind {
            MarkKind::Sync => 3.0,
            MarkKind::WriteBack => 7.0,
            MarkKind::Save | MarkKind::Rewrite => 1.0,
            MarkKind::SaveFailed | MarkKind::RewriteFailed => 11.0,
            _ => 0.0,
        };
        let x = scale.x(mark.at_us);
        let fits = x - last_x[mark.kind as usize] >= room;
        if fits {
            last_x[mark.kind as usize] = x;
        }
        fits
    });
    marks
}

fn is_crash(kind: MarkKind) -> bool {
    matches!(kind, MarkKind::Kill | MarkKind::PowerLoss)
}

/// The classes of marks, those in front last. Each is drawn as one path: a night has hundreds of marks.
const CLASSES: [&str; 8] = [
    "sync",
    "write-back",
    "save",
    "rewrite",
    "failed",
    "set",
    "start",
    "crash",
];

/// Which of [`CLASSES`] marks of a kind have.
fn class(kind: MarkKind) -> usize {
    match kind {
        MarkKind::Sync => 0,
        MarkKind::WriteBack => 1,
        MarkKind::Save => 2,
        MarkKind::Rewrite => 3,
        MarkKind::SaveFailed | MarkKind::RewriteFailed => 4,
        MarkKind::Fault => 5,
        MarkKind::Start => 6,
        MarkKind::Kill | MarkKind::PowerLoss => 7,
    }
}

/// The marks as an SVG path for each of [`CLASSES`].
fn shapes(timeline: &TimelineView, scale: &Scale) -> [String; CLASSES.len()] {
    let mut paths = [const { String::new() }; CLASSES.len()];
    for mark in thinned(timeline, scale) {
        paths[class(mark.kind)].push_str(&shape(&mark, scale));
    }
    paths
}

/// A mark's shape as an SVG path. Kinds differ in shape, not only in colour.
fn shape(mark: &TimelineMark, scale: &Scale) -> String {
    let (x, floor) = (scale.x(mark.at_us), scale.floor());
    let middle = floor + (LANE - TIMES) / 2.0;
    let end = mark.end_us.map_or(x, |end| scale.x(end)).max(x + 2.0);
    match mark.kind {
        MarkKind::Sync => format!("M{x:.1} {:.1}v5", middle + 2.0),
        MarkKind::WriteBack => format!("M{:.1} {:.1}l2.5 5 2.5-5", x - 2.5, middle + 2.0),
        MarkKind::Save | MarkKind::Rewrite => {
            format!("M{x:.1} {:.1}h{:.1}v8H{x:.1}z", middle - 4.0, end - x)
        }
        MarkKind::SaveFailed | MarkKind::RewriteFailed => {
            format!("M{:.1} {:.1}l6 6m0 -6l-6 6", x - 3.0, middle - 3.0)
        }
        MarkKind::Fault => format!("M{x:.1} {:.1}l4 7h-8z", middle - 4.0),
        MarkKind::Start => format!("M{x:.1} {:.1}l7 4l-7 4z", middle - 4.0),
        MarkKind::Kill | MarkKind::PowerLoss => format!("M{x:.1} 14V{:.1}", floor + LANE - TIMES),
    }
}

#[component]
pub(crate) fn Timeline() -> impl IntoView {
    let app = use_app();
    let frame = NodeRef::<html::Div>::new();
    let size = RwSignal::new((0.0, 0.0));
    let pointer = RwSignal::new(None::<f64>);
    Effect::new(move || {
        if let Some(frame) = frame.get() {
            on_resize(&frame.clone(), move || {
                let rect = frame.get_bounding_client_rect();
                size.set((rect.width(), rect.height()));
            });
        }
    });
    let scale = Memo::new(move |_| {
        let (width, height) = size.get();
        app.timeline
            .with(|timeline| Scale::new(timeline, width, height))
    });
    let paths = Memo::new(move |_| app.timeline.with(|timeline| curve(timeline, &scale.get())));
    let marks = Memo::new(move |_| app.timeline.with(|timeline| shapes(timeline, &scale.get())));
    let lost = Memo::new(move |_| {
        let scale = scale.get();
        let verdicts = app.verdicts.get();
        app.timeline.with(|timeline| {
            let areas = verdicts
                .iter()
                .map(|verdict| lost_area(timeline, &scale, verdict));
            areas.collect::<String>()
        })
    });
    let readout = move || {
        let x = pointer.get()?;
        let scale = scale.get();
        app.timeline.with(|timeline| readout(timeline, &scale, x))
    };
    let summary = move || {
        app.timeline.with(|timeline| {
            let crashes = timeline.marks.iter().filter(|mark| is_crash(mark.kind)).count();
            let highest = timeline.points.iter().map(|p| p.exposed).max().unwrap_or(0);
            format!(
                "Timeline from {} to {}: at most {} exposed to a power loss, {} marks, {crashes} crashes",
                format::time_of_day_short(timeline.start_us),
                format::time_of_day_short(timeline.end_us),
                format::writes(highest),
                timeline.marks.len(),
            )
        })
    };
    let scrubs = RwSignal::new(false);
    let scrub_to = move |x: f64| app.seek(scale.get_untracked().time(x));
    let on_move = move |event: ev::PointerEvent| {
        let x = f64::from(event.offset_x());
        pointer.set(Some(x));
        if scrubs.get_untracked() {
            scrub_to(x);
        }
    };
    let on_down = move |event: ev::PointerEvent| {
        let drawn = app
            .timeline
            .with_untracked(|timeline| timeline.points.len() > 1);
        if event.button() != 0 || !drawn {
            return;
        }
        let element: web_sys::Element = event_target(&event);
        // Without capture the scrubbing ends where the pointer leaves the picture.
        let _ = element.set_pointer_capture(event.pointer_id());
        scrubs.set(true);
        scrub_to(f64::from(event.offset_x()));
    };
    let on_up = move |event: ev::PointerEvent| {
        if scrubs.get_untracked() {
            scrubs.set(false);
            let at_us = scale.get_untracked().time(f64::from(event.offset_x()));
            app.travel(
                app.timeline
                    .with_untracked(|timeline| goto(timeline, at_us)),
            );
        }
    };
    let shown_us = move || {
        let past = app.past.with(|past| past.as_ref().map(|past| past.at_us));
        past.unwrap_or_else(|| app.timeline.with(|timeline| timeline.end_us))
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let at_us = untrack(shown_us);
        let line = app
            .timeline
            .with_untracked(|timeline| key_line(timeline, at_us, &event.key()));
        if let Some(line) =
            line.filter(|_| !event.ctrl_key() && !event.alt_key() && !event.meta_key())
        {
            event.prevent_default();
            app.travel(line);
        }
    };
    let seconds = |us: u64| (us / 1_000) as f64 / 1_000.0;
    let elapsed_s = move || {
        app.timeline
            .with(|timeline| seconds(shown_us().saturating_sub(timeline.start_us)))
    };
    let total_s = move || {
        app.timeline
            .with(|timeline| seconds(timeline.end_us.saturating_sub(timeline.start_us)))
    };
    let told = move || {
        let at_us = shown_us();
        app.timeline.with(|timeline| told(timeline, at_us))
    };
    view! {
        <div
            class="timeline"
            node_ref=frame
            role="slider"
            tabindex="0"
            aria-label="Timeline"
            aria-describedby="timeline-summary"
            aria-valuemin="0"
            aria-valuemax=total_s
            aria-valuenow=elapsed_s
            aria-valuetext=told
            on:keydown=on_key
        >
            <p class="sr" id="timeline-summary">
                {summary}
            </p>
            <svg
                aria-hidden="true"
                on:pointerdown=on_down
                on:pointermove=on_move
                on:pointerup=on_up
                on:pointercancel=move |_| scrubs.set(false)
                on:pointerleave=move |_| pointer.set(None)
            >
                <g class="grid">
                    <path d=move || {
                        let scale = scale.get();
                        let (floor, right) = (scale.floor(), scale.width - MARGIN);
                        let half = scale.y(scale.top / 2);
                        format!("M{MARGIN} {floor}H{right}M{MARGIN} {half}H{right}M{MARGIN} 14H{right}")
                    } />
                </g>
                <path class="area" d=move || paths.with(|(_, area)| area.clone()) />
                <path class="lost" d=move || lost.get() />
                <path class="curve" d=move || paths.with(|(line, _)| line.clone()) />
                {CLASSES
                    .into_iter()
                    .enumerate()
                    .map(|(number, class)| {
                        view! { <path class=class d=move || marks.with(|marks| marks[number].clone()) /> }
                    })
                    .collect_view()}
                <text class="top" x=MARGIN y="10">
                    {move || {
                        let drawn = app.timeline.with(|timeline| timeline.points.len() > 1);
                        drawn.then(|| format::writes(scale.get().top))
                    }}
                </text>
                {move || {
                    let scale = scale.get();
                    app.timeline
                        .with(|timeline| ticks(timeline, scale.width))
                        .into_iter()
                        .map(|at| {
                            let x = scale.x(at);
                            let anchor = if x < 40.0 {
                                "start"
                            } else if x > scale.width - 40.0 {
                                "end"
                            } else {
                                "middle"
                            };
                            view! {
                                <text class="tick" text-anchor=anchor x=x y=scale.height - 3.0>
                                    {format::time_of_day_short(at)}
                                </text>
                            }
                        })
                        .collect_view()
                }}
                <path
                    class="ahead"
                    d=move || {
                        let scale = scale.get();
                        let at = app.past.with(|past| past.as_ref().map(|past| scale.x(past.at_us)));
                        at.map(|x| format!("M{x:.1} 0H{:.1}V{:.1}H{x:.1}z", scale.width, scale.height))
                            .unwrap_or_default()
                    }
                />
                <path
                    class="head"
                    d=move || {
                        let scale = scale.get();
                        let at = app.past.with(|past| past.as_ref().map(|past| scale.x(past.at_us)));
                        at.map(|x| format!("M{x:.1} 0V{:.1}", scale.height - TIMES)).unwrap_or_default()
                    }
                />
                <path
                    class="pointer"
                    d=move || {
                        pointer.get().map(|x| format!("M{x} 4V{}", scale.get().floor())).unwrap_or_default()
                    }
                />
            </svg>
            <p class="readout">
                {readout}
                <span class="legend" hidden=move || pointer.get().is_some()>
                    "writes that a power loss would have taken, at each moment"
                </span>
            </p>
        </div>
    }
}

/// A day, in microseconds.
const DAY_US: u64 = 86_400_000_000;

/// The line that leads to a moment.
fn goto(timeline: &TimelineView, at_us: u64) -> String {
    if at_us >= timeline.end_us {
        return "present".into();
    }
    let elapsed_us = at_us.saturating_sub(timeline.start_us);
    if timeline.end_us.saturating_sub(timeline.start_us) >= DAY_US {
        return format!("goto +{}ms", elapsed_us / 1_000);
    }
    let second = at_us / 1_000_000 % 86_400;
    let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
    let us = at_us % 1_000_000;
    format!("goto {hours:02}:{minutes:02}:{seconds:02}.{us:06}")
}

/// What a key of the slider stands for.
fn key_line(timeline: &TimelineView, at_us: u64, key: &str) -> Option<String> {
    let span_us = timeline.end_us.saturating_sub(timeline.start_us);
    let stride_us = (span_us / 100).max(1_000);
    let marks = timeline.marks.iter().map(|mark| mark.at_us);
    let to_us = match key {
        "ArrowLeft" | "ArrowDown" => at_us.saturating_sub(stride_us).max(timeline.start_us),
        "ArrowRight" | "ArrowUp" => at_us.saturating_add(stride_us),
        "PageDown" => marks
            .filter(|mark| *mark < at_us)
            .max()
            .unwrap_or(timeline.start_us),
        "PageUp" => marks
            .filter(|mark| *mark > at_us)
            .min()
            .unwrap_or(timeline.end_us),
        "Home" => timeline.start_us,
        "End" | "Escape" => timeline.end_us,
        _ => return None,
    };
    Some(goto(timeline, to_us))
}

/// How many writes were exposed at a moment.
fn exposed_at(timeline: &TimelineView, at_us: u64) -> u64 {
    let next = timeline
        .points
        .partition_point(|point| point.at_us <= at_us);
    let point = timeline.points.get(next.saturating_sub(1));
    point.map_or(0, |point| point.exposed)
}

/// A moment in words: when it is, what a power loss would have taken, what happened there.
fn told(timeline: &TimelineView, at_us: u64) -> String {
    let mut words = format!(
        "{}, {} exposed",
        format::time_of_day(at_us),
        format::writes(exposed_at(timeline, at_us))
    );
    // As near as the pointer has to come to a mark on a wide screen.
    let near_us = timeline.end_us.saturating_sub(timeline.start_us) / 200;
    let marks = timeline.marks.iter();
    let mark = marks
        .filter(|mark| mark.at_us.abs_diff(at_us) <= near_us)
        .min_by_key(|mark| (mark.at_us.abs_diff(at_us), !is_crash(mark.kind)));
    if let Some(mark) = mark {
        words.push_str(", ");
        words.push_str(&mark.text);
    }
    words
}

/// What stands at this place of the picture, in words.
fn readout(timeline: &TimelineView, scale: &Scale, x: f64) -> Option<String> {
    let at_us = scale.time(x);
    let next = timeline
        .points
        .partition_point(|point| point.at_us <= at_us);
    let point = timeline.points.get(next.saturating_sub(1))?;
    let near = timeline
        .marks
        .iter()
        .map(|mark| (mark, (scale.x(mark.at_us) - x).abs()))
        .filter(|(_, distance)| *distance < NEAR)
        .min_by(|a, b| {
            (!is_crash(a.0.kind), a.1)
                .partial_cmp(&(!is_crash(b.0.kind), b.1))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
    Some(match near {
        Some((mark, _)) => format!("{}  {}", format::time_of_day(mark.at_us), mark.text),
        None => format!(
            "{}  {} exposed",
            format::time_of_day_short(at_us),
            format::writes(point.exposed)
        ),
    })
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn the_top_of_the_curve_is_a_round_number() {
        assert_eq!(round_up(0), 10);
        assert_eq!(round_up(164), 200);
        assert_eq!(round_up(564_000), 600_000);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn the_slider_says_lines() {
        let start_us = 1_795_314_600_000_000;
        let timeline = TimelineView {
            start_us,
            end_us: start_us + 100_000_000,
            ..TimelineView::default()
        };
        let line = |at_us, key| key_line(&timeline, at_us, key);
        let end_us = timeline.end_us;
        assert_eq!(
            line(end_us, "ArrowLeft").as_deref(),
            Some("goto 02:31:39.000000")
        );
        assert_eq!(
            line(end_us, "Home").as_deref(),
            Some("goto 02:30:00.000000")
        );
        assert_eq!(line(start_us, "PageUp").as_deref(), Some("present"));
        assert_eq!(line(start_us, "x"), None);
    }

    #[test]
    fn a_night_is_labelled_at_round_times() {
        let start_us = 1_795_314_600_000_000;
        let timeline = TimelineView {
            start_us,
            end_us: start_us + 2_820_000_000,
            ..TimelineView::default()
        };
        let labels: Vec<_> = ticks(&timeline, 1_400.0)
            .into_iter()
            .map(format::time_of_day_short)
            .collect();
        assert_eq!(labels.first().map(String::as_str), Some("02:30:00"));
        assert!(labels.len() >= 5 && labels.len() <= 13, "{labels:?}");
        assert!(ticks(&TimelineView::default(), 1_400.0).is_empty());
    }
}
