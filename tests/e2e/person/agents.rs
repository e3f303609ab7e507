//! Agents' orders on the person's side: merging, verifying, resting, going away; and cases that were closed too often.

use crate::house::House;
use crate::house::mail;
use crate::person::MARIA;
use crate::person::MERGE;
use crate::person::OTHER;
use crate::person::agent_of;
use crate::person::stand;
use crate::support::imap::Stored;

const ANA: &str = "ana@agents.example";
const BEN: &str = "ben@agents.example";
const WORK: &str = "maria@work.example";

/// A desk that sends agents' words at once.
fn house() -> House {
    let mut house = House::closed("");
    house.change_config("[control]", "[relay]\nundo = \"0s\"\n[control]");
    house.start();
    house
}

/// An agent answers a forward above the quoted text.
fn says(house: &mut House, agent: &str, forward: &Stored, text: &str) {
    let to = forward.header("Reply-To").unwrap();
    let quoted = forward
        .text()
        .lines()
        .fold(String::new(), |all, l| all + "> " + l + "\n");
    let text = format!("{text}\n\nOn Mon, 23 Nov 2026, Credly Support wrote:\n{quoted}");
    let id = format!("agent{}@agents.example", house.sent() * 100 + text.len());
    let raw = mail(agent, &format!("Re: {}", forward.subject()), &id, "", &text);
    let raw = raw.replace("To: support@credly.example", &format!("To: {to}"));
    house.receive(&raw, agent);
}

/// Both of Maria's mails are one case: Ana says so, answers each of them, and an operator takes it back.
#[test]
fn an_agent_merges_two_cases_and_answers_each_person_from_the_forward_they_came_with() {
    let mut house = house();
    house.write(MARIA, "Two accounts", MERGE);
    house.write(WORK, "My accounts", "Please merge my profiles.");
    assert_eq!(
        (agent_of(&house, 1).as_str(), agent_of(&house, 2).as_str()),
        (ANA, BEN)
    );
    let (first, second) = (house.only_mail(ANA), house.only_mail(BEN));
    says(
        &mut house,
        BEN,
        &second,
        "#merge 99\nDear Maria, we are looking.",
    );
    let told = house.mails(BEN, 2).remove(1);
    assert!(
        told.text().contains("no ticket of that number"),
        "{}",
        told.text()
    );
    assert!(house.ticket(2)["merged_into"].is_null());
    assert_eq!(house.mails(WORK, 1).len(), 1, "nobody got the words");

    says(&mut house, BEN, &second, "#merge 1");
    let part = house.ticket(2);
    assert_eq!(
        (&part["state"], &part["merged_into"]),
        (&"merged".into(), &1.into())
    );
    assert_eq!(open(&house, BEN), 0, "it weighs on Ben no more");
    house.end("KILL");
    house.start();
    // Ben still answers his forward: the words go to whom it was from.
    says(
        &mut house,
        BEN,
        &second,
        "Dear Maria at work, both are one now.",
    );
    let answer = house.mails(WORK, 2).remove(1);
    assert!(
        answer.text().starts_with("Dear Maria at work"),
        "{}",
        answer.text()
    );
    says(
        &mut house,
        ANA,
        &first,
        "Dear Maria at home, both are one now.",
    );
    assert!(
        house.mails(MARIA, 2)[1]
            .text()
            .starts_with("Dear Maria at home")
    );
    // What comes back from either is on the one ticket.
    let back = house.answer(WORK, &answer, "The nursing badge is missing.");
    assert_eq!(back.ticket(), 1);
    says(&mut house, ANA, &first, "#merge 2");
    let told = house.mails(ANA, 3).pop().unwrap();
    assert!(told.text().contains("this very ticket"), "{}", told.text());

    house.ask(&["tickets", "unmerge", "2"]).unwrap();
    assert_eq!(house.ticket(2)["state"], "with-agent");
    assert_eq!(open(&house, BEN), 1, "and weighs again");
}

