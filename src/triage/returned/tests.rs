//! Reports of many makers, each about a mail of ours: tied to it, understood, and of no force where nothing is proved.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::*;
use crate::message::parse::parse;
use crate::triage::Keeping;
use crate::triage::Queue;
use crate::triage::screen::Surroundings;
use crate::triage::screen::support::address;
use crate::triage::token::DeskKey;

const MARIA: &str = "maria@home.example";
const ANA: &str = "ana@agents.example";
const TICKET: TicketNumber = TicketNumber(1042);

fn office() -> Office {
    let key = DeskKey::new(&[5; 32]);
    Office {
        mailbox: "support".to_owned(),
        address: address("support@desk.example"),
        queues: vec![Queue {
            name: "triage".to_owned(),
            agents: vec![address(ANA)],
        }],
        surroundings: Surroundings {
            own: vec![address("support@desk.example")],
            agents: vec![address(ANA)],
            loop_token: key.loop_token(),
            ..Surroundings::default()
        },
        key,
        keeping: Keeping::default(),
        roster: std::sync::Arc::default(),
        relay: crate::triage::relay::RelayRules::default(),
    }
}

fn id_for(to: &str) -> MessageId {
    let purpose = if to == ANA {
        Purpose::Forward
    } else {
        Purpose::Reply
    };
    let (key, to) = (office().key, address(to));
    key.message_id(purpose, TICKET, &[1; 32], &to, "desk.example")
}

/// A mail about one of ours: `{ID}` is the id of our mail to Maria, `{TAG}` its subject tag, `{ADDRESS}` its reply address.
fn mail(raw: &str) -> Message {
    let (office, maria) = (office(), address(MARIA));
    let reply = office.key.reply_address(&office.address, TICKET, &maria);
    let raw = raw
        .replace("{ID}", id_for(MARIA).as_str())
        .replace("{TAG}", &office.key.subject_tag(TICKET, &maria))
        .replace("{ADDRESS}", reply.as_str())
        .replace('\n', "\r\n");
    parse(raw.as_bytes())
}

fn read(raw: &str) -> Option<Returned> {
    returned(&mail(raw), &office())
}

fn dsn(recipients: &str, returned: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: support@desk.example\nSubject: Undelivered Mail Returned to Sender\n\
         MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nThis is the mail system.\n\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example\n\n{recipients}\n--b\n{returned}\n--b--\n"
    )
}

/// The header of our mail to Maria, as a mail system returns it.
const HEADER: &str = "Content-Type: text/rfc822-headers\n\nFrom: support@desk.example\nTo: maria@home.example\nMessage-ID: <{ID}>\n";

/// Who, what, why: as a test states it.
fn told(raw: &str) -> (Option<String>, Fate, Option<String>) {
    let found = read(raw).unwrap_or_else(|| panic!("not tied: {raw}"));
    assert_eq!(found.own.ticket, TICKET, "{raw}");
    assert!(found.said.chars().count() <= 300 && !found.said.contains('\n'));
    (
        found.to.map(|to| to.identity()),
        found.fate,
        found.status.map(|s| s.to_string()),
    )
}

fn maria(fate: Fate, status: Option<&str>) -> (Option<String>, Fate, Option<String>) {
    (Some(MARIA.to_owned()), fate, status.map(str::to_owned))
}

