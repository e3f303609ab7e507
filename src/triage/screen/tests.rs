//! What the screen must see in a mail, and what it must not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::support::*;
use super::*;
use crate::message::Header;
use crate::message::ReturnPath;
use crate::triage::source::RuleFiles;

const TEXT: &str = "My badge is gone. Can you find it?";

fn verdict_in(mail: &Message, desk: &Surroundings) -> String {
    let (screening, signs) = screen(mail, &rules(), desk);
    match screening {
        Screening::Person(p) => format!("person {}", p.address().as_str()),
        Screening::Unsure(b, _) => {
            assert_eq!(b, signs[0]);
            format!("unsure {}", b.rule)
        }
        Screening::Automatic(b) => {
            assert_eq!(b, signs[0]);
            format!("automatic {}", b.rule)
        }
    }
}

fn verdict(mail: &Message) -> String {
    verdict_in(mail, &desk())
}

fn plain() -> Message {
    mail("Badge", TEXT)
}

fn headed(name: &str, value: &str) -> String {
    verdict(&with(plain(), name, value))
}

const PERSON: &str = "person maria@people.example";

#[test]
fn a_plain_mail_is_a_persons() {
    assert_eq!(verdict(&plain()), PERSON);
}

#[test]
fn auto_submitted_is_read_past_case_comments_and_parameters() {
    for value in [
        "auto-replied",
        "Auto-Replied (vacation)",
        "(a (nested) comment) auto-replied; owner-email=\"a@b\"",
        "auto-generated",
        "AUTO-NOTIFIED; x=y",
        "vacation",
        "yes",
    ] {
        assert_eq!(headed("auto-submitted", value), "automatic R1", "{value}");
    }
    for value in [
        "no",
        "No",
        " no (a person wrote it)",
        "(said by hand) no; x=y",
    ] {
        assert_eq!(headed("auto-submitted", value), PERSON, "{value}");
    }
    let twice = with(
        with(plain(), "auto-submitted", "no"),
        "auto-submitted",
        "auto-replied",
    );
    assert_eq!(verdict(&twice), "automatic R1");
}

#[test]
fn a_null_return_path_is_never_answered() {
    let mut mail = plain();
    mail.return_path = ReturnPath::Null;
    assert_eq!(verdict(&mail), "automatic R3");
    mail.return_path = ReturnPath::Missing;
    assert_eq!(verdict(&mail), PERSON);
}

#[test]
fn every_report_is_a_machines_and_an_attached_one_is_not() {
    for value in [
        "multipart/report; report-type=delivery-status",
        "Multipart/Report",
        "message/delivery-status",
        "multipart/report; report-type=\"feedback-report\"",
    ] {
        assert_eq!(headed("content-type", value), "automatic R17", "{value}");
    }
    let mut attached = with(plain(), "content-type", "multipart/mixed; boundary=x");
    attached.structure.delivery_status = true;
    attached.structure.report = Some("delivery-status".to_owned());
    assert_eq!(verdict(&attached), "unsure R17-inside");
}

#[test]
fn a_calendars_answer_is_a_machines_and_an_invitation_is_for_people() {
    let mut mail = plain();
    mail.structure.calendar = Some("reply".to_owned());
    assert_eq!(verdict(&mail), "automatic calendar");
    mail.structure.calendar = Some("request".to_owned());
    assert_eq!(verdict(&mail), "unsure calendar");
    mail.structure.calendar = Some("publish".to_owned());
    assert_eq!(verdict(&mail), PERSON);
}

#[test]
fn precedence_counts_in_any_case_and_only_by_its_known_values() {
    assert_eq!(headed("precedence", "auto_reply"), "automatic R8");
    for value in ["Bulk", "junk", "LIST (so to say)"] {
        assert_eq!(
            headed("precedence", value),
            "unsure R8",
            "alone, a person may be behind it"
        );
    }
    for value in ["normal", "first-class", "high", "special-delivery"] {
        assert_eq!(headed("precedence", value), PERSON);
    }
    let mass = with(with(plain(), "precedence", "bulk"), "x-mc-user", "77");
    let mass = with(mass, "feedback-id", "1:2:3");
    assert_eq!(
        verdict(&mass),
        "unsure R8",
        "all three tell how it was carried, and none who wrote it"
    );
    let mut to_others = mass;
    to_others.to = Vec::new();
    assert_eq!(verdict(&to_others), "automatic R8");
}