/// A merge by mistake: what Maria at work was written meanwhile is hers, and leads to her own ticket again.
#[test]
fn what_was_written_while_two_tickets_were_one_leads_apart_when_they_are() {
    let mut house = house();
    house.write(MARIA, "Two accounts", MERGE);
    house.write(WORK, "My accounts", "Please merge my profiles.");
    let second = house.only_mail(BEN);
    says(&mut house, BEN, &second, "#merge 1");
    says(&mut house, BEN, &second, "Which profiles are yours?");
    let question = house.mails(WORK, 2).remove(1);
    assert!(
        question.subject().contains("[#2 "),
        "{}",
        question.subject()
    );
    house.ask(&["tickets", "unmerge", "2"]).unwrap();
    let back = house.answer(WORK, &question, "The one at work and an older one.");
    assert_eq!(back.ticket(), 2);
    let shown = house.ticket(1);
    assert!(!shown["participants"].to_string().contains(WORK), "{shown}");
}

fn open(house: &House, agent: &str) -> u64 {
    let said = house.ask(&["agents", "list"]).unwrap();
    let rows = said.as_array().unwrap();
    let row = rows.iter().find(|r| r["agent"] == agent).unwrap();
    row["open"].as_u64().unwrap()
}

/// Ana proved Maria's address on the telephone, and says so; the next forward tells it.
#[test]
fn an_agent_verifies_an_address_by_hand_and_reads_of_it_in_the_next_forward() {
    let mut house = house();
    house.write(MARIA, "Two accounts", MERGE);
    let (forward, ack) = (house.only_mail(ANA), house.only_mail(MARIA));
    says(
        &mut house,
        ANA,
        &forward,
        "#verified\n#verified maria.q@new.example",
    );
    assert_eq!(stand(&house, 1, MARIA), "verified");
    assert_eq!(stand(&house, 1, OTHER), "verified");
    assert_eq!(house.mails(ANA, 1).len(), 1, "what worked is not told");
    says(&mut house, ANA, &forward, "#verified ben@agents.example");
    assert!(house.mails(ANA, 2)[1].text().contains("an agent's"));
    house.end("KILL");
    house.start();
    house.answer(
        MARIA,
        &ack,
        &format!("The other one is {OTHER}, please merge both."),
    );
    assert_eq!(house.sent_to(OTHER), 0, "what is verified is not asked");
    let told = house.mails(ANA, 3).pop().unwrap().text();
    assert!(
        told.contains(&format!("{OTHER}: VERIFIED")) && told.contains("recorded by ana"),
        "{told}"
    );
}

