//! The desk's own addresses, and who must not have one of them.

use toml::Spanned;

use crate::config::Checker;
use crate::config::file::ConfigFile;
use crate::message::address::Address;

impl Checker<'_> {
    /// An agent whose address is the desk's own would have every forward come back as a new mail.
    pub(super) fn own_addresses(&mut self, file: &ConfigFile) {
        let own: Vec<&Address> = file
            .mailbox
            .values()
            .map(Spanned::get_ref)
            .flat_map(|m| std::iter::once(&m.address).chain(&m.aliases))
            .collect();
        if let Some(operator) = &file.alarm.mail
            && own.iter().any(|o| o.same_person(operator))
        {
            self.complain(
                0,
                &format!(
                    "[alarm] mail {operator} is an address of the desk itself: name a person's"
                ),
            );
        }
        for queue in file.queue.values() {
            for agent in queue
                .get_ref()
                .agents
                .iter()
                .filter(|a| own.iter().any(|o| o.same_person(a)))
            {
                self.complain(queue.span().start, &format!(
                    "the agent {agent} is an address of the desk itself: forwards would come back for ever"
                ));
            }
        }
    }
}
