//! Each numbered rule of the desk's taxonomy, and each trap that a mail can set, in at least three languages.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and this one names what it found"
)]

use std::path::Path;

use mailclerk::config::folder;
use mailclerk::message::parse::parse;
use mailclerk::triage::Disposition;
use mailclerk::triage::classify::Audience;
use mailclerk::triage::classify::classify;
use mailclerk::triage::classify::disposition;
use mailclerk::triage::rules::IntentRules;

/// What must come of a mail.
struct Trap {
    from: &'static str,
    subject: &'static str,
    text: &'static str,
    /// What must happen to it; none: not asked here.
    said: Option<Disposition>,
    /// Its primary intent; empty: not asked here.
    primary: &'static str,
    /// Who asks; none: not asked here.
    audience: Option<Audience>,
}

const FORWARD: Option<Disposition> = Some(Disposition::Forward);
const ADVISE: Option<Disposition> = Some(Disposition::Advise);
const REDIRECT: Option<Disposition> = Some(Disposition::Redirect);
const IGNORE: Option<Disposition> = Some(Disposition::Ignore);

fn rules() -> IntentRules {
    folder::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules"))
        .unwrap()
        .intents
}

const fn mail(
    said: Option<Disposition>,
    primary: &'static str,
    subject: &'static str,
    text: &'static str,
) -> Trap {
    Trap {
        from: "writer@mail.example",
        subject,
        text,
        said,
        primary,
        audience: None,
    }
}

