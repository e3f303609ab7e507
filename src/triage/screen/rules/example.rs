//! Examples beside the rules: small mails with the verdict they must get.

use serde::Deserialize;

use crate::message::Body;
use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::Structure;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::triage::screen::ScreenRules;
use crate::triage::screen::Screening;
use crate::triage::screen::Surroundings;
use crate::triage::screen::screen;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::triage::screen) struct ExampleFile {
    /// The subject.
    subject: String,
    /// The writer's words.
    text: String,
    /// The sender's address; a person's where not given.
    from: Option<String>,
    /// What must come out.
    verdict: Wanted,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Person,
    Unsure,
    Automatic,
    /// Not answered by machine; whether people read it does not matter here.
    Silent,
}

impl ExampleFile {
    /// Screens the example. Returns what is wrong with the outcome, as a sentence.
    pub(super) fn try_with(&self, rules: &ScreenRules) -> Result<(), String> {
        let from = self.from.as_deref().unwrap_or("maria.stone@people.example");
        let address = Address::parse(from).map_err(|e| e.to_string())?;
        let (screening, signs) = screen(&self.mail(address), rules, &Surroundings::default());
        let got = match screening {
            Screening::Person(_) => Wanted::Person,
            Screening::Unsure(..) => Wanted::Unsure,
            Screening::Automatic(_) => Wanted::Automatic,
        };
        let silent = self.verdict == Wanted::Silent && got != Wanted::Person;
        if got == self.verdict || silent {
            return Ok(());
        }
        let told: Vec<&str> = signs.iter().map(|s| s.rule.as_str()).collect();
        let why = if told.is_empty() {
            "no sign".to_owned()
        } else {
            told.join(", ")
        };
        let wanted = self.verdict;
        Err(format!(
            "The example `{}` should be {wanted:?} and is {got:?} ({why}).",
            self.subject
        ))
    }

    fn mail(&self, from: Address) -> Message {
        Message {
            size: self.text.len(),
            digest: [0; 32],
            message_id: None,
            in_reply_to: Vec::new(),
            references: Vec::new(),
            from: vec![NamedAddress {
                name: String::new(),
                address: from,
            }],
            sender: None,
            reply_to: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            return_path: ReturnPath::Missing,
            subject: self.subject.clone(),
            date: None,
            headers: Vec::new(),
            body: Body {
                new: self.text.clone(),
                full: self.text.clone(),
                ..Body::default()
            },
            form: None,
            structure: Structure::default(),
            attachments: Vec::new(),
            flaws: Vec::new(),
        }
    }
}