/// Ana lets one case rest and goes on holiday; the next cases are Ben's, and the one that rests wakes in time.
#[test]
fn an_agent_lets_a_case_rest_and_goes_away_by_mail() {
    let mut house = house();
    house.write(MARIA, "Two accounts", MERGE);
    let forward = house.only_mail(ANA);
    says(
        &mut house,
        ANA,
        &forward,
        "#snooze 1 min\n#away until 2035-12-01",
    );
    let ticket = house.ticket(1);
    let events = ticket["events"].as_array().unwrap();
    for kind in ["snoozed", "away"] {
        assert!(events.iter().any(|e| e["kind"] == kind), "{kind}: {ticket}");
    }
    house.end("KILL");
    house.start();
    for (from, words) in [
        ("b@two.example", "Two accounts"),
        ("c@three.example", "Three accounts"),
    ] {
        let number = house.write(from, words, MERGE).ticket();
        assert_eq!(agent_of(&house, number), BEN);
    }
    let woken = |house: &House| {
        let mails = house.servers.mails(ANA, "INBOX");
        let mut subjects = mails.iter().map(Stored::subject);
        subjects.any(|s| s.starts_with("Back from snooze"))
    };
    // A minute is the shortest rest that can be ordered.
    for _ in 0..1_200 {
        if woken(&house) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(woken(&house), "{:?}", house.log());
    says(&mut house, ANA, &forward, "#away until 2020-01-01");
    let told = house.mails(ANA, 3).pop().unwrap();
    assert!(told.text().contains("is past"), "{}", told.text());
    says(&mut house, ANA, &forward, "#close\n#snooze 3d");
    let told = house.mails(ANA, 4).pop().unwrap();
    assert!(told.text().contains("#reopen it first"), "{}", told.text());
    assert!(house.ticket(1)["closed"].is_null());
}

/// The queue's first agent is away: a case given to the queue goes to the one who is there.
#[test]
fn a_case_given_to_a_queue_by_mail_passes_over_who_is_away() {
    let mut house = house();
    let badge = house.write(
        "d@four.example",
        "Badge",
        "My badge for the nursing course is missing, where is it?",
    );
    let cleo = "cleo@agents.example";
    assert_eq!(agent_of(&house, badge.ticket()), cleo, "{badge:?}");
    house
        .ask(&["agents", "away", ANA, "until", "2035-12-01"])
        .unwrap();
    let forward = house.only_mail(cleo);
    says(&mut house, cleo, &forward, "#assign Accounts");
    let ticket = house.ticket(badge.ticket());
    assert_eq!(
        (&ticket["agent"], &ticket["queue"]),
        (&BEN.into(), &"accounts".into())
    );
    assert!(house.only_mail(BEN).text().contains(cleo));
}

/// Closed and opened by answers once; the next time it is another case, though the days are not over. Then the days are.
#[test]
fn a_case_is_opened_again_so_often_and_for_so_long_and_then_it_is_a_new_one() {
    let mut house = House::closed("");
    house.change_rules(|desk| desk.replace("reopen_max = 5", "reopen_max = 1"));
    house.start();
    house.write(MARIA, "Two accounts", MERGE);
    let ack = house.only_mail(MARIA);
    let close = |house: &House, number: &str| {
        house.ask(&["tickets", "close", number]).unwrap();
        assert_eq!(house.ticket(number.parse().unwrap())["state"], "closed");
    };
    close(&house, "1");
    let again = house.answer(MARIA, &ack, "It is not solved: I still have two accounts.");
    assert_eq!(again.ticket(), 1);
    assert_eq!(house.ticket(1)["state"], "with-agent");
    // An agent who opens it by hand is not counted among them.
    for word in ["close", "reopen", "close"] {
        house.ask(&["tickets", word, "1"]).unwrap();
    }
    assert_eq!(house.ticket(1)["reopened"], 1);
    let often = house.answer(
        MARIA,
        &ack,
        "Still not: now the second login is locked as well.",
    );
    assert_eq!(often.ticket(), 2);
    assert_eq!(house.ticket(2)["linked"], 1);
    let agent = agent_of(&house, 2);
    let told = house.wait("the forward of the new case", |house| {
        let mails = house.servers.mails(&agent, "INBOX");
        mails
            .into_iter()
            .find(|m| m.text().contains("Ticket #2 is new"))
    });
    assert!(
        told.text().contains("opened again too often"),
        "{}",
        told.text()
    );
    // A bare thank you to the closed one is noted there and opens nothing.
    let thanks = house.answer(MARIA, &ack, "Thank you very much!");
    assert_eq!((thanks.ticket(), thanks.primary()), (1, "thanks"));
    assert_eq!(house.ticket(1)["state"], "closed");
}

/// Nobody is reminded of a case that is closed or merged away, and it weighs on nobody.
#[test]
fn what_is_closed_or_merged_away_reminds_nobody() {
    let mut house = House::closed("");
    let accounts = "agents = [\"ana@agents.example\", \"ben@agents.example\"]\n";
    house.change_config(accounts, &format!("{accounts}remind = \"6s\"\n"));
    house.start();
    house.write(MARIA, "Two accounts", MERGE);
    house.write(WORK, "My accounts", "Please merge my profiles.");
    let third = house.write("b@two.example", "Two accounts", MERGE).ticket();
    house.ask(&["tickets", "close", "1"]).unwrap();
    // Not into a closed one, where it would rest unseen.
    assert_eq!(house.ask(&["tickets", "merge", "2", "into", "1"]), None);
    house.ask(&["tickets", "merge", "2", "into", "3"]).unwrap();
    assert_eq!((open(&house, ANA), open(&house, BEN)), (1, 0));
    house.wait("the reminder of the third", |house| {
        let ticket = house.ticket(third);
        let events = ticket["events"].as_array().unwrap();
        events.iter().any(|e| e["kind"] == "reminded").then_some(())
    });
    for number in [1, 2] {
        let ticket = house.ticket(number);
        let events = ticket["events"].as_array().unwrap();
        assert!(events.iter().all(|e| e["kind"] != "reminded"), "{ticket}");
    }
}
