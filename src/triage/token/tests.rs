//! Proofs prove, and nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

use super::*;
use crate::triage::screen::support::address;
use crate::triage::screen::support::id;

const TICKET: TicketNumber = TicketNumber(1042);
const PURPOSES: [Purpose; 5] = [
    Purpose::Reply,
    Purpose::Forward,
    Purpose::Relay,
    Purpose::Verify,
    Purpose::Notice,
];

fn key() -> DeskKey {
    DeskKey::new(&[7; 32])
}

fn maria() -> Address {
    address("maria@people.example")
}

fn desk() -> Address {
    address("support@desk.example")
}

fn own() -> MessageId {
    key().message_id(Purpose::Reply, TICKET, &[1; 32], &maria(), "desk.example")
}

#[test]
fn an_id_is_the_same_for_the_same_mail_and_another_for_any_other() {
    let again = |purpose, ticket, digest: u8, to: &str| {
        key().message_id(purpose, ticket, &[digest; 32], &address(to), "desk.example")
    };
    assert_eq!(
        own(),
        again(Purpose::Reply, TICKET, 1, "Maria+x@people.example")
    );
    let others = [
        again(Purpose::Forward, TICKET, 1, "maria@people.example"),
        again(Purpose::Reply, TicketNumber(1), 1, "maria@people.example"),
        again(Purpose::Reply, TICKET, 2, "maria@people.example"),
        again(Purpose::Reply, TICKET, 1, "mario@people.example"),
    ];
    assert!(others.iter().all(|other| *other != own()));
}

#[test]
fn an_id_tells_purpose_and_ticket_to_its_recipient_and_to_a_bounce() {
    for purpose in PURPOSES {
        let id = key().message_id(purpose, TICKET, &[1; 32], &maria(), "desk.example");
        let expected = Some(OwnId {
            purpose,
            ticket: TICKET,
        });
        assert_eq!(key().own_id(&id, &[&maria()]), expected);
        assert_eq!(
            key().own_id(&id, &[&address("x@y.example"), &maria()]),
            expected
        );
        assert_eq!(key().own_id(&id, &[]), expected);
        assert_eq!(
            key().own_id(&id, &[&address("x@y.example")]),
            None,
            "another person's"
        );
    }
}

#[test]
fn an_id_outlives_a_gateway_that_rewrites_domain_or_case() {
    let rewritten = own()
        .as_str()
        .replace("desk.example", "gateway.example")
        .to_uppercase();
    assert!(key().own_id(&id(&rewritten), &[&maria()]).is_some());
}

#[test]
fn a_domain_that_is_no_domain_still_gives_an_id() {
    for domain in ["", "<a b>", "x\r\ny", "\u{fc}.example"] {
        let id = key().message_id(Purpose::Reply, TICKET, &[1; 32], &maria(), domain);
        assert!(key().own_id(&id, &[&maria()]).is_some(), "{domain}");
    }
}

#[test]
fn with_another_key_nothing_is_proved() {
    let other = DeskKey::new(&[8; 32]);
    assert_eq!(other.own_id(&own(), &[]), None);
    let reply = key().reply_address(&desk(), TICKET, &maria());
    assert_eq!(other.own_reply_address(&reply, &desk(), &maria()), None);
    assert_eq!(
        other.own_subject_tag(&key().subject_tag(TICKET, &maria()), &maria()),
        None
    );
    assert_ne!(other.loop_token(), key().loop_token());
}

#[test]
fn the_parts_of_two_ids_do_not_make_a_third() {
    let other = key().message_id(
        Purpose::Reply,
        TicketNumber(7),
        &[2; 32],
        &address("x@y.example"),
        "desk.example",
    );
    let mine: Vec<String> = own()
        .as_str()
        .split(['.', '@'])
        .map(str::to_owned)
        .collect();
    let theirs: Vec<String> = other
        .as_str()
        .split(['.', '@'])
        .map(str::to_owned)
        .collect();
    for changed in 1..5 {
        let mut mixed = mine.clone();
        mixed[changed].clone_from(&theirs[changed]);
        let left = mixed[..5].join(".");
        let forged = id(&format!("{left}@desk.example"));
        assert_eq!(key().own_id(&forged, &[&maria()]), None, "{changed}");
        assert_eq!(
            key().own_id(&forged, &[&address("x@y.example")]),
            None,
            "{changed}"
        );
    }
}

#[test]
fn one_use_of_a_tag_does_not_pass_for_another() {
    let subject = key().subject_tag(TICKET, &maria());
    let tag = subject.trim_matches(['[', ']']).split(' ').nth(1).unwrap();
    let forged = address(&format!("support+1042-{tag}@desk.example"));
    assert_eq!(key().own_reply_address(&forged, &desk(), &maria()), None);
}

