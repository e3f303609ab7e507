//! Who reads what the desk sends, and what they do then: people, desks that answer everything, machines, agents.

use std::collections::BTreeMap;

use crate::daemon::tests::sim::letters::BORDER;
use crate::daemon::tests::sim::letters::DESK;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::letters::Letter;
use crate::daemon::tests::sim::letters::field;
use crate::daemon::tests::sim::rng::Rng;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::message::parse::parse;
use crate::transport::Parcel;

/// Who reads an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Sometimes says thanks, sometimes asks again.
    Person,
    /// Answers nothing.
    Silent,
    /// A machine that answers everything at once, and says that it is one.
    Machine,
    /// A desk that answers everything at once, without any marker.
    Mirror,
    /// Such a desk that begins a new thread with each answer: nothing of our mail is in it.
    Bare,
    /// A forwarder that sends the words of every mail back in its own name, and nothing else of it.
    Echo,
    /// A machine that answers at once with an absence note, and does not say that it is one.
    Absent,
    /// Takes every mail, and returns it.
    Bouncing,
    /// Is refused at the door.
    Nobody,
    /// An agent who answers.
    Agent,
    /// An agent's mailbox that answers by itself.
    Away,
    /// An agent's mailbox with a rule that sends everything back.
    Redirecting,
}

/// Everybody.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    roles: BTreeMap<String, Role>,
    written: u64,
}

impl People {
    pub(super) fn add(&mut self, address: &str, role: Role) {
        self.roles.insert(address.to_lowercase(), role);
    }

    /// Who reads an address; whoever is not known is silent.
    pub(super) fn role(&self, address: &str) -> Role {
        let address = address.to_lowercase();
        let agent = address.ends_with("@agents.example");
        let other = if agent { Role::Agent } else { Role::Silent };
        self.roles.get(&address).copied().unwrap_or(other)
    }

    pub(super) fn refuses(&self, address: &str) -> bool {
        self.role(address) == Role::Nobody
    }

    /// A Message-ID of that address that no other mail has.
    pub(super) fn id(&mut self, address: &str) -> String {
        self.written += 1;
        let domain = address
            .rsplit_once('@')
            .map_or("nowhere.example", |(_, domain)| domain);
        // An id is ASCII, whatever the domain is.
        let domain: String = domain.chars().filter(char::is_ascii).collect();
        format!("m{}@{domain}", self.written)
    }
}

impl State {
    /// A mail of that kind from that address, as far as nothing is special about it.
    pub(super) fn letter(&mut self, kind: Kind, from: &str) -> Letter {
        let id = self.people.id(from);
        Letter::of(kind, from, &id, &mut self.rng)
    }

    /// Plans what whoever gets a mail of the desk does then.
    pub(super) fn react(&mut self, parcel: &Parcel) {
        let to = parcel.to.to_string();
        let mut role = self.people.role(&to);
        let bounced = self.faults.smtp_bounced;
        if self.rng.chance(bounced) {
            role = Role::Bouncing;
        }
        let now = self.now();
        let answer = match role {
            Role::Silent | Role::Nobody => None,
            Role::Person => self.person(&to, parcel),
            Role::Mirror => {
                let letter = self.letter(Kind::Disguised, &to);
                let back = field(&parcel.bytes, "Reply-To").unwrap_or_else(|| DESK.to_owned());
                Some((
                    self.rng.between(1, 60),
                    letter.answering(&parcel.bytes, &back),
                ))
            }
            Role::Bare => {
                let letter = self.letter(Kind::Redirect, &to);
                Some((self.rng.between(1, 60), letter))
            }
            Role::Echo => {
                let mut letter = self.letter(Kind::Disguised, &to);
                letter.subject = field(&parcel.bytes, "Subject").unwrap_or_default();
                letter.body = format!(
                    "{}\r\n",
                    parse(&parcel.bytes).body.full.replace('\n', "\r\n")
                );
                Some((self.rng.between(1, 60), letter))
            }
            Role::Absent => {
                let mut letter = self.letter(Kind::Disguised, &to);
                letter.body = "I am away until Monday and will answer then.\r\n".to_owned();
                Some((5, letter.answering(&parcel.bytes, DESK)))
            }
            Role::Machine => {
                let letter = self.letter(Kind::Machine, &to);
                Some((5, letter.answering(&parcel.bytes, DESK)))
            }
            Role::Bouncing => self.bounce(parcel).map(|letter| (20, letter)),
            Role::Agent => self.agent(&to, parcel),
            Role::Away => Some((3, self.away(&to, parcel))),
            Role::Redirecting => {
                let mut letter = self.letter(Kind::Agent, &to);
                letter.whole = Some(parcel.bytes.clone());
                Some((10, letter))
            }
        };
        if let Some((after, letter)) = answer {
            self.plan(now + after, Event::Mail(letter));
        }
    }

