//! Defects that other desks have, each as the mail that shows it.

use super::rules::desk;
use super::rules::entry_of;
use super::rules::fresh;
use super::rules::whole;
use super::*;

/// What a peer gets wrong, the mail, and how many replies and forwards must leave here.
const DEFECTS: &[(&str, &str, (usize, usize))] = &[
    (
        "Precedence is compared in one case only",
        "Precedence: Auto_Reply",
        (0, 0),
    ),
    (
        "Precedence is compared in one case only",
        "PRECEDENCE: Bulk",
        (0, 1),
    ),
    (
        "`Auto-Submitted: no` is taken for a machine's",
        "Auto-Submitted: no",
        (1, 1),
    ),
    (
        "an upper-cased value never fits a mixed-case pattern",
        "X-Auto-Response-Suppress: AutoReply",
        (0, 1),
    ),
    (
        "an upper-cased value never fits a mixed-case pattern",
        "X-Auto-Response-Suppress: AUTOREPLY",
        (0, 1),
    ),
    (
        "a comma list is compared as one value",
        "X-Auto-Response-Suppress: DR, RN, OOF, AutoReply",
        (0, 1),
    ),
    (
        "a comma list is compared as one value",
        "X-Auto-Response-Suppress: RN,NRN,All",
        (0, 1),
    ),
    (
        "`autoreply` is missed as the subject's first word",
        "Subject: Autoreply: Two accounts\n\nBack soon.",
        (0, 0),
    ),
    (
        "`autoreply` is missed as the subject's first word",
        "Subject: autoreply\n\nBack soon.",
        (0, 0),
    ),
    (
        "the null return path is seen as the first field only",
        "Received: from a by b\nX-Spam: no\nReturn-Path: <>",
        (0, 0),
    ),
    (
        "the loop header of somebody's list is taken for one's own",
        "X-Loop: talk@lists.example",
        (0, 1),
    ),
    (
        "any value of X-No-Loop and its like drops the mail",
        "X-No-Loop: yes",
        (0, 1),
    ),
    (
        "a person is dropped for `Precedence: bulk`",
        "Precedence: bulk",
        (0, 1),
    ),
    (
        "a person is dropped for any Precedence",
        "Precedence: special-delivery",
        (1, 1),
    ),
    (
        "`Message-Id` with a small d is no id",
        "Message-Id: <a@home.example>",
        (1, 1),
    ),
    ("a mail without an id is lost", "Message-ID: -none-", (1, 1)),
    (
        "anybody can hide a mail from the desk by a header",
        "X-Zammad-Verify: true\nX-Zammad-Verify-Time: Fri, 01 Jan 2100 00:00:00 +0000",
        (1, 1),
    ),
    (
        "anybody can command the desk by headers",
        "X-Zammad-Ignore: true\nX-OTRS-Ignore: yes\nX-OTRS-Loop: no\nX-Mailclerk-Ignore: yes",
        (1, 1),
    ),
    (
        "subjects are searched in one language",
        "Subject: Automatische Antwort: Ihre Anfrage\n\nIch bin im Urlaub.",
        (0, 0),
    ),
    (
        "an answer to an automatic reply is taken for one",
        "Subject: Re: Automatic reply: Two accounts\n\nThat did not help. Please merge my two accounts.",
        (1, 1),
    ),
    (
        "a subject that begins with `Auto` is taken for a reply's",
        "Subject: Auto: two accounts after the merge of my dealers\n\nPlease merge my two accounts.",
        (1, 1),
    ),
    (
        "any header with `auto` in it makes a machine",
        "X-Automation-Level: none\nX-Autocrypt-Note: auto replied never",
        (1, 1),
    ),
    (
        "Gmail's absence note is not known",
        "Precedence: bulk\nX-Autoreply: yes\nSubject: Re: Two accounts\n\nI am away.",
        (0, 0),
    ),
    (
        "an absence note without any marker is answered",
        "Subject: Re: Two accounts\n\nI am on annual leave until 9 June and will answer on my return. In urgent cases please call the office.",
        (0, 0),
    ),
    (
        "a bounce in words opens a case",
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>\nSubject: Undelivered Mail Returned to Sender",
        (0, 0),
    ),
    (
        "the list header of the desk's own group silences everybody",
        "List-Id: <support.credly.example>\nPrecedence: list",
        (1, 1),
    ),
    (
        "Reply-To always wins",
        "Reply-To: eve@phish.example",
        (0, 1),
    ),
];

#[test]
fn what_others_get_wrong_is_right_here() {
    let mut wrong = Vec::new();
    for (defect, fields, wanted) in DEFECTS {
        let entry = entry_of(whole(fields), &fresh(), &desk());
        let of = |purpose| {
            entry
                .outgoing
                .iter()
                .filter(|o| o.purpose == purpose)
                .count()
        };
        let got = (of(Purpose::Reply), of(Purpose::Forward));
        if got != *wanted {
            let why: Vec<&str> = entry.plan.because.iter().map(|b| &*b.rule).collect();
            wrong.push(format!(
                "{defect}: {fields:?} gave {got:?}, because of {why:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_id_spelt_with_a_small_d_is_the_same_id() {
    let id = |name: &str| parse(&whole(&format!("{name}: <a@home.example>"))).message_id;
    assert!(id("Message-Id").is_some());
    assert_eq!(id("Message-Id"), id("Message-ID"));
    assert_eq!(id("MESSAGE-ID"), id("Message-ID"));
}

#[test]
fn one_id_on_two_different_mails_makes_two_of_them() {
    let digest = |text: &str| parse(&whole(&format!("Subject: x\n\n{text}"))).digest;
    assert_ne!(digest("Merge my accounts."), digest("My badge is gone."));
}
