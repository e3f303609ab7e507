//! What an agent needs to act in ten seconds: who, what, why, and the words.

mod handed;

use crate::message::Attachment;
use crate::message::AttachmentNote;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::triage::Disposition;
use crate::triage::Office;
use crate::triage::Reading;
use crate::triage::classify::Classification;
use crate::triage::decide;
use crate::triage::delivery::Purpose;
use crate::triage::identity::warnings;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::reply::subject::without_tags;
use crate::triage::screen::Proof;
use crate::triage::screen::proof;
use crate::triage::ticket::TicketNumber;
use crate::triage::verify;
use crate::triage::verify::Standing;

pub use crate::triage::forward::handed::assigned;
pub use crate::triage::forward::handed::rerouted;

/// More of the writer's words than this (in characters) stay in the attached original alone.
const WORDS_CHARS_MAX: usize = 20_000;
/// At most this many addresses are named.
const ADDRESSES_MAX: usize = 10;
/// At most this many reasons are given.
const REASONS_MAX: usize = 6;
/// The subject's part that comes from the mail is cut here, in characters.
pub(super) const SUBJECT_CHARS_MAX: usize = 100;

/// An agent's answer stands above this line, whatever the mail program does with what it quotes.
pub const MARKER: &str = "===== Your answer goes above this line =====";

/// What the forward is about.
pub struct Matter<'a> {
    /// The mail and what it says by itself.
    pub reading: &'a Reading,
    /// The desk.
    pub office: &'a Office,
    /// What the writer wants.
    pub found: &'a Classification,
    /// The ticket.
    pub number: TicketNumber,
    /// The ticket was there before this mail.
    pub joined: bool,
    /// A ticket that the mail names without proof.
    pub linked: Option<TicketNumber>,
    /// What stands at the top instead of the usual line.
    pub heading: Option<String>,
    /// What is known of the ticket's addresses, before this mail.
    pub standings: Vec<Standing>,
    /// To whom an agent's answer goes.
    pub recipient: Option<Address>,
}

/// Writes the mail to the agent. `told` is the language in which the writer was answered, if at all.
pub fn letter(matter: &Matter<'_>, plan: &Plan, agent: &Address, told: Option<&str>) -> Letter {
    let key = &matter.office.key;
    // The desk alone: whoever the writer is, the answer goes there from the desk's address.
    let reply_to = vec![key.reply_address(&matter.office.address, matter.number, agent)];
    let intent = plan.intents.first().map_or("", String::as_str);
    let subject = title(&matter.reading.message.subject);
    Letter {
        purpose: Purpose::Forward,
        to: agent.clone(),
        reply_to,
        subject: format!(
            "{intent}: {subject} {}",
            key.subject_tag(matter.number, agent)
        ),
        language: "en".to_owned(),
        text: text(matter, plan, told),
        html: None,
        attach_original: true,
        templates: Vec::new(),
    }
}

