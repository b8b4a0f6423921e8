//! The alerts, and the text of INFO, persistence first.

use lastsave_scenario::AlertView;
use leptos::prelude::*;

use crate::{
    format,
    state::{App, use_app},
};

/// A section's name and its fields.
type Section = (String, Vec<(String, String)>);

/// The sections of INFO's text; the one on persistence comes first.
fn sections(text: &str) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            all.push((name.to_owned(), Vec::new()));
        } else if let (Some((_, fields)), Some((name, value))) =
            (all.last_mut(), line.split_once(':'))
        {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    all.sort_by_key(|(name, _)| name != "Persistence");
    all
}

/// Whether a field tells of trouble.
fn is_alarming(name: &str, value: &str) -> bool {
    name.ends_with("_status") && value == "err"
}

#[component]
pub(crate) fn Info() -> impl IntoView {
    let app = use_app();
    let parts = Memo::new(move |_| app.info.with(|text| text.as_deref().map(sections)));
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Alerts and INFO">
            <Alerts />
            {move || match parts.get() {
                None => {
                    view! {
                        <div class="empty">
                            <p>"No server is running. INFO tells of a running one: when it saved last, how much has changed since, whether saves fail."</p>
                            <p class="row">
                                <button on:click=move |_| super::faults::restart(app)>
                                    "Start the server"
                                </button>
                            </p>
                        </div>
                    }
                        .into_any()
                }
                Some(parts) => {
                    let sections = parts
                        .into_iter()
                        .map(|(name, fields)| view! { <Fields name fields /> })
                        .collect_view();
                    view! { <div class="info">{sections}</div> }.into_any()
                }
            }}
        </div>
    }
}

/// The rules that watch the server; those that fire say what to do.
#[component]
fn Alerts() -> impl IntoView {
    let app = use_app();
    let summary = move || match app.firing.get() {
        0 => "none fires".to_owned(),
        1 => "1 fires".to_owned(),
        firing => format!("{firing} fire"),
    };
    view! {
        <section class="alerts" aria-label="Alerts">
            <h3>"Alerts " <span class:firing=move || { app.firing.get() > 0 }>{summary}</span></h3>
            <ul>{move || sorted(app.alerts.get()).into_iter().map(|alert| row(app, alert)).collect_view()}</ul>
        </section>
    }
}

/// Those that fire come first, those that do not apply last.
fn sorted(mut alerts: Vec<AlertView>) -> Vec<AlertView> {
    alerts.sort_by_key(|alert| (alert.since_us.is_none(), alert.value.is_none()));
    alerts
}

fn row(app: App, alert: AlertView) -> impl IntoView {
    let since = alert.since_us.map(|since_us| {
        let now_us = app
            .clock
            .with_untracked(|clock| clock.as_ref().map_or(since_us, |clock| clock.now_us));
        format!(
            "for {}, since {}",
            format::duration_us(now_us.saturating_sub(since_us)),
            format::time_of_day_short(since_us)
        )
    });
    let applies = alert.value.is_some();
    view! {
        <li class:firing=since.is_some() class:idle=!applies>
            <strong>{alert.name}</strong>
            <span class="data">{alert.value.unwrap_or_else(|| "does not apply".into())}</span>
            <span class="rule"><code>{alert.field}</code> " " {alert.threshold}</span>
            <span class="since">{since.clone()}</span>
            {since.is_some().then(|| view! { <p>{alert.advice}</p> })}
        </li>
    }
}

#[component]
fn Fields(name: String, fields: Vec<(String, String)>) -> impl IntoView {
    let rows = fields.into_iter().map(|(name, value)| {
        let alarming = is_alarming(&name, &value);
        view! {
            <div class:alarming=alarming>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    });
    view! {
        <section>
            <h3>{name}</h3>
            <dl>{rows.collect_view()}</dl>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn persistence_comes_first_and_failures_stand_out() {
        let text = "# Server\r\nredis_version:7.0.15\r\n\r\n# Persistence\r\nloading:0\r\nrdb_last_bgsave_status:err\r\n";
        let parts = sections(text);
        let names: Vec<_> = parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Persistence", "Server"]);
        let (name, value) = &parts[0].1[1];
        assert!(is_alarming(name, value));
        assert!(!is_alarming("loading", "0"));
    }
}