#[test]
fn a_report_in_fields_tells_whom_it_is_about_and_why() {
    for (fields, fate, status) in [
        (
            "Final-Recipient: rfc822; maria@home.example\nAction: failed\nStatus: 5.1.1\n",
            Fate::Failed,
            Some("5.1.1"),
        ),
        (
            "Original-Recipient: rfc822;maria@home.example\nFinal-Recipient: rfc822; m.lopez@inner.example\nAction: failed\nStatus: 5.2.2 (full)\n",
            Fate::Failed,
            Some("5.2.2"),
        ),
        (
            "Final-Recipient: RFC822; <Maria@home.example>\nAction: Failed\nStatus: 4.4.7\n",
            Fate::Failed,
            Some("4.4.7"),
        ),
        (
            "Final-Recipient: rfc822; maria@home.example\nAction: delayed\nStatus: 4.4.1\nWill-Retry-Until: tomorrow\n",
            Fate::Underway,
            Some("4.4.1"),
        ),
        (
            "Final-Recipient: rfc822; maria@home.example\nAction: relayed (to a system without DSN)\nStatus: 2.0.0\n",
            Fate::Underway,
            Some("2.0.0"),
        ),
        (
            "Final-Recipient: rfc822; maria@home.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550-5.1.1 no such\n user\n",
            Fate::Failed,
            Some("5.1.1"),
        ),
        (
            "Final-Recipient: rfc822; maria@home.example\nAction: failed\nDiagnostic-Code: smtp; 552 mailbox full\n",
            Fate::Failed,
            Some("5.0.0"),
        ),
        (
            "Final-Recipient: rfc822; maria@home.example\nAction: error\nStatus: 5.7.1\n",
            Fate::Failed,
            Some("5.7.1"),
        ),
        (
            "Final-Recipient: utf-8; m\\x{61}ria@home.example\nAction: failed\nStatus: 5.1.1\n",
            Fate::Failed,
            Some("5.1.1"),
        ),
        (
            "Final-Recipient: rfc822; maria+2Bbadge@home.example\nAction: failed\nStatus: 5.1.1\n",
            Fate::Failed,
            Some("5.1.1"),
        ),
    ] {
        assert_eq!(told(&dsn(fields, HEADER)), maria(fate, status), "{fields}");
    }
}

#[test]
fn of_several_recipients_the_one_that_we_wrote_to_counts() {
    let fields = "Final-Recipient: rfc822; otto@home.example\nAction: failed\nStatus: 5.1.1\n\n\
                  Final-Recipient: rfc822; maria@home.example\nAction: delayed\nStatus: 4.2.2\n";
    assert_eq!(
        told(&dsn(fields, HEADER)),
        maria(Fate::Underway, Some("4.2.2"))
    );
    // She is a list: one of its readers got it.
    let fields = "Original-Recipient: rfc822; maria@home.example\nFinal-Recipient: rfc822; a@home.example\nAction: failed\nStatus: 5.1.1\n\n\
                  Original-Recipient: rfc822; maria@home.example\nFinal-Recipient: rfc822; b@home.example\nAction: delivered\nStatus: 2.0.0\n";
    assert_eq!(told(&dsn(fields, HEADER)).1, Fate::Underway);
    let many =
        "Final-Recipient: rfc822; x@y.example\nAction: failed\nStatus: 5.1.1\n\n".repeat(5_000);
    assert_eq!(told(&dsn(&many, HEADER)).1, Fate::Failed);
}

