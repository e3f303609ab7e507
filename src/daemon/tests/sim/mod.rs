//! The whole daemon in a simulated world: a mailbox server, a mail system, people, machines, a clock and a disk, all of
//! them unreliable, and everything that happens drawn from one seed. A run that fails is played again by its seed.
//!
//! ```text
//!  people, machines --mails--> server.rs (IMAP) --Mailbox--> Intake \             the real loops, triage,
//!       ^                                                            > store --- rules and store, on a runtime
//!       +------- post.rs (SMTP) <------Transport------- Delivery    /            of one thread with paused time
//!                                                                       |
//!                     world.rs: seed, true time, wall clock, what is to come      disk.rs: crashes, power cuts
//!                     episode.rs: plays some days; check.rs: what must hold afterwards
//! ```

mod agenda;
mod check;
mod days;
mod disk;
mod episode;
mod letters;
mod loops;
mod people;
mod post;
mod rng;
mod scenarios;
mod server;
mod storms;
mod world;
