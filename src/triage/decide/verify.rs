//! Addresses on a ticket: what a mail proves, whom the desk asks, and what becomes of the answer.

use crate::message::address::Address;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::breaker;
use crate::triage::decide::Matter;
use crate::triage::decide::says;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::screen::Proof;
use crate::triage::screen::Screening;
use crate::triage::screen::proof;
use crate::triage::thread::Thread;
use crate::triage::ticket::Ticket;
use crate::triage::verify;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;
use crate::triage::verify::notice::notice;
use crate::triage::verify::rules::VERIFY_REPLY;
use crate::triage::verify::rules::Wish;
use crate::triage::verify::said::Word;

/// The reason of a plan for an answer that verified an address.
pub const NOW_VERIFIED: &str = "verified";
/// The reason of a plan for an answer that says no to the question.
pub const SAYS_NO: &str = "refused";
/// The reason that an answer may say that its writer did not ask for anything.
pub(super) const DISOWNS: &str = "verify-disowned";
/// The reason that a mail answers the question to an address from elsewhere.
pub const ELSEWHERE: &str = "verify-elsewhere";

impl Matter<'_> {
    /// What is known of the addresses of the mail's ticket.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let Some(ticket) = self.joined() else {
            return Vec::new();
        };
        self.standings_of(ticket)
    }

    pub(super) fn standings_of(&self, ticket: &Ticket) -> Vec<Standing> {
        let all = self.case.beside.standings.iter();
        all.filter(|(number, _)| *number == ticket.number)
            .map(|(_, standing)| standing.clone())
            .collect()
    }

    /// Whether the addresses of a mail with these intents are verified.
    fn wish(&self, intents: &[String]) -> Wish {
        let found = intents.iter().filter_map(|n| self.rules.intents.intent(n));
        found.map(|i| i.verify).max().unwrap_or_default()
    }

    /// By which proof the sender reads their address, on the ticket that the mail joins.
    fn proved(&self) -> Option<String> {
        let ticket = self.joined()?;
        verify::proved(
            &self.reading.message,
            &self.clues,
            ticket.number,
            self.office,
            self.rules.verify.must_be_vouched,
        )
    }

    /// Notes that the sender answered a mail of ours, where that is news and somebody wants to know.
    pub(super) fn prove_sender(&self, plan: &mut Plan) {
        let (Some(writer), Some(ticket)) = (self.reading.writer(), self.joined()) else {
            return;
        };
        let known = self.standings_of(ticket);
        if known.is_empty() && self.wish(&ticket.intents) == Wish::No {
            return;
        }
        let Some(how) = self.proved() else { return };
        // Who disowns what was asked in their name has verified nothing.
        if self.disowns() {
            let what = "the answer may say that its writer did not ask for this: it verifies nothing, and nobody is asked";
            plan.because.push(says(DISOWNS, what));
            return;
        }
        let of_sender = known
            .iter()
            .find(|s| s.address.same_person(&writer.address));
        match of_sender {
            // What was asked there is answered with care, elsewhere.
            Some(s) if matches!(s.stand, Stand::Verified | Stand::Asked | Stand::Refused) => {}
            _ => plan.beside.standings.push(Standing {
                address: writer.address.clone(),
                stand: Stand::Verified,
                at: self.now,
                how,
                asked: None,
            }),
        }
    }

    /// Whether the mail may say that its writer did not ask for what was asked in their name.
    fn disowns(&self) -> bool {
        let text = &self.reading.message.body.new;
        self.rules.verify.says_no(text)
    }

    /// The plan for an answer from an address that was asked: the agent hears of it, nobody else gets a mail.
    pub(super) fn answers_question(&self) -> Option<Plan> {
        let (ticket, writer) = (self.joined()?, self.reading.writer()?);
        let standings = self.standings_of(ticket);
        let asked = standings
            .iter()
            .find(|s| s.stand == Stand::Asked && s.address.same_person(&writer.address))?;
        let how = self.proved()?;
        // In doubt whether a person wrote, a person judges.
        if !matches!(self.reading.screening, Screening::Person(_)) {
            return None;
        }
        if self.flood().is_some() {
            return None;
        }
        let text = &self.reading.message.body.new;
        let no = self.rules.verify.says_no(text);
        // Whoever says neither yes nor no has verified nothing: a person judges.
        if !no && !self.rules.verify.says_yes(text) {
            return None;
        }
        let (rule, stand, how, what) = if no {
            let how = "answered from there, and says no".to_owned();
            (
                SAYS_NO,
                Stand::Refused,
                how,
                "says NO: it is not theirs, or they want no mail",
            )
        } else {
            (NOW_VERIFIED, Stand::Verified, how, "is now verified")
        };
        let mut plan = self.plan(Disposition::Forward, Step::Record(Some(ticket.number)));
        plan.intents.clone_from(&ticket.intents);
        let mut changed = self.ticket(&ticket.intents);
        plan.beside.standings.push(asked.to(stand, &how, self.now));
        if no {
            plan.beside.refused.push(asked.address.clone());
        }
        self.reopen(&mut plan);
        plan.because.push(says(
            rule,
            if no {
                "who reads the address that was asked says no; the agent is told"
            } else {
                "the address that was asked answered from there; the agent is told"
            },
        ));
        if let Some(agent) = self.hand_over(&mut plan, &mut changed) {
            let told = (&asked.address, what);
            let letter = notice(&self.matter_of(&changed), &plan, &changed, &agent, told);
            plan.letters.push(letter);
        }
        plan.step = Step::Update(changed);
        Some(plan)
    }

    /// Notes what a forwarded mail says of addresses, and returns the questions that leave because of it.
    pub(super) fn addresses(&self, plan: &mut Plan, ticket: &Ticket, replied: bool) -> Vec<Letter> {
        self.tell_elsewhere(plan);
        let known = self.standings();
        let wish = self.wish(&plan.intents);
        if wish == Wish::No && known.is_empty() {
            return Vec::new();
        }
        self.prove_sender(plan);
        self.note_sender(plan, &known);
        self.note_named(plan, &known, wish);
        if wish == Wish::No {
            return Vec::new();
        }
        let mut questions = Vec::new();
        for standing in verify::laid(&known, &plan.beside.standings) {
            let before = questions.len() + usize::from(replied);
            if standing.stand != Stand::Named || !self.may_ask(&standing, plan, &known, before) {
                continue;
            }
            let mut asked = standing.to(Stand::Asked, "", self.now);
            asked.asked = Some(self.now);
            plan.beside.standings.retain(|s| s.address != asked.address);
            plan.beside.standings.push(asked);
            plan.because.push(says(
                "verify",
                "an address that the writer named is asked for an answer from there",
            ));
            questions.push(self.question(&standing.address, ticket));
        }
        questions
    }

    fn tell_elsewhere(&self, plan: &mut Plan) {
        let (Thread::Joins(number, _) | Thread::Linked(number, _)) = &self.thread else {
            return;
        };
        let known: Vec<Standing> = self
            .case
            .beside
            .standings
            .iter()
            .filter(|(of, _)| of == number)
            .map(|(_, standing)| standing.clone())
            .collect();
        let sender = self.reading.writer().map(|w| &w.address);
        let message = &self.reading.message;
        let merged = &self.case.beside.merged;
        if let Some(asked) =
            verify::elsewhere(message, sender, *number, &known, merged, self.office)
        {
            let what = "it answers our question to another address, but does not come from there: nothing is verified by it";
            plan.because.push(Because {
                matched: asked.to_string(),
                ..says(ELSEWHERE, what)
            });
        }
    }

    fn note_sender(&self, plan: &mut Plan, known: &[Standing]) {
        let Some(writer) = self.reading.writer() else {
            return;
        };
        let mut all = known.iter().chain(&plan.beside.standings);
        if all.any(|s| s.address.same_person(&writer.address)) {
            return;
        }
        plan.beside.standings.push(Standing {
            address: writer.address.clone(),
            stand: Stand::Named,
            at: self.now,
            how: "the mail comes from it, by its own word".to_owned(),
            asked: None,
        });
    }

    fn note_named(&self, plan: &mut Plan, known: &[Standing], wish: Wish) {
        // Of a list nobody is remembered: a later mail would have them asked one by one.
        if self.names_a_list() {
            return;
        }
        let writer = self.reading.writer().map(|w| &w.address);
        for (found, word) in &self.reading.named {
            let address = &found.address;
            if writer.is_some_and(|w| w.same_person(address)) {
                continue;
            }
            let how = if self.rules.verify.is_role(address) {
                "several people may read it"
            } else if !found.sure {
                "spelt in words; it may be read wrongly"
            } else if *word == Word::Not {
                "by the writer's words it cannot be read"
            } else if wish == Wish::OnlySaid && *word != Word::Reads {
                "the writer does not say that it can be read"
            } else {
                ""
            };
            let stand = if how.is_empty() {
                Stand::Named
            } else {
                Stand::Unreadable
            };
            let old = known.iter().find(|s| s.address.same_person(address));
            // Silence takes nothing back that was said before; a word does.
            let said = match old {
                None => true,
                Some(s) => {
                    matches!(s.stand, Stand::Named | Stand::Unreadable)
                        && *word != Word::Nothing
                        && s.stand != stand
                }
            };
            if said && known.len() + plan.beside.standings.len() < verify::STANDINGS_MAX {
                plan.beside.standings.push(Standing {
                    address: address.clone(),
                    stand,
                    at: self.now,
                    how: how.to_owned(),
                    asked: None,
                });
            }
        }
    }

    /// Whether the mail names more addresses, besides its sender's, than anybody has.
    fn names_a_list(&self) -> bool {
        let sender = self.reading.writer().map(|w| &w.address);
        let others = self.reading.named.iter();
        let others = others.filter(|(f, _)| sender.is_none_or(|s| !f.address.same_person(s)));
        u32::try_from(others.count()).unwrap_or(u32::MAX) > self.rules.verify.limits.named
    }

    /// Whether an address may be asked now. `before` are the automatic letters of this plan so far.
    fn may_ask(&self, standing: &Standing, plan: &Plan, known: &[Standing], before: usize) -> bool {
        let Screening::Person(person) = &self.reading.screening else {
            return false;
        };
        let limits = &self.rules.verify.limits;
        let sender = person.address();
        let beside = &self.case.beside;
        let all = verify::laid(known, &plan.beside.standings);
        let mut of_sender = all.iter().filter(|s| s.address.same_person(sender));
        let proved = of_sender.any(|s| s.stand == Stand::Verified) || self.border_vouches(sender);
        let asked = all.iter().filter(|s| s.asked.is_some()).count();
        let now = all.iter().filter(|s| s.asked == Some(self.now)).count();
        let more = |n: u32, plus: usize| {
            usize::try_from(n)
                .unwrap_or(usize::MAX)
                .saturating_add(plus)
        };
        let below = |n: u32, plus: usize, max: u32| more(n, plus) < more(max, 0);
        let asking = beside
            .asking
            .iter()
            .find(|a| a.address.same_person(&standing.address));
        let address = &standing.address;
        let desk = &self.office.surroundings;
        !address.same_person(sender)
            && address.is_ascii()
            && verify::named::is_persons(address, desk, &self.rules.verify)
            && standing.asked.is_none()
            && proved
            && !self.disowns()
            && !self.names_a_list()
            && below(0, asked, limits.ticket)
            && below(beside.asked_day, now, limits.requester_day)
            && below(beside.asked_hour, now, limits.total_hour)
            && asking.is_some_and(|a| {
                !a.today && !a.refused && !a.dead && below(a.domain_hour, now, limits.domain_hour)
            })
            && self.breaker_lets(before)
    }

    /// Whether our border vouches for that very address: a form's requester, or a Reply-To, is only named.
    fn border_vouches(&self, sender: &Address) -> bool {
        let message = &self.reading.message;
        let from = matches!(message.from.as_slice(), [only] if only.address.same_person(sender));
        from && message.form.is_none() && proof(message, &self.office.surroundings) == Proof::Passed
    }

    /// Whether the desk as a whole says so much more.
    fn breaker_lets(&self, before: usize) -> bool {
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let spent = self.case.spent.total_hour.saturating_add(before);
        match self.case.breaker {
            breaker::Stand::Closed => spent < self.rules.desk.budget.total_hour,
            breaker::Stand::Trial(left) => left > before,
            breaker::Stand::Open | breaker::Stand::ByHand => false,
        }
    }

    /// The mail that asks.
    fn question(&self, to: &Address, ticket: &Ticket) -> Letter {
        let shown = format!("#{}", ticket.number.0);
        let desk = &self.rules.desk.name;
        let words = self.rules.replies.ask(&self.found.language, &shown, desk);
        let key = &self.office.key;
        Letter {
            purpose: Purpose::Verify,
            to: to.clone(),
            reply_to: vec![key.reply_address(&self.office.address, ticket.number, to)],
            subject: format!("{} {}", words.subject, key.subject_tag(ticket.number, to)),
            language: words.language,
            text: words.text,
            html: Some(words.html),
            attach_original: false,
            templates: vec![VERIFY_REPLY.to_owned()],
        }
    }
}
