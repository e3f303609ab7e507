//! Who enters which ticket.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

use super::*;
use crate::clock::Timestamp;
use crate::triage::delivery::Purpose;
use crate::triage::screen::support::address;
use crate::triage::screen::support::desk;
use crate::triage::screen::support::id;
use crate::triage::screen::support::mail;
use crate::triage::screen::support::named;
use crate::triage::screen::support::with;
use crate::triage::ticket::TicketState;

const NUMBER: TicketNumber = TicketNumber(1042);

fn key() -> DeskKey {
    DeskKey::new(&[3; 32])
}

fn maria() -> Address {
    address("maria@people.example")
}

fn stranger() -> Address {
    address("eve@stranger.example")
}

fn ticket(number: u64, participants: &[&str]) -> Ticket {
    Ticket {
        number: TicketNumber(number),
        version: 1,
        state: TicketState::Answered { at: Timestamp(0) },
        mailbox: "support".to_owned(),
        subject: "Badge".to_owned(),
        participants: participants.iter().map(|p| address(p)).collect(),
        intents: Vec::new(),
        queue: None,
        language: "en".to_owned(),
        linked: None,
        opened: Timestamp(0),
        updated: Timestamp(0),
    }
}

fn marias() -> Ticket {
    ticket(1042, &["maria@people.example"])
}

fn own_id_for(to: &Address) -> MessageId {
    key().message_id(Purpose::Reply, NUMBER, &[1; 32], to, "desk.example")
}

/// Where the mail goes when all its tickets are known and the store knows the given ids.
fn placed(mail: &Message, sender: Option<&Address>, by_id: &[(MessageId, TicketNumber)]) -> Thread {
    let clues = clues(mail, sender, &key(), &desk());
    thread(
        &clues,
        sender,
        &[marias(), ticket(7, &["otto@people.example"])],
        by_id,
    )
}

fn joins(thread: &Thread) -> Option<(u64, &str)> {
    match thread {
        Thread::Joins(number, because) => Some((number.0, because.rule.as_str())),
        _ => None,
    }
}

fn links(thread: &Thread) -> Option<u64> {
    match thread {
        Thread::Linked(number, because) => {
            assert!(!because.says.is_empty());
            Some(number.0)
        }
        _ => None,
    }
}

#[test]
fn a_mail_that_points_nowhere_is_new_though_its_subject_is_the_same() {
    assert_eq!(
        placed(&mail("Badge", "Again."), Some(&maria()), &[]),
        Thread::New
    );
}

#[test]
fn an_answer_to_our_mail_joins_by_any_of_our_proofs() {
    let mut by_id = mail("Re: Badge", "x");
    by_id.references = vec![
        id("first@people.example"),
        own_id_for(&maria()),
        id("z@people.example"),
    ];
    assert_eq!(
        joins(&placed(&by_id, Some(&maria()), &[])),
        Some((1042, "id"))
    );

    let reply = key().reply_address(&desk().own[0], NUMBER, &maria());
    let mut by_address = mail("Re: Badge", "x");
    by_address.to = vec![named("Desk", reply.as_str())];
    assert_eq!(
        joins(&placed(&by_address, Some(&maria()), &[])),
        Some((1042, "reply-address"))
    );
    let delivered = with(mail("Re: Badge", "x"), "delivered-to", reply.as_str());
    assert_eq!(
        joins(&placed(&delivered, Some(&maria()), &[])),
        Some((1042, "reply-address"))
    );
    let noted = with(
        mail("x", "x"),
        "x-original-to",
        &format!("<{}>", reply.as_str()),
    );
    assert_eq!(
        joins(&placed(&noted, Some(&maria()), &[])),
        Some((1042, "reply-address"))
    );

    let tagged = mail(&format!("AW: {}", key().subject_tag(NUMBER, &maria())), "x");
    assert_eq!(
        joins(&placed(&tagged, Some(&maria()), &[])),
        Some((1042, "subject-tag"))
    );
}

