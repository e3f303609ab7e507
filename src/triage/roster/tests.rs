//! Whose turn it is, who carries least, who is away, and that somebody always gets a case.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::tz::TimeZone;
use proptest::prop_assert;
use proptest::proptest;

use super::*;

/// Monday, 23 November 2026, 12:00 in UTC.
const NOW: Timestamp = Timestamp(1_795_435_200);

fn agent(name: &str) -> Address {
    Address::parse(&format!("{name}@agents.example")).unwrap()
}

fn agents(names: &[&str]) -> Vec<Address> {
    names.iter().map(|n| agent(n)).collect()
}

fn day(text: &str) -> Day {
    Day::try_from(text.to_owned()).unwrap()
}

fn roster(duty: Duty) -> Roster {
    Roster {
        duties: [("accounts".to_owned(), duty)].into(),
        ..Roster::default()
    }
}

fn deal(roster: &Roster, turn: u64, known: &Known) -> Option<(String, Option<Instead>)> {
    let (own, others) = (agents(&["ana", "ben", "cleo"]), agents(&["dora"]));
    let deal = Deal {
        queue: "accounts",
        agents: &own,
        others: &others,
        turn,
        now: NOW,
    };
    let dealt = roster.deal(&deal, known);
    dealt.map(|(agent, instead)| (agent.local().to_owned(), instead))
}

fn away(names: &[&str]) -> Known {
    let back = |name: &&str| (agent(name).identity(), day("2026-12-01"));
    Known {
        away: names.iter().map(back).collect(),
        ..Known::default()
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what is compared with it is an option"
)]
fn who(name: &str) -> Option<(String, Option<Instead>)> {
    Some((name.to_owned(), None))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what is compared with it is an option"
)]
fn instead(name: &str, instead: Instead) -> Option<(String, Option<Instead>)> {
    Some((name.to_owned(), Some(instead)))
}

#[test]
fn cases_go_round_and_whoever_is_away_is_passed_over() {
    let plain = Roster::default();
    let known = Known::default();
    for (turn, name) in [
        (0, "ana"),
        (1, "ben"),
        (2, "cleo"),
        (3, "ana"),
        (u64::MAX, "ana"),
    ] {
        assert_eq!(deal(&plain, turn, &known), who(name), "{turn}");
    }
    assert_eq!(
        deal(&plain, 0, &away(&["ana"])),
        instead("ben", Instead::Passed)
    );
    assert_eq!(deal(&plain, 1, &away(&["ana"])), who("ben"));
    assert_eq!(
        deal(&plain, 2, &away(&["cleo", "ana"])),
        instead("ben", Instead::Passed)
    );
}

#[test]
fn the_least_loaded_gets_the_case_and_among_equals_whose_turn_it_is() {
    let least = roster(Duty {
        assign: Assign::LeastLoaded,
        ..Duty::default()
    });
    let load = |loads: &[(&str, u64)]| Known {
        loads: loads
            .iter()
            .map(|(n, l)| (agent(n).identity(), *l))
            .collect(),
        ..Known::default()
    };
    assert_eq!(
        deal(&least, 0, &load(&[("ana", 3), ("ben", 2), ("cleo", 5)])),
        who("ben")
    );
    assert_eq!(
        deal(&least, 0, &load(&[("ana", 3), ("ben", 2)])),
        who("cleo"),
        "who has none is not on record"
    );
    for (turn, name) in [(0, "ana"), (1, "ben"), (2, "cleo")] {
        assert_eq!(deal(&least, turn, &load(&[])), who(name));
    }
    let mut known = load(&[("ana", 3), ("ben", 2), ("cleo", 5)]);
    known.away = away(&["ben"]).away;
    assert_eq!(deal(&least, 0, &known), instead("ana", Instead::Passed));
}

#[test]
fn where_all_are_away_somebody_gets_the_case_all_the_same() {
    let all = ["ana", "ben", "cleo"];
    let lead = roster(Duty {
        lead: Some(agent("lea")),
        ..Duty::default()
    });
    assert_eq!(deal(&lead, 0, &away(&all)), instead("lea", Instead::Lead));
    let with_lead = ["ana", "ben", "cleo", "lea"];
    assert_eq!(
        deal(&lead, 0, &away(&with_lead)),
        instead("dora", Instead::Default)
    );
    assert_eq!(
        deal(&Roster::default(), 0, &away(&all)),
        instead("dora", Instead::Default)
    );
    let everybody = ["ana", "ben", "cleo", "lea", "dora"];
    assert_eq!(
        deal(&lead, 1, &away(&everybody)),
        instead("ben", Instead::Nobody)
    );
}