#[test]
fn suppress_headers_are_read_as_a_list_and_silence_only_us() {
    for value in ["All", "DR, OOF, AutoReply", "rn,autoreply"] {
        assert_eq!(
            headed("x-auto-response-suppress", value),
            "unsure R9",
            "{value}"
        );
    }
    assert_eq!(headed("x-auto-response-suppress", "RN, NRN"), PERSON);
    assert_eq!(headed("x-auto-response-suppress", "None"), PERSON);
}

#[test]
fn vendors_fields_count_unless_they_say_no() {
    for name in [
        "x-autoreply",
        "x-autorespond",
        "x-mail-autoreply",
        "x-fc-machinegenerated",
    ] {
        assert_eq!(headed(name, "yes"), "automatic header/autoreply", "{name}");
        assert_eq!(headed(name, "no"), PERSON, "{name}");
    }
    assert_eq!(
        headed("x-loop", "list@other.example"),
        "unsure header/foreign-loop"
    );
    assert_eq!(
        headed("delivered-to", "Autoresponder"),
        "automatic header/delivered-to-autoresponder"
    );
    assert_eq!(
        headed("x-ms-exchange-inbox-rules-loop", "a@b.example"),
        "unsure inbox-rule"
    );
}

#[test]
fn our_own_mail_is_known_by_its_loop_header_and_its_sender() {
    assert_eq!(
        headed("x-mailclerk-loop", "ourowntoken"),
        "automatic own-loop"
    );
    assert_eq!(
        headed("x-mailclerk-loop", "another desk's"),
        "unsure foreign-loop"
    );
    for from in ["support@desk.example", "Support+1042-abc@desk.example"] {
        let mut mail = plain();
        mail.from = vec![named("", from)];
        assert_eq!(verdict(&mail), "automatic R6-own");
    }
    let mut unset = desk();
    unset.loop_token.clear();
    let empty = with(plain(), "x-mailclerk-loop", "");
    assert_eq!(
        verdict_in(&empty, &unset),
        "unsure foreign-loop",
        "an unset token matches nothing"
    );
}

#[test]
fn a_person_whom_a_site_or_a_group_names_in_reply_to_is_not_taken_for_ourselves() {
    let mut mail = plain();
    mail.from = vec![named("Jo via Support", "support@desk.example")];
    mail.reply_to = vec![named("Jo", "jo@home.example")];
    let (screening, _) = screen(&mail, &rules(), &desk());
    let Screening::Unsure(because, Some(writer)) = screening else {
        panic!("{screening:?}")
    };
    assert_eq!(
        (because.rule.as_str(), writer.address.as_str()),
        ("R6-own", "jo@home.example")
    );
    mail.reply_to = vec![named("", "support+1-x@desk.example")];
    assert_eq!(verdict(&mail), "automatic R6-own");
}

#[test]
fn list_mail_is_a_machines_unless_the_list_is_the_desk_itself() {
    let listed = with(plain(), "list-id", "Talk <talk.lists.example>");
    assert_eq!(
        verdict(&listed),
        "unsure R5",
        "a group of people may pass mail on to us by name"
    );
    let mut to_list = listed.clone();
    to_list.to = vec![named("", "talk@lists.example")];
    assert_eq!(verdict(&to_list), "automatic R5");
    let mass = with(listed, "list-unsubscribe", "<https://news.example/u>");
    assert_eq!(verdict(&mass), "automatic R5");
    assert_eq!(
        headed("list-unsubscribe", "<mailto:u@news.example>"),
        "unsure R5-unsubscribe",
        "a person's words went through a tool for mailings"
    );
    let group = with(plain(), "list-id", "Support <support.desk.example>");
    let group = with(
        group,
        "list-unsubscribe",
        "<mailto:support+unsubscribe@desk.example>",
    );
    let group = with(group, "precedence", "list");
    assert_eq!(
        verdict(&group),
        PERSON,
        "a desk behind a group gets list headers on every mail"
    );
    let like = with(plain(), "list-id", "<notsupport.desk.example>");
    assert_eq!(verdict(&like), "unsure R5");
}

#[test]
fn a_list_post_with_a_copy_to_us_and_an_answer_from_a_mailing_tool_are_doubtful() {
    let mut post = with(plain(), "list-post", "<mailto:talk@lists.example>");
    post.cc = vec![named("", "talk@lists.example")];
    assert_eq!(verdict(&post), "unsure R5");
    let mut answer = with(plain(), "list-unsubscribe", "<https://tool.example/u>");
    answer.in_reply_to = vec![id("x@desk.example")];
    assert_eq!(verdict(&answer), "unsure R5");
}

