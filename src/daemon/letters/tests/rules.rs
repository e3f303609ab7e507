//! The rules R1 to R59 of the reliability notes, one row or more each: a mail as it comes in, and what leaves.

use super::*;
use crate::message::compose::LOOP_HEADER;

/// What must come of a mail.
enum Wants {
    /// One automatic reply leaves.
    Answered,
    /// No reply leaves, and a person gets the mail.
    Silent,
    /// Nothing leaves: no person wrote it, or nothing is wanted.
    Recorded,
    /// No reply leaves, whatever else.
    NoReply,
    /// The reply, and what it must be like.
    Reply(fn(&Sent)),
}

use Wants::Answered;
use Wants::NoReply;
use Wants::Recorded;
use Wants::Reply;
use Wants::Silent;

/// A rule's number, header fields of a mail (missing ones are filled in), and what must come of it.
type Row = (u8, &'static str, Wants);

/// What left: the bytes as text, their header, and the envelope.
pub(super) struct Sent {
    pub(super) out: Outgoing,
    header: String,
    pub(super) text: String,
}

impl Sent {
    fn of(out: &Outgoing) -> Self {
        let text = String::from_utf8_lossy(&out.bytes).into_owned();
        let header = text.split("\r\n\r\n").next().unwrap().to_owned();
        Self {
            out: out.clone(),
            header,
            text,
        }
    }

    /// The values of a header field, unfolded.
    fn all(&self, name: &str) -> Vec<String> {
        let unfolded = self.header.replace("\r\n ", " ").replace("\r\n\t", " ");
        let fields = unfolded.split("\r\n").filter_map(|l| l.split_once(':'));
        let named = fields.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, v)| v.trim().to_owned()).collect()
    }

    pub(super) fn one(&self, name: &str) -> String {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.header);
        all[0].clone()
    }
}

/// The desk of these tests: it knows its own address and its border.
pub(super) fn desk() -> Office {
    let mut office = office();
    office.surroundings.own = vec![office.address.clone()];
    office.surroundings.authserv_id = Some("mx.credly.example".to_owned());
    office
}

/// A mail with these header fields, the usual ones where they are missing; a body may follow an empty line.
pub(super) fn whole(fields: &str) -> Vec<u8> {
    const ASKS: &str =
        "I have two accounts with two addresses. Could you please merge them into one?";
    let (header, body) = fields.split_once("\n\n").unwrap_or((fields, ASKS));
    let mut mail = format!("\n{}", header.trim_end());
    for (name, value) in [
        ("From", "Maria Stone <maria@home.example>"),
        ("To", "support@credly.example"),
        ("Subject", "Two accounts"),
        ("Date", "Mon, 23 Nov 2026 09:00:00 +0000"),
        ("Message-ID", "<a@home.example>"),
    ] {
        let lower = format!("\n{}:", name.to_lowercase());
        if !format!("\n{header}").to_lowercase().contains(&lower) {
            mail = format!("{mail}\n{name}: {value}");
        }
    }
    let mail = mail.replace(&format!("\n{NONE}"), "");
    format!("{}\n\n{body}\n", mail.trim_start())
        .replace('\n', "\r\n")
        .into_bytes()
}

/// A field that says this is left out, and not filled in either.
const NONE: &str = "Message-ID: -none-";

pub(super) fn entry_of(raw: Vec<u8>, case: &Case, office: &Office) -> Entry {
    let fetched = Arc::new(Fetched {
        uid: 3,
        raw,
        truncated: false,
    });
    let read = read(&fetched, rules(), office);
    let mail = MailRef {
        mailbox: "support".to_owned(),
        uid_validity: 1,
        uid: 3,
    };
    let times = Times {
        received: RECEIVED,
        now: NOW,
        date: NOW,
    };
    entry(mail, &read, case, rules(), office, times)
}

pub(super) fn fresh() -> Case {
    Case {
        fresh: 1,
        ..Case::default()
    }
}

pub(super) fn sent(entry: &Entry, purpose: Purpose) -> Vec<Sent> {
    let of = entry.outgoing.iter().filter(|o| o.purpose == purpose);
    of.map(Sent::of).collect()
}