#[test]
fn our_mail_is_known_wherever_its_id_hides() {
    let failed = "Final-Recipient: rfc822; maria@home.example\nAction: failed\nStatus: 5.1.1\n";
    let encoded = data_encoding::BASE64
        .encode(format!("Message-ID: <{}>\nTo: {MARIA}\n", id_for(MARIA).as_str()).as_bytes());
    for part in [
        HEADER.to_owned(),
        "Content-Type: message/rfc822\n\nTo: maria@home.example\nMESSAGE-ID:\n <{ID}>\nSubject: x\n\nHello\n".to_owned(),
        "Content-Type: message/global-headers\n\nMessage-ID: {ID}\n".to_owned(),
        "Content-Type: text/plain; name=headers.txt\nContent-Disposition: attachment; filename=headers.txt\n\nMessage-ID: <{ID}>\n".to_owned(),
        format!("Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n{encoded}\n"),
        "Content-Type: text/html\n\n<pre>Message-ID: &lt;{ID}&gt;</pre>\n".to_owned(),
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nMessage-ID:=20<{ID}>=\n\n".to_owned(),
        "Content-Type: message/rfc822\n\nSubject: x\nReferences: <a@b.example> <{ID}>\n\nHello\n".to_owned(),
        // Nothing of it returned but the address that it came from, or its subject.
        "Content-Type: text/rfc822-headers\n\nReply-To: {ADDRESS}\nSubject: x\n".to_owned(),
        "Content-Type: text/rfc822-headers\n\nSubject: Your badge\nReturn-Path: <{ADDRESS}>\n".to_owned(),
    ] {
        assert_eq!(told(&dsn(failed, &part)), maria(Fate::Failed, Some("5.1.1")), "{part}");
    }
    for header in [
        "In-Reply-To: <{ID}>",
        "References: <x@y.example> <{ID}>",
        "Delivered-To: {ADDRESS}",
        "Subject: Undeliverable: Badge {TAG}",
    ] {
        let raw = format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: support@desk.example\n{header}\n\n<{MARIA}>: 550 5.1.1 unknown\n"
        );
        assert_eq!(told(&raw), maria(Fate::Failed, Some("5.1.1")), "{header}");
    }
}