#[test]
fn in_reply_to_goes_before_references_and_the_newest_of_them_first() {
    let mut mail = mail("Re", "x");
    let other = key().message_id(
        Purpose::Reply,
        TicketNumber(7),
        &[1; 32],
        &maria(),
        "desk.example",
    );
    mail.references = vec![other.clone(), id("a@b.example")];
    mail.in_reply_to = vec![own_id_for(&maria())];
    assert_eq!(
        joins(&placed(&mail, Some(&maria()), &[])),
        Some((1042, "id"))
    );
    mail.in_reply_to.clear();
    mail.references = vec![own_id_for(&maria()), other];
    assert_eq!(joins(&placed(&mail, Some(&maria()), &[])), Some((7, "id")));
}

#[test]
fn a_stranger_who_was_forwarded_our_mail_gets_a_linked_ticket() {
    let reply = key().reply_address(&desk().own[0], NUMBER, &maria());
    let mut forwarded = mail(
        &format!("Fwd: {}", key().subject_tag(NUMBER, &maria())),
        "x",
    );
    forwarded.in_reply_to = vec![own_id_for(&maria())];
    forwarded.to = vec![named("", reply.as_str())];
    let known = [(own_id_for(&maria()), NUMBER)];
    assert_eq!(
        links(&placed(&forwarded, Some(&stranger()), &known)),
        Some(1042)
    );
    assert_eq!(
        links(&placed(&forwarded, Some(&stranger()), &[])),
        Some(1042)
    );
    assert_eq!(
        links(&placed(&forwarded, None, &known)),
        Some(1042),
        "nobody is nobody's participant"
    );
}

#[test]
fn a_guessed_number_links_even_for_the_participant() {
    for subject in ["[#1042] badge", "Re: [#1042 aaaaaaaaaaaaaaaa]"] {
        assert_eq!(
            links(&placed(&mail(subject, "x"), Some(&stranger()), &[])),
            Some(1042)
        );
        assert_eq!(
            links(&placed(&mail(subject, "x"), Some(&maria()), &[])),
            Some(1042)
        );
    }
    let forged = "r.1042.aaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc@desk.example";
    let mut mail = mail("Re: badge", "x");
    mail.in_reply_to = vec![id(forged)];
    assert_eq!(links(&placed(&mail, Some(&maria()), &[])), Some(1042));
    mail.to = vec![named("", "support+1042-bbbbbbbbbbbbbbbb@desk.example")];
    assert_eq!(links(&placed(&mail, Some(&stranger()), &[])), Some(1042));
}

#[test]
fn a_number_of_no_ticket_is_a_new_case() {
    assert_eq!(
        placed(&mail("[#99999]", "x"), Some(&maria()), &[]),
        Thread::New
    );
    let clues = clues(&mail("[#1042]", "x"), Some(&maria()), &key(), &desk());
    assert_eq!(thread(&clues, Some(&maria()), &[], &[]), Thread::New);
}

#[test]
fn an_id_that_the_store_knows_counts_for_those_who_take_part() {
    let mut mail = mail("Re: badge", "x");
    mail.in_reply_to = vec![id("her-own-first@people.example")];
    let known = [(id("her-own-first@people.example"), NUMBER)];
    assert_eq!(
        joins(&placed(&mail, Some(&maria()), &known)),
        Some((1042, "known-id"))
    );
    let variant = address("Maria+work@people.example");
    assert_eq!(
        joins(&placed(&mail, Some(&variant), &known)),
        Some((1042, "known-id"))
    );
    assert_eq!(links(&placed(&mail, Some(&stranger()), &known)), Some(1042));
    assert_eq!(links(&placed(&mail, None, &known)), Some(1042));
}

