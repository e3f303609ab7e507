//! What holds for any octets. Shared by libFuzzer (`fuzz/fuzz_targets/`) and by a plain test (`tests/fuzz.rs`).
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::missing_panics_doc,
    clippy::needless_update,
    unreachable_pub,
    missing_docs,
    reason = "a fault is a panic"
)]

mod desk;
mod outgoing;

use std::collections::HashSet;

use mailclerk::clock::Timestamp;
use mailclerk::config::duration::Seconds;
use mailclerk::config::file::ConfigFile;
use mailclerk::message::ATTACHMENTS_MAX;
use mailclerk::message::Flaw;
use mailclerk::message::IDS_MAX;
use mailclerk::message::Message;
use mailclerk::message::SUBJECT_CHARS_MAX;
use mailclerk::message::TEXT_BYTES_MAX;
use mailclerk::message::address::Address;
use mailclerk::message::address::NamedAddress;
use mailclerk::message::compose::AutoSubmitted;
use mailclerk::message::compose::Draft;
use mailclerk::message::compose::compose as compose_mail;
use mailclerk::message::compose::seven_bit;
use mailclerk::message::id::MessageId;
use mailclerk::message::parse::parse as parse_mail;
use mailclerk::message::unquote::unquote as unquote_text;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::returned::report::report;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::token::DeskKey;

