//! Whose words are whose.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::Context;
use super::SubjectKind;
use super::plain_lines;
use super::take_apart;
use super::unquote;
use crate::message::Body;
use proptest::proptest;

fn from(name: &str, text: &str) -> Body {
    take_apart(
        &plain_lines(text),
        Context {
            name,
            subject: SubjectKind::Plain,
        },
    )
}

fn with_subject(subject: SubjectKind, text: &str) -> Body {
    take_apart(&plain_lines(text), Context { name: "", subject })
}

#[test]
fn answers_between_quoted_lines_are_all_new() {
    let body = unquote(
        "Hi,\n\nOn Tue, 3 Jun 2025 at 10:00, Desk <d@x.example> wrote:\n> Which address?\nana@x.example\n> And the badge?\n\nThe forklift one.\n> Bye\n",
    );
    assert_eq!(body.new, "Hi,\n\nana@x.example\n\nThe forklift one.");
    assert!(
        body.quoted.contains("> Which address?")
            && body.quoted.contains("> And the badge?")
            && body.quoted.contains("wrote:")
    );
}

#[test]
fn an_answer_below_the_quote_is_new() {
    let body = unquote("> Please tell us both addresses.\n\na@x.example and b@x.example");
    assert_eq!(body.new, "a@x.example and b@x.example");
}

#[test]
fn what_a_desk_wrote_below_its_reply_line_is_not_the_writers() {
    for line in [
        "##- Please type your reply above this line -##",
        "## Reply above this line ##",
        "--- Bitte oberhalb dieser Linie antworten ---",
        "##- Répondre au-dessus de cette ligne -##",
    ] {
        let body = unquote(&format!(
            "Still blank in Safari.\n\n{line}\n\nYour request (12) has been received."
        ));
        assert_eq!(body.new, "Still blank in Safari.", "{line}");
        assert!(body.quoted.contains("Your request (12)"), "{line}");
        // Nobody wrote above it: what stands below is all there is.
        let alone = unquote(&format!("{line}\n\nYour request (12) has been received."));
        assert!(alone.new.contains("Your request (12)"), "{line}");
    }
    let spoken = unquote("Why does it say\nplease reply above this line\nin each of your mails?");
    assert!(spoken.new.contains("in each of your mails"));
}

#[test]
fn two_fields_open_a_forwarded_mail_where_the_subject_says_that_there_is_one() {
    let text = "Wer darf das jetzt?\n\nVon: Dieter Koch\nBetreff: Abwesenheitsnotiz\n\nIch bin nicht im Büro.";
    let forward = with_subject(SubjectKind::Forward, text);
    assert_eq!(forward.new, "Wer darf das jetzt?");
    assert!(forward.forwarded.is_some());
    assert!(
        with_subject(SubjectKind::Plain, text)
            .new
            .contains("Ich bin nicht im Büro")
    );
}

#[test]
fn attributions_of_every_language_open_a_quote() {
    for line in [
        "On Tue, Jun 3, 2025 at 10:00 AM Desk <d@x.example> wrote:",
        "Am Di., 3. Juni 2025 um 10:00 Uhr schrieb Desk <d@x.example>:",
        "Am 03.06.2025 um 10:00 schrieb Desk:",
        "Desk <d@x.example> schrieb am Di., 3. Juni 2025, 10:00:",
        "Le mar. 3 juin 2025 à 10:00, Desk <d@x.example> a écrit :",
        "El mar, 3 jun 2025 a las 10:00, Desk (<d@x.example>) escribió:",
        "Em ter., 3 de jun. de 2025 às 10:00, Desk <d@x.example> escreveu:",
        "Il giorno mar 3 giu 2025 alle ore 10:00 Desk <d@x.example> ha scritto:",
        "Op di 3 jun 2025 om 10:00 schreef Desk <d@x.example>:",
        "W dniu 3.06.2025 o 10:00, Desk pisze:",
        "wt., 3 cze 2025 o 10:00 Desk <d@x.example> napisał(a):",
        "Desk <d@x.example>, 3 Haz 2025 Sal, 10:00 tarihinde şunu yazdı:",
        "Pada tanggal Sel, 3 Jun 2025 pukul 10.00 Desk <d@x.example> menulis:",
        "вт, 3 июн. 2025 г. в 10:00, Desk <d@x.example>:",
        "3 июня 2025 г., в 10:00, Desk <d@x.example> написал(а):",
        "في الثلاثاء، 3 يونيو 2025 في 10:00 ص تمت كتابة ما يلي بواسطة Desk <d@x.example>:",
        "2025年6月3日(火) 10:00 Desk <d@x.example>:",
        "Desk <d@x.example> 于2025年6月3日周二 10:00写道：",
        "2025년 6월 3일 (화) 오전 10:00, Desk <d@x.example>님이 작성:",
        "मंगल, 3 जून 2025 को 10:00 बजे को Desk <d@x.example> ने लिखा:",
        "Den tis 3 juni 2025 kl 10:00 skrev Desk <d@x.example>:",
        "---- On Tue, 03 Jun 2025 10:00:00 +0200 Desk <d@x.example> wrote ----",
    ] {
        let body = unquote(&format!("My own words.\n\n{line}\n\nOlder words."));
        assert_eq!(body.new, "My own words.", "{line}");
        let body = unquote(&format!(
            "My own words.\n\n{line}\n> Older words.\n\nBelow."
        ));
        assert_eq!(body.new, "My own words.\n\nBelow.", "{line}");
    }
}

