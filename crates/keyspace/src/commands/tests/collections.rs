//! Hashes and sets where chance or the table's order has a say.

use std::collections::{BTreeMap, BTreeSet};

use super::{Session, reply, session};

/// The words of an answer that is an array of texts without line ends.
fn words(reply: &str) -> Vec<String> {
    let parts = reply.split(r"\r\n").filter(|part| !part.is_empty());
    let texts = parts.filter(|part| !part.starts_with(['*', '$', '~']));
    texts.map(str::to_owned).collect()
}

fn set_of(count: u32) -> Session {
    let mut session = Session::new();
    for number in 0..count {
        session.play(&format!("sadd s m{number}"));
    }
    session
}

#[test]
fn what_spop_takes_is_written_member_by_member() {
    // Few of many, most, and as many as make what is left be put together anew.
    for (members, count) in [(2000, 10), (2000, 900), (40, 39), (2000, 1800)] {
        let mut session = set_of(members);
        let popped = words(&reply(&mut session, &format!("spop s {count}")));
        let distinct: BTreeSet<_> = popped.iter().collect();
        assert_eq!(distinct.len(), count as usize);
        assert_eq!(session.effects.dirty, u64::from(count));
        let written = session.effects.instead.iter();
        let removed: Vec<_> = written
            .map(|removal| removal.args.as_args()[2].escape_ascii().to_string())
            .collect();
        assert_eq!(removed, popped);
        assert_eq!(
            reply(&mut session, "scard s"),
            format!(r":{}\r\n", members - count)
        );
        assert_eq!(session.replayed.digest(), session.keyspace.digest());
    }
}

#[test]
fn what_spop_leaves_may_be_integers_again() {
    let mut session = session(&[
        "sadd s 1 2 x",
        "sadd integers 1 2 3 4 5 6 7 8",
        "sadd integers y",
    ]);
    session.play("srem integers y");
    assert_eq!(
        reply(&mut session, "object encoding integers"),
        r"$9\r\nhashtable\r\n"
    );
    session.play("spop integers 7");
    assert_eq!(
        reply(&mut session, "object encoding integers"),
        r"$6\r\nintset\r\n"
    );
}

#[test]
fn samples_have_no_member_twice_and_favour_none() {
    for members in [30, 3000] {
        let mut session = set_of(members);
        let mut drawn = BTreeMap::<String, u32>::new();
        for count in [1, 7, members / 4, members / 2, members] {
            let sample = words(&reply(&mut session, &format!("srandmember s {count}")));
            let distinct: BTreeSet<_> = sample.iter().collect();
            assert_eq!(distinct.len(), count as usize);
        }
        for _ in 0..30_000 / 10 {
            for member in words(&reply(&mut session, "srandmember s -10")) {
                *drawn.entry(member).or_default() += 1;
            }
        }
        let most = *drawn.values().max().unwrap();
        let expected = 30_000 / members;
        assert!(
            most < expected + 40 + expected / 4,
            "{most} instead of about {expected}"
        );
    }
}

#[test]
fn fields_come_with_their_values() {
    for fields in [10, 1000] {
        let mut session = Session::new();
        for number in 0..fields {
            session.play(&format!("hset h f{number} v{number}"));
        }
        for count in ["5", "-5", "600", "2000"] {
            let pairs = words(&reply(
                &mut session,
                &format!("hrandfield h {count} withvalues"),
            ));
            for pair in pairs.chunks(2) {
                assert_eq!(pair[0].strip_prefix('f'), pair[1].strip_prefix('v'));
            }
        }
    }
}

#[test]
fn walks_meet_what_is_present_throughout() {
    for (add, scan) in [("sadd c f{}", "sscan"), ("hset c f{} value", "hscan")] {
        let mut session = Session::new();
        let line = |number: u32| add.replace("{}", &number.to_string());
        for number in 0..2000 {
            session.play(&line(number));
        }
        let (mut cursor, mut found, mut calls) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let answer = words(&reply(
                &mut session,
                &format!("{scan} c {cursor} count 20 match f*"),
            ));
            cursor.clone_from(&answer[0]);
            let fields = answer[1..].iter().filter(|word| word.starts_with('f'));
            found.extend(fields.cloned());
            if cursor == "0" {
                break;
            }
            calls += 1;
            for number in 0..20 {
                session.play(&line(2000 + 20 * calls + number));
            }
        }
        assert!(calls > 20);
        assert!((0..2000).all(|number| found.contains(&format!("f{number}"))));
    }
}