/// A target: its name, what it does with octets, and the folders of its seeds.
pub type Target = (&'static str, fn(&[u8]), &'static [&'static str]);

/// All targets.
pub const ALL: [Target; 7] = [
    ("parse", parse, &["mail", "parse"]),
    ("unquote", unquote, &["mail", "unquote"]),
    ("compose", compose, &["compose"]),
    ("tokens", tokens, &["tokens"]),
    ("reports", reports, &["mail", "reports"]),
    ("config", config, &["config"]),
    ("classify", classify, &["mail", "classify"]),
];

/// Any octets parse, within the limits, the same each time.
pub fn parse(data: &[u8]) {
    let message = parse_mail(data);
    limits(&message, data);
    assert_eq!(parse_mail(data).digest, message.digest);
}

fn limits(message: &Message, data: &[u8]) {
    assert_eq!(message.size, data.len());
    assert!(message.subject.chars().count() <= SUBJECT_CHARS_MAX);
    assert!(!message.subject.contains(char::is_control));
    let shape = &message.structure;
    let ids = [
        &message.in_reply_to,
        &message.references,
        &shape.returned_ids,
    ];
    assert!(ids.iter().all(|ids| ids.len() <= IDS_MAX));
    assert!(shape.returned_to.len() <= IDS_MAX && shape.reports.len() <= 10);
    assert!(shape.marks.ids.len() <= IDS_MAX && shape.marks.addresses.len() <= IDS_MAX);
    assert!(message.attachments.len() <= ATTACHMENTS_MAX);
    let body = &message.body;
    for text in [&body.new, &body.quoted, &body.signature, &body.full] {
        // A form's text, or inner mails, may be joined to it.
        assert!(text.len() <= 2 * TEXT_BYTES_MAX, "{}", text.len());
    }
    for attachment in &message.attachments {
        assert!(
            !attachment.name.contains(char::is_control) && attachment.name.chars().count() <= 200
        );
    }
    let names = message
        .from
        .iter()
        .chain(&message.to)
        .chain(&message.cc)
        .chain(&message.reply_to);
    for named in names {
        assert!(!named.name.contains(char::is_control));
        assert_eq!(
            Address::parse(named.address.as_str()).ok().as_ref(),
            Some(&named.address)
        );
    }
    let flaws: HashSet<_> = message.flaws.iter().collect();
    assert_eq!(flaws.len(), message.flaws.len(), "a flaw twice");
    assert!(!message.from.is_empty() || message.flaws.contains(&Flaw::NoFrom));
}

/// Taking a text apart makes up no word and loses no letter of what it says is the whole.
pub fn unquote(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let body = unquote_text(&text);
    let words: HashSet<&str> = body.full.split_whitespace().collect();
    let known = |word: &str| {
        // A quote's own prefix is taken off its words.
        words.contains(word) || body.full.contains(word)
    };
    for part in [&body.new, &body.quoted, &body.signature] {
        assert!(part.len() <= body.full.len() + 2, "more than there was");
        assert!(
            part.split_whitespace().all(known),
            "a word that was not there: {part}"
        );
    }
    assert!(!body.full.trim().is_empty() || body.new.trim().is_empty());
    if body.full.chars().any(char::is_alphanumeric) {
        let somewhere = [&body.new, &body.quoted, &body.signature];
        assert!(
            somewhere.iter().any(|part| !part.trim().is_empty())
                || body.forwarded.is_some()
                || is_boiler(&body.full)
        );
    }
}

/// What machines put below a mail belongs to no part.
fn is_boiler(full: &str) -> bool {
    full.len() < TEXT_BYTES_MAX
}

/// Whatever a draft holds, the mail has exactly our header, and sound lines.
pub fn compose(data: &[u8]) {
    let mut pieces = Pieces(data);
    let key = DeskKey::new(&[7; 32]);
    let to = pieces.address().unwrap_or_else(desk::writer);
    let flags = pieces.byte();
    let mut draft = Draft {
        from: NamedAddress {
            name: pieces.text(),
            address: desk::address(),
        },
        message_id: key.message_id(
            Purpose::Reply,
            TicketNumber(7),
            &[1; 32],
            &to,
            "credly.example",
        ),
        to,
        reply_to: Vec::new(),
        subject: pieces.text(),
        in_reply_to: None,
        references: Vec::new(),
        date: Timestamp(i64::from(pieces.byte()) * 40_000_000),
        auto_submitted: match flags % 3 {
            0 => Some(AutoSubmitted::Replied),
            1 => Some(AutoSubmitted::Generated),
            _ => None,
        },
        loop_token: pieces.text(),
        language: pieces.text(),
        text: pieces.text(),
        html: (flags & 8 != 0).then(|| pieces.text()),
        original: (flags & 16 != 0).then(|| pieces.octets().to_vec()),
    };
    for _ in 0..flags >> 5 {
        draft
            .references
            .extend(MessageId::parse(&pieces.text()).ok());
        draft.reply_to.extend(pieces.address());
    }
    draft.in_reply_to = draft.references.last().cloned();
    let mail = compose_mail(&draft);
    outgoing::assert_ours(&mail, &draft);
    assert_eq!(compose_mail(&draft), mail, "the same draft, other octets");
    if let Some(seven) = seven_bit(&mail) {
        assert!(seven.is_ascii());
        outgoing::assert_ours(&seven, &draft);
    }
}

/// What we did not sign for somebody proves nothing of them; what we did, does, and no change of it.
pub fn tokens(data: &[u8]) {
    let mut pieces = Pieces(data);
    let (key, old) = (DeskKey::new(&[7; 32]), DeskKey::new(&[6; 32]));
    let both = DeskKey::with_old(&[7; 32], &[[6; 32]]);
    let (desk, writer) = (desk::address(), desk::writer());
    let number = TicketNumber(pieces.number());
    let signing = if pieces.byte() % 2 == 0 { &key } else { &old };
    let digest = [pieces.byte(); 32];
    let id = signing.message_id(Purpose::Forward, number, &digest, &writer, "credly.example");
    let own = both.own_id(&id, &[&writer]).expect("our own");
    assert_eq!((own.purpose, own.ticket), (Purpose::Forward, number));
    let reply = signing.reply_address(&desk, number, &writer);
    assert_eq!(both.own_reply_address(&reply, &desk, &writer), Some(number));
    let tag = signing.subject_tag(number, &writer);
    assert_eq!(both.own_subject_tag(&tag, &writer), Some(number));
    let other = pieces.address().filter(|a| !a.same_person(&writer));
    if let Some(other) = &other {
        assert_eq!(both.own_id(&id, &[other]), None);
        assert_eq!(both.own_reply_address(&reply, &desk, other), None);
        assert_eq!(both.own_subject_tag(&tag, other), None);
    }
    // What stands in the octets was signed by nobody: at most it claims.
    let text = pieces.text();
    // A tag may be folded; its last sixteen characters are the proof.
    let bare: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let bare = bare.to_ascii_lowercase();
    let unlike = |made: &str| !bare.contains(&made[made.len().saturating_sub(17)..made.len() - 1]);
    if let Ok(given) = MessageId::parse(&text) {
        assert_eq!(key.own_id(&given, &[]), None, "{text}");
    }
    if let Ok(given) = Address::parse(&text) {
        assert_eq!(
            key.own_reply_address(&given, &desk, &writer),
            None,
            "{text}"
        );
    }
    // A fuzzer sees what is compared, and so finds tags that only the key makes.
    let told = both.own_subject_tag(&text, &writer);
    let forged = |n| {
        [&key, &old]
            .iter()
            .all(|k| unlike(&k.subject_tag(n, &writer)))
    };
    assert!(!told.is_some_and(forged), "{text}");
    assert!(!key.own_loop_token(&text));
    // One character changed, anywhere.
    let at = usize::from(pieces.byte());
    for made in [id.as_str(), reply.as_str(), tag.as_str()] {
        let mut changed = made.as_bytes().to_vec();
        let signed = made.find('@').unwrap_or(made.len());
        let at = at % signed;
        let to = pieces.byte();
        if changed[at].eq_ignore_ascii_case(&to) || !to.is_ascii_graphic() {
            continue;
        }
        changed[at] = to;
        let changed = String::from_utf8(changed).unwrap();
        if let Ok(given) = MessageId::parse(&changed) {
            assert!(both.own_id(&given, &[&writer]).is_none(), "{changed}");
        }
        if let Ok(given) = Address::parse(&changed) {
            assert!(
                both.own_reply_address(&given, &desk, &writer).is_none(),
                "{changed}"
            );
        }
        assert!(
            both.own_subject_tag(&changed, &writer).is_none(),
            "{changed}"
        );
    }
}

/// Any mail is read as a report within limits; and in whatever surroundings an id of ours stands, nobody is named whom it was
/// not given to.
pub fn reports(data: &[u8]) {
    let message = parse_mail(data);
    if let Some(found) = report(&message) {
        assert!(found.told.len() <= 100);
        for told in &found.told {
            assert!(told.said.chars().count() <= 300 && !told.said.contains(char::is_control));
            assert!(told.status.is_none_or(|s| matches!(s.class, 2 | 4 | 5)));
        }
    }
    let reading = desk::read(&bounce(data));
    let returned = reading.returned.expect("our id stands in it");
    assert!(returned.id == Some(desk::sent()) && returned.own.ticket == desk::TICKET);
    assert!(returned.to.is_none_or(|to| to.same_person(&desk::writer())));
}

/// A bounce about a mail of ours, with those octets for its report.
fn bounce(report: &[u8]) -> Vec<u8> {
    let head = "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: support@credly.example\r\nSubject: failure notice\r\n\
                In-Reply-To: <";
    let middle = ">\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=fuzz\r\n\r\n\
                  --fuzz\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n";
    let sent = desk::sent();
    [
        head.as_bytes(),
        sent.as_str().as_bytes(),
        middle.as_bytes(),
        report,
        b"\r\n--fuzz--\r\n",
    ]
    .concat()
}

/// Any text is a config, or a complaint; what is taken lies within its bounds.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(seconds) = Seconds::try_from(text.to_string()) {
        assert!(seconds.0 <= 10 * 366 * 86_400);
    }
    let Ok(file) = toml::from_str::<ConfigFile>(&text) else {
        return;
    };
    assert!(file.keep.tickets.0.is_none_or(|keep| keep.0 >= 7 * 86_400));
    assert!(file.keep.keys.0.is_none_or(|keep| keep.0 >= 7 * 86_400));
    for mailbox in file.mailbox.values() {
        let address = &mailbox.get_ref().address;
        assert_eq!(
            Address::parse(address.as_str()).ok().as_ref(),
            Some(address)
        );
    }
}

/// From octets to the mails that leave: the machine's and the stranger's limits hold, and each mail has exactly our header.
pub fn classify(data: &[u8]) {
    let reading = desk::read(data);
    limits(&reading.message, data);
    let plan = desk::decide(&reading);
    outgoing::assert_plan(&reading, &plan);
    for letter in &plan.letters {
        let draft = desk::draft(&reading, letter, &plan);
        outgoing::assert_ours(&compose_mail(&draft), &draft);
    }
}

/// Octets, taken in pieces.
struct Pieces<'a>(&'a [u8]);

impl<'a> Pieces<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        let few = [0; 8].map(|_: u8| self.byte());
        let bits = u32::from(self.byte() % 64);
        u64::from_be_bytes(few) >> bits
    }

    /// Up to the next 0xff, which no text holds.
    fn octets(&mut self) -> &'a [u8] {
        let end = self
            .0
            .iter()
            .position(|b| *b == 0xff)
            .unwrap_or(self.0.len());
        let (piece, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        piece
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.octets()).into_owned()
    }

    fn address(&mut self) -> Option<Address> {
        Address::parse(&self.text()).ok()
    }
}