#[test]
fn attributions_wrapped_over_lines_are_found_whole() {
    for lines in [
        "On Tue, Jun 3, 2025 at 10:00 AM Badge Desk of Example\n<desk-of-badges@x.example> wrote:",
        "On Tue, Jun 3, 2025,\nDesk\n<d@x.example>\nwrote:",
        "Le mar. 3 juin 2025 à 10:00, Desk <d@x.example>\na écrit :",
        "ti 3. kesäkuuta 2025 klo 10.00 Desk\n<d@x.example> kirjoitti:",
    ] {
        let body = unquote(&format!("Own.\n\n{lines}\n\n> old"));
        assert_eq!(body.new, "Own.", "{lines}");
    }
}

#[test]
fn a_bare_name_and_verb_open_a_quote_only_above_quoted_lines() {
    let body = unquote("Yes.\n\nBen Okri wrote:\n\n> Is it?");
    assert_eq!(body.new, "Yes.");
    let text = "Ben Okri wrote:\nask the desk";
    assert_eq!(unquote(text).new, text);
}

#[test]
fn sentences_that_look_like_attributions_stay() {
    for text in [
        "On Monday your colleague wrote:\nthat I should ask here. So I ask.",
        "I have two accounts since 2019:\nana@x.example\nana@y.example",
        "On the other hand:\nit works",
        "It was sent on 12 March 2025 at 10:30 to these:\nana@x.example",
        "They wrote: no. What now?",
    ] {
        assert_eq!(unquote(text).new, text, "{text}");
    }
}

#[test]
fn outlook_blocks_of_every_language_open_a_quote() {
    for block in [
        "From: Desk <d@x.example>\nSent: Tuesday, June 3, 2025 10:00 AM\nTo: Ana <a@x.example>\nSubject: Hello",
        "*From:* Desk [mailto:d@x.example]\n*Sent:* Tuesday\n*To:* Ana\n*Subject:* Hello",
        "Von: Desk <d@x.example>\nGesendet: Dienstag, 3. Juni 2025 10:00\nAn: Ana\nBetreff: Hallo",
        "De : Desk <d@x.example>\nEnvoyé : mardi 3 juin 2025 10:00\nÀ : Ana\nObjet : Bonjour",
        "De: Desk <d@x.example>\nEnviado el: martes, 3 de junio\nPara: Ana\nAsunto: Hola",
        "De: Desk <d@x.example>\nEnviada em: terça-feira\nPara: Ana\nAssunto: Olá",
        "Da: Desk <d@x.example>\nInviato: martedì\nA: Ana\nOggetto: Ciao",
        "Van: Desk <d@x.example>\nVerzonden: dinsdag\nAan: Ana\nOnderwerp: Hallo",
        "Od: Desk <d@x.example>\nWysłano: wtorek\nDo: Ana\nTemat: Witam",
        "От: Desk <d@x.example>\nОтправлено: вторник\nКому: Ana\nТема: Привет",
        "发件人: Desk <d@x.example>\n发送时间: 2025年6月3日\n收件人: Ana\n主题: 你好",
        "差出人: Desk <d@x.example>\n送信日時: 2025年6月3日\n宛先: Ana\n件名: こんにちは",
        "보낸 사람: Desk <d@x.example>\n보낸 날짜: 2025년 6월 3일\n받는 사람: Ana\n제목: 안녕",
        "Kimden: Desk <d@x.example>\nGönderildi: Salı\nKime: Ana\nKonu: Merhaba",
    ] {
        for rule in [
            "",
            "________________________________\n",
            "-----Original Message-----\n",
        ] {
            let body = with_subject(
                SubjectKind::Reply,
                &format!("Own words.\n\n{rule}{block}\n\nOlder words."),
            );
            assert_eq!(body.new, "Own words.", "{block}");
            assert!(body.forwarded.is_none());
        }
    }
}

