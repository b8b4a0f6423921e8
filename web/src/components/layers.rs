//! The four places a write can be, and what each kind of crash would take from them now.

use lastsave_scenario::LayersView;
use leptos::prelude::*;

use crate::{format, state::use_app};

#[component]
pub(crate) fn Layers() -> impl IntoView {
    let app = use_app();
    let layer = move |read: fn(&LayersView) -> String| Memo::new(move |_| app.layers.with(read));
    let memory = layer(|l| format::keys(l.memory_keys));
    let memory_bytes = layer(|l| format::bytes(l.memory_bytes));
    let buffer = layer(|l| l.aof_buffer_bytes.map_or("off".into(), format::bytes));
    let buffer_note = layer(|l| {
        let on = l.aof_buffer_bytes.is_some();
        (if on {
            "before replies leave"
        } else {
            "appendonly no"
        })
        .into()
    });
    let cached = layer(|l| format::bytes(l.page_cache_bytes));
    let cache_holds = Memo::new(move |_| app.layers.with(|l| l.page_cache_bytes > 0));
    let disk = layer(|l| format::bytes(l.disk_bytes));
    let disk_note = layer(disk_note);
    let up = Memo::new(move |_| {
        app.clock
            .with(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()))
    });
    view! {
        <div class="layers">
            <div class="layer memory" class:down=move || !up.get()>
                <h2>"Memory"</h2>
                <p class="value">{move || if up.get() { memory.get() } else { "no server".into() }}</p>
                <p class="note">{move || if up.get() { memory_bytes.get() } else { "nothing in memory".into() }}</p>
            </div>
            <div class="layer buffer" class:off=move || app.layers.with(|l| l.aof_buffer_bytes.is_none())>
                <h2>"AOF buffer"</h2>
                <p class="value">{move || buffer.get()}</p>
                <p class="note">{move || buffer_note.get()}</p>
            </div>
            <div class="layer cache" class:holds=move || cache_holds.get()>
                <h2>"Page cache"</h2>
                <p class="value">{move || cached.get()}</p>
                <p class="note">{move || cache_note(cache_holds.get())}</p>
            </div>
            <div class="layer disk">
                <h2>"Disk"</h2>
                <p class="value">{move || disk.get()}</p>
                <p class="note">{move || disk_note.get()}</p>
            </div>
            <Reach
                class="reach kill"
                what=move || if up.get() { ("kill -9", " now takes") } else { ("no process to kill", "") }
                known=up
                writes=Memo::new(move |_| app.layers.with(|l| l.exposed_kill))
                oldest_us=Memo::new(move |_| app.layers.with(|l| l.exposed_kill_oldest_us))
            />
            <p class="stays kill">"page cache and disk stay"</p>
            <Reach
                class="reach power"
                what=move || if up.get() { ("power loss", " now takes") } else { ("not on the disk", "") }
                known=Memo::new(|_| true)
                writes=Memo::new(move |_| app.layers.with(|l| l.exposed_power))
                oldest_us=Memo::new(move |_| app.layers.with(|l| l.exposed_power_oldest_us))
            />
            <p class="stays power">"the disk stays"</p>
        </div>
    }
}

/// How far to the right a kind of crash reaches, as a bracket under the layers it empties.
#[component]
fn Reach(
    class: &'static str,
    what: impl Fn() -> (&'static str, &'static str) + Copy + Send + 'static,
    known: Memo<bool>,
    writes: Memo<u64>,
    oldest_us: Memo<u64>,
) -> impl IntoView {
    let holds = Memo::new(move |_| known.get() && writes.get() > 0);
    view! {
        <div class=class class:holds=move || holds.get()>
            <p>
                <span class="what">
                    {move || what().0} <span class="now">{move || what().1}</span>
                </span>
                <strong>{move || known.get().then(|| format::writes(writes.get()))}</strong>
                <span class="oldest">
                    {move || {
                        let oldest = format::duration_us(oldest_us.get());
                        holds.get().then(|| format!("oldest {oldest}"))
                    }}
                </span>
            </p>
        </div>
    }
}

fn cache_note(holds: bool) -> &'static str {
    if holds {
        "written, not synced"
    } else {
        "all written is synced"
    }
}

fn disk_note(layers: &LayersView) -> String {
    let synced = match layers.since_durable_us {
        Some(ago) => format!("synced {} ago", format::duration_us(ago)),
        None => "nothing synced yet".into(),
    };
    match layers.disk_capacity_bytes {
        Some(capacity) => format!("of {} · {synced}", format::bytes(capacity)),
        None => synced,
    }
}