#[test]
fn machines_are_known_by_their_names_and_postmasters_are_not_machines() {
    for (name, from) in [
        ("", "MAILER-DAEMON@mx.example"),
        ("Mail Delivery System", "x@mx.example"),
        ("", "no-reply@shop.example"),
        ("", "gmail-noreply@mail.example"),
        ("", "do_not.reply+77@shop.example"),
        ("", "listserv@lists.example"),
        ("", "owner-talk@lists.example"),
    ] {
        let mut mail = plain();
        mail.from = vec![named(name, from)];
        assert!(
            verdict(&mail).starts_with("automatic R6/"),
            "{from}: {}",
            verdict(&mail)
        );
    }
    for from in [
        "postmaster@school.example",
        "info@school.example",
        "nora.reply@people.example",
    ] {
        let mut mail = plain();
        mail.from = vec![named("", from)];
        assert_eq!(verdict(&mail), format!("person {from}"));
    }
    let mut mail = plain();
    mail.from = vec![named("", "no-reply@shop.example")];
    mail.reply_to = vec![named("", "jo@home.example")];
    assert_eq!(
        verdict(&mail),
        "unsure R6/no-reply",
        "a person may be behind a relay"
    );
}

#[test]
fn a_forms_mail_is_its_requesters_whatever_carried_it() {
    let mail = with(
        form(plain(), "ola@home.example"),
        "auto-submitted",
        "auto-generated",
    );
    let mail = with(mail, "x-auto-response-suppress", "All");
    assert_eq!(verdict(&mail), "person ola@home.example");
}

#[test]
fn a_form_explains_away_no_bounce_no_reply_by_machine_and_no_mail_of_ours() {
    let form = || form(plain(), "ola@home.example");
    assert_eq!(
        verdict(&with(form(), "auto-submitted", "auto-replied")),
        "automatic R1"
    );
    assert_eq!(
        verdict(&with(form(), "content-type", "multipart/report")),
        "automatic R17"
    );
    assert_eq!(
        verdict(&with(form(), "x-mailclerk-loop", "ourowntoken")),
        "automatic own-loop"
    );
    assert_eq!(
        verdict(&with(form(), "list-id", "<news.shop.example>")),
        "unsure R5"
    );
    let mut own = form();
    own.from = vec![named("", "support@desk.example")];
    assert_eq!(
        verdict(&own),
        "unsure R6-own",
        "many sites send their forms from the desk's address"
    );
}

#[test]
fn a_form_that_names_the_desk_a_machine_or_an_agent_is_not_answered() {
    assert_eq!(
        verdict(&form(plain(), "support+x@desk.example")),
        "unsure R19"
    );
    assert_eq!(
        verdict(&form(plain(), "noreply@shop.example")),
        "unsure R19"
    );
    assert_eq!(
        verdict(&form(plain(), "ana@agents.example")),
        "unsure agent"
    );
}

#[test]
fn no_from_and_several_are_doubtful_and_name_no_writer() {
    let mut mail = plain();
    mail.from.push(named("", "other@people.example"));
    assert_eq!(verdict(&mail), "unsure R18");
    assert!(matches!(
        screen(&mail, &rules(), &desk()).0,
        Screening::Unsure(_, None)
    ));
    mail.from.clear();
    mail.flaws.push(Flaw::NoFrom);
    assert_eq!(verdict(&mail), "unsure R18");
    let mut twice = plain();
    twice.flaws.push(Flaw::ManyFrom);
    assert_eq!(verdict(&twice), "unsure R18");
}

#[test]
fn an_agent_is_doubt_and_an_agents_absence_is_a_machines() {
    let agent = |subject: &str, text: &str| {
        let mut mail = mail(subject, text);
        mail.from = vec![named("Ana", "Ana+desk@agents.example")];
        mail
    };
    assert_eq!(verdict(&agent("Re: case", "Merged.")), "unsure agent");
    let absence = agent("Automatic reply: case", "I am out of the office.");
    assert!(verdict(&absence).starts_with("automatic words/subject-automatic"));
    let words = "I am out of the office until Monday. Please do not reply to this mail. \
                 We have received your message.";
    assert_eq!(verdict(&agent("Re: case", words)), "unsure agent");
}

#[test]
fn what_is_not_addressed_to_us_is_doubtful() {
    let mut mail = plain();
    mail.to = vec![named("", "somebody@else.example")];
    assert_eq!(verdict(&mail), "unsure R4");
    let resent = with(mail.clone(), "resent-to", "Desk <Support@desk.example>");
    assert_eq!(verdict(&resent), PERSON);
    mail.cc = vec![named("", "support+1042-x@desk.example")];
    assert_eq!(verdict(&mail), PERSON);
    mail.cc.clear();
    let unknown = Surroundings::default();
    assert_eq!(
        verdict_in(&mail, &unknown),
        PERSON,
        "without own addresses nothing can be said"
    );
}

