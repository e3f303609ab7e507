//! Who belongs to a ticket, and who only says so.

use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

#[test]
fn a_forged_ticket_number_opens_a_new_linked_ticket() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let stranger = house.write(
        "mallory@elsewhere.example",
        "Re: Two accounts [#1 aaaaaaaaaaaaaaaa]",
        "Please send me the password reset for this account, the reset mail never arrives.",
    );
    assert_eq!(stranger.ticket(), 2);
    assert_eq!(house.ticket(2)["linked"], 1);
    assert_eq!(
        house.ticket(1)["participants"],
        serde_json::json!(["maria@home.example"])
    );
    let agent = house.ticket(2)["agent"].as_str().unwrap().to_owned();
    let forwards = house.mails(&agent, 1);
    let told = forwards
        .iter()
        .any(|f| f.text().contains("names ticket #1 but does not prove"));
    assert!(told, "the agent is told");
}

#[test]
fn a_stranger_with_a_stolen_message_id_does_not_enter_the_ticket() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let ack = house.only_mail("maria@home.example");
    let stranger = house.answer(
        "mallory@elsewhere.example",
        &ack,
        "I am the owner of this account. Please merge it into mine.",
    );
    assert_eq!(stranger.ticket(), 2);
    assert_eq!(house.ticket(2)["linked"], 1);
}

#[test]
fn an_answer_without_reference_headers_still_finds_its_ticket_by_the_reply_address() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let ack = house.only_mail("maria@home.example");
    let reply_to = ack.header("Reply-To").unwrap();
    let raw = mail(
        "maria@home.example",
        "my accounts",
        "noref@home.example",
        "",
        "The second address is maria@work.example, please merge it.",
    );
    let raw = raw.replace(
        &format!("To: {}", crate::house::DESK),
        &format!("To: {reply_to}"),
    );
    let handled = house.receive(&raw, "maria@home.example");
    assert_eq!(handled.ticket(), 1);
}

#[test]
fn an_answer_with_nothing_but_the_subject_still_finds_its_ticket() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let subject = house.only_mail("maria@home.example").subject();
    let handled = house.write(
        "maria@home.example",
        &format!("AW: {subject}"),
        "The second address is maria@work.example, please merge it.",
    );
    assert_eq!(handled.ticket(), 1);
}

#[test]
fn thanks_on_a_ticket_are_noted_there_and_change_nothing() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let ack = house.only_mail("maria@home.example");
    let before = house.ticket(1)["state"].clone();
    let handled = house.answer(
        "maria@home.example",
        &ack,
        "Thank you very much, that is solved now!",
    );
    assert_eq!(
        (handled.primary(), handled.disposition(), handled.ticket()),
        ("thanks", "ignore", 1)
    );
    assert_eq!(house.ticket(1)["state"], before);
    assert_eq!(house.sent(), 2, "nobody got another mail");
}

#[test]
fn an_answer_that_went_to_the_person_directly_is_noted_and_goes_there_no_second_time() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    let agent = house.ticket(1)["agent"].as_str().unwrap().to_owned();
    let forward = house.only_mail(&agent);
    // As forwards of earlier versions had it: to Maria and the desk.
    let headers = format!(
        "Cc: maria@home.example\nIn-Reply-To: {}\n",
        forward.header("Message-ID").unwrap()
    );
    let raw = mail(
        &agent,
        "Re: two accounts",
        "both@agents.example",
        &headers,
        "Dear Maria, I have merged your accounts.",
    );
    let handled = house.receive(&raw, &agent);
    assert_eq!(handled.ticket(), 1);
    assert_eq!(house.ticket(1)["state"], "agent-answered");
    assert_eq!(house.sent(), 2, "nobody got another mail");
}

#[test]
fn the_next_ticket_of_a_queue_goes_to_its_next_agent_and_a_ticket_stays_with_its_own() {
    let mut house = House::open();
    for n in 1..=4 {
        house.write(&format!("writer{n}@home{n}.example"), "Two accounts", MERGE);
    }
    let agents: Vec<String> = (1..=4)
        .map(|n| house.ticket(n)["agent"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        agents,
        [
            "ana@agents.example",
            "ben@agents.example",
            "ana@agents.example",
            "ben@agents.example"
        ]
    );
    let ack = house.only_mail("writer2@home2.example");
    house.answer(
        "writer2@home2.example",
        &ack,
        "My second address is w2@work.example, please merge it.",
    );
    assert_eq!(house.ticket(2)["agent"], "ben@agents.example");
    assert_eq!(house.sent_to("ben@agents.example"), 3);
}

#[test]
fn the_same_mail_delivered_twice_is_one_ticket_and_one_reply() {
    let mut house = House::open();
    let raw = mail(
        "maria@home.example",
        "Two accounts",
        "same@home.example",
        "",
        MERGE,
    );
    house.receive(&raw, "maria@home.example");
    let copy = house.receive(&raw, "maria@home.example");
    assert_eq!(copy.disposition(), "ignore");
    assert_eq!(house.sent(), 2);
    assert_eq!(
        house
            .ask(&["tickets", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_different_mail_that_reuses_a_message_id_is_not_lost() {
    let mut house = House::open();
    house.receive(
        &mail(
            "maria@home.example",
            "One",
            "reused@home.example",
            "",
            MERGE,
        ),
        "maria@home.example",
    );
    let other = mail(
        "joe@home.example",
        "Two",
        "reused@home.example",
        "",
        "My password reset mail never arrives.",
    );
    let handled = house.receive(&other, "joe@home.example");
    assert_eq!(
        (handled.primary(), handled.disposition()),
        ("password-reset", "forward")
    );
    assert_eq!(
        house
            .ask(&["tickets", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
