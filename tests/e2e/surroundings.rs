//! More than one mailbox, and the service manager.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

#[test]
fn two_mailboxes_are_two_desks_with_their_own_rules_and_one_ticket_list() {
    let house = House::closed("");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(shipped)
        .arg(house.path("other-rules"))
        .status();
    assert!(copied.unwrap().success());
    let desk = fs::read_to_string(house.path("other-rules/desk.toml")).unwrap();
    fs::write(
        house.path("other-rules/desk.toml"),
        desk.replace("Credly Support", "Museum Desk"),
    )
    .unwrap();
    let config = fs::read_to_string(house.path("mailclerk.toml")).unwrap();
    let first = config.split("[queue.accounts]").next().unwrap();
    let first = &first[first.find("[mailbox.support]").unwrap()..];
    let second = first
        .replace("mailbox.support", "mailbox.museum")
        .replace("support@credly.example", "desk@museum.example")
        .replace("authserv_id", "rules = \"other-rules\"\nauthserv_id");
    fs::write(
        house.path("mailclerk.toml"),
        config.replace("[queue.accounts]", &format!("{second}\n[queue.accounts]")),
    )
    .unwrap();
    let mut house = house;
    house.start();
    house.write("maria@home.example", "Two accounts", MERGE);
    let raw = mail(
        "joe@home.example",
        "Two accounts",
        "j@home.example",
        "",
        MERGE,
    )
    .replace("support@credly.example", "desk@museum.example")
    .replace('\n', "\r\n");
    house
        .servers
        .deliver(raw.as_bytes(), "joe@home.example", "desk@museum.example");
    let maria = house.only_mail("maria@home.example");
    let joe = house.only_mail("joe@home.example");
    assert!(maria.header("From").unwrap().contains("Credly Support"));
    assert!(joe.header("From").unwrap().contains("Museum Desk"));
    assert!(joe.header("Reply-To").unwrap().starts_with("desk+"));
    let tickets = house.ask(&["tickets", "list"]).unwrap();
    let mut mailboxes: Vec<&str> = tickets
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["mailbox"].as_str().unwrap())
        .collect();
    mailboxes.sort_unstable();
    assert_eq!(mailboxes, ["museum", "support"]);
}

#[test]
fn the_service_manager_is_told_of_start_life_reload_and_end() {
    let mut house = House::closed("");
    let socket = UnixDatagram::bind(house.path("notify.sock")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let notify = house.path("notify.sock").display().to_string();
    house.start_with(&[("NOTIFY_SOCKET", &notify), ("WATCHDOG_USEC", "600000")]);
    let hear = |what: &str| {
        let mut buffer = [0; 4096];
        loop {
            let n = socket
                .recv(&mut buffer)
                .unwrap_or_else(|e| panic!("no word of {what}: {e}"));
            let said = String::from_utf8_lossy(&buffer[..n]).into_owned();
            if said.contains(what) {
                return said;
            }
        }
    };
    assert!(hear("READY=1").contains("STATUS=watching 1 mailboxes"));
    hear("WATCHDOG=1");
    hear("STATUS=0 tickets, 0 mails waiting to go, 0 parked");
    house.signal("HUP");
    hear("RELOADING=1");
    hear("READY=1");
    assert_eq!(house.end("TERM"), Some(0));
    hear("STOPPING=1");
}
