//! What every mail of ours is like, read without our own parser; and what every plan is like.

use mailclerk::message::compose::Draft;
use mailclerk::message::id::MessageId;
use mailclerk::triage::Reading;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::screen::Screening;

use super::desk;

/// The fields that a mail of ours may have.
const OURS: [&str; 16] = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "Precedence",
    "X-Auto-Response-Suppress",
    "X-Mailclerk-Loop",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];
/// Those that it must have.
const MUST: [&str; 8] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "X-Auto-Response-Suppress",
    "X-Mailclerk-Loop",
    "MIME-Version",
];

/// Asserts that a mail has exactly our header, that its lines are sound, and that its header says what the draft says.
pub fn assert_ours(mail: &[u8], draft: &Draft) {
    let mut header: Vec<(String, String)> = Vec::new();
    let mut in_header = true;
    assert!(mail.ends_with(b"\r\n"));
    for line in mail.split_inclusive(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("a line ends in CRLF");
        assert!(line.len() <= 998, "a line of {}", line.len());
        assert!(!line.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')));
        in_header &= !line.is_empty();
        if !in_header {
            continue;
        }
        let line = std::str::from_utf8(line).expect("a header in UTF-8");
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        if let Some(more) = line.strip_prefix(' ') {
            assert!(!more.trim().is_empty(), "a line of space alone");
            let (_, value) = header.last_mut().expect("a field before its folding");
            value.push(' ');
            value.push_str(more.trim_start());
        } else {
            let (name, value) = line.split_once(':').expect("a name and a colon");
            header.push((name.to_owned(), value.trim_start().to_owned()));
        }
        // Only what has no space in it may be longer.
        assert!(
            line.len() <= 78 || line.trim_start().split(' ').count() <= 2,
            "{line}"
        );
    }
    let value = |name: &str| -> Option<&str> {
        let mut all = header.iter().filter(|(n, _)| n == name);
        let first = all.next();
        assert!(all.next().is_none(), "{name} twice");
        first.map(|(_, value)| value.as_str())
    };
    for (name, _) in &header {
        assert!(OURS.contains(&name.as_str()), "{name} is not ours");
    }
    for name in MUST {
        assert!(
            value(name).is_some_and(|v| !v.trim().is_empty()),
            "{name} is missing"
        );
    }
    assert_eq!(value("To"), Some(draft.to.as_str()));
    assert_eq!(
        value("Message-ID"),
        Some(draft.message_id.bracketed().as_str())
    );
    let from = value("From").unwrap_or_default();
    assert!(
        from.ends_with(&format!("<{}>", draft.from.address)) || from == draft.from.address.as_str()
    );
    let answers = draft.in_reply_to.as_ref().map(MessageId::bracketed);
    assert_eq!(value("In-Reply-To"), answers.as_deref());
    let references = value("References").unwrap_or_default();
    assert!(
        references
            .split_whitespace()
            .all(|id| id.starts_with('<') && id.ends_with('>'))
    );
    assert!(references.split_whitespace().count() <= 22);
    assert!(value("Subject").unwrap_or_default().is_ascii());
    if draft.to.is_ascii()
        && draft
            .reply_to
            .iter()
            .all(mailclerk::message::address::Address::is_ascii)
    {
        assert!(header.iter().all(|(_, value)| value.is_ascii()));
    }
}

/// Asserts what every plan keeps: no machine is answered, nobody but the writer and the agent gets a mail, nobody enters a
/// ticket without a proof.
pub fn assert_plan(reading: &Reading, plan: &Plan) {
    let replies = plan.letters.iter().filter(|l| l.purpose == Purpose::Reply);
    assert!(replies.clone().count() <= 1 && plan.letters.len() <= 2);
    for letter in &plan.letters {
        match letter.purpose {
            Purpose::Reply => {
                let Screening::Person(person) = &reading.screening else {
                    panic!("an answer, and no person");
                };
                assert_eq!(&letter.to, person.address());
                assert!(letter.text.len() <= 16 * 1024, "a reply is short");
            }
            Purpose::Relay => assert!(
                !reading.clues.proved.is_empty(),
                "an agent's words go to a person by a token alone"
            ),
            _ => assert_eq!(letter.to, desk::agent()),
        }
        assert!(letter.subject.chars().count() <= 400);
        assert!(letter.text.len() <= 512 * 1024);
    }
    let proved = !reading.clues.proved.is_empty() || reading.returned.is_some();
    match &plan.step {
        Step::Update(ticket) => assert!(
            proved && ticket.number == desk::TICKET,
            "no stranger enters"
        ),
        Step::Open(ticket) => assert_eq!(ticket.number, desk::FRESH),
        // An agent is told what became of an answer.
        Step::Record(_) | Step::Hold => {
            assert!(plan.letters.iter().all(|l| l.purpose == Purpose::Notice));
        }
    }
    if matches!(reading.screening, Screening::Automatic(_)) {
        assert!(
            plan.letters
                .iter()
                .all(|l| matches!(l.purpose, Purpose::Forward | Purpose::Notice)
                    && reading.returned.is_some())
        );
    }
}
