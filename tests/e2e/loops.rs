//! Machines that answer: they get nothing.

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

#[test]
fn machines_in_every_disguise_are_recorded_and_never_answered() {
    let mut house = House::open();
    for (n, header) in [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (vacation)",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "List-Id: News <news.lists.example>\nList-Unsubscribe: <mailto:off@lists.example>",
        "X-Failed-Recipients: somebody@home.example",
    ]
    .iter()
    .enumerate()
    {
        let raw = mail(
            "maria@home.example",
            "Two accounts",
            &format!("m{n}@home.example"),
            &format!("{header}\n"),
            MERGE,
        );
        let handled = house.receive(&raw, "maria@home.example");
        assert_eq!(handled.disposition(), "ignore", "{header}");
    }
    let null = mail(
        "maria@home.example",
        "Two accounts",
        "null@home.example",
        "",
        MERGE,
    );
    assert_eq!(
        house.receive(&null, "").disposition(),
        "ignore",
        "null return path"
    );
    assert_eq!(house.sent(), 0);
}

#[test]
fn whom_a_machine_must_not_answer_a_person_still_reads() {
    let mut house = House::open();
    for (n, header) in [
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "Precedence: bulk",
        "Authentication-Results: mx.credly.example; dmarc=fail header.from=home.example",
    ]
    .iter()
    .enumerate()
    {
        let raw = mail(
            "maria@home.example",
            "Two accounts",
            &format!("u{n}@home.example"),
            &format!("{header}\n"),
            MERGE,
        );
        let handled = house.receive(&raw, "maria@home.example");
        assert_eq!(handled.disposition(), "forward", "{header}");
        assert_eq!(handled.0["screening"], "unsure", "{header}");
    }
    assert_eq!(house.sent_to("maria@home.example"), 0);
    assert_eq!(house.sent(), 3, "an agent got each");
}

#[test]
fn our_own_mail_that_comes_back_is_not_answered() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let reply = house.only_mail("maria@home.example");
    let sent = house.sent();
    // A rule at the writer's server redirects our reply to us, unchanged.
    house
        .servers
        .deliver(&reply.raw, "maria@home.example", DESK);
    house.filed("Quiet", 1);
    assert_eq!(house.sent(), sent);
}

/// What a mail system that ignores the null sender reports on a mail of ours.
fn report(action: &str, status: &str, about: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\nTo: {DESK}\nSubject: Undelivered Mail\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <{action}{status}@mx.example>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt did not work.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; x@x.example\nAction: {action}\nStatus: {status}\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {about}\nSubject: x\n--b--\n"
    )
}