#[test]
fn a_reply_address_proves_its_ticket_to_its_correspondent_only() {
    for desk in ["support@desk.example", "support+eu@desk.example"].map(address) {
        let reply = key().reply_address(&desk, TICKET, &maria());
        assert_ne!(reply, desk);
        assert_eq!(
            key().own_reply_address(&reply, &desk, &maria()),
            Some(TICKET)
        );
        let variant = address("MARIA+badges@people.example");
        assert_eq!(
            key().own_reply_address(&reply, &desk, &variant),
            Some(TICKET)
        );
        let shouted = address(&reply.as_str().to_uppercase());
        assert_eq!(
            key().own_reply_address(&shouted, &desk, &maria()),
            Some(TICKET)
        );
        assert_eq!(
            key().own_reply_address(&reply, &desk, &address("x@people.example")),
            None
        );
        assert_eq!(
            key().own_reply_address(&reply, &address("sales@desk.example"), &maria()),
            None
        );
        let other = address(&reply.as_str().replace("1042", "1043"));
        assert_eq!(key().own_reply_address(&other, &desk, &maria()), None);
        let padded = address(&reply.as_str().replace("1042", "01042"));
        assert_eq!(key().own_reply_address(&padded, &desk, &maria()), None);
    }
    let long = address(&format!("{}@desk.example", "s".repeat(60)));
    assert_eq!(
        key().reply_address(&long, TICKET, &maria()),
        long,
        "rather plain than too long"
    );
}

#[test]
fn a_subject_tag_survives_what_mail_programs_do_to_subjects() {
    let tag = key().subject_tag(TICKET, &maria());
    let inside = tag.trim_matches(['[', ']']).to_owned();
    for subject in [
        tag.clone(),
        format!("Re: AW: [EXT] {tag} your badge"),
        format!("your badge [{}]", inside.to_uppercase()),
        format!("[ # 1042   {} {} ]", &inside[6..12], &inside[12..]),
        format!("[{}]", inside.replace(' ', "")),
        format!("[{}]", inside.replace(' ', "\t")),
        format!("[#7 aaaaaaaaaaaaaaaa] {tag}"),
    ] {
        assert_eq!(
            key().own_subject_tag(&subject, &maria()),
            Some(TICKET),
            "{subject}"
        );
        assert_eq!(
            key().own_subject_tag(&subject, &address("x@y.example")),
            None,
            "{subject}"
        );
    }
    assert_eq!(
        key().own_subject_tag(&tag.replace("1042", "1043"), &maria()),
        None
    );
    assert_eq!(
        key().own_subject_tag(&inside, &maria()),
        None,
        "the brackets are part of it"
    );
}

#[test]
fn a_claim_is_read_where_it_is_written_so_and_nowhere_else() {
    assert_eq!(claimed("Re: [#1042] badge", &[]), Some(TICKET));
    assert_eq!(
        claimed("[# 1042 k7q2m9xtpa4wzd3e]", &[]),
        Some(TICKET),
        "9 is no base32, but a claim"
    );
    assert_eq!(claimed("[#1042 anything]", &[]), Some(TICKET));
    assert_eq!(claimed("[#1042abcdefghijklmnop]", &[]), Some(TICKET));
    assert_eq!(claimed("badge", &[id("x@y.example"), own()]), Some(TICKET));
    for none in [
        "#1042",
        "[1042]",
        "[#]",
        "[#99999999999999999999999]",
        "[#-1]",
        "[#01]",
        "[",
        "[#1042",
    ] {
        assert_eq!(claimed(none, &[]), None, "{none}");
    }
}

#[test]
fn no_guess_and_no_mutation_proves_anything() {
    let (key, maria, desk) = (key(), maria(), desk());
    let subject = key.subject_tag(TICKET, &maria);
    let reply = key.reply_address(&desk, TICKET, &maria);
    let own = own();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
    };
    let letters = b"abcdefghijklmnopqrstuvwxyz234567";
    for _ in 0..33_400 {
        let mut guess = |n: usize| -> String {
            (0..n)
                .map(|_| char::from(letters[next(letters.len())]))
                .collect()
        };
        let forged = id(&format!(
            "r.1042.{}.{}.{}@desk.example",
            guess(12),
            guess(16),
            guess(16)
        ));
        assert_eq!(key.own_id(&forged, &[]), None);
        let forged = address(&format!("support+1042-{}@desk.example", guess(16)));
        assert_eq!(key.own_reply_address(&forged, &desk, &maria), None);
        assert_eq!(
            key.own_subject_tag(&format!("[#1042 {}]", guess(16)), &maria),
            None
        );
    }
    let mutate = |text: &str, at: usize, to: u8| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = to;
        String::from_utf8(bytes).unwrap()
    };
    let left = own.as_str().find('@').unwrap();
    for at in 0..left {
        for to in b"abcdefghijklmnopqrstuvwxyz234567.10" {
            let mutated = mutate(own.as_str(), at, *to);
            if mutated != own.as_str() {
                assert_eq!(key.own_id(&id(&mutated), &[&maria]), None, "{mutated}");
            }
        }
    }
    for at in 2..subject.len() - 1 {
        for to in b"abcdefghijklmnopqrstuvwxyz234567 " {
            let mutated = mutate(&subject, at, *to);
            if mutated != subject && mutated.replace(' ', "") != subject.replace(' ', "") {
                assert_eq!(key.own_subject_tag(&mutated, &maria), None, "{mutated}");
            }
        }
    }
    for at in 8..reply.as_str().find('@').unwrap() {
        for to in b"abcdefghijklmnopqrstuvwxyz234567" {
            let mutated = mutate(reply.as_str(), at, *to);
            if mutated != reply.as_str() {
                assert_eq!(
                    key.own_reply_address(&address(&mutated), &desk, &maria),
                    None
                );
            }
        }
    }
}

#[test]
fn the_key_does_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", key()), "DeskKey(secret)");
}
