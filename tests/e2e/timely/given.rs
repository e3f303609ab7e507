//! Cases that an operator gives to another agent.

use crate::house::House;
use crate::support::imap::Stored;
use crate::timely::*;

/// An operator gives Ana's case to Cleo, who serves badges: she gets the case itself, and the person's next mail.
#[test]
fn a_case_that_an_operator_gives_to_another_agent_goes_there_with_its_mail() {
    let mut house = desk("");
    house.change_config("[control]", "[relay]\nundo = \"0s\"\n[control]");
    house.start();
    let ticket = house.write(MARIA, "Two accounts", MERGE).ticket();
    let number = ticket.to_string();
    let refused = |to: &str| {
        let out = house
            .cli(&["tickets", "assign", &number, to])
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    assert!(refused("nobody").contains("neither an agent nor a queue"));
    assert!(refused(ANA).contains("already"));
    let said = house
        .ask(&["tickets", "assign", &number, "badges"])
        .unwrap();
    assert_eq!(
        (&said["agent"], &said["attached"]),
        (&"cleo@agents.example".into(), &true.into())
    );
    let forward = house.only_mail("cleo@agents.example");
    let original = String::from_utf8_lossy(&forward.attached_mails().remove(0)).into_owned();
    assert!(original.contains(MERGE), "{original}");
    let to = forward.header("Reply-To").unwrap();
    assert!(
        to.starts_with("support+1-") && !to.contains(',') && !to.contains("maria"),
        "the desk alone: {to}"
    );
    let marker = "===== Your answer goes above this line =====";
    assert!(forward.text().starts_with(marker), "{}", forward.text());
    let shown = house.ticket(ticket);
    assert_eq!(
        (&shown["agent"], &shown["queue"]),
        (&"cleo@agents.example".into(), &"badges".into())
    );
    assert!(kinds(&house, ticket).contains(&"assigned".to_owned()));
    let ack = house.only_mail(MARIA);
    house.answer(
        MARIA,
        &ack,
        "The second address is maria@work.example, please merge it.",
    );
    house.mails("cleo@agents.example", 2);
    assert_eq!(house.sent_to(ANA), 1);
    // The mail is gone from the server: the case goes on all the same, and says where it should lie.
    for n in (1..=2).rev() {
        let mut session = house.servers.imap(crate::house::DESK);
        session.select("Mailclerk.Forwarded").unwrap();
        session.expunge(n).unwrap();
    }
    let said = house.ask(&["tickets", "assign", &number, BEN]).unwrap();
    assert_eq!(said["attached"], false, "{said}");
    let forward = house.only_mail(BEN);
    assert!(
        forward.text().contains("Mailclerk/Forwarded"),
        "{}",
        forward.text()
    );
    answers(&mut house, BEN, &forward);
}

/// An agent answers, as their program has it: the person hears from the desk, and of the agent nothing.
fn answers(house: &mut House, agent: &str, forward: &Stored) {
    let to = forward.header("Reply-To").unwrap();
    let text = forward.text();
    let quoted = text
        .lines()
        .fold(String::new(), |all, l| all + "> " + l + "\n");
    let words = format!("Dear Maria, it is merged.\n\n{quoted}");
    let mail = format!(
        "From: {agent}\nTo: {to}\nSubject: Re: {}\nMessage-ID: <bens@agents.example>\n\n{words}",
        forward.subject()
    );
    house.deliver(&mail, agent);
    let answer = house.wait("the answer", |house| {
        let mails = house.servers.mails(MARIA, "INBOX");
        mails
            .into_iter()
            .find(|m| m.text().starts_with("Dear Maria"))
    });
    assert_eq!(answer.text().trim(), "Dear Maria, it is merged.");
    let whole = String::from_utf8_lossy(&answer.raw).to_lowercase();
    assert!(!whole.contains("agents.example"), "{whole}");
}

/// The daemon dies just before it gives a case away: nothing has happened. It dies just after: the case is given, once.
///
/// Faults: F1; holds I1 I2.
#[test]
fn a_case_given_away_by_a_daemon_that_dies_at_it_is_given_once_or_not_at_all() {
    let mut house = desk("");
    house.start();
    let ticket = house.write(MARIA, "Two accounts", MERGE).ticket();
    let number = ticket.to_string();
    for (moment, agent) in [("handing", ANA), ("handed", LEA)] {
        house.end("TERM");
        house.start_with(&[("MAILCLERK_DIE_AT", &format!("{moment}:1"))]);
        assert_eq!(house.ask(&["tickets", "assign", &number, LEA]), None);
        died(&mut house);
        house.start();
        assert_eq!(house.ticket(ticket)["agent"], agent, "{moment}");
    }
    house.only_mail(LEA);
    house.handled();
    assert_eq!((house.sent_to(ANA), house.sent_to(LEA)), (1, 1));
}
