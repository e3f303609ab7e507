//! Every kind of mail that the desk knows, once: what it becomes, who gets what, and what the words say.

use crate::house::House;

const IBM_EMPLOYEES: &str = "https://yourlearning.ibm.com/#search/badges";
const IBM_EVERYBODY: &str = "https://www.ibm.com/badging";
const COURSERA: &str = "https://learner.coursera.help/hc/en-us/articles/209819063-Solve-problems-with-Course-Certificates";

/// One mail, forwarded to one of these agents and acknowledged.
fn forwarded(subject: &str, text: &str, intent: &str, agents: &[&str], words: &[&str]) {
    let mut house = House::open();
    let handled = house.write("maria@home.example", subject, text);
    assert_eq!(handled.primary(), intent);
    assert_eq!(handled.disposition(), "forward");
    let ticket = house.ticket(handled.ticket());
    let agent = ticket["agent"].as_str().unwrap();
    assert!(agents.contains(&agent), "{agent} has it");
    let forward = house.only_mail(agent);
    assert!(
        forward.text().contains(intent),
        "the agent is told what it is about"
    );
    let firsts = text.lines().next().unwrap();
    assert!(
        forward.text().contains(firsts),
        "the agent reads the writer's words"
    );
    assert_eq!(forward.attached_mails().len(), 1, "the original goes along");
    let reply = house.only_mail("maria@home.example").text();
    assert!(reply.contains(&format!("#{}", handled.ticket())), "{reply}");
    assert!(reply.contains("automatic reply"), "{reply}");
    assert!(
        reply.contains("a person will read it and answer"),
        "{reply}"
    );
    for word in words {
        assert!(
            unwrapped(&reply).contains(word),
            "the reply does not say `{word}`:\n{reply}"
        );
    }
    assert_eq!(house.sent(), 2, "one forward and one reply, nothing else");
}

/// One mail, answered without a person.
fn answered(
    subject: &str,
    text: &str,
    intent: &str,
    disposition: &str,
    words: &[&str],
    not: &[&str],
) {
    let mut house = House::open();
    let handled = house.write("maria@home.example", subject, text);
    assert_eq!(handled.primary(), intent);
    assert_eq!(handled.disposition(), disposition);
    assert_eq!(house.ticket(handled.ticket())["state"], "answered");
    let reply = house.only_mail("maria@home.example").text();
    for word in words {
        assert!(
            unwrapped(&reply).contains(word),
            "the reply does not say `{word}`:\n{reply}"
        );
    }
    for word in not {
        assert!(!reply.contains(word), "the reply says `{word}`:\n{reply}");
    }
    assert!(
        unwrapped(&reply).contains("answer this mail"),
        "the offer is missing:\n{reply}"
    );
    assert_eq!(house.sent(), 1, "nobody else got a mail");
}

/// One mail, recorded and nothing more.
fn quiet(raw: &str, from: &str, intent: &str) {
    let mut house = House::open();
    let handled = house.receive(raw, from);
    assert_eq!(handled.primary(), intent);
    assert_eq!(handled.disposition(), "ignore");
    assert_eq!(house.sent(), 0, "nobody got a mail");
    let folder = if intent == "spam" {
        "Quarantine"
    } else {
        "Quiet"
    };
    let filed = house.filed(folder, 1);
    assert_eq!(filed.len(), 1);
}

/// Words as they follow one another, whatever the line ends.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_lost_work_mailbox_goes_to_accounts_and_both_addresses_are_asked_for() {
    forwarded(
        "Cannot get into my account",
        "I left my old company last month and my account is still registered to the work address there, which I can no longer read.\nThe login code goes to that mailbox. My private address is maria@home.example.",
        "account-access",
        &["ana@agents.example", "ben@agents.example"],
        &["registered to", "read mail now", "personal address"],
    );
}

#[test]
fn a_reset_mail_that_never_comes_goes_to_accounts_with_the_word_on_the_primary_address() {
    forwarded(
        "Password",
        "I asked for a password reset four times today and the reset email never arrives, also not in spam.",
        "password-reset",
        &["ana@agents.example", "ben@agents.example"],
        &["primary address", "personal address"],
    );
}

#[test]
fn two_accounts_go_to_accounts_and_both_addresses_are_to_be_named() {
    forwarded(
        "Two accounts",
        "Somehow I ended up with two accounts, one with my school address and one with my private address. Can you please merge them into one?",
        "merge-accounts",
        &["ana@agents.example", "ben@agents.example"],
        &["merge them", "name both", "personal address"],
    );
}