/// The kinds of a ticket's events, in order.
fn kinds(house: &House, ticket: u64) -> Vec<String> {
    let ticket = house.ticket(ticket);
    ticket["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_bounce_of_our_reply_is_noted_on_its_ticket() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let reply = house.only_mail("maria@home.example");
    assert_eq!(
        reply.header("Return-Path").unwrap(),
        "<>",
        "no well-behaved server reports on it"
    );
    let (sent, state) = (house.sent(), house.ticket(1)["state"].clone());
    let raw = report("failed", "5.1.1", &reply.header("Message-ID").unwrap());
    let handled = house.receive(&raw, "");
    assert_eq!((handled.disposition(), handled.ticket()), ("ignore", 1));
    assert!(
        kinds(&house, 1).contains(&"bounced".to_owned()),
        "{:?}",
        kinds(&house, 1)
    );
    assert_eq!(state, "with-agent");
    assert_eq!(house.ticket(1)["state"], "not-reached");
    assert_eq!(house.sent(), sent + 1, "its agent is told");
}

#[test]
fn a_forward_that_bounces_goes_to_the_next_agent_and_the_operator_is_told() {
    let mut house = House::closed("");
    // The first agent's address is one that the real server gives up, with a real report.
    house.change_config("ana@agents.example", "gone@bounces.example");
    house.start();
    house.deliver(
        &mail(
            "maria@home.example",
            "Two accounts",
            "two@home.example",
            "",
            MERGE,
        ),
        "maria@home.example",
    );
    let second = house.only_mail("ben@agents.example");
    assert!(
        second
            .text()
            .contains("gone@bounces.example could not be delivered"),
        "{}",
        second.text()
    );
    let answers = second.header("Reply-To").unwrap();
    assert!(
        answers.contains("support+") && !answers.contains("maria"),
        "{answers}"
    );
    let lost = String::from_utf8_lossy(&second.attached_mails().remove(0)).into_owned();
    assert!(
        lost.contains(MERGE),
        "the case is inside the report:\n{lost}"
    );
    let ticket = house.ticket(1);
    assert_eq!(
        (&ticket["agent"], &ticket["state"]),
        (&"ben@agents.example".into(), &"with-agent".into())
    );
    assert!(
        kinds(&house, 1).contains(&"bounced-forward".to_owned()),
        "{:?}",
        kinds(&house, 1)
    );
    let told = house.wait("the operator to be told", |house| {
        house
            .log()
            .into_iter()
            .find(|l| l.contains("ERROR") && l.contains("a forward did not arrive"))
    });
    assert!(told.contains("ticket=1"), "{told}");
    assert_eq!(house.sent(), 3, "the reply, the lost forward, the next one");
    // The writer's answer goes to who has the case now.
    let ack = house.only_mail("maria@home.example");
    house.answer(
        "maria@home.example",
        &ack,
        "The second address is maria@work.example, please merge it.",
    );
    house.mails("ben@agents.example", 2);
}

#[test]
fn where_every_agent_bounces_a_case_goes_round_no_circle() {
    let mut house = House::closed("");
    for (agent, gone) in [("ana", "a"), ("ben", "b"), ("lead", "c")] {
        house.change_config(
            &format!("{agent}@agents.example"),
            &format!("{gone}@bounces.example"),
        );
    }
    house.start();
    house.deliver(
        &mail(
            "maria@home.example",
            "Two accounts",
            "two@home.example",
            "",
            MERGE,
        ),
        "maria@home.example",
    );
    house.wait("the last of three reports", |house| {
        house.ask(&["tickets", "list"])?.as_array()?.first()?;
        (kinds(house, 1)
            .iter()
            .filter(|k| *k == "bounced-forward")
            .count()
            == 3)
            .then_some(())
    });
    assert_eq!(
        house.ticket(1)["agent"],
        "c@bounces.example",
        "the default queue's, who had it last"
    );
    assert_eq!(
        house.sent(),
        4,
        "the reply and three forwards: nobody gets it twice"
    );
}

#[test]
fn a_forward_that_is_only_late_and_an_absent_agent_move_no_case() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let agent = house.ticket(1)["agent"].as_str().unwrap().to_owned();
    let forward = house.only_mail(&agent);
    let id = forward.header("Message-ID").unwrap();
    let (sent, before) = (house.sent(), house.ticket(1)["agent"].clone());
    let late = house.receive(&report("delayed", "4.4.1", &id), "");
    assert_eq!((late.disposition(), late.ticket()), ("ignore", 1));
    let away = mail(
        &agent,
        "Automatic reply: merge",
        "ooo@agents.example",
        &format!("Auto-Submitted: auto-replied\nIn-Reply-To: {id}\n"),
        "I am out of the office until Monday.",
    );
    let away = house.receive(&away, "");
    assert_eq!((away.disposition(), away.ticket()), ("ignore", 1));
    let kinds = kinds(&house, 1);
    assert!(
        kinds.contains(&"report".to_owned()) && kinds.contains(&"absent".to_owned()),
        "{kinds:?}"
    );
    assert_eq!(
        (house.sent(), house.ticket(1)["agent"].clone()),
        (sent, before)
    );
}

#[test]
fn the_same_writer_is_not_told_the_same_twice_and_a_person_gets_the_second_mail() {
    let mut house = House::open();
    let first = house.write(
        "maria@home.example",
        "Coursera badge",
        "I completed a course on Coursera and the badge for it has not arrived.",
    );
    assert_eq!(first.disposition(), "redirect");
    let second = house.write(
        "maria@home.example",
        "Once more",
        "My Coursera course is complete, but its badge has not arrived.",
    );
    assert_eq!(second.disposition(), "forward", "{second:?}");
    assert_eq!(house.sent_to("maria@home.example"), 1);
    assert_eq!(house.sent_to("lead@agents.example"), 1);
}