#[test]
fn markers_open_a_quote_and_forwards_are_read() {
    for marker in [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Mensaje reenviado ---------",
        "---------- Message transféré ---------",
        "---------- Mensagem encaminhada ---------",
        "---------- Messaggio inoltrato ---------",
        "---------- 転送メッセージ ---------",
        "-------- Пересылаемое сообщение --------",
    ] {
        let body = unquote(&format!(
            "See below.\n\n{marker}\nFrom: Org <o@x.example>\nDate: Tue, 3 Jun 2025\nSubject: Your badge\nTo: ana@x.example\n\nOld text"
        ));
        assert_eq!(body.new, "See below.", "{marker}");
        let forwarded = body.forwarded.unwrap();
        assert_eq!(forwarded.subject, "Your badge");
        assert_eq!(forwarded.from.unwrap().address.as_str(), "o@x.example");
    }
    let body = unquote("-----Ursprüngliche Nachricht-----\nVon: x@x.example\nBetreff: y\n\nalt");
    assert!(body.new.is_empty() || !body.new.contains("Von:"));
}

#[test]
fn an_outlook_forward_is_told_by_its_subject() {
    let text = "Please see.\n\nVon: Org <o@x.example>\nGesendet: Dienstag\nAn: Ana\nBetreff: Abzeichen\n\nalt";
    let body = with_subject(SubjectKind::Forward, text);
    assert_eq!(body.forwarded.unwrap().subject, "Abzeichen");
    assert_eq!(body.new, "Please see.");
}

#[test]
fn a_forward_quoted_with_arrows_leaves_words_below_it_new() {
    let body = unquote(
        "Begin forwarded message:\n\n> From: Org <o@x.example>\n> Date: today\n> Subject: Badge\n>\n> text\n\nMy words.",
    );
    assert_eq!(body.new, "My words.");
    assert_eq!(body.forwarded.unwrap().subject, "Badge");
}

#[test]
fn a_bare_quote_has_no_new_words_and_a_bare_reply_block_keeps_its_text() {
    let body = unquote("> only\n> a quote");
    assert_eq!(
        (body.new.as_str(), body.quoted.as_str()),
        ("", "> only\n> a quote")
    );
    // An answer typed below an unmarked quote cannot be told from it.
    let text = "From: Desk <d@x.example>\nSent: Tuesday\nTo: Ana\nSubject: Hello\n\nWhich address?\n\nThis one.";
    let body = with_subject(SubjectKind::Reply, text);
    assert_eq!(body.new, "Which address?\n\nThis one.");
    let body = unquote(
        "On Tue, 3 Jun 2025 at 10:00 Desk <d@x.example> wrote:\n\nWhich address?\n\nThis one.",
    );
    assert_eq!(body.new, "Which address?\n\nThis one.");
}

#[test]
fn a_menu_path_wrapped_at_its_arrow_is_no_quote() {
    let text = "I went to Settings > Account\n> Emails and pressed Add.\nNothing happens.";
    assert_eq!(unquote(text).new, text);
    assert_eq!(unquote("Look:\n>_< so sad").new, "Look:\n>_< so sad");
}