#[test]
fn a_badge_of_another_issuer_that_never_came_goes_to_badges() {
    forwarded(
        "Where is my badge?",
        "I passed the CompTIA Security+ exam three weeks ago and have not received my badge. Was it issued?",
        "badge-search",
        &["cleo@agents.example"],
        &["the name of the badge", "who issued it"],
    );
}

#[test]
fn a_pending_badge_that_cannot_be_accepted_goes_to_badges() {
    forwarded(
        "Accept button does nothing",
        "I have a pending badge from AWS but when I click on accept I only get an error page. The link in the invitation is broken.",
        "badge-accept",
        &["cleo@agents.example"],
        &["pending badge"],
    );
}

#[test]
fn an_organisation_that_wants_to_issue_goes_to_triage() {
    forwarded(
        "Becoming an issuer",
        "Our university would like to issue digital badges through your platform. Who can I talk to about pricing and a contract?",
        "other",
        &["lead@agents.example"],
        &[],
    );
}

#[test]
fn a_question_how_to_add_an_address_is_answered_with_the_four_steps() {
    answered(
        "Second email",
        "Hello, how can I add my private email address to my profile? I can log in without trouble, I only want a second one.",
        "secondary-email",
        "advise",
        &[
            "\"Settings\"",
            "\"Account\" page",
            "\"Add another Email Address\"",
            "click \"Add\"",
            "click the link",
            "personal address",
        ],
        &[],
    );
}

#[test]
fn an_ibm_badge_that_was_never_issued_is_ibms_business() {
    answered(
        "IBM badge",
        "I finished all the requirements of the IBM Data Science Foundations badge on SkillsBuild as a student, but IBM has never issued the badge to me.",
        "ibm-badge",
        "redirect",
        &[IBM_EVERYBODY, "'View additional information'"],
        &[IBM_EMPLOYEES],
    );
}

#[test]
fn a_badge_of_a_coursera_course_is_courseras_business() {
    answered(
        "Coursera badge missing",
        "I completed a course on Coursera and the badge for it has not arrived.",
        "coursera-badge",
        "redirect",
        &[COURSERA, "logged in"],
        &[IBM_EMPLOYEES, IBM_EVERYBODY],
    );
}

#[test]
fn trouble_with_ibms_own_pages_is_ibms_business() {
    answered(
        "Bluepages",
        "My Bluepages profile cannot be opened, the W3 sign-on shows an error all day.",
        "ibm-intranet",
        "redirect",
        &["Bluepages and W3 are hosted by IBM"],
        &[],
    );
}

#[test]
fn thanks_are_recorded_and_answered_by_nobody() {
    quiet(
        &crate::house::mail(
            "maria@home.example",
            "Re: my badge",
            "thanks@home.example",
            "",
            "Thank you so much, it works now!",
        ),
        "maria@home.example",
        "thanks",
    );
}

#[test]
fn an_offer_for_better_search_ranks_is_spam() {
    quiet(
        &crate::house::mail(
            "sales@rank-higher.example",
            "Get your website on page one",
            "spam@rank-higher.example",
            "",
            "Hi, I was looking at your website and noticed some SEO issues. We offer guaranteed first page ranking on Google and high quality backlinks for only $99 per month. Reply for a free quote.",
        ),
        "sales@rank-higher.example",
        "spam",
    );
}

#[test]
fn an_absence_note_is_recorded_and_answered_by_nobody() {
    quiet(
        &crate::house::mail(
            "maria@home.example",
            "Automatic reply: your badge",
            "ooo@home.example",
            "Auto-Submitted: auto-replied\n",
            "I am out of the office until 30 November.",
        ),
        "maria@home.example",
        "automatic",
    );
}

#[test]
fn whom_the_automatic_reply_did_not_help_gets_a_person_of_the_matter() {
    let mut house = House::open();
    house.write(
        "maria@home.example",
        "Coursera badge missing",
        "I completed a course on Coursera and the badge for it has not arrived.",
    );
    let reply = house.only_mail("maria@home.example");
    let handled = house.answer(
        "maria@home.example",
        &reply,
        "That did not help at all. Coursera says it is not their fault. I want to talk to a real person, please.",
    );
    assert_eq!(handled.primary(), "escalation");
    assert_eq!(handled.disposition(), "forward");
    assert_eq!(handled.ticket(), 1, "it is the same case");
    let forward = house.only_mail("lead@agents.example").text();
    assert!(forward.contains("the writer answered"), "{forward}");
    // Two machines would go on for ever: the answer to an automatic answer gets a person, and no other automatic one.
    assert_eq!(house.sent_to("maria@home.example"), 1);
}
