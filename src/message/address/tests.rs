//! What is an address, what is none, and who is the same person.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::Address;
use super::NamedAddress;
use proptest::prelude::any;
use proptest::proptest;

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[test]
fn odd_but_real_local_parts_are_addresses() {
    for text in [
        "foo.@docomo.example",
        "a..b@carrier.example",
        ".lead@carrier.example",
        "\"john smith\"@old.example",
        "\"a@b\"@old.example",
        "o'neill+badge=1@x.example",
        "root@localhost",
        "用户@x.example",
    ] {
        assert_eq!(address(text).as_str(), text);
    }
    assert!(!address("用户@x.example").is_ascii());
    assert!(address("foo.@docomo.example").is_ascii());
}

#[test]
fn what_cannot_be_written_to_is_no_address() {
    for text in [
        "",
        "@",
        "a@",
        "@b.example",
        "a b@x.example",
        "a@b@c.example",
        "a@x..example",
        "a@-x.example",
        "a@x.example>",
        "a\r\nBcc: c@x.example",
        "a\u{0}@x.example",
        "\"open@x.example",
        "\"a\"b\"@x.example",
        "\"a\\\"@x.example",
        "a@[192.0.2.1]",
        "a@exa mple.example",
        "plain words",
        "a\u{202e}b@x.example",
        "<>",
        "a,b@x.example",
        "a@x.example,b",
    ] {
        assert!(Address::parse(text).is_err(), "{text:?}");
    }
    assert!(Address::parse(&format!("{}@x.example", "a".repeat(65))).is_err());
    assert!(Address::parse(&format!("a@{}.example", "x".repeat(64))).is_err());
    assert!(Address::parse(&format!("a@{}", "xy.".repeat(90))).is_err());
}

#[test]
fn the_domain_is_lower_case_ascii_and_the_local_part_as_written() {
    assert_eq!(
        address(" <Ana.B@Bücher.Example.> ").as_str(),
        "Ana.B@xn--bcher-kva.example"
    );
    assert_eq!(
        address("<@relay.example,@b.example:Ana@X.example>").as_str(),
        "Ana@x.example"
    );
    assert_eq!(address("Ana@X.example").local(), "Ana");
    assert_eq!(address("\"a@b\"@X.example").domain(), "x.example");
}

#[test]
fn spellings_of_one_mailbox_are_the_same_person() {
    assert!(address("Ana.Berg+x@gmail.com").same_person(&address("anaberg@googlemail.com")));
    assert!(address("ana+badges@x.example").same_person(&address("ANA@x.example")));
    assert!(address("\"ana\"@x.example").same_person(&address("ana@x.example")));
    assert!(!address("ana.b@x.example").same_person(&address("anab@x.example")));
    assert!(!address("ana@x.example").same_person(&address("ana@y.example")));
    assert_eq!(address("+48123@x.example").identity(), "+48123@x.example");
}

#[test]
fn an_error_shows_the_text_cut_and_escaped() {
    let error = Address::parse(&format!("a\n{}", "x".repeat(500))).unwrap_err();
    assert!(error.text.len() < 100 && !error.text.contains('\n'));
}

#[test]
fn a_display_name_is_one_short_line() {
    let named = NamedAddress::new("\"Ana\r\n\tBcc: x\"  ", address("ana@x.example"));
    assert_eq!(named.name, "Ana Bcc: x");
    assert_eq!(
        NamedAddress::new("ana@x.example", address("ana@x.example")).name,
        ""
    );
    assert_eq!(
        NamedAddress::new(&"n".repeat(1000), address("ana@x.example"))
            .name
            .len(),
        100
    );
}

#[test]
fn serde_keeps_an_address_and_refuses_what_is_none() {
    let json = serde_json::to_string(&address("Ana@X.example")).unwrap();
    assert_eq!(json, "\"Ana@x.example\"");
    assert_eq!(
        serde_json::from_str::<Address>(&json).unwrap(),
        address("Ana@x.example")
    );
    assert!(serde_json::from_str::<Address>("\"no address\"").is_err());
}

proptest! {
    #[test]
    fn whatever_parses_parses_again_to_itself(text in "\\PC{0,40}", local in "[!-~]{1,20}", domain in any::<String>()) {
        for text in [text, format!("{local}@x.example"), format!("{local}@{domain}")] {
            if let Ok(address) = Address::parse(&text) {
                assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(&address));
                assert_eq!(address.as_str(), format!("{}@{}", address.local(), address.domain()));
                assert!(!address.as_str().contains(['\r', '\n', '\0']));
                assert!(address.same_person(&address));
            }
        }
    }
}
