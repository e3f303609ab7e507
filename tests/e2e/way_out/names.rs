//! Names of servers that do not resolve, resolve late, or resolve to another address than before: the daemon in a
//! mount namespace of its own, where a resolver of ours answers.

use std::fs;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::deliver;
use super::nudge;
use super::rows;
use crate::house::House;
use crate::support::process::is_root;

/// The servers' certificate is for this name and no other.
const NAME: &str = "localhost";

/// What the resolver says of every name.
#[derive(Debug, Clone, Copy)]
enum Says {
    /// There is no such name.
    NxDomain,
    /// It cannot find out.
    ServFail,
    /// Nothing at all.
    Nothing,
    /// It is there.
    At(Ipv4Addr),
}

/// A resolver on a loopback address of its own.
struct Resolver {
    address: Ipv4Addr,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
}

impl Resolver {
    fn start() -> Self {
        let id = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 53, id[2], id[3] | 1);
        let socket = UdpSocket::bind((address, 53)).unwrap_or_else(|error| {
            panic!("no resolver on port 53 ({error}): run as root, or allow it by sysctl net.ipv4.ip_unprivileged_port_start=53")
        });
        let says = Arc::new(Mutex::new(Says::NxDomain));
        let asked = Arc::new(AtomicUsize::new(0));
        let (mood, count) = (Arc::clone(&says), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut space = [0; 512];
            while let Ok((n, peer)) = socket.recv_from(&mut space) {
                count.fetch_add(1, Ordering::SeqCst);
                let says = *mood.lock().unwrap();
                if let Some(answer) = answer(&space[..n], says) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        Self {
            address,
            says,
            asked,
        }
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An answer as RFC 1035, 4.1 has it: the question again, and one address at most.
fn answer(question: &[u8], says: Says) -> Option<Vec<u8>> {
    let name = question.get(12..)?;
    let end = name.iter().position(|byte| *byte == 0)? + 12 + 5;
    let asks_for_v4 = question.get(end - 4..end - 2)? == [0, 1];
    let (code, address) = match says {
        Says::Nothing => return None,
        Says::NxDomain => (3, None),
        Says::ServFail => (2, None),
        Says::At(address) => (0, Some(address).filter(|_| asks_for_v4)),
    };
    let answers = u8::from(address.is_some());
    let mut bytes = question.get(..2)?.to_vec();
    bytes.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    bytes.extend(question.get(12..end)?);
    if let Some(address) = address {
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        bytes.extend(address.octets());
    }
    Some(bytes)
}

/// The same servers at another address, until dropped.
struct Relay {
    doors: Vec<(Ipv4Addr, u16)>,
    closed: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn start(address: Ipv4Addr, ports: &[u16]) -> Self {
        let relay = Self {
            doors: ports.iter().map(|port| (address, *port)).collect(),
            closed: Arc::default(),
            open: Arc::default(),
        };
        for door in &relay.doors {
            let listener = TcpListener::bind(*door).unwrap();
            let (closed, open, port) = (relay.closed.clone(), relay.open.clone(), door.1);
            std::thread::spawn(move || {
                for ours in listener.incoming().map_while(Result::ok) {
                    if closed.load(Ordering::SeqCst) {
                        return;
                    }
                    let theirs = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                    let mut known = open.lock().unwrap();
                    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
                        let (mut from, mut to) =
                            (from.try_clone().unwrap(), to.try_clone().unwrap());
                        std::thread::spawn(move || {
                            let _ = io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Both);
                        });
                    }
                    known.extend([ours, theirs]);
                }
            });
        }
        relay
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        for door in &self.doors {
            // Wakes its thread, which sees that it is over.
            let _ = TcpStream::connect(*door);
        }
        for stream in self.open.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The daemon, where names are what our resolver says; killed when dropped.
struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(house: &House, resolver: &Resolver) -> Self {
        let nameserver = IpAddr::V4(resolver.address);
        for (name, text) in [
            ("hosts", String::new()),
            ("nsswitch.conf", "hosts: files dns\n".to_owned()),
            (
                "resolv.conf",
                format!(
                    "nameserver {nameserver}\nsearch .\noptions ndots:0 timeout:1 attempts:1\n"
                ),
            ),
        ] {
            fs::write(house.path(name), text).unwrap();
        }
        let script = "for name in hosts nsswitch.conf resolv.conf; do mount --bind \"$0/$name\" /etc/$name || exit 99; done; exec \"$@\"";
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("--map-root-user");
        }
        let child = command
            .args(["--mount", "sh", "-c", script])
            .arg(house.folder.path())
            .arg(env!("CARGO_BIN_EXE_mailclerk"))
            .args(["run", "--config"])
            .arg(house.path("mailclerk.toml"))
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stderr(File::create(house.path("log")).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self { child };
        house.wait("the daemon to run", |house| {
            (house.ask(&["status"])?["running"] == true).then_some(())
        });
        daemon
    }

    /// Tells it to stop and waits for its end.
    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").arg(pid).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(house: &House) -> String {
    fs::read_to_string(house.path("log")).unwrap()
}

/// Waits until all mails of `n` writers are on record and sent.
fn all_sent(house: &House, n: usize) {
    house.wait("everything to be sent", |house| {
        let all = nudge(house);
        (all.len() == 2 * n && all.iter().all(|r| r.state == "sent")).then_some(())
    });
}

/// Faults: F21; holds I1 I2 I3 I10.
#[test]
fn a_name_that_does_not_resolve_holds_mails_until_it_does_and_is_asked_again_each_time() {
    let mut house = House::closed("");
    let ports = house.servers.ports.smtp;
    let before = format!("host = \"127.0.0.1\"\nport = {ports}");
    house.change_config(&before, &format!("host = \"{NAME}\"\nport = {ports}"));
    let resolver = Resolver::start();
    let daemon = Daemon::start(&house, &resolver);
    deliver(&mut house, 0, 1);
    for says in [Says::NxDomain, Says::ServFail, Says::Nothing] {
        resolver.say(says);
        let before = resolver.asked();
        // An operator who is impatient: the pause would only make this test long.
        house.wait("the name to be asked for", |house| {
            nudge(house);
            (resolver.asked() > before).then_some(())
        });
        house.wait("the mails to wait again", |house| {
            let all = rows(house)?;
            let waits = |said: &str| said.contains(&format!("no connection to {NAME}"));
            (all.len() == 2
                && all.iter().any(|r| waits(&r.said))
                && all.iter().all(|r| r.state == "waiting"))
            .then_some(())
        });
    }
    let first = Ipv4Addr::new(127, 53, 0, 8);
    let relay = Relay::start(first, &[ports]);
    resolver.say(Says::At(first));
    all_sent(&house, 1);
    // The server moves: who asks again finds it.
    drop(relay);
    let second = Ipv4Addr::new(127, 53, 0, 9);
    let _relay = Relay::start(second, &[ports]);
    resolver.say(Says::At(second));
    deliver(&mut house, 1, 1);
    all_sent(&house, 2);
    for n in 0..2 {
        let who = format!("writer{n}@home{n}.example");
        assert_eq!(house.mails(&who, 1).len(), 1, "{who}");
    }
    assert_eq!(daemon.stop(), Some(0));
}

/// Faults: F21; holds I1 I2 I3 I10.
#[test]
fn a_mailbox_whose_name_fails_and_moves_is_found_again_without_help() {
    let mut house = House::closed("");
    house.change_config("host = \"127.0.0.1\"", &format!("host = \"{NAME}\""));
    let ports = [house.servers.ports.imaps, house.servers.ports.smtp];
    let resolver = Resolver::start();
    let daemon = Daemon::start(&house, &resolver);
    deliver(&mut house, 0, 1);
    for says in [Says::NxDomain, Says::ServFail, Says::Nothing] {
        resolver.say(says);
        let before = resolver.asked();
        house.wait("the name to be asked for", |_| {
            (resolver.asked() > before).then_some(())
        });
        assert_eq!(house.ask(&["status"]).unwrap()["running"], true);
    }
    // Each try asks for two kinds of address: a loop that does not rest asks thousands of times.
    assert!(
        resolver.asked() < 100,
        "{} questions\n{}",
        resolver.asked(),
        log(&house)
    );
    let first = Ipv4Addr::new(127, 53, 0, 18);
    let relay = Relay::start(first, &ports);
    resolver.say(Says::At(first));
    all_sent(&house, 1);
    drop(relay);
    let second = Ipv4Addr::new(127, 53, 0, 19);
    let _relay = Relay::start(second, &ports);
    resolver.say(Says::At(second));
    deliver(&mut house, 1, 1);
    all_sent(&house, 2);
    assert_eq!(house.filed("Forwarded", 2).len(), 2);
    assert_eq!(house.mails("writer1@home1.example", 1).len(), 1);
    assert_eq!(daemon.stop(), Some(0));
}
