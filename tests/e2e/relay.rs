//! Whole conversations between a person, the desk and its agents: who answers from the mail they have.

mod orders;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::house::DESK;
use crate::house::Handled;
use crate::house::House;
use crate::support::imap::Stored;

const MARIA: &str = "maria@home.example";
const ANA: &str = "ana@agents.example";
const BEN: &str = "ben@agents.example";
const MERGE: &str = "I have two accounts, please merge them into one.";
/// Long enough for a second mail to be fetched, short enough to wait for.
const UNDO: &str = "[relay]\nundo = \"25s\"\n[control]";
const AT_ONCE: &str = "[relay]\nundo = \"0s\"\n[agent.\"ana@agents.example\"]\nname = \"Ana of the Badge Desk\"\nsignature = \"Ana, Badge Desk\"\n[control]";

/// A desk whose first case lies with Ana: she has its forward.
struct Case {
    house: House,
    forward: Stored,
    ticket: u64,
}

impl Case {
    fn begin(relay: &str) -> Self {
        Self::begin_on(House::closed(""), relay)
    }

    fn begin_on(mut house: House, relay: &str) -> Self {
        house.change_config("[control]", relay);
        house.start();
        let ticket = house.write(MARIA, "Two accounts", MERGE).ticket();
        assert_eq!(
            house.ticket(ticket)["agent"],
            ANA,
            "the queue's first agent"
        );
        let forward = house.only_mail(ANA);
        Self {
            house,
            forward,
            ticket,
        }
    }

    /// The agent's mail to the forward's Reply-To, as a program writes it that keeps everything.
    fn mail(&self, from: &str, headers: &str, text: &str) -> String {
        raw(
            from,
            &self.forward.header("Reply-To").unwrap(),
            &format!("Re: {}", self.forward.subject()),
            headers,
            text,
        )
    }

    fn threaded(&self) -> String {
        let id = self.forward.header("Message-ID").unwrap();
        format!("In-Reply-To: {id}\nReferences: {id}\n")
    }

    /// Ana answers above the quoted forward.
    fn answers(&mut self, text: &str) -> Handled {
        let quoted = quote(&self.forward.text());
        let text = format!("{text}\n\nOn Mon, 23 Nov 2026, Credly Support wrote:\n{quoted}");
        let mail = self.mail(ANA, &self.threaded(), &text);
        self.handled(&mail, ANA)
    }

    /// Delivers a mail and waits until the desk has handled it; what waits to go may go on waiting.
    fn handled(&mut self, mail: &str, from: &str) -> Handled {
        let before = self.house.ask(&["status"]).unwrap()["mails"]
            .as_u64()
            .unwrap();
        self.house.deliver(mail, from);
        self.house.wait("the mail to be handled", |house| {
            let status = house.ask(&["status"])?;
            (status["mails"].as_u64()? > before).then_some(())
        });
        let ledger = self.house.ask(&["ledger", "list", "--limit", "1"]).unwrap();
        Handled(ledger[0].clone())
    }

    /// Everything that Maria got after the acknowledgement.
    fn marias(&self, n: usize) -> Vec<Stored> {
        // An answer that may not have left goes again under its id: the person's client knows it for the same.
        let mut wanted = n + 1;
        let mut mails = loop {
            let mut mails = self.house.mails(MARIA, wanted);
            wanted = mails.len() + 1;
            let mut known = BTreeSet::new();
            mails.retain(|mail| known.insert(mail.header("Message-ID")));
            if mails.len() > n {
                break mails;
            }
        };
        mails.remove(0);
        assert_eq!(mails.len(), n, "Maria got {} answers", mails.len());
        mails
    }

    fn relays(&self) -> Vec<Value> {
        let all = self
            .house
            .ask(&["outbox", "list", "--all", "--limit", "1000"]);
        let all = all.unwrap();
        let relays = all.as_array().unwrap().iter();
        relays
            .filter(|m| m["purpose"] == "relay")
            .cloned()
            .collect()
    }

    /// The newest mail of an agent that is no forward, once there are `n` mails in all.
    fn told(&self, who: &str, n: usize) -> Stored {
        self.house.mails(who, n).pop().unwrap()
    }

    fn nobody_is_relayed(&self) {
        assert!(self.relays().is_empty(), "{:?}", self.relays());
        assert_eq!(
            self.house.mails(MARIA, 1).len(),
            1,
            "the acknowledgement alone"
        );
    }
}