/// Runs rows; each failure is told with its rule and mail.
fn run(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (rule, fields, wants) in rows {
        let entry = entry_of(whole(fields), &fresh(), &desk());
        let replies = sent(&entry, Purpose::Reply);
        let forwarded = !sent(&entry, Purpose::Forward).is_empty();
        let right = match wants {
            Answered => replies.len() == 1,
            Silent => replies.is_empty() && forwarded,
            Recorded => entry.outgoing.is_empty(),
            NoReply => replies.is_empty(),
            Reply(check) => {
                assert_eq!(replies.len(), 1, "R{rule}: {fields}");
                check(&replies[0]);
                true
            }
        };
        if !right {
            let why: Vec<&str> = entry.plan.because.iter().map(|b| &*b.rule).collect();
            wrong.push(format!(
                "R{rule}: {fields:?} gave {} replies, forwarded: {forwarded}, because of {why:?}",
                replies.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// May we answer?
const WHETHER: &[Row] = &[
    (1, "Auto-Submitted: auto-replied", Recorded),
    (1, "Auto-Submitted:\n AUTO-Replied (on holiday)", Recorded),
    (1, "Auto-Submitted: (a (b) c) auto-notified; x=y", Recorded),
    (
        1,
        "Auto-Submitted: no\nAuto-Submitted: auto-generated",
        Recorded,
    ),
    (1, "Auto-Submitted: vacation", Recorded),
    (2, "Auto-Submitted: no", Answered),
    (2, "Auto-Submitted: No (typed by hand)", Answered),
    (3, "Return-Path: <>", Recorded),
    (3, "Return-Path: < >", NoReply),
    (4, "To: somebody@else.example", Silent),
    (4, "To: undisclosed-recipients:;", Silent),
    (
        4,
        "To: a@else.example\nCc: Support+x@credly.example",
        Answered,
    ),
    (
        4,
        "To: a@else.example\nResent-To: support@credly.example",
        Answered,
    ),
    (5, "List-Id: Talk <talk.lists.example>", NoReply),
    (5, "List-Help: <mailto:help@lists.example>", NoReply),
    (5, "List-Subscribe: <mailto:on@lists.example>", NoReply),
    (5, "List-Unsubscribe: <mailto:off@lists.example>", Silent),
    (
        5,
        "List-Unsubscribe: <mailto:off@crm.example>\nFeedback-ID: 1:2:crm",
        Silent,
    ),
    (
        5,
        "List-Unsubscribe: <mailto:off@lists.example>\nTo: all@lists.example",
        Recorded,
    ),
    (5, "List-Post: NO", NoReply),
    (5, "List-Owner: <mailto:owner@lists.example>", NoReply),
    (5, "List-Archive: <https://lists.example/talk>", NoReply),
    (6, "From: MAILER-DAEMON@mx.example", Recorded),
    (6, "From: listserv@lists.example", Recorded),
    (6, "From: Majordomo@lists.example", Recorded),
    (6, "From: owner-talk@lists.example", Recorded),
    (6, "From: talk-request@lists.example", Silent),
    (6, "From: Do Not Reply <no-reply@shop.example>", Recorded),
    (6, "From: support@credly.example", Recorded),
    (6, "From: ana@agents.example", NoReply),
    (7, "From: postmaster@school.example", Answered),
    (7, "From: info@school.example", Answered),
    (7, "From: webmaster@school.example", Answered),
    (8, "Precedence: bulk", Silent),
    (8, "Precedence: JUNK", Silent),
    (8, "Precedence: list", Silent),
    (8, "Precedence: auto_reply", Recorded),
    (8, "Precedence: normal", Answered),
    (8, "Precedence: first-class", Answered),
    (8, "Precedence: high", Answered),
    (9, "X-Auto-Response-Suppress: All", Silent),
    (9, "X-Auto-Response-Suppress: DR, OOF, AutoReply", Silent),
    (9, "X-Auto-Response-Suppress: rn,AUTOREPLY", Silent),
    (9, "X-Auto-Response-Suppress: None", Answered),
    (9, "X-Auto-Response-Suppress: RN, NRN", Answered),
    (
        14,
        // Held for an operator.
        "From: \u{0}\nTo: \u{0}\nSubject: \u{0}\n\n\u{0}\u{1}",
        Recorded,
    ),
    (
        17,
        "Content-Type: multipart/report; report-type=delivery-status",
        Recorded,
    ),
    (
        17,
        "Content-Type: multipart/report; report-type=disposition-notification",
        Recorded,
    ),
    (
        17,
        "Content-Type: Multipart/Report; report-type=\"feedback-report\"",
        Recorded,
    ),
    (17, "Content-Type: multipart/report", Recorded),
    (18, "From: maria@home.example, jo@home.example", Silent),
    (
        18,
        "From: maria@home.example\nFrom: jo@home.example",
        Silent,
    ),
    (18, "From: Maria", Silent),
    (18, "From: <>", Silent),
    (19, "Reply-To: victim@bank.example", Silent),
    (19, "Reply-To: Maria <maria@mail.home.example>", Answered),
    (
        43,
        "Disposition-Notification-To: maria@home.example",
        Answered,
    ),
    (43, "Return-Receipt-To: maria@home.example", Answered),
    (
        44,
        "Subject: Read: Two accounts\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: text/plain\n\nYour message was displayed.\n--b\nContent-Type: message/disposition-notification\n\nDisposition: manual-action/MDN-sent-manually; displayed\n--b--",
        Recorded,
    ),
    (
        44,
        "Subject: Gelesen: Konten\n\nIhre Nachricht wurde gelesen.",
        NoReply,
    ),
    (
        46,
        "lIST-iD:\n \"A list, of sorts\"\n <sorts.lists.example>",
        NoReply,
    ),
    (
        47,
        "List-Unsubscribe: <https://lists.example/off?me>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click",
        Silent,
    ),
    (51, "Message-ID: -none-", Answered),
    (
        53,
        "From: =?utf-8?q?M=C3=A1ria_=22x=22?= (at home) <maria@home.example>\nTo: Friends: support@credly.example;",
        Answered,
    ),
    (
        53,
        "From: \"Stone, Maria\" <maria@home.example>\nCc: Nobody:;",
        Answered,
    ),
    (
        55,
        "Authentication-Results: mx.else.example; dmarc=fail header.from=home.example",
        Answered,
    ),
    (
        55,
        "Authentication-Results: mx.else.example; none\nAuthentication-Results: mx.credly.example; dmarc=fail",
        Answered,
    ),
    (
        56,
        "Authentication-Results: mx.credly.example 1; x-new/2=odd (a(b)c) p.q=r; dmarc (of home) = fail (p=reject)",
        NoReply,
    ),
    (
        57,
        "Authentication-Results: mx.credly.example; dmarc=pass header.from=home.example",
        Answered,
    ),
    (
        57,
        "From: ana@agents.example\nAuthentication-Results: mx.credly.example; dmarc=pass header.from=agents.example",
        NoReply,
    ),
    (
        58,
        "Authentication-Results: mx.credly.example; dmarc=fail header.from=home.example",
        Silent,
    ),
    (
        59,
        "Authentication-Results: mx.credly.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=evil.example; dmarc=fail header.from=home.example",
        Silent,
    ),
];

/// Where to, and how.
const HOW: &[Row] = &[
    (
        15,
        "",
        Reply(|sent| assert!(sent.out.bytes.len() < 8 * 1024, "{}", sent.text)),
    ),
    (
        20,
        "Cc: boss@home.example, friend@else.example",
        Reply(|sent| {
            assert_eq!(sent.out.to.as_str(), "maria@home.example");
            assert!(sent.all("Cc").is_empty() && sent.all("Bcc").is_empty());
            assert!(!sent.text.contains("boss@") && !sent.text.contains("friend@"));
        }),
    ),
    (
        21,
        "",
        Reply(|sent| assert_eq!(sent.out.envelope_from, None)),
    ),
    // NOTIFY=NEVER goes with the null sender, wherever DSN is offered: the wire's own tests show it.
    (
        22,
        "",
        Reply(|sent| assert_eq!(sent.out.envelope_from, None)),
    ),
    (
        23,
        "",
        Reply(|sent| {
            assert!(sent.one("From").ends_with("<support@credly.example>"));
            assert!(sent.one("Reply-To").starts_with("support+"));
            assert!(sent.one("Reply-To").ends_with("@credly.example"));
        }),
    ),
    (
        24,
        "From: \"Get rich at evil.example\" <maria@home.example>",
        Reply(|sent| {
            assert_eq!(sent.one("To"), "maria@home.example");
            assert!(!sent.text.contains("Get rich"));
        }),
    ),
    (
        25,
        "",
        Reply(|sent| assert_eq!(sent.one("Date"), "Fri, 15 Jan 2027 08:00:00 +0000")),
    ),
    (
        26,
        "Subject: Two accounts",
        Reply(|sent| {
            let subject = sent.one("Subject");
            assert!(
                subject.contains("Two accounts") && subject.is_ascii(),
                "{subject}"
            );
            assert!(!subject.contains("=?"), "no need to encode: {subject}");
        }),
    ),
    (
        26,
        "Subject:",
        Reply(|sent| assert!(!sent.one("Subject").is_empty())),
    ),
    (
        27,
        "References: <r1@home.example> <r2@home.example>",
        Reply(|sent| {
            assert_eq!(sent.one("In-Reply-To"), "<a@home.example>");
            let refs = sent.one("References");
            assert_eq!(refs, "<r1@home.example> <r2@home.example> <a@home.example>");
        }),
    ),
    (
        27,
        "Message-ID: -none-",
        Reply(|sent| {
            assert!(sent.all("In-Reply-To").is_empty() && sent.all("References").is_empty());
        }),
    ),
    (
        28,
        "",
        Reply(|sent| assert_eq!(sent.one("Auto-Submitted"), "auto-replied")),
    ),
    (
        29,
        "",
        Reply(|sent| {
            assert_eq!(sent.one(LOOP_HEADER), desk().key.loop_token());
        }),
    ),
    (
        30,
        "",
        Reply(|sent| assert_eq!(sent.one("X-Auto-Response-Suppress"), "All")),
    ),
    (
        31,
        "",
        Reply(|sent| {
            let (text, html) = (sent.text.find("text/plain"), sent.text.find("text/html"));
            assert!(text.is_some() && html.is_none_or(|at| Some(at) > text));
            let told = parse(&sent.out.bytes).body.full.to_lowercase();
            assert!(told.contains("automatic"), "{told}");
            assert!(
                told.lines().count() < 60 && !told.contains("two addresses"),
                "{told}"
            );
        }),
    ),
    (
        32,
        "",
        Reply(|sent| {
            for name in [
                "From",
                "To",
                "Date",
                "Message-ID",
                "Subject",
                "MIME-Version",
            ] {
                sent.one(name);
            }
        }),
    ),
    (
        33,
        "",
        Reply(|sent| {
            let again = entry_of(whole(""), &fresh(), &desk());
            let again = &super::rules::sent(&again, Purpose::Reply)[0];
            assert_eq!(sent.one("Message-ID"), again.one("Message-ID"));
            assert!(sent.one("Message-ID").ends_with("@credly.example>"));
            let other = entry_of(
                whole("\n\nMerge my three accounts, please."),
                &fresh(),
                &desk(),
            );
            let other = super::rules::sent(&other, Purpose::Reply);
            assert!(
                other
                    .iter()
                    .all(|o| o.one("Message-ID") != sent.one("Message-ID"))
            );
        }),
    ),
    (
        34,
        "Subject: =?utf-8?q?=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9=C3=A9?=",
        Reply(|sent| {
            assert!(sent.text.split("\r\n").all(|l| l.len() <= 998));
            // What cannot be folded, an id or an address, stands alone on its line.
            let fits = |l: &str| l.len() <= 78 || l.trim().split(' ').count() <= 2;
            assert!(sent.header.split("\r\n").all(fits), "{}", sent.header);
            assert!(!sent.text.replace("\r\n", "").contains(['\r', '\n']));
        }),
    ),
    (
        35,
        "Subject: =?utf-8?q?Two=0D=0ABcc:_victim@bank.example=00?=",
        Reply(|sent| {
            assert!(sent.all("Bcc").is_empty() && !sent.header.contains('\0'));
            assert!(sent.header.split("\r\n").all(|l| !l.starts_with("Bcc")));
        }),
    ),
    (
        36,
        "From: maria@home.example (Maria)\nDate: 23 Nov 26 09:00 EST\nSubject : Two accounts",
        Reply(|sent| {
            assert_eq!(sent.one("To"), "maria@home.example");
            assert!(
                sent.header.lines().all(|l| !l.contains(" :")) && !sent.one("Date").contains("EST")
            );
        }),
    ),
    (
        37,
        "Subject: =?utf-8?b?w6TDtsO8IPCfmYI=?=",
        Reply(|sent| {
            assert!(sent.header.is_ascii() && sent.one("Subject").contains("=?"));
        }),
    ),
    (
        43,
        "Disposition-Notification-To: maria@home.example",
        Reply(|sent| {
            assert!(!sent.text.contains("disposition-notification"));
        }),
    ),
    (
        45,
        "",
        Reply(|sent| {
            for name in [
                "Disposition-Notification-To",
                "Return-Receipt-To",
                "Errors-To",
            ] {
                assert!(sent.all(name).is_empty());
            }
        }),
    ),
    (
        48,
        "",
        Reply(|sent| assert!(!sent.header.to_lowercase().contains("\r\nlist-"))),
    ),
    (
        54,
        "Resent-From: jo@else.example\nResent-To: support@credly.example\nResent-Reply-To: evil@else.example",
        Reply(|sent| {
            assert_eq!(sent.out.to.as_str(), "maria@home.example");
        }),
    ),
];

#[test]
fn who_may_be_answered_is_and_who_may_not_is_not() {
    run(WHETHER);
}

#[test]
fn a_reply_is_as_the_rules_of_mail_want_it() {
    run(HOW);
}

#[test]
fn every_rule_has_its_row() {
    let mut rules: Vec<u8> = WHETHER.iter().chain(HOW).map(|(rule, ..)| *rule).collect();
    rules.extend(super::stories::STORIES.iter().map(|(rule, _)| *rule));
    let missing: Vec<u8> = (1..=59).filter(|rule| !rules.contains(rule)).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
}
