//! What mail programs make of our forward when they quote it, and what of that a person reads: nothing.

use super::*;

/// The mail that Ana has of the case.
fn forward() -> String {
    let office = office();
    let text = "I have two accounts, one from my school and one from where I work now, and would like to have them merged into a single one, please. My other address is maria@school.example, which I cannot read any more since I left in June.";
    let raw = format!(
        "From: {MARIA}\nTo: {DESK}\nSubject: Two accounts, and neither of them shows all of my badges since last week\n\n{text}\n"
    );
    let reading = triage::read(parse(raw.as_bytes()), rules(), &office);
    let case = Case {
        fresh: 7,
        ..Case::default()
    };
    let plan = decide(&reading, &case, &office);
    let forwards = plan.letters.into_iter();
    let letter = forwards
        .into_iter()
        .find(|l| l.purpose == Purpose::Forward)
        .unwrap();
    assert!(letter.text.contains(MARKER) && letter.text.contains(text));
    letter.text
}

/// Folds lines as a program does that has set its marks before: what is over stands on the next line, without one.
fn folded(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut length = 0;
        for word in line.split(' ') {
            if length > 2 && length + 1 + word.len() > width {
                out.push('\n');
                length = 0;
            } else if length > 0 {
                out.push(' ');
                length += 1;
            }
            out.push_str(word);
            length += word.len();
        }
        out.push('\n');
    }
    out
}

fn relayed(text: &str) -> String {
    let plan = answer("", text);
    let letters = letters_for(&plan, MARIA);
    assert_eq!(letters.len(), 1, "{text}\n{plan:#?}");
    letters[0].text.clone()
}

fn comes_back(text: &str, why: &str) {
    let plan = answer("", text);
    assert!(has(&plan, RETURNED), "{text}\n{plan:#?}");
    assert!(letters_for(&plan, MARIA).is_empty() && plan.deeds == Deeds::default());
    let told = &letters_for(&plan, ANA)[0].text;
    assert!(told.contains(why), "{told}");
}

#[test]
fn nothing_of_a_forward_goes_along_however_a_program_folds_its_quote() {
    let forward = forward();
    let blank_unmarked = quoted(&forward).replace("\n> \n", "\n\n");
    for (what, quote) in [
        ("marked", quoted(&forward)),
        ("blank lines without marks", blank_unmarked),
        ("marked twice", quoted(&quoted(&forward))),
        ("not marked", forward.clone()),
    ] {
        for width in (60..=100).step_by(3) {
            let below = folded(&quote, width);
            let said = relayed(&format!("Dear Maria, it is merged.\n\n{below}"));
            assert_eq!(
                said.trim(),
                "Dear Maria, it is merged.",
                "{what} at {width}"
            );
        }
        // No program folds so narrow; if one does, the mail may come back, but nothing leaks.
        for width in (20..60).step_by(7) {
            let below = folded(&quote, width);
            let plan = answer("", &format!("Dear Maria, it is merged.\n\n{below}"));
            let letters = letters_for(&plan, MARIA);
            let said = letters.first().map(|l| l.text.trim());
            let sound = said.map_or(has(&plan, RETURNED), |t| t == "Dear Maria, it is merged.");
            assert!(sound, "{what} at {width}: {plan:#?}");
        }
    }
}

#[test]
fn a_mark_on_the_first_quoted_line_alone_hides_all_the_rest() {
    let said = relayed(&format!("It is merged.\n\n> {}", forward()));
    assert_eq!(said.trim(), "It is merged.");
}

#[test]
fn what_a_house_sets_below_the_quote_does_not_go_along() {
    let quote = quoted(&forward());
    let said = relayed(&format!(
        "It is merged.\n\n{quote}\nAgents of Example, 1 Example Street"
    ));
    assert_eq!(said.trim(), "It is merged.");
    let plan = answer("", &format!("#close\n\n{quote}\nAgents of Example"));
    assert!(has(&plan, ORDERED), "{plan:#?}");
}

#[test]
fn words_between_quoted_lines_of_ours_come_back_and_none_is_lost() {
    let between = format!(
        "> {MARKER}\n> What the writer says\n> I have two accounts.\n\nWhich is the other one?\n\n> please merge them\n"
    );
    for head in ["", "Dear Maria, see below.\n\n", "#close\n\n"] {
        comes_back(&format!("{head}{between}"), "between or below");
    }
    let close = between.replace("\n\n", "\n");
    comes_back(&format!("See below.\n\n{close}"), "between or below");
    comes_back(
        &format!("{}\nIt is merged.", quoted(&forward())),
        "Nothing was left",
    );
}

#[test]
fn where_our_line_was_cut_off_the_end_of_a_folded_line_is_nobodys_words() {
    let forward = forward();
    let (_, rest) = forward.split_once("What the writer says\n").unwrap();
    let folded = folded(&quoted(rest), 76);
    comes_back(
        &format!("Dear Maria, it is merged.\n\n{folded}"),
        "right below quoted ones",
    );
    let apart = "> Is it merged?\nIt is merged.\n\n> I have two accounts, one from my school and one from where I work\n\nThe second is gone.";
    assert_eq!(
        relayed(apart).trim(),
        "It is merged.\n\nThe second is gone."
    );
}
