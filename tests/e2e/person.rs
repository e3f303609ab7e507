//! The person's side, in whole conversations: addresses proved by mail, closed tickets, the same request twice, merging.

mod agents;
mod proof;

use crate::house::DESK;
use crate::house::Handled;
use crate::house::House;
use crate::house::mail;
use crate::support::imap::Stored;

const MARIA: &str = "maria@home.example";
const OTHER: &str = "maria.q@new.example";
const OLD: &str = "maria@north.example";
const LOST: &str = "I left Northwind in May and my account is still on my old work email, which has been closed. I can't log in.";
const MERGE: &str = "I have two accounts, please merge them into one.";

/// How each address of a ticket stands: `(address, stand)`.
fn addresses(house: &House, number: u64) -> Vec<(String, String)> {
    let ticket = house.ticket(number);
    let word = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let mut all: Vec<(String, String)> = ticket["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (word(&a["address"]), word(&a["stand"])))
        .collect();
    all.sort();
    all
}

fn stand(house: &House, number: u64, address: &str) -> String {
    let all = addresses(house, number);
    let found = all.iter().find(|(a, _)| a == address);
    found.map_or_else(|| "unknown".to_owned(), |(_, s)| s.clone())
}

fn agent_of(house: &House, number: u64) -> String {
    house.ticket(number)["agent"].as_str().unwrap().to_owned()
}

fn last_forward(house: &House, agent: &str, n: usize) -> Stored {
    house.mails(agent, n).pop().unwrap()
}

fn tickets(house: &House) -> usize {
    let all = house.ask(&["tickets", "list"]).unwrap();
    all.as_array().unwrap().len()
}

/// Maria has two accounts, answers our acknowledgement, and names the other address: it is asked.
fn asked(house: &mut House) -> (String, Stored) {
    house.write(MARIA, "Two accounts", MERGE);
    let ack = house.only_mail(MARIA);
    let named = format!("The other one is {OTHER}, please merge both.");
    let handled = house.answer(MARIA, &ack, &named);
    assert_eq!(handled.ticket(), 1);
    (agent_of(house, 1), house.only_mail(OTHER))
}

/// Maria cannot read her old work address, and has a new private one besides the one that she writes from. Both are proved
/// by mail, through a restart; the old one is never written to; the agent reads all of it.
#[test]
fn an_account_on_a_dead_address_is_asked_for_with_both_living_addresses_verified() {
    let mut house = House::open();
    let first = house.write(MARIA, "Locked out", LOST);
    assert_eq!(first.primary(), "account-access");
    let agent = agent_of(&house, 1);
    let told = house.only_mail(&agent).text();
    assert!(
        told.contains("maria@home.example: named, not verified"),
        "{told}"
    );
    let ack = house.only_mail(MARIA);
    house.end("TERM");
    house.start();
    let named = format!(
        "The account is registered to {OLD}.\nI can read mail at {OTHER} now, and here of course."
    );
    house.answer(MARIA, &ack, &named);
    assert_eq!(
        addresses(&house, 1),
        [
            (OTHER.to_owned(), "asked".to_owned()),
            (MARIA.to_owned(), "verified".to_owned()),
            (OLD.to_owned(), "unreadable".to_owned()),
        ]
    );
    assert_eq!(house.sent_to(OLD), 0, "nobody writes to a dead address");
    let told = last_forward(&house, &agent, 2).text();
    assert!(told.contains("maria@home.example: VERIFIED"), "{told}");
    assert!(told.contains(&format!("{OTHER}: asked")), "{told}");

    let question = house.only_mail(OTHER);
    a_question_says_nothing_of_anybody(&question);
    house.end("KILL");
    house.start();
    let sent = house.sent();
    house.answer(OTHER, &question, "Yes, that is me.");
    assert_eq!(stand(&house, 1, OTHER), "verified");
    assert_eq!(house.sent(), sent + 1, "one mail: to the agent");
    let notice = last_forward(&house, &agent, 3);
    assert!(
        notice.subject().contains("is now verified"),
        "{}",
        notice.subject()
    );
    assert!(
        notice.text().contains(&format!("{OTHER}: VERIFIED")),
        "{}",
        notice.text()
    );
    assert!(
        notice.text().contains("answered our mail there"),
        "{}",
        notice.text()
    );
    assert_eq!(house.ticket(1)["state"], "with-agent");

    // A third address, which the agent proved on the telephone.
    let by_hand = house
        .ask(&["tickets", "verify", "1", "maria@phone.example"])
        .unwrap();
    assert_eq!(by_hand["address"]["stand"], "verified", "{by_hand}");
    assert_eq!(stand(&house, 1, "maria@phone.example"), "verified");
}

fn a_question_says_nothing_of_anybody(question: &Stored) {
    let text = question.text();
    for word in [
        "Maria",
        "maria@home",
        "Northwind",
        "Locked",
        "account",
        "north.example",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
        assert!(!question.subject().contains(word), "{}", question.subject());
    }
    assert_eq!(
        question.header("Auto-Submitted").as_deref(),
        Some("auto-generated")
    );
    assert!(question.header("Reply-To").unwrap().contains("support+1-"));
}

#[test]
fn who_says_that_it_is_not_them_is_never_asked_again_by_anybody() {
    let mut house = House::open();
    let (agent, question) = asked(&mut house);
    house.answer(OTHER, &question, "No. I never wrote to you.");
    assert_eq!(stand(&house, 1, OTHER), "refused");
    let notice = last_forward(&house, &agent, 3);
    assert!(notice.subject().contains("says NO"), "{}", notice.subject());
    house.end("TERM");
    house.start();
    // Somebody else names the same address on a ticket of their own.
    house.write(
        "joe@else.example",
        "Accounts",
        "I have two accounts. Please merge my profiles.",
    );
    let ack = house.only_mail("joe@else.example");
    let plus = OTHER.replace('@', "+x@");
    let named = format!("The other one is {plus}, please merge both.");
    let joe = house.answer("joe@else.example", &ack, &named);
    assert_eq!(stand(&house, joe.ticket(), &plus), "named");
    assert_eq!(
        house.mails(OTHER, 1).len(),
        1,
        "the one question, and no other"
    );
    assert_eq!(house.sent_to(&plus), 0);
}

#[test]
fn an_answer_from_elsewhere_verifies_nothing_and_the_agent_is_told() {
    let mut house = House::open();
    let (agent, question) = asked(&mut house);
    // Maria had it forwarded to her home address, and answers from there.
    house.answer(MARIA, &question, "Yes, I can read this.");
    assert_eq!(stand(&house, 1, OTHER), "asked");
    let told = last_forward(&house, &agent, 3).text();
    assert!(
        told.contains("BEWARE") && told.contains("does not come from there"),
        "{told}"
    );
    // A stranger who got hold of it comes no further.
    let stranger = house.answer("mallory@else.example", &question, "Yes, that is me.");
    assert_eq!(stranger.ticket(), 2);
    assert_eq!(stand(&house, 1, OTHER), "asked");
    // From a forged address, without the token, neither.
    let raw = mail(
        OTHER,
        "Re: your question",
        "forged@new.example",
        "",
        "Yes, that is me.",
    );
    house.receive(&raw, OTHER);
    assert_eq!(stand(&house, 1, OTHER), "asked");
}

#[test]
fn thanks_on_a_closed_ticket_are_noted_and_an_answer_opens_it_again() {
    let mut house = House::open();
    house.write(MARIA, "Two accounts", MERGE);
    let ack = house.only_mail(MARIA);
    let agent = agent_of(&house, 1);
    house.ask(&["tickets", "close", "1"]).unwrap();
    let sent = house.sent();
    for words in ["Thank you very much!", "Vielen Dank!"] {
        let thanks = house.answer(MARIA, &ack, words);
        assert_eq!(
            (thanks.primary(), thanks.ticket()),
            ("thanks", 1),
            "{words}"
        );
    }
    assert!(!house.ticket(1)["closed"].is_null(), "it is still closed");
    assert_eq!(house.sent(), sent, "nobody got a mail");
    house.end("TERM");
    house.start();
    let again = house.answer(MARIA, &ack, "It is not solved: I still have two accounts.");
    assert_eq!((again.ticket(), again.disposition()), (1, "forward"));
    let ticket = house.ticket(1);
    assert!(
        ticket["closed"].is_null() && ticket["reopened"] == 1,
        "{ticket}"
    );
    let told = last_forward(&house, &agent, 2).text();
    assert!(
        told.contains("was closed; the writer answered, so it is open again"),
        "{told}"
    );
}

#[test]
fn an_answer_that_comes_too_late_opens_a_new_ticket_that_names_the_old_one() {
    let mut house = House::closed("");
    house.change_rules(|desk| desk.replace("reopen_days = 14", "reopen_days = 0"));
    house.start();
    house.write(MARIA, "Two accounts", MERGE);
    let ack = house.only_mail(MARIA);
    house.ask(&["tickets", "close", "1"]).unwrap();
    let late = house.answer(MARIA, &ack, "It is not solved: I still have two accounts.");
    assert_eq!((late.ticket(), late.disposition()), (2, "forward"));
    assert_eq!(house.ticket(2)["linked"], 1);
    assert!(!house.ticket(1)["closed"].is_null());
    let agent = agent_of(&house, 2);
    let forwards = house.mails(&agent, 1);
    let told = forwards.last().unwrap().text();
    assert!(
        told.contains("answers ticket #1, which was closed too long ago"),
        "{told}"
    );
    assert_eq!(house.sent_to(MARIA), 1, "one acknowledgement a day");
}

fn twice(house: &mut House, text: &str, id: &str) -> Handled {
    let raw = mail(MARIA, "Two accounts", id, "", text);
    // To another of our addresses, by another mail program.
    let raw = raw.replace(&format!("To: {DESK}"), "To: support+web@credly.example");
    house.receive(&raw, MARIA)
}

#[test]
fn the_same_request_to_two_addresses_is_one_ticket_and_one_acknowledgement() {
    let mut house = House::open();
    house.write(MARIA, "Two accounts", MERGE);
    let agent = agent_of(&house, 1);
    let same = twice(&mut house, MERGE, "second@home.example");
    assert_eq!(same.ticket(), 1);
    assert_eq!((house.sent_to(MARIA), house.sent_to(&agent)), (1, 1));
    let ticket = house.ticket(1);
    let events = ticket["events"].as_array().unwrap();
    assert!(events.iter().any(|e| e["kind"] == "twin"), "{ticket}");
    house.end("KILL");
    house.start();
    // This one says something new, so the agent gets it; Maria hears nothing more.
    let more = twice(
        &mut house,
        &format!("{MERGE} The other one is {OTHER}."),
        "third@home.example",
    );
    assert_eq!(more.ticket(), 1);
    assert_eq!((house.sent_to(MARIA), house.sent_to(&agent)), (1, 2));
    let told = last_forward(&house, &agent, 2).text();
    assert!(
        told.contains("the writer wrote again, much the same"),
        "{told}"
    );
    // Another request is another case.
    let other = house.write(
        MARIA,
        "Password",
        "I forgot my password and the reset mail never arrives.",
    );
    assert_eq!((other.ticket(), tickets(&house)), (2, 2));
}

#[test]
fn merged_tickets_are_one_until_it_is_taken_back() {
    let mut house = House::open();
    house.write(MARIA, "Two accounts", MERGE);
    house.write(
        "maria@work.example",
        "My accounts",
        "Please merge my profiles.",
    );
    let (at_home, at_work) = (
        house.only_mail(MARIA),
        house.only_mail("maria@work.example"),
    );
    let done = house.ask(&["tickets", "merge", "2", "into", "1"]).unwrap();
    assert_eq!(done["merged_into"], 1, "{done}");
    let (one, two) = (house.ticket(1), house.ticket(2));
    assert_eq!(
        (&one["merged_here"][0], &two["merged_into"]),
        (&2.into(), &1.into())
    );
    let refused = house
        .cli(&["tickets", "merge", "1", "into", "2"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    house.end("KILL");
    house.start();
    let joined = house.answer(
        "maria@work.example",
        &at_work,
        "Badges are missing, too: the nursing one.",
    );
    assert_eq!(
        joined.ticket(),
        1,
        "an answer to the merged one goes to the one that goes on"
    );
    let participants = house.ticket(1)["participants"].clone();
    assert_eq!(
        participants,
        serde_json::json!([MARIA, "maria@work.example"])
    );

    house.ask(&["tickets", "unmerge", "2"]).unwrap();
    assert_eq!(house.ticket(1)["participants"], serde_json::json!([MARIA]));
    let apart = house.answer(
        "maria@work.example",
        &at_work,
        "And where is the cooking badge?",
    );
    assert_eq!(apart.ticket(), 2, "taken back, each has its own again");
    // Whoever answers what was written meanwhile comes back to where it belongs.
    let raw = mail(
        "maria@work.example",
        "Re: badges",
        "later@work.example",
        "In-Reply-To: <answer2@work.example>\n",
        "One more thing: my name is spelt wrongly there.",
    );
    assert_eq!(house.receive(&raw, "maria@work.example").ticket(), 2);
    let home = house.answer(MARIA, &at_home, "Thank you, that is all.");
    assert_eq!(home.ticket(), 1);
    let verified = house.cli(&["tickets", "unmerge", "2"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1), "it is no part of any");
}
