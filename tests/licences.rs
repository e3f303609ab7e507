//! What the lock file brings in: known licences, the public registry only, one TLS library and no second one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::process::Command;

use serde_json::Value;

/// Licences that let the binary be given away under MIT or Apache-2.0.
const KNOWN: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that must not come in by the way, and why.
const UNWANTED: &[(&str, &str)] = &[
    ("openssl-sys", "rustls is the TLS library"),
    ("native-tls", "rustls is the TLS library"),
    (
        "aws-lc-sys",
        "ring is the crypto provider; two in one binary make rustls panic at start",
    ),
    ("async-std", "tokio is the runtime"),
];

#[test]
fn every_dependency_has_a_known_licence_and_comes_from_the_registry() {
    let mut complaints = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        // A path in this project has no source.
        let Some(source) = package["source"].as_str() else {
            continue;
        };
        if source != "registry+https://github.com/rust-lang/crates.io-index" {
            complaints.push(format!("{name} comes from {source}"));
        }
        let licence = package["license"].as_str().unwrap_or("no licence");
        if !is_known(licence) {
            complaints.push(format!("{name} is under {licence}"));
        }
        if let Some((_, why)) = UNWANTED.iter().find(|(unwanted, _)| *unwanted == name) {
            complaints.push(format!("{name} must not be here: {why}"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn there_is_one_rustls() {
    let names = packages();
    let rustls = names.iter().filter(|package| package["name"] == "rustls");
    assert_eq!(
        rustls.count(),
        1,
        "two versions of rustls do not share a provider"
    );
}

#[test]
fn checker_reads_licence_expressions() {
    for good in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_known(good), "{good}");
    }
    for bad in [
        "",
        "no licence",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR GPL-3.0) AND AGPL-3.0",
        "GPL-2.0 WITH Classpath-exception-2.0",
    ] {
        assert!(!is_known(bad), "{bad}");
    }
}

/// Every package of the lock file that this platform builds.
fn packages() -> Vec<Value> {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        host,
    ]);
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(packages) = &metadata["packages"] else {
        panic!("no packages in {metadata}")
    };
    packages.clone()
}

/// Whether an SPDX expression can be satisfied by known licences. An exception only ever allows more.
fn is_known(expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let known = any(&words, &mut at);
    known && at == words.len()
}

/// Terms joined by OR.
fn any(words: &[&str], at: &mut usize) -> bool {
    let mut known = all(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        known |= all(words, at);
    }
    known
}

/// Terms joined by AND, which binds stronger.
fn all(words: &[&str], at: &mut usize) -> bool {
    let mut known = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        known &= one(words, at);
    }
    known
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let known = any(words, at);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return known && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    KNOWN.contains(word)
}
