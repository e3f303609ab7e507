//! A desk for the targets: the shipped rules, one ticket, one writer, one agent.

use std::path::Path;
use std::sync::OnceLock;

use mailclerk::clock::Timestamp;
use mailclerk::config::folder;
use mailclerk::message::address::Address;
use mailclerk::message::address::NamedAddress;
use mailclerk::message::compose::AutoSubmitted;
use mailclerk::message::compose::Draft;
use mailclerk::message::id::MessageId;
use mailclerk::message::parse::parse;
use mailclerk::triage;
use mailclerk::triage::Keeping;
use mailclerk::triage::Office;
use mailclerk::triage::Queue;
use mailclerk::triage::Reading;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::plan::Letter;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;
use mailclerk::triage::token::DeskKey;

/// The ticket that there is.
pub const TICKET: TicketNumber = TicketNumber(7);
/// The number of the next one.
pub const FRESH: TicketNumber = TicketNumber(8);
const NOW: Timestamp = Timestamp(1_800_000_000);

pub fn address() -> Address {
    Address::parse("support@credly.example").unwrap()
}

/// Who wrote on the ticket.
pub fn writer() -> Address {
    Address::parse("maria@home.example").unwrap()
}

pub fn agent() -> Address {
    Address::parse("ana@agents.example").unwrap()
}

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = [root.join("rules"), root.join("../rules")];
    RULES.get_or_init(|| {
        let there = folder.iter().find(|f| f.is_dir()).expect("the rules");
        folder::load(there).unwrap()
    })
}

pub fn office() -> &'static Office {
    static OFFICE: OnceLock<Office> = OnceLock::new();
    OFFICE.get_or_init(|| {
        let key = DeskKey::new(&[7; 32]);
        let queue = |name: &&str| Queue {
            name: (*name).to_owned(),
            agents: vec![agent()],
        };
        Office {
            mailbox: "support".to_owned(),
            address: address(),
            queues: rules().queues().iter().map(queue).collect(),
            surroundings: Surroundings {
                own: vec![address()],
                agents: vec![agent()],
                loop_token: key.loop_token(),
                authserv_id: Some("mx.credly.example".to_owned()),
                ..Surroundings::default()
            },
            key,
            keeping: Keeping::default(),
            roster: std::sync::Arc::default(),
            relay: mailclerk::triage::relay::RelayRules::default(),
        }
    })
}

/// The id of our mail to the writer on the ticket.
pub fn sent() -> MessageId {
    let domain = "credly.example";
    office()
        .key
        .message_id(Purpose::Reply, TICKET, &[3; 32], &writer(), domain)
}

pub fn read(raw: &[u8]) -> Reading {
    triage::read(parse(raw), rules(), office())
}

pub fn decide(reading: &Reading) -> Plan {
    let ticket = Ticket {
        number: TICKET,
        version: 1,
        state: TicketState::WithAgent {
            agent: agent(),
            since: Timestamp(5),
        },
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: vec![writer()],
        intents: vec!["merge-accounts".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: Timestamp(5),
        updated: Timestamp(5),
    };
    let case = Case {
        fresh: FRESH.0,
        tickets: vec![ticket],
        ..Case::default()
    };
    triage::decide::decide(reading, &case, rules(), office(), NOW)
}

/// The mail that a letter becomes.
pub fn draft(reading: &Reading, letter: &Letter, plan: &Plan) -> Draft {
    let (office, message) = (office(), &reading.message);
    let number = match &plan.step {
        Step::Open(ticket) | Step::Update(ticket) => ticket.number,
        Step::Record(on) => on.unwrap_or(TICKET),
        Step::Hold => TICKET,
    };
    let answers = letter.purpose == Purpose::Reply;
    let domain = office.address.domain();
    let mut references = message.references.clone();
    references.extend(message.message_id.clone());
    Draft {
        from: NamedAddress {
            name: rules().desk.name.clone(),
            address: office.address.clone(),
        },
        to: letter.to.clone(),
        reply_to: letter.reply_to.clone(),
        subject: letter.subject.clone(),
        message_id: office.key.message_id(
            letter.purpose,
            number,
            &message.digest,
            &letter.to,
            domain,
        ),
        in_reply_to: message.message_id.clone().filter(|_| answers),
        references: if answers { references } else { Vec::new() },
        date: NOW,
        auto_submitted: Some(if answers {
            AutoSubmitted::Replied
        } else {
            AutoSubmitted::Generated
        }),
        loop_token: office.key.loop_token(),
        language: letter.language.clone(),
        text: letter.text.clone(),
        html: letter.html.clone(),
        original: letter
            .attach_original
            .then(|| b"Subject: x\r\n\r\nx\r\n".to_vec()),
    }
}
