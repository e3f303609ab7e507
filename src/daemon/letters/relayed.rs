//! What a letter answers, and the files that go along with an agent's words.

use crate::daemon::letters::Desk;
use crate::message::attached::Enclosure;
use crate::message::attached::attached;
use crate::message::id::MessageId;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Letter;
use crate::triage::relay::Relaying;
use crate::triage::relay::words::scrubbed;
use crate::triage::ticket::TicketNumber;

impl Desk<'_> {
    /// What a letter answers, and the conversation so far.
    pub(super) fn thread(
        &self,
        letter: &Letter,
        number: TicketNumber,
        relaying: Option<&Relaying>,
    ) -> (Option<MessageId>, Vec<MessageId>) {
        let message = &self.read.reading.message;
        let office = self.office;
        if let Some(relaying) = relaying {
            // The person's own mails; the agent's are none of theirs.
            return (relaying.answers.last().cloned(), relaying.answers.clone());
        }
        if letter.purpose == Purpose::Reply {
            let ids = message.references.iter().chain(&message.message_id);
            return (message.message_id.clone(), ids.cloned().collect());
        }
        // Every mail of a ticket to an agent names the same root, so that the agent's client shows one conversation.
        let domain = office.address.domain();
        let root = office
            .key
            .message_id(Purpose::Forward, number, &[0; 32], &letter.to, domain);
        let from_them = message
            .from
            .iter()
            .any(|f| f.address.same_person(&letter.to));
        let theirs = letter.purpose == Purpose::Notice && from_them;
        let answered = message.message_id.clone().filter(|_| theirs);
        (answered, vec![root])
    }

    /// The agent's files that go along.
    pub(super) fn files(&self, relaying: Option<&Relaying>) -> Vec<Enclosure> {
        let Some(relaying) = relaying else {
            return Vec::new();
        };
        let mut files = attached(&self.read.fetched.raw, &relaying.carry);
        for file in &mut files {
            file.name = scrubbed(&file.name, &relaying.agent, self.office);
        }
        files
    }
}