fn text(matter: &Matter<'_>, plan: &Plan, told: Option<&str>) -> String {
    let mut lines = vec![MARKER.to_owned(), heading(matter), String::new()];
    let mut row = |name: &str, value: String| lines.push(format!("{name:<11}{value}"));
    for (name, value) in writer(matter) {
        row(name, value);
    }
    row("Domain", domain(matter));
    for warning in warnings(&matter.reading.message, &matter.office.surroundings) {
        row("WARNING", warning);
    }
    let named = addresses(matter);
    if !named.is_empty() {
        let named: Vec<&str> = named.iter().map(Address::as_str).collect();
        row("Addresses", named.join(", "));
    }
    for standing in verify::laid(&matter.standings, &plan.beside.standings) {
        row("Address", standing.line());
    }
    for told in plan.because.iter().filter(|b| b.rule == decide::ELSEWHERE) {
        row("BEWARE", format!("{} ({})", told.says, told.matched));
    }
    row("Wants", plan.intents.join(", "));
    row("Queue", plan.queue.clone().unwrap_or_default());
    row("Language", language(matter.found));
    row("Answered", answered(plan, told));
    for note in attachments(matter) {
        row("Attached", note);
    }
    lines.push(String::new());
    lines.push("Why".to_owned());
    lines.extend(reasons(plan));
    lines.push(String::new());
    lines.push(format!("Subject    {}", matter.reading.message.subject));
    lines.push("What the writer says".to_owned());
    lines.push(words(matter));
    lines.push("--".to_owned());
    lines.extend(misled(matter));
    lines.push(footer(matter.recipient.as_ref()));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn heading(matter: &Matter<'_>) -> String {
    let number = matter.number.0;
    if let Some(heading) = &matter.heading {
        return heading.clone();
    }
    match (matter.joined, matter.linked) {
        (true, _) => format!("Ticket #{number}: the writer answered."),
        (false, Some(other)) => format!(
            "Ticket #{number} is new. The mail names ticket #{} but does not prove that it belongs there.",
            other.0
        ),
        (false, None) => format!("Ticket #{number} is new."),
    }
}

/// Who writes, and whatever else the mail says of it.
fn writer(matter: &Matter<'_>) -> Vec<(&'static str, String)> {
    let message = &matter.reading.message;
    let Some(writer) = matter.reading.writer() else {
        let mut rows = vec![("Writer", "not certain; what the mail claims:".to_owned())];
        rows.push(("From", claims(&message.from)));
        if let Some(form) = &message.form {
            rows.push(("Form", claims(std::slice::from_ref(&form.requester))));
        }
        if !message.reply_to.is_empty() {
            rows.push(("Reply-To", claims(&message.reply_to)));
        }
        return rows;
    };
    let shown = if writer.name.is_empty() {
        writer.address.to_string()
    } else {
        format!(
            "{} ({}, by the writer's own word)",
            writer.address, writer.name
        )
    };
    let mut rows = vec![("Writer", shown)];
    let elsewhere = |all: &[NamedAddress]| -> Vec<NamedAddress> {
        all.iter()
            .filter(|n| !n.address.same_person(&writer.address))
            .cloned()
            .collect()
    };
    for (name, others) in [
        ("From", elsewhere(&message.from)),
        ("Reply-To", elsewhere(&message.reply_to)),
    ] {
        if !others.is_empty() {
            rows.push((
                name,
                format!(
                    "{} - another address than the writer's; your answer does not go there",
                    claims(&others)
                ),
            ));
        }
    }
    rows
}

/// Addresses as the mail gives them; names are the sender's word alone.
fn claims(all: &[NamedAddress]) -> String {
    let shown = |n: &NamedAddress| {
        if n.name.is_empty() {
            n.address.to_string()
        } else {
            format!("{} ({})", n.address, n.name)
        }
    };
    match all {
        [] => "no address".to_owned(),
        _ => all
            .iter()
            .take(ADDRESSES_MAX)
            .map(shown)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Where the mail is another's than the ticket's person: an answer goes to whom it is told to, and not to its writer.
fn misled(matter: &Matter<'_>) -> Option<String> {
    let writer = matter.reading.writer()?;
    let recipient = matter.recipient.as_ref()?;
    (!recipient.same_person(&writer.address)).then(|| {
        format!(
            "WARNING: this mail is from {}.\nYour answer does NOT go there. It goes to the ticket's person, who may be\nsomebody else: {recipient}.",
            writer.address
        )
    })
}

/// What else an agent can say. As everything here, in lines that no program folds when it quotes them.
const ORDERS: &str = "Its first lines may be orders: #close #reopen #note #spam #cancel
or #assign NAME, #relabel INTENT, #merge NUMBER, #snooze 3d,
#verified ADDRESS, #away until DATE; #help tells more.";

/// Where the agent's answer goes; the opposite of what is true would leave a person waiting.
pub(crate) fn footer(writer: Option<&Address>) -> String {
    match writer {
        Some(writer) => format!(
            "Answer this mail: your words go to the writer\n({writer})\nfrom the desk's address, not from yours.\n{ORDERS}"
        ),
        None => format!(
            "Nobody is certain to have written this, so\nan answer reaches the desk alone, and NOBODY ELSE GETS IT.\nTo answer the person, write to an address that you trust, and keep the desk in copy.\n{ORDERS}"
        ),
    }
}

pub(super) fn domain(matter: &Matter<'_>) -> String {
    match proof(&matter.reading.message, &matter.office.surroundings) {
        Proof::Passed => "proved itself (dmarc=pass at our border)",
        Proof::Failed => "FAILED (dmarc=fail at our border): somebody else may have sent it",
        Proof::None => "not proved (our border says nothing of it)",
    }
    .to_owned()
}

fn language(found: &Classification) -> String {
    if found.language.sure {
        found.language.code.clone()
    } else {
        format!("{} (not sure)", found.language.code)
    }
}

fn answered(plan: &Plan, told: Option<&str>) -> String {
    if let Some(language) = told {
        return format!("automatically, in {language}; the reply says that a person will answer");
    }
    let why = plan.because.iter().rev().find(|b| b.stage == "decide");
    format!(
        "not yet: {}",
        why.map_or("no automatic answer", |b| b.says.as_str())
    )
}

fn reasons(plan: &Plan) -> Vec<String> {
    plan.because
        .iter()
        .filter(|b| plan.disposition == Disposition::Forward && b.stage != "decide")
        .take(REASONS_MAX)
        .map(|b| {
            if b.matched.is_empty() {
                format!("- {}", b.says)
            } else {
                format!("- {} (\"{}\")", b.says, b.matched)
            }
        })
        .collect()
}

fn attachments(matter: &Matter<'_>) -> Vec<String> {
    let told = |note: AttachmentNote| match note {
        AttachmentNote::Plain => "",
        AttachmentNote::Mail => " - a mail",
        AttachmentNote::Tnef => " - Outlook's own format",
        AttachmentNote::Dangerous => " - DANGEROUS TYPE, do not open",
    };
    let message = &matter.reading.message;
    let line = |a: &Attachment| {
        let name = if a.name.is_empty() {
            "(no name)"
        } else {
            &a.name
        };
        let disguised = message
            .structure
            .disguised
            .iter()
            .find(|d| d.name == a.name);
        let disguised = disguised.map_or(String::new(), |d| format!(" - DISGUISED: {}", d.says));
        let note = told(a.note);
        format!("{name} ({}, {} octets){note}{disguised}", a.mime, a.size)
    };
    let is_danger = |a: &&Attachment| {
        let hides = message.structure.disguised.iter().any(|d| d.name == a.name);
        a.note == AttachmentNote::Dangerous || hides
    };
    // What is dangerous is named, however many others there are.
    let (dangers, others): (Vec<&Attachment>, Vec<&Attachment>) =
        message.attachments.iter().partition(is_danger);
    let all = dangers.into_iter().chain(others);
    let mut lines: Vec<String> = all.take(ADDRESSES_MAX).map(line).collect();
    let more = message
        .structure
        .extent
        .attachments
        .saturating_sub(lines.len());
    if more > 0 {
        lines.push(format!("and {more} more; see the mail itself"));
    }
    lines
}

/// Every address that the writer's words name, the desk's own left out.
fn addresses(matter: &Matter<'_>) -> Vec<Address> {
    let message = &matter.reading.message;
    let own = &matter.office.surroundings.own;
    let mut found: Vec<Address> = Vec::new();
    let texts = [message.subject.as_str(), message.body.new.as_str()];
    let pieces = texts
        .iter()
        .flat_map(|t| t.split(|c: char| c.is_whitespace() || "<>()[]{},;:\"'|".contains(c)));
    for piece in pieces.filter(|p| p.contains('@')) {
        let piece = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let Ok(address) = Address::parse(piece) else {
            continue;
        };
        if !own.iter().any(|o| o.same_person(&address)) && !found.contains(&address) {
            found.push(address);
        }
        if found.len() == ADDRESSES_MAX {
            break;
        }
    }
    found
}

pub(super) fn words(matter: &Matter<'_>) -> String {
    let body = &matter.reading.message.body;
    let new = if body.new.trim().is_empty() {
        &body.full
    } else {
        &body.new
    };
    if new.trim().is_empty() {
        return "(no text; see the attached mail)".to_owned();
    }
    let shown = cut(new, WORDS_CHARS_MAX);
    let quoted: Vec<String> = shown.lines().map(|l| format!("  {l}")).collect();
    quoted.join("\n")
}

/// A subject as a forward's shows it: one line, without the tags of whom it was for before.
fn title(subject: &str) -> String {
    cut(&without_tags(subject), SUBJECT_CHARS_MAX)
}

pub(super) fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