#[test]
fn a_spent_budget_silences_replies_and_never_a_forward() {
    let mut house = House::closed("");
    house.change_rules(|text| text.replace("address_gap_minutes = 60", "address_gap_minutes = 0"));
    house.start();
    let texts = [
        MERGE,
        "I asked for a password reset but the reset email never arrives.",
        "I passed the Cisco exam and have not received my badge.",
        "I have a pending badge from AWS but the accept button only shows an error.",
        "I would like to issue badges for our university, whom can I talk to about a contract?",
    ];
    for (n, text) in texts.iter().enumerate() {
        let handled = house.write("maria@home.example", &format!("Matter {n}"), text);
        assert_eq!(handled.disposition(), "forward", "{text}");
    }
    assert_eq!(
        house.sent_to("maria@home.example"),
        3,
        "three replies a day to one address"
    );
    assert_eq!(house.sent(), 3 + texts.len(), "every case has its forward");
}

/// The desk with a budget of its own: replies to one domain, and to everybody, in an hour.
fn house_with_budget(domain_hour: u32, total_hour: u32) -> House {
    let mut house = House::closed("");
    house.change_rules(|text| {
        let set = |text: String, name: &str, value: u32| -> String {
            let change = |line: &str| {
                if line.starts_with(&format!("{name} =")) {
                    format!("{name} = {value}")
                } else {
                    line.to_owned()
                }
            };
            text.lines().map(|line| change(line) + "\n").collect()
        };
        set(
            set(text, "domain_hour", domain_hour),
            "total_hour",
            total_hour,
        )
    });
    house.start();
    house
}

#[test]
fn many_writers_of_one_domain_share_its_budget_and_other_domains_have_their_own() {
    let mut house = house_with_budget(2, 60);
    for n in 1..=4 {
        let handled = house.write(&format!("writer{n}@school.example"), "Two accounts", MERGE);
        assert_eq!(handled.disposition(), "forward");
    }
    let replies = |house: &House, domain: &str| {
        (1..=4)
            .map(|n| house.sent_to(&format!("writer{n}@{domain}")))
            .sum::<usize>()
    };
    assert_eq!(replies(&house, "school.example"), 2);
    assert_eq!(house.sent(), 2 + 4, "every case has its forward");
    house.write("writer1@home.example", "Two accounts", MERGE);
    assert_eq!(replies(&house, "home.example"), 1);
    // At a provider where strangers live side by side nobody spends another one's replies.
    for n in 1..=3 {
        house.write(&format!("writer{n}@gmail.com"), "Two accounts", MERGE);
    }
    assert_eq!(replies(&house, "gmail.com"), 3);
}

#[test]
fn the_whole_desk_has_a_budget_and_a_restart_does_not_renew_it() {
    let mut house = house_with_budget(20, 3);
    let writers = |n: u32| format!("maria@home{n}.example");
    for n in 1..=4 {
        assert_eq!(
            house
                .write(&writers(n), "Two accounts", MERGE)
                .disposition(),
            "forward"
        );
    }
    assert_eq!(
        (1..=4)
            .map(|n| house.sent_to(&writers(n)))
            .collect::<Vec<_>>(),
        [1, 1, 1, 0]
    );
    house.end("TERM");
    house.start();
    assert_eq!(
        house
            .write(&writers(5), "Two accounts", MERGE)
            .disposition(),
        "forward"
    );
    assert_eq!(house.sent_to(&writers(5)), 0);
    assert_eq!(house.sent(), 3 + 5, "every case has its forward");
    let row = &house.ask(&["ledger", "list", "--limit", "1"]).unwrap()[0];
    assert!(
        row["because"]
            .as_array()
            .unwrap()
            .iter()
            .any(|b| b["rule"] == "R13"),
        "the ledger says why: {row}"
    );
}