#[test]
fn a_queue_without_agents_falls_back_to_the_default_queue() {
    let others = agents(&["dora", "emil"]);
    let deal = Deal {
        queue: "empty",
        agents: &[],
        others: &others,
        turn: 1,
        now: NOW,
    };
    let roster = Roster::default();
    assert_eq!(
        roster.deal(&deal, &Known::default()),
        Some((agent("emil"), None))
    );
    let nobody = Deal {
        others: &[],
        ..deal
    };
    assert_eq!(roster.deal(&nobody, &Known::default()), None);
}

#[test]
fn a_persons_next_ticket_goes_to_the_agent_of_the_last_one_for_so_long() {
    let sticky = roster(Duty {
        sticky_s: Some(1_000),
        ..Duty::default()
    });
    let last = |name: &str, ago: i64| Known {
        last: Some((agent(name), NOW.plus_s(-ago))),
        ..Known::default()
    };
    assert_eq!(
        deal(&sticky, 0, &last("cleo", 1_000)),
        instead("cleo", Instead::Sticky)
    );
    assert_eq!(deal(&sticky, 0, &last("cleo", 1_001)), who("ana"));
    assert_eq!(
        deal(&sticky, 0, &last("zoe", 5)),
        who("ana"),
        "no agent of the queue any more"
    );
    let mut known = last("cleo", 5);
    known.away = away(&["cleo"]).away;
    assert_eq!(deal(&sticky, 0, &known), who("ana"));
    assert_eq!(
        deal(&Roster::default(), 0, &last("cleo", 5)),
        who("ana"),
        "off by default"
    );
}

#[test]
fn an_absence_counts_by_the_queues_days_and_ends_on_the_day_the_agent_is_back() {
    let mut roster = roster(Duty::default());
    let ana = agent("ana");
    roster
        .away
        .insert(ana.identity(), vec![(day("2026-11-23"), day("2026-11-24"))]);
    let back = |roster: &Roster, at: Timestamp| roster.back(&ana, "accounts", &[], at);
    assert_eq!(back(&roster, NOW), Some(day("2026-11-25")));
    assert_eq!(
        back(&roster, NOW.plus_s(-13 * 3_600)),
        None,
        "the day before"
    );
    assert_eq!(back(&roster, NOW.plus_s(2 * 86_400)), None);
    // In Auckland the 23rd began thirteen hours earlier.
    let zone = TimeZone::get("Pacific/Auckland").unwrap();
    roster.duties.get_mut("accounts").unwrap().hours.zone = zone;
    assert_eq!(
        back(&roster, NOW.plus_s(-13 * 3_600)),
        Some(day("2026-11-25"))
    );
    // By command: the last word of the two counts.
    let said = [(ana.identity(), day("2026-12-01"))];
    assert_eq!(
        roster.back(&ana, "accounts", &said, NOW),
        Some(day("2026-12-01"))
    );
    let over = [(ana.identity(), day("2026-11-23"))];
    assert_eq!(Roster::default().back(&ana, "accounts", &over, NOW), None);
}

#[test]
fn a_short_absence_leaves_an_agent_the_tickets_and_a_long_one_does_not() {
    let ana = agent("ana");
    // Back on the 25th: in 36 hours.
    let said = [(ana.identity(), day("2026-11-25"))];
    for (handover_s, hands_over) in [(0, true), (35 * 3_600, true), (36 * 3_600, false)] {
        let roster = roster(Duty {
            handover_s,
            ..Duty::default()
        });
        let lost = roster.hands_over(&ana, "accounts", &said, NOW);
        assert_eq!(lost, hands_over, "{handover_s}");
    }
    assert!(!Roster::default().hands_over(&ana, "accounts", &[], NOW));
}

proptest! {
    #[test]
    fn whoever_is_away_and_however_much_they_carry_somebody_of_them_gets_the_case(
        turn in 0_u64..u64::MAX,
        gone in proptest::collection::vec(0_usize..5, 0..6),
        loads in proptest::collection::vec(0_u64..9, 3),
        least in proptest::bool::ANY,
        lead in proptest::bool::ANY,
    ) {
        let names = ["ana", "ben", "cleo", "lea", "dora"];
        let gone: Vec<&str> = gone.iter().filter_map(|n| names.get(*n).copied()).collect();
        let mut known = away(&gone);
        known.loads = names.iter().zip(loads).map(|(n, l)| (agent(n).identity(), l)).collect();
        let roster = roster(Duty {
            assign: if least { Assign::LeastLoaded } else { Assign::RoundRobin },
            lead: lead.then(|| agent("lea")),
            ..Duty::default()
        });
        let (name, how) = deal(&roster, turn, &known).unwrap();
        // Nobody who is away gets it while anybody of the queue, the lead or the default queue is there.
        prop_assert!(!gone.contains(&name.as_str()) || how == Some(Instead::Nobody));
    }
}