#[test]
fn an_agent_joins_by_the_id_of_the_forward_that_the_agent_got() {
    let agent = address("ana@agents.example");
    let forward = key().message_id(Purpose::Forward, NUMBER, &[1; 32], &agent, "desk.example");
    let mut mail = mail("Re: Fwd: badge", "Merged.");
    mail.in_reply_to = vec![forward];
    assert_eq!(joins(&placed(&mail, Some(&agent), &[])), Some((1042, "id")));
    assert_eq!(
        links(&placed(&mail, Some(&address("ben@agents.example")), &[])),
        Some(1042)
    );
    mail.in_reply_to.clear();
    mail.subject = "[#1042] merged".to_owned();
    assert_eq!(
        links(&placed(&mail, Some(&agent), &[])),
        Some(1042),
        "a forged From opens nothing"
    );
}

#[test]
fn a_ticket_that_is_joined_is_stronger_than_one_that_is_only_named() {
    let mut mail = mail("[#7] and this", "x");
    mail.references = vec![own_id_for(&maria())];
    assert_eq!(
        joins(&placed(&mail, Some(&maria()), &[])),
        Some((1042, "id"))
    );
}

#[test]
fn clues_hold_each_id_and_each_ticket_once() {
    let mut mail = mail("Re: [#1042]", "x");
    mail.in_reply_to = vec![own_id_for(&maria()), own_id_for(&maria())];
    mail.references = vec![own_id_for(&maria()); 50];
    let clues = clues(&mail, Some(&maria()), &key(), &desk());
    assert_eq!(
        (clues.ids.len(), clues.proved.len(), clues.claimed.len()),
        (1, 1, 0)
    );
}

#[test]
fn a_bounce_names_our_mail_wherever_it_keeps_the_id() {
    let own = key().message_id(
        Purpose::Forward,
        NUMBER,
        &[1; 32],
        &address("ana@agents.example"),
        "desk.example",
    );
    let found = Some((
        OwnId {
            purpose: Purpose::Forward,
            ticket: NUMBER,
        },
        own.clone(),
    ));
    let mut returned = mail("Undelivered", "x");
    returned.structure.returned_ids = vec![id("a@b.example"), own.clone()];
    assert_eq!(bounced(&returned, &key()), found);
    let mut threaded = mail("Undelivered", "x");
    threaded.references = vec![own.clone()];
    assert_eq!(bounced(&threaded, &key()), found);
    let text = format!(
        "550 no.\n--- headers\nMessage-ID: <{}>\nTo: <x@y.example>",
        own.as_str()
    );
    assert_eq!(bounced(&mail("failure notice", &text), &key()), found);
    let forged = text.replace("f.1042", "f.1043");
    assert_eq!(bounced(&mail("failure notice", &forged), &key()), None);
    assert_eq!(bounced(&mail("x", &"@ ".repeat(30_000)), &key()), None);
}

/// A mail with what of ours it shows: an id, an address, or a subject.
fn showing(what: &str) -> Message {
    let mut mail = mail(what, "x");
    if !what.starts_with('[') {
        mail.in_reply_to = MessageId::parse(what).into_iter().collect();
        mail.to = vec![named("", what)];
    }
    mail
}

