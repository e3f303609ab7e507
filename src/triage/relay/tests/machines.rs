//! An agent's mailbox that answers by itself: its words reach no person, whatever else stands in its mail.

use super::*;

/// Our own mail as some programs quote it: without a mark.
fn quote(writer: &str) -> String {
    format!(
        "{MARKER}\nTicket #7 is new.\n\nWriter     {MARIA}\nWhat the writer says\n  {writer}\n--\nAnswer this mail.\n"
    )
}

#[test]
fn an_absence_note_above_our_quoted_mail_comes_back_however_it_is_typed() {
    for note in [
        "I’m out of the office and don’t read mail.",
        "Ich bin bis\n15.6. nicht im\nBüro.",
        "I am  out of\nthe office.",
        "I am out of the office until Monday. Please send me your question again then.",
        "I'm out of the office. Could you tell me what it is about? I will look into it when I am back.",
    ] {
        for writer in [
            "I have two accounts.",
            "Please send me my badge, I have been waiting for weeks and nobody answered.",
        ] {
            for quote in [quote(writer), quoted(&quote(writer))] {
                let plan = answer("", &format!("{note}\n\n{quote}"));
                assert!(has(&plan, RETURNED), "{note}\n{quote}\n{plan:#?}");
                assert!(letters_for(&plan, MARIA).is_empty());
                let told = &letters_for(&plan, ANA)[0].text;
                assert!(told.contains("reads like an automatic answer"), "{told}");
            }
        }
    }
}

#[test]
fn what_our_quoted_mail_says_is_held_against_no_agent() {
    for writer in [
        "I am out of the office until Monday, this is an automatic reply.",
        "Your ticket number is 5. Thank you for contacting us, we will get back to you.",
    ] {
        for quote in [quote(writer), quoted(&quote(writer))] {
            let plan = answer("", &format!("It is merged.\n\n{quote}"));
            assert!(has(&plan, RELAYED), "{quote}\n{plan:#?}");
        }
    }
    for words in [
        "Sorry for the delay, I was out of the office last week. It is merged.",
        "We have received your request. Please send us the other address.",
    ] {
        assert!(has(&answer("", words), RELAYED), "{words}");
    }
}
