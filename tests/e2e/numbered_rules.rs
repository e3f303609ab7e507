//! The ten rules that decide between the kinds of mail, each as one story.

use crate::house::House;
use crate::house::mail;

#[test]
fn rule_1_an_account_case_is_forwarded_and_the_redirect_goes_along_in_the_reply() {
    let mut house = House::open();
    let handled = house.write(
        "maria@home.example",
        "Two things",
        "I have two accounts and would like to have them merged into one.\n\nBesides, I finished a course on Coursera and the badge for it has not arrived.",
    );
    assert_eq!(
        (handled.primary(), handled.disposition()),
        ("merge-accounts", "forward")
    );
    assert!(handled.has("coursera-badge"));
    let reply = house.only_mail("maria@home.example").text();
    let merge = reply
        .find("merge them")
        .expect("the account case is acknowledged");
    let coursera = reply
        .find("learner.coursera.help")
        .expect("the redirect goes along");
    assert!(merge < coursera, "the account comes first");
}

#[test]
fn rule_2_ibm_in_the_text_is_not_yet_a_question_for_ibm() {
    let mut house = House::open();
    let left = house.write(
        "maria@home.example",
        "Login",
        "I left IBM in March and my Credly login is still my old IBM address, which I can no longer access.",
    );
    assert_eq!(
        (left.primary(), left.disposition()),
        ("account-access", "forward")
    );
    let pending = house.write(
        "joe@home.example",
        "Pending",
        "My pending IBM badge cannot be accepted, the accept button is greyed out.",
    );
    assert_eq!(
        (pending.primary(), pending.disposition()),
        ("badge-accept", "forward")
    );
}

#[test]
fn rule_3_a_course_of_ibm_taken_through_coursera_is_courseras() {
    let mut house = House::open();
    let handled = house.write(
        "maria@home.example",
        "Missing badge",
        "I completed the IBM Data Analyst course through Coursera, but the badge has not arrived.",
    );
    assert_eq!(
        (handled.primary(), handled.disposition()),
        ("coursera-badge", "redirect")
    );
    assert!(!handled.has("ibm-badge"));
}

#[test]
fn rule_4_a_how_to_is_answered_and_a_how_to_that_failed_gets_a_person() {
    let mut house = House::open();
    let asks = house.write(
        "maria@home.example",
        "Question",
        "How do I add my private email address to my account? I am logged in right now.",
    );
    assert_eq!(
        (asks.primary(), asks.disposition()),
        ("secondary-email", "advise")
    );
    let failed = house.write(
        "joe@home.example",
        "Confirmation",
        "I added a second email address in the settings as described, but the confirmation email never comes.",
    );
    assert_eq!(
        (failed.primary(), failed.disposition()),
        ("secondary-email", "forward")
    );
    let used = house.write(
        "ann@home.example",
        "Already in use",
        "When I try to add my private address it says this email is already in use by another account.",
    );
    assert_eq!(
        (used.primary(), used.disposition()),
        ("merge-accounts", "forward")
    );
    assert!(used.has("secondary-email"));
}

#[test]
fn rule_5_who_asks_decides_which_page_is_shown() {
    const EMPLOYEES: &str = "yourlearning.ibm.com";
    const EVERYBODY: &str = "www.ibm.com/badging";
    let text = "My IBM Cloud Essentials badge was never issued although I completed everything.";
    let mut house = House::open();
    for (from, words, employee, everybody) in [
        ("jo@us.ibm.com", text.to_owned(), true, false),
        (
            "jo@ibm.com.phish.example",
            format!("{text} I am a student."),
            false,
            true,
        ),
        ("sam@home.example", text.to_owned(), true, true),
        (
            "kim@home.example",
            format!("I am an IBMer. {text} It does show in Your Learning."),
            true,
            false,
        ),
    ] {
        let handled = house.write(from, "IBM badge", &words);
        assert_eq!(
            (handled.primary(), handled.disposition()),
            ("ibm-badge", "redirect"),
            "{from}"
        );
        let reply = house.only_mail(from).text();
        assert_eq!(
            (reply.contains(EMPLOYEES), reply.contains(EVERYBODY)),
            (employee, everybody),
            "{from}:\n{reply}"
        );
    }
}