    fn person(&mut self, to: &str, parcel: &Parcel) -> Option<(i64, Letter)> {
        let kind = match self.rng.below(10) {
            0 | 1 => Kind::Thanks,
            2 => Kind::Account,
            _ => return None,
        };
        let back = field(&parcel.bytes, "Reply-To").unwrap_or_else(|| DESK.to_owned());
        let letter = self.letter(kind, to).answering(&parcel.bytes, &back);
        Some((self.rng.between(60, 20 * HOUR), letter))
    }

    /// A report to the envelope's sender; where there is none, some mail systems write to From.
    fn bounce(&mut self, parcel: &Parcel) -> Option<Letter> {
        let back = match &parcel.envelope_from {
            Some(sender) => sender.to_string(),
            None if self.rng.chance(300) => DESK.to_owned(),
            None => return None,
        };
        let mut letter = self.letter(Kind::Machine, "mailer-daemon@relay.example");
        letter.to = back;
        letter.subject = "Undelivered Mail Returned to Sender".to_owned();
        letter.more = "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"cut\"\r\n".to_owned();
        let head = String::from_utf8_lossy(&parcel.bytes);
        let head = head.split("\r\n\r\n").next().unwrap_or_default();
        letter.body = format!(
            "--cut\r\nContent-Type: text/plain\r\n\r\nNo such user here.\r\n--cut\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--cut\r\nContent-Type: text/rfc822-headers\r\n\r\n{head}\r\n\r\n--cut--\r\n",
            parcel.to
        );
        Some(letter)
    }

    /// An agent answers the writer, with a copy to the desk.
    fn agent(&mut self, agent: &str, parcel: &Parcel) -> Option<(i64, Letter)> {
        if self.rng.chance(400) {
            return None;
        }
        let back = field(&parcel.bytes, "Reply-To")?;
        let letter = self
            .letter(Kind::Agent, agent)
            .answering(&parcel.bytes, &back);
        Some((self.rng.between(600, 30 * HOUR), letter))
    }

    fn away(&mut self, agent: &str, parcel: &Parcel) -> Letter {
        let mut letter = self.letter(Kind::Machine, agent);
        let back = (parcel.envelope_from.as_ref()).map_or(DESK.to_owned(), ToString::to_string);
        letter = letter.answering(&parcel.bytes, &back);
        let subject = field(&parcel.bytes, "Subject").unwrap_or_default();
        letter.subject = format!("Automatic reply: {subject}");
        if self.rng.chance(500) {
            letter.more = letter
                .more
                .replace("Auto-Submitted: auto-generated\r\n", "");
        }
        letter
    }

    /// Lets people write for some days: so many mails a day, of all kinds.
    pub(super) fn busy(&mut self, days: i64, a_day: i64) {
        let everybody = crowd(&mut self.people, &mut self.rng);
        for _ in 0..days * a_day {
            let at = self.rng.between(60, days * 24 * HOUR);
            let from =
                everybody[usize::try_from(self.rng.below(everybody.len() as u64)).unwrap()].clone();
            let kind = match (self.people.role(&from), self.rng.below(20)) {
                (Role::Machine, _) => Kind::Machine,
                (Role::Mirror, _) => Kind::Disguised,
                (_, 0..=9) => Kind::Account,
                (_, 10..=15) => Kind::Redirect,
                (_, 16 | 17) => Kind::Thanks,
                (_, 18) => Kind::Advert,
                _ => Kind::Machine,
            };
            let mut letter = self.letter(kind, &from);
            if kind == Kind::Account {
                letter.in_own_words();
            }
            // One person in different spellings.
            if self.rng.chance(100) && kind != Kind::Machine {
                letter.from = from.replacen('@', "+badges@", 1);
            }
            if self.rng.chance(50) {
                letter.from = letter.from.to_uppercase();
            }
            if self.rng.chance(30) {
                let more = &letter.more;
                letter.more = format!("{more}Authentication-Results: {BORDER}; dmarc=fail\r\n");
            }
            self.plan(at, Event::Mail(letter.clone()));
            if self.rng.chance(40) {
                // The same mail twice, or its Message-ID with other words.
                if self.rng.chance(500) && kind == Kind::Account {
                    letter.marked_again();
                }
                let later = at + self.rng.between(1, 5 * HOUR);
                self.plan(later, Event::Mail(letter));
            }
        }
    }
}

/// People of several organisations and providers, and some machines among them.
fn crowd(people: &mut People, rng: &mut Rng) -> Vec<String> {
    let domains = [
        "gmail.com",
        "museum.example",
        "school.example",
        "firm.example",
    ];
    let mut crowd = Vec::new();
    for n in 0..60 {
        let address = format!("p{n}.x@{}", rng.pick(&domains));
        let role = match n {
            0..=2 => Role::Mirror,
            3..=5 => Role::Machine,
            6 | 7 => Role::Bouncing,
            8 => Role::Nobody,
            9..=14 => Role::Silent,
            _ => Role::Person,
        };
        people.add(&address, role);
        crowd.push(address);
    }
    people.add("triage2@agents.example", Role::Away);
    people.add("accounts2@agents.example", Role::Away);
    people.add("badges2@agents.example", Role::Redirecting);
    crowd
}