#[test]
fn an_answer_goes_to_reply_to_only_where_it_is_plainly_the_writers() {
    let to = |reply_to: &[&str]| {
        let mut mail = plain();
        mail.from = vec![named("Maria Stone", "maria.stone@mail.people.co.uk")];
        mail.reply_to = reply_to.iter().map(|r| named("", r)).collect();
        verdict(&mail)
    };
    assert_eq!(to(&["m.stone@people.co.uk"]), "person m.stone@people.co.uk");
    assert_eq!(
        to(&["victim@other.co.uk"]),
        "unsure R19",
        "co.uk is nobody's"
    );
    assert_eq!(to(&["mariastone@gmail.com"]), "person mariastone@gmail.com");
    assert_eq!(to(&["somebody@gmail.com"]), "unsure R19");
    let both = ["x@other.example", "maria.stone+a@mail.people.co.uk"];
    assert_eq!(to(&both), "person maria.stone@mail.people.co.uk");
    assert_eq!(to(&["support@desk.example"]), "unsure R19");
}

#[test]
fn only_the_topmost_result_of_our_own_border_is_believed() {
    let fail = "mx.desk.example; spf=pass smtp.mailfrom=x.example; \
                dmarc=fail (p=reject; dis=none) header.from=people.example";
    let pass = "mx.desk.example 1; dmarc=pass header.from=people.example";
    assert_eq!(headed("authentication-results", fail), "unsure R58");
    assert_eq!(headed("authentication-results", pass), PERSON);
    let of = |fields: &[&str]| {
        let mut mail = plain();
        mail.headers.extend(fields.iter().map(|value| Header {
            name: "authentication-results".to_owned(),
            value: (*value).to_owned(),
        }));
        proof(&mail, &desk())
    };
    assert_eq!(of(&[pass]), Proof::Passed);
    assert_eq!(of(&["mx.other.example; dmarc=fail", pass]), Proof::None);
    assert_eq!(of(&[fail, pass]), Proof::Failed);
    assert_eq!(of(&["mx.desk.example; none"]), Proof::None);
    assert_eq!(
        of(&["mx.desk.example; dkim=pass header.d=evil.example"]),
        Proof::None
    );
    assert_eq!(
        of(&["mx.desk.example; dmarc=pass header.from=evil.example"]),
        Proof::None
    );
    assert_eq!(
        of(&["mx.desk.example; x=\"a(b\"; dmarc/1=pass header.from=\"people.example\""]),
        Proof::Passed
    );
    assert_eq!(
        proof(
            &with(plain(), "authentication-results", pass),
            &Surroundings::default()
        ),
        Proof::None
    );
}

#[test]
fn who_our_border_disproves_is_no_certain_writer() {
    let forged = with(
        plain(),
        "authentication-results",
        "mx.desk.example; dmarc=fail",
    );
    assert!(matches!(
        screen(&forged, &rules(), &desk()).0,
        Screening::Unsure(_, None)
    ));
}

#[test]
fn all_signs_are_told_and_the_deciding_one_first() {
    let mail = with(
        with(plain(), "x-loop", "x"),
        "auto-submitted",
        "auto-replied",
    );
    let (_, signs) = screen(&mail, &rules(), &desk());
    let names: Vec<&str> = signs.iter().map(|s| s.rule.as_str()).collect();
    assert_eq!(names, ["R1", "header/foreign-loop"]);
    assert_eq!(signs[0].matched, "auto-replied");
}

#[test]
fn words_of_a_machine_behind_a_reply_mark_in_the_subject_are_a_persons() {
    for subject in [
        "Re: Automatic reply: badge",
        "RE : Réponse automatique : badge",
        "AW: [DESK-1] Abwesenheitsnotiz",
        "[EXTERNAL] Re[2]: Automatic reply: badge",
        "Fwd: Automatic reply: badge",
        "SV: Autosvar: märke",
        "答复: 自动回复: 徽章",
    ] {
        assert_eq!(verdict(&mail(subject, TEXT)), PERSON, "{subject}");
    }
}

#[test]
fn markers_are_found_behind_decorations_and_in_full_width() {
    for subject in [
        "[EXTERNAL] Automatic reply: badge",
        "*** Automatic Reply ***",
        "【自動返信】 バッジ",
        "[부재중 자동응답] Re: 배지",
        "自动回复：徽章",
        "Réponse\u{a0}automatique\u{a0}: badge",
        "[Ticket 77] [ext] Automatische Antwort: Ihr Badge",
        "[#88] Automatic reply",
    ] {
        let got = verdict(&mail(subject, "..."));
        assert_eq!(got, "automatic words/subject-automatic", "{subject}");
    }
}