#[test]
fn rule_6_what_the_writer_says_now_decides_and_the_quote_does_not() {
    let mut house = House::open();
    let handled = house.write(
        "maria@home.example",
        "Fwd: You earned a badge",
        "How do I add my private email address to my account? I can log in.\n\n---------- Forwarded message ---------\nFrom: Credly <admin@credly.example>\nDate: Mon, 9 Nov 2026 at 10:00\nSubject: You earned a badge\nTo: <maria@work.example>\n\nAccept your badge now. Forgot your password? Reset it here. If the link is broken, contact support.",
    );
    assert_eq!(
        (handled.primary(), handled.disposition()),
        ("secondary-email", "advise")
    );
}

#[test]
fn rule_7_an_account_case_outranks_a_badge_case() {
    let mut house = House::open();
    let handled = house.write(
        "maria@home.example",
        "Badge and account",
        "My badge for the Cisco CCNA exam never arrived although I passed.\n\nI also cannot log in any more: my account is registered to my old work address and I left that company.",
    );
    assert_eq!(
        (handled.primary(), handled.disposition()),
        ("account-access", "forward")
    );
    assert!(handled.has("badge-search"));
    let agent = house.ticket(handled.ticket())["agent"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        ["ana@agents.example", "ben@agents.example"].contains(&agent.as_str()),
        "{agent}"
    );
}

#[test]
fn rule_8_advice_and_redirect_go_in_one_reply() {
    let mut house = House::open();
    let handled = house.write(
        "maria@home.example",
        "Two questions",
        "How do I add a second email address to my profile? I can log in.\n\nAnd I finished a Coursera course, but its badge has not arrived.",
    );
    assert_ne!(handled.disposition(), "forward");
    let reply = house.only_mail("maria@home.example").text();
    assert!(
        reply.contains("learner.coursera.help") && reply.contains("\"Settings\""),
        "{reply}"
    );
}

#[test]
fn rule_9_the_addresses_we_asked_for_are_no_complaint() {
    let mut house = House::open();
    house.write(
        "maria@home.example",
        "Two accounts",
        "I have two accounts, please merge them into one.",
    );
    let ack = house.only_mail("maria@home.example");
    let handled = house.answer(
        "maria@home.example",
        &ack,
        "Here are the two addresses of the accounts to be merged: maria@home.example (keep) and maria@work.example. I can read mail at both.",
    );
    assert_eq!(handled.disposition(), "forward");
    assert_eq!(handled.ticket(), 1);
    assert!(!handled.has("escalation"), "{handled:?}");
    let agent = house.ticket(1)["agent"].as_str().unwrap().to_owned();
    let forwards = house.mails(&agent, 2);
    assert!(
        forwards[1].text().contains("maria@work.example"),
        "the same agent gets the answer"
    );
    assert_eq!(
        house.sent_to("maria@home.example"),
        1,
        "no second acknowledgement while an agent has the case"
    );
}

#[test]
fn rule_10_a_web_form_is_the_mail_of_the_person_who_filled_it_in() {
    let mut house = House::open();
    let text = "A visitor has filled in the contact form.\n\nName: Maria Example\nEmail: maria@home.example\nTopic: Login\nMessage:\nI asked for a password reset several times but the reset email never arrives.\n";
    let headers = "Reply-To: Maria Example <maria@home.example>\nAuto-Submitted: auto-generated\n";
    let raw = mail(
        "Contact form <no-reply@forms.example>",
        "[Form] Login",
        "form1@forms.example",
        headers,
        text,
    );
    let handled = house.receive(&raw, "no-reply@forms.example");
    assert_eq!(
        (handled.primary(), handled.disposition()),
        ("password-reset", "forward")
    );
    house.only_mail("maria@home.example");
    assert_eq!(house.sent_to("no-reply@forms.example"), 0);
}