fn hold(name: &str, traps: &[Trap]) {
    let rules = rules();
    let mut wrong = Vec::new();
    for trap in traps {
        let raw = format!(
            "From: {}\r\nTo: desk@desk.example\r\nSubject: {}\r\nMessage-ID: <a@mail.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
            trap.from,
            trap.subject,
            trap.text.replace('\n', "\r\n")
        );
        let found = classify(&parse(raw.as_bytes()), &rules);
        let said = disposition(&found, &rules);
        let right = trap.said.is_none_or(|wanted| wanted == said)
            && (trap.primary.is_empty()
                || found.intents.first().is_some_and(|p| p == trap.primary))
            && trap.audience.is_none_or(|a| found.audience == Some(a));
        if !right {
            wrong.push(format!(
                "{:?}\n  wanted {:?} {} {:?}\n  said {said:?} {:?} {:?}\n  {:?}",
                trap.text,
                trap.said,
                trap.primary,
                trap.audience,
                found.intents,
                found.audience,
                found.because
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{name}: {} of {}\n{}",
        wrong.len(),
        traps.len(),
        wrong.join("\n")
    );
}

#[test]
fn rule_1_an_account_comes_before_whatever_else_is_asked() {
    hold(
        "rule 1",
        &[
            mail(
                FORWARD,
                "merge-accounts",
                "Two accounts",
                "Hello, I have two accounts with you, one on each of my addresses. Please merge them into one. Besides, how is the IBM Quantum badge earned?",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Zwei Konten",
                "Guten Tag, ich habe zwei Konten auf zwei Adressen, bitte legen Sie sie zusammen. Außerdem wurde mein IBM-Badge nie ausgestellt.",
            ),
            mail(
                FORWARD,
                "password-reset",
                "Contraseña",
                "Hola, olvidé mi contraseña y el correo para restablecerla no llega, aunque leo este correo a diario. Además me falta la insignia de mi curso de Coursera.",
            ),
            mail(
                FORWARD,
                "account-access",
                "Ancienne adresse",
                "Bonjour, j'ai quitté mon employeur et mon compte est sur l'ancienne adresse, que je ne peux plus lire. Et le badge de mon cours Coursera n'est pas arrivé.",
            ),
        ],
    );
}

#[test]
fn rule_2_ibm_in_the_text_is_not_yet_an_ibm_badge_problem() {
    hold(
        "rule 2",
        &[
            mail(
                FORWARD,
                "account-access",
                "Former IBMer",
                "I left IBM in June and my Credly login is still my old IBM address, which is closed. I cannot get in.",
            ),
            mail(
                FORWARD,
                "account-access",
                "Nicht mehr bei IBM",
                "Ich habe IBM im Juni verlassen. Mein Konto läuft noch auf die alte IBM-Adresse, das Postfach gibt es nicht mehr, und ich komme nicht mehr hinein.",
            ),
            mail(
                FORWARD,
                "badge-accept",
                "Insignia pendiente",
                "Mi insignia de IBM está pendiente y el botón para aceptarla no hace nada, sale un error.",
            ),
            mail(
                FORWARD,
                "badge-accept",
                "Badge en attente",
                "Mon badge IBM est en attente, mais quand je clique sur accepter, le lien affiche une erreur.",
            ),
        ],
    );
}

#[test]
fn rule_3_coursera_comes_before_ibm() {
    hold(
        "rule 3",
        &[
            mail(
                REDIRECT,
                "coursera-badge",
                "Missing badge",
                "I finished the IBM Data Science course on Coursera three weeks ago and the badge has not arrived.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Badge fehlt",
                "Ich habe den IBM-Kurs Data Science auf Coursera abgeschlossen, aber das Badge ist nicht gekommen.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Falta la insignia",
                "Terminé el curso de IBM Data Science en Coursera hace tres semanas y no me ha llegado la insignia.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Badge em falta",
                "Concluí o curso IBM Data Science no Coursera há três semanas e o badge ainda não apareceu.",
            ),
        ],
    );
}

#[test]
fn rule_4_a_how_to_is_advised_and_one_that_was_followed_and_failed_is_not() {
    hold(
        "rule 4",
        &[
            mail(
                ADVISE,
                "secondary-email",
                "Adding an address",
                "Hello, I can log in without trouble. How do I add my private address to my account?",
            ),
            mail(
                ADVISE,
                "secondary-email",
                "Private Adresse",
                "Guten Tag, ich kann mich problemlos anmelden. Wie füge ich meinem Konto meine private Adresse hinzu?",
            ),
            mail(
                ADVISE,
                "secondary-email",
                "Segundo correo",
                "Hola, entro en mi cuenta sin problemas. ¿Cómo puedo añadir mi correo personal?",
            ),
            mail(
                FORWARD,
                "",
                "Adding an address",
                "I followed the steps to add my private address, but the confirmation mail never comes. I am logged in and have tried four times.",
            ),
            mail(
                FORWARD,
                "",
                "Zweite Adresse",
                "Ich habe alle Schritte befolgt, um meine private Adresse hinzuzufügen, aber die Bestätigungsmail kommt nie an. Angemeldet bin ich.",
            ),
            mail(
                FORWARD,
                "",
                "Segundo correo",
                "Seguí los pasos para añadir mi correo personal y el mensaje de confirmación no llega nunca. Puedo entrar en mi cuenta.",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "In use",
                "When I add my private address it says that it is already in use by another account.",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Vergeben",
                "Beim Hinzufügen meiner privaten Adresse heißt es, sie werde bereits von einem anderen Konto verwendet.",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Ya en uso",
                "Al agregar mi correo personal me dice que ya está en uso en otra cuenta.",
            ),
        ],
    );
}

#[test]
fn rule_5_who_asks_for_an_ibm_badge_is_heard() {
    let asks = |from, audience, text| Trap {
        from,
        subject: "IBM badge",
        text,
        said: None,
        primary: "ibm-badge",
        audience: Some(audience),
    };
    hold(
        "rule 5",
        &[
            asks(
                "someone@de.ibm.com",
                Audience::Employee,
                "My IBM badge shows the wrong level. Who corrects it?",
            ),
            asks(
                "someone@mail.example",
                Audience::Employee,
                "I work at IBM and my IBM badge was never issued, though Your Learning shows the course as done.",
            ),
            asks(
                "someone@mail.example",
                Audience::Employee,
                "Ich bin Mitarbeiter bei IBM, und mein IBM-Badge wurde nie ausgestellt.",
            ),
            asks(
                "someone@mail.example",
                Audience::External,
                "I am a student, not at IBM, and my IBM badge from SkillsBuild was never issued.",
            ),
            asks(
                "someone@mail.example",
                Audience::External,
                "Soy estudiante y la insignia de IBM de SkillsBuild nunca fue emitida.",
            ),
            asks(
                "someone@mail.example",
                Audience::External,
                "Je suis étudiante et mon badge IBM SkillsBuild n'a jamais été émis.",
            ),
            asks(
                "someone@mail.example",
                Audience::Unknown,
                "My IBM badge was never issued. What can be done?",
            ),
            asks(
                "someone@mail.example",
                Audience::Unknown,
                "Mein IBM-Badge wurde nie ausgestellt. Was ist zu tun?",
            ),
        ],
    );
}

#[test]
fn rule_6_what_is_said_now_decides_and_the_quote_is_context() {
    hold(
        "rule 6",
        &[
            mail(
                IGNORE,
                "thanks",
                "Re: your badge",
                "Thank you very much, that solved it. All is well now.\n\n> On Monday you wrote:\n> I have two accounts, please merge them.",
            ),
            mail(
                IGNORE,
                "thanks",
                "AW: Ihr Badge",
                "Vielen Dank, das hat geholfen, es hat sich erledigt.\n\n> Am Montag schrieben Sie:\n> Ich habe zwei Konten, bitte zusammenlegen.",
            ),
            mail(
                IGNORE,
                "thanks",
                "Re: su insignia",
                "Muchas gracias, ya está solucionado.\n\n> El lunes usted escribió:\n> Tengo dos cuentas, quiero unirlas.",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Fwd: badge",
                "I have two accounts, please merge them into one.\n\n> The badge of your Coursera course is on its way.",
            ),
        ],
    );
}

#[test]
fn rule_7_what_is_forwarded_is_primary_and_accounts_before_badges() {
    hold(
        "rule 7",
        &[
            mail(
                FORWARD,
                "merge-accounts",
                "Badge and accounts",
                "My Cisco badge is missing, I passed in May and nothing came. And please merge my two accounts, I have one on each address.",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Badge und Konten",
                "Mein Cisco-Badge fehlt, bestanden habe ich im Mai. Und bitte führen Sie meine zwei Konten zusammen, ich habe auf jeder Adresse eines.",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Insignia y cuentas",
                "Me falta la insignia de Cisco, aprobé en mayo. Y por favor unan mis dos cuentas, tengo una en cada correo.",
            ),
        ],
    );
}

#[test]
fn rule_8_advice_and_redirect_together_need_no_person() {
    let rules = rules();
    for text in [
        "How do I add my private address? I can log in fine. And where do I ask for my IBM badge, which was never issued?",
        "Wie füge ich meine private Adresse hinzu? Anmelden geht problemlos. Und wo frage ich nach meinem IBM-Badge, das nie ausgestellt wurde?",
        "¿Cómo añado mi correo personal? Entro sin problemas. ¿Y dónde pido la insignia de IBM que nunca fue emitida?",
    ] {
        let raw = format!(
            "From: a@mail.example\r\nSubject: Two questions\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        let found = classify(&parse(raw.as_bytes()), &rules);
        let said = disposition(&found, &rules);
        assert!(
            matches!(said, Disposition::Advise | Disposition::Redirect),
            "{text}: {said:?} {found:?}"
        );
        assert!(
            found.intents.contains(&"ibm-badge".to_owned())
                && found.intents.contains(&"secondary-email".to_owned()),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn rule_9_an_answer_that_gives_what_was_asked_is_no_escalation_and_one_that_complains_is() {
    let rules = rules();
    let of = |text: &str| {
        let raw = format!(
            "From: a@mail.example\r\nSubject: Re: [#12] accounts\r\nIn-Reply-To: <x@desk.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        let found = classify(&parse(raw.as_bytes()), &rules);
        (disposition(&found, &rules), found.intents)
    };
    for text in [
        "Here are the two addresses: a@mail.example and b@mail.example.\n\n> Credly Support: this is an automatic reply. Please tell us both addresses of your two accounts.",
        "Hier die beiden Adressen: a@mail.example und b@mail.example.\n\n> Credly Support: Das ist eine automatische Antwort. Bitte nennen Sie beide Adressen Ihrer zwei Konten.",
        "Aquí están los dos correos: a@mail.example y b@mail.example.\n\n> Credly Support: respuesta automática. Indique los correos de sus dos cuentas.",
    ] {
        let (said, intents) = of(text);
        assert!(
            !intents.contains(&"escalation".to_owned()),
            "{text}: {intents:?}"
        );
        assert_eq!(said, Disposition::Forward, "{text}");
    }
    for text in [
        "That did not help at all. I want to talk to a person.\n\n> Credly Support: this is an automatic reply.",
        "Das hat nicht geholfen. Ich möchte mit einem Menschen sprechen.\n\n> Credly Support: Das ist eine automatische Antwort.",
        "Eso no me ayudó. Quiero hablar con una persona.\n\n> Credly Support: respuesta automática.",
    ] {
        let (said, intents) = of(text);
        assert_eq!(
            (said, intents.first().map(String::as_str)),
            (Disposition::Forward, Some("escalation")),
            "{text}: {intents:?}"
        );
    }
}

#[test]
fn rule_10_a_form_speaks_for_the_person_who_filled_it() {
    let rules = rules();
    for (text, primary) in [
        (
            "Name: Ann Lee\nEmail: ann@mail.example\nTopic: Account\nMessage: I have two accounts, please merge them into one.",
            "merge-accounts",
        ),
        (
            "Name: Eva Kurz\nEmail: eva@mail.example\nTopic: Konto\nMessage: Ich habe zwei Konten, bitte legen Sie sie zusammen.",
            "merge-accounts",
        ),
        (
            "Name: Ana Ruiz\nEmail: ana@mail.example\nTopic: Insignia\nMessage: Terminé un curso en Coursera y no me ha llegado la insignia.",
            "coursera-badge",
        ),
    ] {
        let raw = format!(
            "From: forms <no-reply@forms.example>\r\nReply-To: writer@mail.example\r\nAuto-Submitted: auto-generated\r\nSubject: New form entry\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
            text.replace('\n', "\r\n")
        );
        let found = classify(&parse(raw.as_bytes()), &rules);
        assert_eq!(
            found.intents.first().map(String::as_str),
            Some(primary),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn what_is_denied_is_not_the_matter() {
    hold(
        "negation",
        &[
            mail(
                REDIRECT,
                "coursera-badge",
                "Badge",
                "My login works, my password is fine, I have only one account. What is missing is the badge of my Coursera course.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Badge",
                "Die Anmeldung klappt, das Passwort stimmt, ich habe nur ein Konto. Es fehlt das Badge meines Coursera-Kurses.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Insignia",
                "Puedo entrar sin problemas, no olvidé la contraseña y tengo una sola cuenta. Lo que falta es la insignia de mi curso de Coursera.",
            ),
            mail(
                FORWARD,
                "badge-search",
                "Not IBM",
                "This has nothing to do with IBM or Coursera. I passed the CompTIA exam in May and no badge has come.",
            ),
            mail(
                FORWARD,
                "badge-search",
                "Kein IBM",
                "Mit IBM oder Coursera hat das nichts zu tun. Ich habe die CompTIA-Prüfung im Mai bestanden, und kein Badge ist gekommen.",
            ),
            mail(
                FORWARD,
                "badge-search",
                "No es IBM",
                "No tiene nada que ver con IBM ni con Coursera. Aprobé el examen de CompTIA en mayo y no llegó ninguna insignia.",
            ),
        ],
    );
}

#[test]
fn what_is_past_is_not_the_matter() {
    hold(
        "past tense",
        &[
            // The password is not the matter; in doubt a person may get it all the same.
            mail(
                None,
                "ibm-badge",
                "Badge",
                "I had forgotten my password, but I have already reset it and I am in. What I want to know: why was my IBM badge never issued?",
            ),
            mail(
                REDIRECT,
                "ibm-badge",
                "Badge",
                "Das Passwort hatte ich vergessen, das ist inzwischen erledigt, ich bin eingeloggt. Meine Frage: Warum wurde mein IBM-Badge nie ausgestellt?",
            ),
            mail(
                REDIRECT,
                "ibm-badge",
                "Insignia",
                "Había olvidado la contraseña, pero eso ya está resuelto y ya puedo entrar. Mi pregunta: ¿por qué nunca se emitió mi insignia de IBM?",
            ),
        ],
    );
}

#[test]
fn a_signature_is_not_the_matter() {
    hold(
        "signature",
        &[
            mail(
                FORWARD,
                "merge-accounts",
                "Two accounts",
                "I have two accounts, please merge them into one.\n\n-- \nJo Field\nIBM Business Partner, Coursera Campus Lead",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Zwei Konten",
                "Ich habe zwei Konten, bitte legen Sie sie zusammen.\n\n-- \nJo Feld\nIBM Business Partner, Coursera-Beauftragte",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Dos cuentas",
                "Tengo dos cuentas, por favor únanlas en una.\n\n-- \nJo Campo\nSocio de IBM, responsable de Coursera",
            ),
        ],
    );
}

#[test]
fn a_quoted_notification_is_not_what_the_writer_says() {
    hold(
        "quoted notification",
        &[
            mail(
                FORWARD,
                "badge-accept",
                "Fwd: You earned a badge",
                "The button in this mail does nothing, I cannot accept the badge. The link shows an error.\n\n> You earned a badge from IBM on Coursera! Thank you for learning with us.",
            ),
            mail(
                FORWARD,
                "badge-accept",
                "WG: Ihr Badge",
                "Der Knopf in dieser Mail tut nichts, ich kann das Badge nicht annehmen. Der Link zeigt einen Fehler.\n\n> Sie haben ein Badge von IBM auf Coursera erhalten! Danke.",
            ),
            mail(
                FORWARD,
                "badge-accept",
                "Fwd: Su insignia",
                "El botón de este correo no hace nada, no puedo aceptar la insignia. El enlace da error.\n\n> ¡Ha obtenido una insignia de IBM en Coursera! Gracias.",
            ),
        ],
    );
}

#[test]
fn the_body_decides_against_the_subject() {
    hold(
        "subject against body",
        &[
            mail(
                REDIRECT,
                "coursera-badge",
                "Password",
                "Please ignore the subject, my password works. The badge of my Coursera course has not arrived.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Passwort",
                "Der Betreff ist falsch, mein Passwort funktioniert. Das Badge meines Coursera-Kurses ist nicht angekommen.",
            ),
            mail(
                REDIRECT,
                "coursera-badge",
                "Contraseña",
                "Olviden el asunto, la contraseña funciona. No me ha llegado la insignia de mi curso de Coursera.",
            ),
            mail(
                FORWARD,
                "account-access",
                "Thanks",
                "I no longer work there and the mailbox of my account is closed, so I cannot get in any more.",
            ),
            mail(
                FORWARD,
                "account-access",
                "Danke",
                "Ich arbeite dort nicht mehr, und das Postfach meines Kontos ist geschlossen, ich komme nicht mehr hinein.",
            ),
            mail(
                FORWARD,
                "account-access",
                "Gracias",
                "Ya no trabajo allí y el buzón de mi cuenta está cerrado, así que no puedo entrar.",
            ),
        ],
    );
}

#[test]
fn a_mail_that_is_all_subject_is_read() {
    hold(
        "all in the subject",
        &[
            mail(
                FORWARD,
                "merge-accounts",
                "I have two accounts, please merge them into one",
                "",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Ich habe zwei Konten, bitte zusammenlegen",
                "",
            ),
            mail(
                FORWARD,
                "merge-accounts",
                "Tengo dos cuentas, por favor fusionarlas",
                "",
            ),
            mail(
                FORWARD,
                "password-reset",
                "Forgot my password and the reset mail never comes",
                "Thanks",
            ),
            mail(
                FORWARD,
                "password-reset",
                "Passwort vergessen und die Mail zum Zurücksetzen kommt nicht",
                "Danke",
            ),
            mail(
                FORWARD,
                "password-reset",
                "Olvidé la contraseña y no llega el correo para restablecerla",
                "Gracias",
            ),
        ],
    );
}