#[test]
fn receipts_and_reports_are_known_by_their_subjects_alone() {
    for (subject, expected) in [
        ("Read: my complaint", "unsure words/subject-receipt"),
        ("[ext] Gelesen: Konto", "unsure words/subject-receipt"),
        (
            "Report domain: a.example Submitter: b.example",
            "automatic words/subject-report",
        ),
        ("Re: Report domain: a.example Submitter: b.example", PERSON),
        ("I read: nothing", PERSON),
    ] {
        assert_eq!(verdict(&mail(subject, "...")), expected, "{subject}");
    }
}

#[test]
fn a_list_that_is_known_by_its_sender_alone_is_doubtful() {
    let mut post = plain();
    post.to = vec![named("", "talk@lists.example")];
    post.sender = Some(named("", "talk@lists.example"));
    post.return_path = ReturnPath::Address(address("owner-talk@lists.example"));
    assert_eq!(
        verdict_in(&post, &Surroundings::default()),
        "unsure R6/bounce-address"
    );
}

#[test]
fn any_text_is_screened_without_panic() {
    let rules = rules();
    for odd in [
        "",
        "[",
        "]",
        "[[[[[[[",
        "【",
        "re:",
        "\u{0}",
        "(\u{307}İ",
        "\u{fffd}:",
        "é[é]é:é",
        "((((",
        "\"",
    ] {
        let mut odd_mail = mail(odd, odd);
        for name in [
            "auto-submitted",
            "authentication-results",
            "list-id",
            "precedence",
            "content-type",
        ] {
            odd_mail = with(odd_mail, name, odd);
        }
        screen(&odd_mail, &rules, &desk());
    }
}

fn complaints(text: &str) -> Vec<String> {
    let files = RuleFiles::from([("screen.toml".to_owned(), text.to_owned())]);
    let wrong = ScreenRules::compile(&files).map(|_| ()).unwrap_err();
    wrong.iter().map(ToString::to_string).collect()
}

const HEAD: &str = "[points]\nautomatic = 100\nunsure = 60\nprecedence = 70\nquestion = -30\nlong = -40\n\
                    long_chars = 1500\n[lists]\nanswer_prefixes = []\nfreemail = []\nsecond_levels = []\n";

#[test]
fn a_wrong_file_is_refused_with_its_place() {
    assert_eq!(
        ScreenRules::compile(&RuleFiles::new()).unwrap_err()[0].file,
        "screen.toml"
    );
    assert!(complaints("[points]\nautomatic = \"x\"")[0].starts_with("screen.toml:2:13: "));
    let unknown = complaints(&format!("{HEAD}[[words]]\nname = \"a\"\nsayz = \"b\"\n"));
    assert!(
        unknown[0].starts_with("screen.toml:14:1: ") && unknown[0].contains("sayz"),
        "{unknown:?}"
    );
    let group = "[[words]]\nname = \"a\"\nsays = \"b\"\nin = \"body\"\npoints = 5\n";
    let regex = complaints(&format!("{HEAD}{group}patterns = ['ok', '(no']\n"));
    assert!(
        regex[0].starts_with("screen.toml:17:19: The pattern is wrong"),
        "{regex:?}"
    );
    let empty = complaints(&format!("{HEAD}{group}patterns = ['a*']\n"));
    assert!(empty[0].contains("matches nothing at all"), "{empty:?}");
    assert_eq!(complaints(&format!("{HEAD}{group}")).len(), 1);
    let both = "[[header]]\nname=\"a\"\nsays=\"b\"\nfields=[\"x\"]\npoints=1\nverdict=\"unsure\"\n";
    assert!(complaints(&format!("{HEAD}{both}"))[0].contains("Give either"));
    let order = HEAD.replace("unsure = 60", "unsure = 100");
    assert!(complaints(&order)[0].starts_with("screen.toml:2:13: "));
}

#[test]
fn a_file_whose_example_fails_is_refused_at_the_example() {
    let example = "[[example]]\nsubject = \"Hello\"\ntext = \"there\"\nverdict = \"automatic\"\n";
    let wrong = complaints(&format!("{HEAD}{example}"));
    assert!(
        wrong[0].starts_with("screen.toml:12:1: The example `Hello`"),
        "{wrong:?}"
    );
}