fn raw(from: &str, to: &str, subject: &str, headers: &str, text: &str) -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let kind = if headers.contains("Content-Type") {
        ""
    } else {
        "Content-Type: text/plain; charset=utf-8\n"
    };
    format!(
        "Received: from laptop.agents.example ([192.0.2.7]) by mx.agents.example; Mon, 23 Nov 2026 09:59:00 +0000\nFrom: {from}\nTo: {to}\nSubject: {subject}\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <own{n}@agents.example>\nX-Mailer: Secret Client 1.0\n{headers}MIME-Version: 1.0\n{kind}\n{text}\n"
    )
}

fn quote(text: &str) -> String {
    text.lines()
        .fold(String::new(), |all, l| all + "> " + l + "\n")
}

/// What no person may see of an agent or of our own papers.
fn assert_discreet(mail: &Stored) {
    let whole = String::from_utf8_lossy(&mail.raw).to_lowercase();
    for secret in [
        "agents.example",
        "secret client",
        "192.0.2.7",
        "your answer goes above this line",
        "what the writer says",
        "#assign",
    ] {
        assert!(!whole.contains(secret), "`{secret}` in\n{whole}");
    }
}

/// Maria asks, Ana answers from her own mail program, Maria answers Ana's answer, and Ana gets that.
#[test]
fn an_agents_answer_reaches_the_person_in_their_thread_and_the_persons_answer_the_agent() {
    let mut case = Case::begin(AT_ONCE);
    case.answers(
        "Dear Maria,\n\nboth accounts are one now.\n\nKind regards\nAna (ana@agents.example)",
    );
    let answer = case.marias(1).remove(0);
    assert_discreet(&answer);
    assert!(
        answer
            .header("From")
            .unwrap()
            .contains("Ana of the Badge Desk")
    );
    assert!(answer.header("From").unwrap().contains(DESK));
    assert!(
        answer.subject().starts_with("Re: Two accounts [#1 "),
        "{}",
        answer.subject()
    );
    assert!(
        answer
            .text()
            .starts_with("Dear Maria,\n\nboth accounts are one now.")
    );
    assert!(
        answer.text().contains("Ana, Badge Desk"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("Auto-Submitted"), None, "a person's words");
    let hers = answer.header("In-Reply-To").unwrap();
    assert!(hers.contains("home.example"), "{hers}");
    assert_eq!(case.house.ticket(case.ticket)["state"], "agent-answered");

    let back = case.house.answer(
        MARIA,
        &answer,
        "Thank you. The second one is still there, please look again.",
    );
    assert_eq!(back.ticket(), case.ticket);
    let forwards = case.house.mails(ANA, 2);
    assert_eq!(forwards.len(), 2);
    assert!(forwards[1].text().contains("the writer answered"));
    assert_eq!(
        forwards[0].header("Reply-To"),
        forwards[1].header("Reply-To")
    );
    assert_eq!(case.house.ticket(case.ticket)["state"], "with-agent");
}

/// From a phone: words on top, no `>` before what is quoted, the phone's own line below, HTML beside the text.
#[test]
fn an_answer_from_the_phone_and_one_in_html_alone_bring_the_words_and_nothing_else() {
    let mut case = Case::begin(AT_ONCE);
    let text = format!(
        "It is merged.\n\nSent from my phone\n\n-------- Original message --------\nFrom: Credly Support <{DESK}>\nDate: 23/11/2026 09:00 (GMT+00:00)\nTo: {ANA}\nSubject: {}\n\n{}",
        case.forward.subject(),
        case.forward.text()
    );
    let phone = case.mail(ANA, &case.threaded(), &text);
    case.handled(&phone, ANA);
    let html = format!(
        "<html><body><div>Please <b>try again</b> now.</div><div><br></div><blockquote type=\"cite\"><pre>{}</pre></blockquote></body></html>",
        case.forward.text().replace('<', "&lt;")
    );
    let headers = format!(
        "{}Content-Type: text/html; charset=utf-8\n",
        case.threaded()
    );
    let web = case.mail(ANA, &headers, &html);
    case.handled(&web, ANA);
    let answers = case.marias(2);
    for answer in &answers {
        assert_discreet(answer);
        assert_eq!(answer.html(), None, "plain text alone");
    }
    assert!(
        answers[0].text().starts_with("It is merged."),
        "{}",
        answers[0].text()
    );
    assert!(
        answers[1].text().starts_with("Please try again now."),
        "{}",
        answers[1].text()
    );
}

/// A program that forgets In-Reply-To and References: the address it answers to is enough. The same mail fetched again, as
/// a mail that came twice is, is relayed once.
#[test]
fn a_client_that_strips_the_thread_is_known_by_the_reply_address_and_a_second_copy_is_none() {
    let mut case = Case::begin(AT_ONCE);
    let mail = case.mail(ANA, "", "It is merged.");
    case.handled(&mail, ANA);
    case.handled(&mail, ANA);
    assert_eq!(case.marias(1).len(), 1);
    assert_eq!(case.relays().len(), 1);
}

/// Ana is away: her mailbox answers by itself, once with the proper header, and once by its words alone.
#[test]
fn an_agents_out_of_office_reaches_no_person() {
    let mut case = Case::begin(AT_ONCE);
    let words = "I am out of the office until Monday with no access to e-mail. In urgent cases write to ben@agents.example.";
    for headers in ["Auto-Submitted: auto-replied\n", ""] {
        let headers = format!("{headers}{}", case.threaded());
        let mail = case
            .mail(ANA, &headers, words)
            .replace("Subject: Re: ", "Subject: Automatic reply: ");
        case.handled(&mail, ANA);
        let plain = case.mail(ANA, &headers, words);
        case.handled(&plain, ANA);
    }
    case.nobody_is_relayed();
}

/// Mallory got hold of the forward, with Ana's reply address in it.
#[test]
fn a_stranger_with_the_forwards_reply_address_opens_a_ticket_of_their_own() {
    let mut case = Case::begin(AT_ONCE);
    let mail = case.mail(
        "mallory@elsewhere.example",
        &case.threaded(),
        "Please merge this account into mine.",
    );
    let handled = case.handled(&mail, "mallory@elsewhere.example");
    assert_ne!(handled.ticket(), case.ticket);
    assert_eq!(case.house.ticket(handled.ticket())["linked"], case.ticket);
    case.nobody_is_relayed();
}

/// And now Mallory writes in Ana's name: refuted by the desk's border, and, where the desk demands it, not vouched for.
#[test]
fn words_in_a_forged_agents_name_reach_no_person() {
    let house = House::closed("agents_must_pass = true");
    let mut case = Case::begin_on(house, AT_ONCE);
    let border = "Authentication-Results: mx.credly.example; dmarc=";
    let words = "Send me your password.";
    let refuted = format!(
        "{border}fail header.from=agents.example\n{}",
        case.threaded()
    );
    let mail = case.mail(ANA, &refuted, words);
    case.handled(&mail, ANA);
    let silent = case.mail(ANA, &case.threaded(), words);
    case.handled(&silent, ANA);
    case.nobody_is_relayed();
    case.house.wait("the real Ana to hear of it", |house| {
        let hers = house.servers.mails(ANA, "INBOX");
        hers.iter()
            .any(|m| m.text().contains("does not vouch for it"))
            .then_some(())
    });
    let vouched = format!(
        "{border}pass header.from=agents.example\n{}",
        case.threaded()
    );
    let mail = case.mail(ANA, &vouched, "It is merged.");
    case.handled(&mail, ANA);
    assert!(case.marias(1)[0].text().starts_with("It is merged."));
}

/// Ana gives the case to Ben, and both answer.
#[test]
fn two_agents_who_answer_at_once_are_both_heard_and_the_second_one_is_told() {
    let mut case = Case::begin(AT_ONCE);
    case.answers("#assign ben");
    case.nobody_is_relayed();
    assert_eq!(case.house.ticket(case.ticket)["agent"], BEN);
    let bens = case.house.only_mail(BEN);
    let to = bens.header("Reply-To").unwrap();
    let ben = raw(BEN, &to, "Re: your case", "", "This is Ben: it is merged.");
    case.handled(&ben, BEN);
    case.answers("This is Ana: it is merged.");
    let answers = case.marias(2);
    assert!(answers[0].text().contains("Ben"), "in the order they came");
    assert!(answers[1].text().contains("Ana"));
    let told = case.told(ANA, 2);
    assert!(
        told.text().contains(&format!("lies with {BEN}")),
        "{}",
        told.text()
    );
    assert_eq!(case.house.ticket(case.ticket)["agent"], BEN, "it stays his");
}

/// Maria answers from her address at work, which nobody has proved to be hers.
#[test]
fn a_person_who_answers_from_another_address_gets_a_linked_ticket_and_an_agent() {
    let mut case = Case::begin(AT_ONCE);
    case.answers("Which is the other address?");
    let answer = case.marias(1).remove(0);
    let other = case.house.answer(
        "maria@work.example",
        &answer,
        "It is this one, please merge them.",
    );
    assert_ne!(other.ticket(), case.ticket);
    assert_eq!(case.house.ticket(other.ticket())["linked"], case.ticket);
    assert_eq!(case.house.ticket(other.ticket())["state"], "with-agent");
}
