//! Whose word on a sender's domain is believed, and whose is not.

use super::*;
use crate::triage::screen::support::desk;
use crate::triage::screen::support::mail;
use crate::triage::screen::support::with;

const FAIL: &str = "mx.desk.example; dmarc=fail header.from=people.example; arc=pass (i=2)";
const SEAL: &str = "i=2; a=rsa-sha256; t=1; cv=pass; d=forwarder.example; s=x; b=AAAA";
const TOLD: &str =
    "i=2; mx.forwarder.example; dkim=pass; dmarc=pass (p=none) header.from=people.example";

fn of(fields: &[(&str, &str)], trusted: &[&str]) -> Proof {
    let mut found = mail("Badge", "It is gone.");
    for (name, value) in fields {
        found = with(found, name, value);
    }
    let desk = Surroundings {
        trusted_arc: trusted.iter().map(|t| (*t).to_owned()).collect(),
        ..desk()
    };
    proof(&found, &desk)
}

fn said(field: &str) -> Proof {
    of(&[("authentication-results", field)], &[])
}

/// Rules: R55 R56; a local part may hold what looks like a result.
#[test]
fn what_the_sender_wrote_into_our_borders_field_proves_nothing() {
    for field in [
        "mx.desk.example; spf=none smtp.mailfrom=\"x; dmarc=pass header.from=people.example\"@evil.example; dmarc=none",
        "mx.desk.example; spf=none smtp.mailfrom=\"x; dmarc=pass header.from=people.example\"@evil.example",
        "mx.desk.example; spf=none smtp.mailfrom=\"x\\\"; dmarc=pass header.from=people.example\"@evil.example",
        "mx.desk.example; spf=none (mailfrom x; dmarc=pass header.from=people.example)",
        "mx.desk.example; spf=none smtp.mailfrom=\"x; dmarc=pass \"@evil.example",
        // A border that forgets the quotes: two results that differ.
        "mx.desk.example; spf=none smtp.mailfrom=x; dmarc=pass header.from=people.example @evil.example; dmarc=none header.from=people.example",
        "mx.desk.example; dmarc=none; dmarc=pass header.from=people.example",
    ] {
        assert_eq!(said(field), Proof::None, "{field}");
    }
    assert_eq!(
        said("mx.desk.example; dmarc=pass; dmarc=fail"),
        Proof::Failed
    );
    for pass in [
        "mx.desk.example; dmarc=pass",
        "mx.desk.example 1;  DMARC / 1 = PASS (p=none; x) HEADER.FROM=People.example",
        "\"mx.desk.example\"; x-new=maybe a.b=\"c;d\"; dmarc=pass header.from=maria@people.example",
    ] {
        assert_eq!(said(pass), Proof::Passed, "{pass}");
    }
}

#[test]
fn the_last_sealer_is_believed_when_we_trust_it_and_our_border_found_the_chain_sound() {
    let chain = [
        ("authentication-results", FAIL),
        ("arc-seal", SEAL),
        ("arc-seal", "i=1; d=other.example; cv=none"),
        ("arc-authentication-results", TOLD),
    ];
    assert_eq!(of(&chain, &["Forwarder.example"]), Proof::Passed);
    assert_eq!(of(&chain, &[]), Proof::Failed, "trusted by nobody");
    assert_eq!(
        of(&chain, &["other.example"]),
        Proof::Failed,
        "not the last"
    );
    let changed = |at: usize, value: &'static str| {
        let mut chain = chain;
        if let Some(field) = chain.get_mut(at) {
            field.1 = value;
        }
        of(&chain, &["forwarder.example"])
    };
    let unsound = [
        (0, "mx.desk.example; dmarc=fail header.from=people.example"),
        (0, "mx.desk.example; dmarc=fail; arc=fail"),
        (
            0,
            "mx.desk.example; dmarc=fail; spf=none smtp.mailfrom=\"; arc=pass\"@evil.example",
        ),
        (1, "i=2; d=evil.example"),
        (1, "i=1; d=forwarder.example"),
        (2, "i=2; d=forwarder.example"),
        (2, "i=3; d=evil.example"),
        (
            3,
            "i=1; mx.forwarder.example; dmarc=pass header.from=people.example",
        ),
        (
            3,
            "i=2; mx.forwarder.example; dmarc=fail header.from=people.example",
        ),
        (
            3,
            "i=2; mx.forwarder.example; dmarc=pass header.from=evil.example",
        ),
        (3, "i=2; dmarc=pass header.from=people.example"),
        (3, "garbage"),
    ];
    for (at, value) in unsound {
        assert_eq!(changed(at, value), Proof::Failed, "{value}");
    }
    let foreign = [
        ("authentication-results", "mx.evil.example; arc=pass"),
        chain[1],
        chain[3],
    ];
    assert_eq!(of(&foreign, &["forwarder.example"]), Proof::None);
}

#[test]
fn no_field_is_too_odd_to_read() {
    for odd in [
        "",
        ";",
        "\"",
        "mx.desk.example;;;=;a=;=b",
        "(((",
        "i=",
        "i=999999999999; d=x",
        "\\\"\u{0}",
    ] {
        let fields = [
            ("authentication-results", odd),
            ("arc-seal", odd),
            ("arc-authentication-results", odd),
        ];
        assert_ne!(of(&fields, &["x"]), Proof::Passed, "{odd}");
    }
}
