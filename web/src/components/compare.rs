//! The same workload under several configurations: what each loses, costs and takes to come back.

use lastsave_scenario::compare::{Column, MOST_CANDIDATES};
use lastsave_scenario::presets::PRESETS;
use leptos::prelude::*;

use super::sweep::Running;
use crate::{
    format,
    lab::{Bench, Doing, Lab, example, protocol::ToLab, use_lab},
    state::use_app,
};

/// A row of the table: its name, its figure, and how the figure is written. Less is better in all of them.
type Row = (&'static str, fn(&Column) -> u64, fn(u64) -> String);

const ROWS: [Row; 13] = [
    ("Writes lost", |it| it.lost, format::count),
    (
        "Oldest lost",
        |it| it.oldest_lost_ms * 1_000,
        format::duration_us,
    ),
    ("Recovery", |it| it.recovery_ms * 1_000, format::duration_us),
    ("Snapshot", |it| it.rdb_bytes, format::bytes),
    ("Append-only files", |it| it.aof_bytes, format::bytes),
    (
        "Written to files",
        |it| it.measures.bytes_written,
        format::bytes,
    ),
    ("Fsyncs", |it| it.measures.fsyncs, format::count),
    ("Made durable", |it| it.measures.bytes_synced, format::bytes),
    (
        "Latency, p99",
        |it| it.measures.latency.p99_us,
        format::duration_us,
    ),
    (
        "Latency, longest",
        |it| it.measures.latency.max_us,
        format::duration_us,
    ),
    (
        "Memory, peak",
        |it| it.measures.peak_memory_bytes,
        format::bytes,
    ),
    (
        "A fork would copy",
        |it| it.measures.peak_extra_bytes,
        format::bytes,
    ),
    ("Refused requests", |it| it.errors, format::count),
];

const MACHINES: [(&str, &str); 5] = [
    ("", "the session’s machine"),
    ("laptop", "a laptop"),
    ("cloud", "a cloud volume"),
    ("disk", "a spinning disk"),
    ("article", "the article’s server"),
];

#[component]
pub(crate) fn Compare() -> impl IntoView {
    let lab = use_lab();
    view! {
        <div class="scroll lab-results" tabindex="0" role="region" aria-label="Comparison">
            <Order />
            {move || match lab.comparing.get() {
                Doing::Nothing => view! { <Teach /> }.into_any(),
                Doing::Refused(reason) => view! { <p class="hint loss">{reason}</p> }.into_any(),
                _ => view! { <Table /> }.into_any(),
            }}
        </div>
    }
}

/// Which configurations, on which machine.
#[component]
fn Order() -> impl IntoView {
    let (app, lab) = (use_app(), use_lab());
    let running = Memo::new(move |_| matches!(lab.comparing.get(), Doing::Running(_)));
    let count = Memo::new(move |_| {
        let own = lab.own.with(|own| !own.trim().is_empty());
        lab.chosen.get().len() + usize::from(own)
    });
    let presets = PRESETS.iter().map(|preset| {
        let on = move || lab.chosen.get().contains(&preset.word);
        view! {
            <label class="check" title=preset.about>
                <input
                    type="checkbox"
                    prop:checked=on
                    disabled=move || running.get() || (!on() && count.get() >= MOST_CANDIDATES)
                    on:change=move |_| {
                        lab.chosen
                            .update(|chosen| {
                                if chosen.contains(&preset.word) {
                                    chosen.retain(|word| *word != preset.word);
                                } else {
                                    chosen.push(preset.word);
                                }
                            });
                    }
                />
                {preset.name}
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
                            disabled=move || count.get() == 0
                            on:click=move |_| app.session.with_untracked(|session| lab.compare(app, session))
                        >
                            "Compare on this session"
                        </button>
                    }
                }
            >
                <Running doing=lab.comparing bench=Bench::Compare />
            </Show>
            {presets.collect_view()}
            <label class="check">
                "on "
                <select
                    aria-label="Machine"
                    disabled=move || running.get()
                    on:change=move |event| lab.machine.set(event_target_value(&event))
                >
                    {MACHINES
                        .map(|(word, name)| {
                            view! {
                                <option value=word selected=move || lab.machine.get() == word>
                                    {name}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
            <details class="own">
                <summary>"A configuration of your own"</summary>
                <textarea
                    class="data"
                    rows="5"
                    spellcheck="false"
                    aria-label="Your own redis.conf"
                    placeholder="save 900 1\nappendonly yes"
                    prop:value=move || lab.own.get()
                    on:input=move |event| lab.own.set(event_target_value(&event))
                ></textarea>
            </details>
        </div>
    }
}

/// What a comparison is.
#[component]
fn Teach() -> impl IntoView {
    let (app, lab) = (use_app(), use_lab());
    view! {
        <div class="empty">
            <p>
                "A comparison runs this session’s workload once for each configuration: the same seed, the same requests at the same moments, the same faults. Then comes the session’s first crash, or a power loss if it has none, and a restart. What each lost, wrote and took to come back stands side by side."
            </p>
            <p>
                "Lines that begin with redis-server start with the configuration compared; CONFIG SET and expectations are left out."
            </p>
            <p class="row">
                <button on:click=move |_| lab.compare(app, &example())>
                    "Compare on an example: half a minute of carts"
                </button>
            </p>
        </div>
    }
}

#[component]
fn Table() -> impl IntoView {
    let lab = use_lab();
    let stopped = move || lab.comparing.get() == Doing::Stopped;
    view! {
        <p class="lab-summary">
            <strong>{move || lab.compared.get()}</strong>
            {move || {
                lab.columns
                    .with(|columns| {
                        columns
                            .iter()
                            .find(|column| column.failure.is_none())
                            .map(|column| {
                                format!(
                                    ": {} acknowledged writes, a crash, a restart",
                                    format::count(column.acknowledged)
                                )
                            })
                    })
            }}
            {move || stopped().then_some(". Stopped: the rest was not run")}
        </p>
        <div class="compare-frame" tabindex="0" role="region" aria-label="Figures side by side">
            {move || lab.columns.with(|columns| table(columns)).into_any()}
        </div>
        {move || {
            lab.columns
                .with(|columns| {
                    columns
                        .iter()
                        .filter_map(|column| {
                            let failure = column.failure.clone()?;
                            Some(
                                view! {
                                    <p class="hint loss">
                                        {column.name.clone()} ": " {failure}
                                    </p>
                                },
                            )
                        })
                        .collect_view()
                })
        }}
    }
}

fn table(columns: &[Column]) -> impl IntoView + use<> {
    if columns.is_empty() {
        return view! { <p class="hint">"The first configuration is running."</p> }.into_any();
    }
    let heads = columns.iter().enumerate().map(|(index, column)| {
        view! {
            <th scope="col">
                <span>{column.name.clone()}</span>
                <button
                    title="Open this run as a scenario"
                    on:click=move |_| Lab::ask(Bench::Compare, &ToLab::Column(index))
                >
                    "Open"
                </button>
            </th>
        }
    });
    let rows = ROWS.iter().filter_map(|(name, figure, written)| {
        let values: Vec<Option<u64>> = columns
            .iter()
            .map(|column| column.failure.is_none().then(|| figure(column)))
            .collect();
        // Nobody was refused, nothing was copied: a row of noughts says nothing.
        if values.iter().flatten().all(|value| *value == 0) {
            return None;
        }
        let (best, worst) = extremes(&values);
        let cells = values.into_iter().map(move |value| {
            let Some(value) = value else {
                return view! { <td>"–"</td> }.into_any();
            };
            let mark = match value {
                value if Some(value) == best => Some("best"),
                value if Some(value) == worst => Some("worst"),
                _ => None,
            };
            let top = worst.or(best).unwrap_or(value).max(1);
            let share = value as f64 / top as f64 * 100.0;
            view! {
                <td class=mark>
                    <span class="data">{written(value)}</span>
                    {mark.map(|mark| view! { <em>{mark}</em> })}
                    <svg class="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                        <rect width=share height="4" />
                    </svg>
                </td>
            }
            .into_any()
        });
        Some(view! {
            <tr>
                <th scope="row">{*name}</th>
                {cells.collect_view()}
            </tr>
        })
    });
    view! {
        <table class="compare">
            <thead>
                <tr>
                    <td></td>
                    {heads.collect_view()}
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

/// The least and the most, if they differ.
fn extremes(values: &[Option<u64>]) -> (Option<u64>, Option<u64>) {
    let all = || values.iter().flatten().copied();
    match (all().min(), all().max()) {
        (Some(best), Some(worst)) if best < worst => (Some(best), Some(worst)),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn equal_figures_have_neither_best_nor_worst() {
        assert_eq!(extremes(&[Some(3), Some(3)]), (None, None));
        assert_eq!(extremes(&[Some(3), None, Some(1)]), (Some(1), Some(3)));
        assert_eq!(extremes(&[None]), (None, None));
    }
}