/// Threats: T1; faults: F87.
#[test]
fn a_token_that_is_forged_stolen_cut_moved_or_out_of_date_joins_nothing() {
    let [own, reply, tag] = given();
    let mac = |made: &str| made[made.len() - 17..made.len() - 1].to_owned();
    let left = |made: &str| made.split('@').next().unwrap().to_owned();
    let at = "@desk.example";
    let words: Vec<&str> = own.split(['.', '@']).collect();
    let seal = words[3].to_owned();
    // As they are, and in capitals, they join: else this test shows nothing.
    for made in [&own, &reply, &tag] {
        for shown in [made.to_owned(), made.to_uppercase()] {
            let placed = placed(&showing(&shown), Some(&maria()), &[]);
            assert_eq!(
                joins(&placed).map(|(number, _)| number),
                Some(1042),
                "{shown}"
            );
        }
    }
    let nobodys = "aaaaaaaaaaaaaaaa";
    let tag_mac = mac(&tag);
    let reply_mac = left(&reply).split('-').next_back().unwrap().to_owned();
    let forged: Vec<(&str, String)> = vec![
        ("a forged seal", own.replace(&seal, nobodys)),
        ("a forged address", reply.replace(&reply_mac, nobodys)),
        ("a forged subject", tag.replace(&tag_mac, nobodys)),
        ("another ticket's id", own.replace(".1042.", ".7.")),
        ("another ticket's address", reply.replace("+1042-", "+7-")),
        ("another ticket's subject", tag.replace("#1042", "#7")),
        ("another purpose's id", own.replacen("r.", "f.", 1)),
        (
            "a subject's tag as an address",
            reply.replace(&reply_mac, &tag_mac),
        ),
        (
            "an id's seal as an address",
            reply.replace(&reply_mac, &seal),
        ),
        (
            "an address's tag as a subject",
            tag.replace(&tag_mac, &reply_mac),
        ),
        (
            "a cut address",
            format!("{}{at}", &left(&reply)[..left(&reply).len() - 1]),
        ),
        ("a cut subject", format!("[#1042 {}]", &tag_mac[1..])),
        (
            "a cut id",
            format!("{}{at}", &left(&own)[..left(&own).len() - 1]),
        ),
    ];
    for (what, shown) in &forged {
        for sender in [maria(), stranger()] {
            let placed = placed(&showing(shown), Some(&sender), &[]);
            assert_eq!(joins(&placed), None, "{what}: {shown}");
        }
    }
}

/// What of ours was given to Maria: an id, an address, a subject tag.
fn given() -> [String; 3] {
    let reply = key().reply_address(&desk().own[0], NUMBER, &maria());
    [
        own_id_for(&maria()).as_str().to_owned(),
        reply.as_str().to_owned(),
        key().subject_tag(NUMBER, &maria()),
    ]
}

/// Threats: T1; faults: F87.
#[test]
fn a_token_in_a_strangers_hand_or_in_the_text_alone_joins_nothing() {
    for made in &given() {
        // Stolen: by a stranger, and by somebody whose address is in doubt.
        for sender in [
            Some(stranger()),
            Some(address("maria@people.example.evil.example")),
            None,
        ] {
            let placed = placed(&showing(made), sender.as_ref(), &[]);
            assert_eq!(links(&placed), Some(1042), "{made}");
        }
        // In the text alone it is not even a claim.
        let quoting = mail("Re: badge", &format!("x\n> {made}\n{made}"));
        assert_eq!(placed(&quoting, Some(&maria()), &[]), Thread::New, "{made}");
    }
}

/// Threats: T1; faults: F87.
#[test]
fn a_token_of_an_earlier_key_joins_until_that_key_is_dropped() {
    let (rotated, dropped) = (
        DeskKey::with_old(&[8; 32], &[[7; 32], [3; 32]]),
        DeskKey::with_old(&[8; 32], &[[7; 32]]),
    );
    for made in &given() {
        let place = |key: &DeskKey, sender: &Address| {
            let clues = clues(&showing(made), Some(sender), key, &desk());
            thread(&clues, Some(sender), &[marias()], &[])
        };
        assert!(joins(&place(&rotated, &maria())).is_some(), "{made}");
        assert_eq!(joins(&place(&rotated, &stranger())), None, "{made}");
        assert_eq!(joins(&place(&dropped, &maria())), None, "{made}");
        assert_eq!(links(&place(&dropped, &maria())), Some(1042), "{made}");
    }
}

#[test]
fn our_own_mail_is_known_after_the_key_that_made_it_was_replaced() {
    let rotated = DeskKey::with_old(&[8; 32], &[[3; 32]]);
    let mut back = mail("Your badge", "x");
    back.message_id = Some(own_id_for(&maria()));
    assert!(is_own(&back, &rotated).is_some());
    back.message_id = None;
    assert!(is_own(&back, &rotated).is_none());
    let looped = with(back, "x-mailclerk-loop", &key().loop_token());
    assert!(is_own(&looped, &rotated).is_some());
    assert!(is_own(&looped, &DeskKey::new(&[8; 32])).is_none());
}
