//! Writes a decision of rules and model into what the rules found, with its reasons.

use crate::triage::Because;
use crate::triage::classify::score::Found;
use crate::triage::classify::score::Verdict;
use crate::triage::model::Opinion;
use crate::triage::model::combine::Decision;
use crate::triage::rules::IntentRules;

/// Applies a decision. `says` gives the words that speak for an intent, or for a person where none is named.
pub(crate) fn apply(
    verdict: &mut Verdict,
    decision: &Decision,
    opinion: &Opinion,
    says: &dyn Fn(Option<usize>) -> String,
    rules: &IntentRules,
) {
    let mut own = std::mem::take(&mut verdict.found);
    for intent in &decision.intents {
        let mut found = match own.iter().position(|f| f.intent == *intent) {
            Some(at) => own.swap_remove(at),
            None => Found {
                intent: *intent,
                score: 0,
                because: Vec::new(),
                place: usize::MAX,
                person: false,
            },
        };
        let p = opinion
            .intents
            .get(*intent)
            .copied()
            .flatten()
            .unwrap_or(0.0)
            * 100.0;
        let name = rules.intents().get(*intent).map_or("", |i| i.name.as_str());
        let sentence = format!("The learned model takes it for {name} with {p:.0} %.");
        found.because.push(because(
            &format!("model/{name}"),
            sentence,
            says(Some(*intent)),
        ));
        verdict.found.push(found);
    }
    verdict.person_needed = decision.person;
    let Some(last) = verdict.found.last_mut() else {
        return;
    };
    let dropped: Vec<&str> = own
        .iter()
        .filter(|f| f.score > 0)
        .filter_map(|f| rules.intents().get(f.intent))
        .map(|i| i.name.as_str())
        .collect();
    if !dropped.is_empty() {
        let sentence = "The rules found this too, the learned model does not.".to_owned();
        last.because
            .push(because("model/overruled", sentence, dropped.join(", ")));
    }
    let p = opinion.person * 100.0;
    let (rule, sentence) = if decision.unsure {
        (
            "model/unsure",
            format!("It is not certain enough that no person is needed ({p:.1} % that one is)."),
        )
    } else {
        ("model/person", format!("A person is needed with {p:.1} %."))
    };
    let words = if decision.person || decision.unsure {
        says(None)
    } else {
        String::new()
    };
    last.because.push(because(rule, sentence, words));
}

fn because(rule: &str, says: String, matched: String) -> Because {
    Because {
        stage: "classify",
        rule: rule.to_owned(),
        says,
        matched,
    }
}
