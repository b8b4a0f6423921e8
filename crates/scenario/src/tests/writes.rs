//! The verdict on single writes.

use crate::{Progress, Shell, ViewRequest, WriteFate, WritesFilter, WritesRequest, WritesView};

fn run(lines: &[&str]) -> Shell {
    let mut shell = Shell::new(3);
    for line in lines {
        shell.enter(line);
    }
    while shell.run(100_000) != Progress::Idle {}
    shell
}

fn writes(shell: &mut Shell, which: WritesFilter) -> WritesView {
    let request = ViewRequest {
        writes: Some(WritesRequest {
            offset: 0,
            limit: 100,
            which,
        }),
        ..ViewRequest::default()
    };
    shell.view(&request).writes.unwrap()
}

#[test]
fn before_a_crash_a_write_is_durable_or_exposed() {
    let mut shell = run(&[
        "redis-server --appendonly yes",
        "SET first 1",
        "advance 2s",
        "SET second 2",
    ]);
    let view = writes(&mut shell, WritesFilter::All);
    assert_eq!((view.all, view.kept, view.exposed, view.lost), (2, 1, 1, 0));
    let [first, second] = view.rows.as_slice() else {
        panic!("{view:?}");
    };
    assert_eq!(
        (first.command.as_str(), first.key.as_str()),
        ("SET", "first")
    );
    assert_eq!(first.fate, WriteFate::Durable);
    assert!(first.why.contains("synced at 02:30:0"), "{}", first.why);
    assert_eq!(second.fate, WriteFate::ExposedToPower);
    assert!(second.durable_at_us.is_none() && second.written_at_us.is_some());
    let (path, start, end) = second.bytes.clone().unwrap();
    let bytes = shell.world().disk().read(&path).unwrap();
    let bytes = &bytes[start as usize..end as usize];
    assert_eq!(bytes, b"*3\r\n$3\r\nSET\r\n$6\r\nsecond\r\n$1\r\n2\r\n");
}

#[test]
fn a_lost_write_says_how_long_before_which_sync() {
    let mut shell = run(&[
        "redis-server --appendonly yes",
        "SET kept 1",
        "advance 2500ms",
        "SET synced 1",
        "advance 10ms",
        "SET lost 2",
        "advance 100ms",
        "crash power",
        "redis-server --appendonly yes",
        "SET since 3",
    ]);
    let lost = writes(&mut shell, WritesFilter::Lost);
    assert_eq!((lost.total, lost.rows.len()), (1, 1));
    assert_eq!(
        (lost.rows[0].key.as_str(), lost.rows[0].number),
        ("lost", 3)
    );
    let why = &lost.rows[0].why;
    assert!(
        why.contains("before the next fsync would have ended"),
        "{why}"
    );
    let kept = writes(&mut shell, WritesFilter::Kept);
    assert_eq!(kept.rows[0].fate, WriteFate::Kept);
    assert_eq!(kept.rows.len(), 2);
    let exposed = writes(&mut shell, WritesFilter::Exposed);
    assert_eq!(
        (exposed.rows[0].key.as_str(), exposed.rows[0].number),
        ("since", 4)
    );
    assert_eq!(writes(&mut shell, WritesFilter::All).total, 4);
}

#[test]
fn without_a_log_a_save_decides() {
    let mut shell = run(&["redis-server", "SET saved 1", "SAVE", "SET unsaved 2"]);
    let all = writes(&mut shell, WritesFilter::All).rows;
    assert_eq!(all[0].base.as_deref(), Some("dump.rdb"));
    assert_eq!(all[1].fate, WriteFate::ExposedToKill);
    assert!(all[1].appended_at_us.is_none());
    shell.enter("crash kill");
    shell.enter("redis-server");
    while shell.run(100_000) != Progress::Idle {}
    let all = writes(&mut shell, WritesFilter::All).rows;
    assert!(
        all[0].why.starts_with("kept: in dump.rdb"),
        "{}",
        all[0].why
    );
    assert!(
        all[1]
            .why
            .starts_with("lost: behind the last completed save, of 02:30:00")
    );
}

#[test]
fn a_rewrite_supersedes_the_bytes_of_a_write() {
    let mut shell = run(&[
        "redis-server --appendonly yes",
        "SET a 1",
        "advance 1s",
        "BGREWRITEAOF",
        "advance 1s",
    ]);
    let row = writes(&mut shell, WritesFilter::All).rows.remove(0);
    assert_eq!(
        row.base.as_deref(),
        Some("appendonlydir/appendonly.aof.2.base.rdb")
    );
    assert_eq!(row.bytes, None);
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let mut shell = run(&[
        "redis-server --appendonly yes",
        "workload mixed rate=1000 keys=50",
        "advance 3s",
        "crash power",
        "redis-server --appendonly yes",
        "advance 1s",
    ]);
    for which in [
        WritesFilter::All,
        WritesFilter::Kept,
        WritesFilter::Lost,
        WritesFilter::Exposed,
    ] {
        let mut seen = Vec::new();
        let mut total = 1;
        while (seen.len() as u64) < total {
            let request = ViewRequest {
                writes: Some(WritesRequest {
                    offset: seen.len(),
                    limit: 70,
                    which,
                }),
                ..ViewRequest::default()
            };
            let view = shell.view(&request).writes.unwrap();
            total = view.total;
            assert!(
                !view.rows.is_empty() || total == 0,
                "{which:?} ends at {}",
                seen.len()
            );
            seen.extend(view.rows.iter().map(|row| row.number));
        }
        assert!(seen.is_sorted_by(|one, next| one < next), "{which:?}");
        let view = writes(&mut shell, which);
        let counted = match which {
            WritesFilter::All => view.all,
            WritesFilter::Kept => view.kept,
            WritesFilter::Lost => view.lost,
            WritesFilter::Exposed => view.exposed,
        };
        assert_eq!(total, counted, "{which:?}");
    }
}