#[test]
fn signatures_go_and_words_stay() {
    let cases = [
        ("It fails.\n\n-- \nAna Berg\nChief", "It fails."),
        (
            "It fails.\n\nBest regards,\nAna Berg\nHead of Things\n+49 30 1234",
            "It fails.",
        ),
        (
            "It fails.\n\nMit freundlichen Grüßen\nAna Berg",
            "It fails.",
        ),
        ("It fails.\n\nSent from my iPhone", "It fails."),
        (
            "It fails.\n\nGet Outlook for iOS<https://aka.ms/x>",
            "It fails.",
        ),
        ("It fails.\n\nVon meinem iPhone gesendet", "It fails."),
        ("It fails.\n\niPhoneから送信", "It fails."),
        ("It fails.\n\n发自我的 iPhone", "It fails."),
        (
            "It fails. Thanks!\n\nThanks\nAna",
            "It fails. Thanks!\n\nThanks",
        ),
        ("It fails.\n\nAna Berg\nACME Ltd", "It fails."),
        ("It fails.\n\nA. Berg", "It fails."),
        (
            "It fails.\n\nRegards\nAna\n\nThis e-mail is confidential and intended only for the addressee named above.",
            "It fails.",
        ),
        (
            "It fails.\n\nAna Berg\nACME Ltd\n-----\nForgot your intranet password? Call the desk.",
            "It fails.",
        ),
        (
            "It fails.\n\nRegards\nAna Berg\nACME Ltd\nAsk about our new badge printers, now in every branch of the country.",
            "It fails.",
        ),
        (
            "It fails.\n\nСлава\n\nС уважением,\nАна Берг",
            "It fails.\n\nСлава",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(from("Ana Berg", text).new, want, "{text}");
    }
}

#[test]
fn afterthoughts_below_a_closing_are_never_taken_for_a_signature() {
    for after in [
        "P.S. My other address is b@x.example",
        "PS: the badge is also missing",
        "Can you also merge my accounts?",
        "Also my password does not work.",
        "I forgot: the reset mail never comes",
        "Forgot to say that password reset also fails",
        "old: a@x.example\nnew: b@x.example",
    ] {
        for closing in [
            "Thanks\nAna",
            "Thanks",
            "Best regards\nAna",
            "Regards",
            "Ana",
            "Ana Berg",
        ] {
            let body = from(
                "Ana Berg",
                &format!("My badge is pending.\n\n{closing}\n\n{after}"),
            );
            for line in after.lines() {
                assert!(body.new.contains(line), "{closing:?} {after:?} {body:?}");
            }
        }
    }
}

#[test]
fn a_mail_of_nothing_but_a_signature_keeps_its_words() {
    assert_eq!(from("Ana", "Thanks\nAna").new, "Thanks");
    assert_eq!(from("Ana", "Regards\nAna").new, "Regards\nAna");
    assert_eq!(from("", "-- \nHelp me please").new, "--\nHelp me please");
    assert_eq!(unquote("Sent from my iPhone").new, "");
    assert_eq!(unquote("").new, "");
}

#[test]
fn pgp_armour_is_no_word_of_the_writers() {
    let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nMy words.\n-----BEGIN PGP SIGNATURE-----\n\nabc123==\n=xyz\n-----END PGP SIGNATURE-----";
    assert_eq!(unquote(text).new, "My words.");
}

#[test]
fn long_and_odd_texts_are_read_in_one_pass() {
    for line in [
        "> ",
        "On 1/1/2025 10:00 x wrote:",
        "From: a",
        "-- ",
        "a:",
        ">",
        "Regards",
        "____",
        "Sent from my iPhone",
        "x@y.example <x@y.example> 2025 10:00:",
    ] {
        let _ = from("Ana Berg", &format!("{line}\n").repeat(8_000));
    }
    let _ = unquote(&"a".repeat(65_536));
    let _ = unquote(&"wrote ".repeat(10_000));
}

fn every_line_is_kept(text: &str) {
    let body = from("Ana Berg", text);
    let mut have: Vec<&str> = body
        .new
        .lines()
        .chain(body.quoted.lines())
        .chain(body.signature.lines())
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut want: Vec<&str> = body
        .full
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .collect();
    have.sort_unstable();
    want.sort_unstable();
    assert_eq!(have, want);
}

proptest! {
    #[test]
    fn no_line_is_lost_or_doubled(text in "(\\PC|\n){0,300}") {
        every_line_is_kept(&text);
    }

    #[test]
    fn no_line_is_lost_among_lines_that_mean_something(
        lines in proptest::collection::vec(proptest::sample::select(vec![
            "", "words of mine", "> quoted", ">> deeper", "On Tue, 3 Jun 2025 at 10:00, D <d@x.example> wrote:", "wrote:", "From: D <d@x.example>", "Sent: today", "To: me",
            "Subject: s", "________________________________", "-----Original Message-----", "Begin forwarded message:", "-- ", "Ana Berg", "Best regards,", "Thanks", "Sent from my iPhone", "P.S. one more",
            "This e-mail is confidential and intended only for the addressee named above, thank you.", "<d@x.example>:", "On Tue,",
        ]), 0..30)
    ) {
        every_line_is_kept(&lines.join("\n"));
    }
}
