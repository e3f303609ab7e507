//! Which test injects which fault: `tests/FAULTS.md` is made of the catalogue and of what the tests say of themselves.
//!
//! `MAILCLERK_WRITE=1 cargo test --test faults` writes the page anew.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Deserialize)]
struct Catalogue {
    invariants: BTreeMap<String, String>,
    faults: BTreeMap<String, Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    what: String,
    holds: String,
    missing: Option<String>,
}

/// A test that says which faults it injects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    file: String,
    test: String,
    faults: Vec<String>,
    holds: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> Catalogue {
    let text = fs::read_to_string(root().join("tests/faults/catalogue.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests/faults.rs")
        {
            found.push(path);
        }
    }
}

/// Returns the claims of a source: each `Faults:` line with the function below it.
fn claims(file: &str, text: &str) -> Result<Vec<Claim>, String> {
    let mut claims = Vec::new();
    let mut said: Option<&str> = None;
    let mut is_test = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(words) = line.strip_prefix("/// Faults: ")
            && said.replace(words).is_some()
        {
            return Err(format!("{file}:{}: a second line on one test", number + 1));
        }
        is_test |= line.starts_with("#[test") || line.starts_with("#[tokio::test");
        let name = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("async ")
            .strip_prefix("fn ");
        let Some(name) = name.and_then(|rest| rest.split(['(', '<']).next()) else {
            continue;
        };
        let known = std::mem::take(&mut is_test);
        if let Some(line) = said.take() {
            let claim = claim(file, name, line).filter(|_| known);
            claims.push(claim.ok_or_else(|| format!("{file}: {name}: `Faults: {line}`"))?);
        }
    }
    Ok(claims)
}

/// Reads `F1 F2; holds I1 I2.`; none when it is anything else.
fn claim(file: &str, test: &str, words: &str) -> Option<Claim> {
    let (faults, holds) = words.strip_suffix('.')?.split_once("; holds ")?;
    let list = |text: &str, letter: char| -> Option<Vec<String>> {
        let all = text.split(' ').map(|word| {
            let number = word.strip_prefix(letter)?;
            number.parse::<u8>().ok().map(|_| word.to_owned())
        });
        all.collect()
    };
    Some(Claim {
        file: file.to_owned(),
        test: test.to_owned(),
        faults: list(faults, 'F')?,
        holds: list(holds, 'I')?,
    })
}

fn all_claims() -> Vec<Claim> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let mut found = Vec::new();
    for path in files {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        found.extend(claims(&name, &fs::read_to_string(&path).unwrap()).unwrap());
    }
    found.sort();
    found
}

fn number(id: &str) -> u32 {
    id.trim_start_matches(['F', 'I']).parse().unwrap()
}

/// What of a fault's invariants no test asserts.
fn unheld(fault: &Fault, claims: &[&Claim]) -> Vec<String> {
    let held: BTreeSet<&String> = claims.iter().flat_map(|c| &c.holds).collect();
    let wanted = fault.holds.split(' ').map(str::to_owned);
    wanted
        .filter(|invariant| !held.contains(invariant))
        .collect()
}

fn page(catalogue: &Catalogue, claims: &[Claim]) -> String {
    let mut rows: Vec<_> = catalogue.faults.iter().collect();
    rows.sort_by_key(|(id, _)| number(id));
    let of =
        |id: &String| -> Vec<&Claim> { claims.iter().filter(|c| c.faults.contains(id)).collect() };
    let green = rows
        .iter()
        .filter(|(id, fault)| fault.missing.is_none() && unheld(fault, &of(id)).is_empty())
        .count();
    let mut page = format!(
        "# Faults, invariants, tests\n\nMade by `MAILCLERK_WRITE=1 cargo test --test faults` from `faults/catalogue.toml` and \
         from what the tests say of themselves. {green} of {} rows are held.\n\n| | invariant |\n| --- | --- |\n",
        rows.len()
    );
    let mut invariants: Vec<_> = catalogue.invariants.iter().collect();
    invariants.sort_by_key(|(id, _)| number(id));
    for (id, says) in invariants {
        writeln!(page, "| {id} | {says} |").unwrap();
    }
    page.push_str("\n| | fault | must hold | tests |\n| --- | --- | --- | --- |\n");
    for (id, fault) in rows {
        let tests: Vec<String> = of(id)
            .iter()
            .map(|c| format!("`{}` ({})", c.test, c.file))
            .collect();
        let missing = fault
            .missing
            .as_ref()
            .map(|why| format!("**missing:** {why} "))
            .unwrap_or_default();
        let (what, holds) = (&fault.what, &fault.holds);
        writeln!(
            page,
            "| {id} | {what} | {holds} | {missing}{} |",
            tests.join("<br>")
        )
        .unwrap();
    }
    page
}

#[test]
fn every_fault_has_a_test_for_each_of_its_invariants_or_says_why_not() {
    let (catalogue, claims) = (catalogue(), all_claims());
    let mut complaints = Vec::new();
    for (id, fault) in &catalogue.faults {
        let of: Vec<&Claim> = claims.iter().filter(|c| c.faults.contains(id)).collect();
        let unheld = unheld(fault, &of);
        match (&fault.missing, unheld.is_empty()) {
            (None, false) => {
                complaints.push(format!("{id} ({}): nothing asserts {unheld:?}", fault.what));
            }
            (Some(_), true) => complaints.push(format!("{id}: is held, and said to be missing")),
            _ => {}
        }
    }
    for claim in &claims {
        for fault in claim
            .faults
            .iter()
            .filter(|f| !catalogue.faults.contains_key(*f))
        {
            complaints.push(format!(
                "{}: {}: no such fault {fault}",
                claim.file, claim.test
            ));
        }
        for holds in claim
            .holds
            .iter()
            .filter(|i| !catalogue.invariants.contains_key(*i))
        {
            complaints.push(format!(
                "{}: {}: no such invariant {holds}",
                claim.file, claim.test
            ));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_page_of_faults_tells_what_the_tests_say() {
    let path = root().join("tests/FAULTS.md");
    let page = page(&catalogue(), &all_claims());
    if std::env::var_os("MAILCLERK_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "tests/FAULTS.md is old: MAILCLERK_WRITE=1 cargo test --test faults"
    );
}

#[test]
fn all_101_faults_of_the_model_are_in_the_catalogue() {
    let catalogue = catalogue();
    let wanted: Vec<String> = (1..=101).map(|n| format!("F{n}")).collect();
    assert!(wanted.iter().all(|id| catalogue.faults.contains_key(id)));
    assert_eq!(catalogue.faults.len(), 101);
}

#[test]
fn a_line_about_faults_that_belongs_to_no_test_is_a_mistake() {
    let good = "/// Words.\n/// Faults: F1 F70; holds I1 I10.\n#[test]\nfn a_name() {}\n";
    let found = claims("x.rs", good).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found.first().map(|c| c.faults.join(" ")),
        Some("F1 F70".to_owned())
    );
    let attributed =
        "/// Faults: F1; holds I1.\n#[tokio::test(start_paused = true)]\nasync fn b() {}\n";
    assert_eq!(claims("x.rs", attributed).unwrap().len(), 1);
    assert!(claims("x.rs", &good.replace("#[test]\n", "")).is_err());
    assert!(claims("x.rs", &good.replace("holds", "hold")).is_err());
    assert!(claims("x.rs", &good.replace("F70", "7")).is_err());
}
