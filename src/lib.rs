//! mailclerk: a clerk for a support mailbox.
//!
//! This page is the map. It tells the way of a mail, what must always hold, and where to look.
//!
//! # The way of a mail
//! ```text
//!         nouns touch the world               verbs only think                       nouns touch the world
//!  IMAP -> mailbox -> message::parse -> triage: screen > thread > classify > decide -> store  ->  transport -> SMTP
//!             ^          bytes -> Message          ^      a Plan; nothing done yet    | one tx |   lease, send, settle
//!             |                                    +--- Case <--- store.recall -------+        +--- Outcome --> store
//!             +------------- filed away on the server only after the commit is durable
//! ```
//! `daemon` joins the parts and runs the loops; `cli` is what an operator types; `config` is what an operator
//! writes; the desk itself (intents, words, replies) is data in `rules/`, compiled by `triage::desk`;
//! `learn` makes the second opinion in `rules/model.json` out of the examples beside the rules.
//! `steps` names the moments that a crash may fall between; `clock::desk` is the time that the desk goes by.
//!
//! Before a group of mails is thought about it is claimed on the server, so that of two daemons one handles it. The next
//! group is fetched meanwhile (`daemon/intake/stages.rs`), and reading uses all cores (`daemon/thinking.rs`). The store
//! is looked at in a copy before it is opened (`store/look.rs`), unless it was closed in order and not touched since
//! (`store/seal.rs`): then its records are read beside the work. What rewrites it whole (`repair`, `restore`, `shrink`)
//! is exchanged for it at one moment (`store/swap.rs`). `daemon/reconcile.rs` asks daily whether any mail was missed.
//!
//! An agent answers the forward: `triage::relay` knows the agent by a token and takes the words out, `triage::command` reads
//! orders on the first lines, `triage/decide/relay.rs` and `orders.rs` decide; `store/acts.rs` keeps what was done, and the words
//! wait in the outbox for as long as they can be stopped.
//!
//! A suspicious mail ends in `store/quarantine.rs` instead; `daemon/quarantine.rs` thinks it anew when an operator releases
//! it. `triage::breaker` holds all automatic replies when there are too many, and `triage::dead` those to addresses that are
//! not. `triage::verify` says which address is whose, `triage::closing` what an answer to a closed ticket means,
//! `triage::twin` which mails are one case, `triage::merge` which tickets are (`store/person.rs`, `store/merge.rs`); what is closed
//! or merged weighs on nobody (`store/rest.rs`).
//! What a person corrects (`daemon/relabel.rs`) becomes an example for `learn` (`learn/correction.rs`).
//!
//! What falls due about a ticket (`triage::agenda`: reminders, ends of snoozes; `triage::digest`) stands in the store by its time
//! and fires in one commit (`store/agenda.rs`, `daemon/agenda.rs`). `triage::roster` deals cases out, `triage::hours` counts
//! working time.
//!
//! # Invariants
//! 1. `message` and `triage` do no I/O, read no clock, write no log and cannot fail.
//! 2. Any bytes parse. A flaw never drops a mail; it sends it to a person, or holds it until an operator decides.
//! 3. Nothing leaves that is not durable in the outbox before the connection is opened.
//! 4. A mail is filed away on the server only after its plan is durable.
//! 5. Committing the same mail twice changes nothing; committing on a stale ticket is refused and thought again.
//! 6. No reply without a `Person`; no second reply to one mail; no more than the budget to a writer, on a ticket, to
//!    the same words, to a domain, in total. Budgets live in the store. A spent budget silences the reply, never the
//!    forward; one more than the total trips the breaker. A flood of cases is gathered, and an agent told of it.
//! 7. Loops share the store and a wake-up of capacity one. No channel carries state.
//! 8. Only `store/layout.rs` is serialised to disk; records are versioned; old ones stay readable.
//! 9. Everything has a limit with a unit: octets, parts, depth, batch, outbox, attempts, replies, requests.
//! 10. A stranger who quotes a ticket number or forges a Message-ID does not enter that ticket: a new, linked ticket
//!     opens.
//! 11. Nothing a mail says is ever executed, rendered as a template, logged in the clear, or copied into a header
//!     unencoded.
//! 12. A person's account comes first: a mail with any forwarded intent is forwarded, whatever else it asks.
//!
//! # Standards
//! | task | source | file |
//! | --- | --- | --- |
//! | cursor, UIDVALIDITY | RFC 9051, 2.3.1.1 | `mailbox/resume.rs` |
//! | IDLE | RFC 2177 | `mailbox/imap` |
//! | MOVE, UIDPLUS | RFC 6851, RFC 4315 | `mailbox/imap` |
//! | claims: CONDSTORE | RFC 7162, 3.1.3 | `mailbox/imap/claim.rs` |
//! | message syntax | RFC 5322, RFC 2045-2047 | `message/parse.rs`, `message/compose.rs` |
//! | may a machine answer? | RFC 3834, RFC 5230 | `triage/screen.rs`, `triage/decide.rs` |
//! | reports | RFC 3464, RFC 3463, RFC 5965, RFC 6522, RFC 8098 | `triage/returned.rs`, `triage/screen.rs` |
//! | whose word is believed | RFC 8601, RFC 7489 | `triage/screen.rs` |
//! | submission, replies of the server | RFC 5321, RFC 6409, RFC 4954 | `transport/` |
//! | unknown outcome | RFC 1047 | `triage/delivery.rs` |
//! | token refresh | RFC 6749, 6 | `config/oauth.rs` |

pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod learn;
pub mod mailbox;
pub mod message;
pub mod steps;
pub mod store;
pub mod tls;
pub mod transport;
pub mod triage;