/// Reports without fields, each in the manner of another maker: header, text, what became of it, and the status.
const SPOKEN: &[(&str, &str, Fate, Option<&str>)] = &[
    // qmail
    (
        "From: MAILER-DAEMON@q.example\nSubject: failure notice",
        "Hi. This is the qmail-send program at q.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<maria@home.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <{ADDRESS}>\nMessage-ID: <{ID}>\nTo: maria@home.example\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // qmail, late
    (
        "From: MAILER-DAEMON@q.example\nSubject: delivery delayed",
        "This message has not yet been delivered to the following address:\n<maria@home.example>:\n10.1.1.1 does not like recipient. 451 try later\n\nMessage-ID: <{ID}>\n",
        Fate::Underway,
        Some("4.0.0"),
    ),
    // Exim
    (
        "From: Mail Delivery System <Mailer-Daemon@x.example>\nX-Failed-Recipients: maria@home.example\nSubject: Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  maria@home.example\n    host mx.home.example [192.0.2.25]\n    SMTP error from remote mail server after RCPT TO:<maria@home.example>:\n    550 Requested action not taken: mailbox unavailable\n\n------ This is a copy of the message, including all the headers. ------\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // Exim, late
    (
        "From: Mail Delivery System <Mailer-Daemon@x.example>\nSubject: Warning: message 1abcde-000123-AA delayed 24 hours",
        "A message that you sent has not yet been delivered to one or more of its recipients after more than 24 hours on the queue.\nThe address to which the message has not yet been delivered is:\n  maria@home.example\n    Delay reason: 550 5.1.1 so far\nNo action is required on your part. Delivery attempts will continue for some time.\n\nMessage-ID: <{ID}>\n",
        Fate::Underway,
        Some("5.1.1"),
    ),
    // Postfix, flattened by a list manager
    (
        "From: MAILER-DAEMON@p.example (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender",
        "This is the mail system at host p.example.\n\n<maria@home.example>: host mx.home.example[192.0.2.25] said: 554 5.7.1 <maria@home.example>:\n    Recipient address rejected: Access denied (in reply to RCPT TO command)\n\nReporting-MTA: dns; p.example\nFinal-Recipient: rfc822; maria@home.example\nAction: failed\nStatus: 5.7.1\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.7.1"),
    ),
    // Sendmail
    (
        "From: Mail Delivery Subsystem <MAILER-DAEMON@s.example>\nSubject: Returned mail: see transcript for details",
        "The original message was received at Mon, 1 Jun 2026 10:00:00 GMT\nfrom localhost [127.0.0.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<maria@home.example>\n    (reason: 550 5.1.1 <maria@home.example>... User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.home.example.:\n>>> DATA\n<<< 550 5.1.1 <maria@home.example>... User unknown\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // Exchange 5.5
    (
        "From: System Administrator <postmaster@old.example>\nSubject: Undeliverable: Your badge {TAG}",
        "Your message\n\n  To:      maria@home.example\n  Subject: Your badge {TAG}\n  Sent:    Mon, 1 Jun 2026 10:00:00 +0000\n\ndid not reach the following recipient(s):\n\nmaria@home.example on Mon, 1 Jun 2026 10:00:02 +0000\n    The recipient name is not recognized\n    The MTS-ID of the original message is: c=us;a= ;p=old;l=MAIL0106011000ABCD\n    MSEXCH:IMS:Old:Site:MAIL 0 (000C05A6) Unknown Recipient\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // Exchange Online, its fields lost on the way
    (
        "From: postmaster@cloud.example\nSubject: Undeliverable: Your badge",
        "Your message to maria@home.example couldn't be delivered.\nmaria wasn't found at home.example.\nRemote Server returned '550-5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found'\n\nOriginal Message Headers\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.10"),
    ),
    // Gmail
    (
        "From: Mail Delivery Subsystem <mailer-daemon@g.example>\nSubject: Delivery Status Notification (Failure)",
        "** Address not found **\n\nYour message wasn't delivered to maria@home.example because the address couldn't be found, or is unable to receive mail.\n\nThe response was:\n\n550 5.1.1 The email account that you tried to reach does not exist.\n\n----- Original message -----\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // Yahoo
    (
        "From: MAILER-DAEMON@y.example\nSubject: Failure Notice",
        "Sorry, we were unable to deliver your message to the following address.\n\n<maria@home.example>:\n554: delivery error: dd This user doesn't have a home.example account (maria@home.example) [0]\n\n--- Below this line is a copy of the message.\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // Mail.ru
    (
        "From: mailer-daemon@corp.ru.example\nSubject: =?utf-8?B?0J3QtSDQtNC+0YHRgtCw0LLQu9C10L3Qvg==?=\nContent-Type: text/plain; charset=utf-8",
        "Это письмо создано автоматически сервером, отвечать на него не нужно.\n\nК сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:\n\nmaria@home.example\nпользователь не найден\n\n********************\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // GMX
    (
        "From: \"GMX Mailer Daemon\" <mailer-daemon@gmx.example>\nSubject: Mail delivery failed: returning message to sender\nContent-Type: text/plain; charset=utf-8",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its recipients. This is a permanent error.\n\nThe following address failed:\n\nmaria@home.example:\nSMTP error from remote server for RCPT TO command, host: mx.home.example (192.0.2.25) reason: 550 Postfach voll - mailbox full\n\n--- The header of the original message is following. ---\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.2.2"),
    ),
    // Lotus Domino
    (
        "From: Postmaster@notes.example\nSubject: DELIVERY FAILURE: User maria (maria@home.example) not listed in Domino Directory",
        "Your message\n\n  Subject: Your badge\n\nwas not delivered to:\n\n  maria@home.example\n\nbecause:\n\n  User maria (maria@home.example) not listed in Domino Directory\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // GroupWise
    (
        "From: Mailer-Daemon@gw.example\nSubject: Message status - undeliverable",
        "The message that you sent was undeliverable to the following:\n\tmaria@home.example (user not found)\n\nPossibly truncated original message follows:\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // Courier
    (
        "From: \"Courier mail server at c.example\" <@>\nReturn-Path: <>\nSubject: NOTICE: mail delivery status.",
        "This is a delivery status notification from c.example,\nrunning the Courier mail server.\n\nUNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<maria@home.example>:\n    mx.home.example [192.0.2.25]:\n<<< 550 5.2.1 Mailbox disabled.\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.2.1"),
    ),
    // MDaemon, InterScan
    (
        "From: MDaemon@m.example\nSubject: Warning: maria@home.example - User unknown!\nReturn-Path: <>",
        "maria@home.example - no such user here.\nReceived >>> 550 5.1.1 unknown user.\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // German, French, Spanish, Portuguese
    (
        "From: postmaster@d.example\nSubject: Unzustellbar: Ihre Nachricht\nContent-Type: text/plain; charset=utf-8",
        "Ihre Nachricht konnte nicht zugestellt werden an maria@home.example:\nDer Empfänger existiert nicht.\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    (
        "From: postmaster@f.example\nSubject: =?utf-8?Q?=C3=89chec_de_la_remise?=\nContent-Type: text/plain; charset=utf-8",
        "<maria@home.example>: destinataire inconnu\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    (
        "From: MAILER-DAEMON@e.example\nSubject: No se pudo entregar el mensaje\nContent-Type: text/plain; charset=utf-8",
        "<maria@home.example>:\nEl usuario no existe.\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.1.1"),
    ),
    // A full mailbox, and one that says nothing
    (
        "From: MAILER-DAEMON@z.example\nSubject: failure notice",
        "<maria@home.example>: The user's mailfolder is full.\n\nMessage-ID: <{ID}>\n",
        Fate::Failed,
        Some("5.2.2"),
    ),
    (
        "From: MAILER-DAEMON@z.example\nSubject: failure notice",
        "<maria@home.example>: something went wrong.\n\nMessage-ID: <{ID}>\n",
        Fate::Underway,
        None,
    ),
    (
        "From: MAILER-DAEMON@z.example\nSubject: Undeliverable Mail",
        "Cannot send message within 4 days: connection timed out\nmaria@home.example\n\nMessage-ID: <{ID}>\n",
        Fate::Underway,
        Some("4.4.1"),
    ),
];

#[test]
fn a_report_in_words_tells_whom_it_is_about_and_why_in_the_manner_of_many_makers() {
    for (header, text, fate, status) in SPOKEN {
        let raw = format!("{header}\nTo: support@desk.example\n\n{text}");
        assert_eq!(told(&raw), maria(*fate, *status), "{raw}");
        // By Message-ID, whatever the words.
        let mute = mail(&raw.replace(MARIA, "somebody"));
        let found = returned(&mute, &office());
        assert!(
            found.is_none_or(|r| r.to.is_none()),
            "nobody is named: {raw}"
        );
    }
}

#[test]
fn a_receipt_and_a_complaint_are_no_failures() {
    let receipt = "From: maria@home.example\nTo: support@desk.example\nSubject: Read: your badge\n\
        Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n\
        --b\nContent-Type: text/plain\n\nWas read.\n\n--b\nContent-Type: message/disposition-notification\n\n\
        Final-Recipient: rfc822; maria@home.example\nOriginal-Message-ID: <{ID}>\nDisposition: manual-action/MDN-sent-manually; deleted\n\n--b--\n";
    assert_eq!(told(receipt), maria(Fate::Arrived, None));
    let complaint = |sort: &str, named: &str| {
        format!(
            "From: fbl@provider.example\nTo: support@desk.example\nSubject: FW: your badge\n\
             Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
             --b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n--b\nContent-Type: message/feedback-report\n\n\
             Feedback-Type: {sort}\nUser-Agent: x/1\nVersion: 1\n{named}\n\n--b\nContent-Type: message/rfc822\n\n\
             From: support@desk.example\nTo: maria@home.example\nMessage-ID: <{{ID}}>\nSubject: x\n\nHello\n--b--\n"
        )
    };
    for named in [
        "Original-Rcpt-To: <maria@home.example>",
        "Removal-Recipient: maria@home.example",
        "Source-IP: 192.0.2.1",
    ] {
        assert_eq!(
            told(&complaint("abuse", named)),
            maria(Fate::Complained, None),
            "{named}"
        );
    }
    assert_eq!(told(&complaint("not-spam", "")).1, Fate::Arrived);
}

#[test]
fn a_report_that_proves_nothing_is_about_no_mail_of_ours() {
    let failed = "Final-Recipient: rfc822; maria@home.example\nAction: failed\nStatus: 5.1.1\n";
    let forged = HEADER.replace(
        "{ID}",
        "r.1042.aaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc@desk.example",
    );
    assert_eq!(read(&dsn(failed, &forged)), None);
    let other = HEADER.replace(
        "{ID}",
        &id_for(MARIA).as_str().replace("r.1042.", "r.1043."),
    );
    assert_eq!(read(&dsn(failed, &other)), None);
    let address = "Content-Type: text/plain\n\nsupport+1042-bbbbbbbbbbbbbbbb@desk.example [#1042 bbbbbbbbbbbbbbbb]\n";
    assert_eq!(read(&dsn(failed, address)), None);
    // Her address and her tag prove nothing of Otto.
    let ottos = failed.replace("maria", "otto");
    assert_eq!(
        read(&dsn(
            &ottos,
            "Content-Type: text/plain\n\n{ADDRESS} {TAG}\n"
        )),
        None
    );
}

#[test]
fn a_forged_report_names_nobody_but_whom_we_wrote_to() {
    let victim =
        "Final-Recipient: rfc822; victim@elsewhere.example\nAction: failed\nStatus: 5.1.1\n";
    assert_eq!(told(&dsn(victim, HEADER)).0, Some(MARIA.to_owned()));
    let mute = "Content-Type: text/plain\n\nMessage-ID: <{ID}>\n";
    assert_eq!(told(&dsn(victim, mute)).0, None, "not the victim");
}

#[test]
fn the_failure_of_a_forward_is_known_by_the_address_that_it_came_back_to() {
    let office = office();
    let back = office
        .key
        .reply_address(&office.address, TICKET, &address(ANA));
    let raw = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {back}\nSubject: failure notice\n\n<{ANA}>: 550 5.1.1 unknown\n"
    );
    let found = read(&raw).unwrap();
    assert_eq!(
        (found.own.purpose, found.id, found.fate),
        (Purpose::Forward, None, Fate::Failed)
    );
    assert_eq!(found.to, Some(address(ANA)));
}

#[test]
fn a_status_is_read_where_one_stands_and_not_out_of_other_numbers() {
    let status = |text: &str| words::status(text).map(|s| s.to_string());
    for (text, wanted) in [
        ("550 5.1.1 unknown", Some("5.1.1")),
        ("(#5.7.26)", Some("5.7.26")),
        ("550-5.1.10 no", Some("5.1.10")),
        ("5.1.1.", Some("5.1.1")),
        ("host 5.1.1.2 said 450 later", Some("4.0.0")),
        ("552 too large", Some("5.0.0")),
        ("at 15:50.", None),
        ("version 5.10", None),
        ("[192.0.2.25]", None),
        ("to 550x1 people", None),
        ("2.0.0 ok", None),
        ("", None),
    ] {
        assert_eq!(status(text), wanted.map(str::to_owned), "{text}");
    }
    for none in [
        "5.1", "5.1.1.1", "6.1.1", "5..1", "5.1.1111", "-5.1.1", "5.1.1 ",
    ] {
        assert_eq!(Status::parse(none), None, "{none}");
    }
}

#[test]
fn a_full_mailbox_or_a_policy_makes_no_address_dead() {
    let dead = |text: &str| Status::parse(text).unwrap().is_dead_address();
    for gone in ["5.1.1", "5.1.2", "5.1.10", "5.2.1", "5.1.6", "5.4.4"] {
        assert!(dead(gone), "{gone}");
    }
    for alive in [
        "5.2.2", "4.1.1", "5.7.1", "5.3.4", "5.0.0", "4.4.7", "2.1.1",
    ] {
        assert!(!dead(alive), "{alive}");
    }
}
