//! What each shipped reply must say, in every language.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::*;
use std::collections::BTreeSet;

/// One language's words for what every reply must say.
struct Words {
    code: &'static str,
    automatic: &'static str,
    person_answers: &'static str,
    offer: &'static str,
    primary: &'static str,
    personal: &'static str,
    registered: &'static str,
    now: &'static str,
    verified: &'static str,
    merge_both: [&'static str; 2],
    helps: [&'static str; 3],
    owner: &'static str,
    logged_in: &'static str,
    directly: &'static str,
    sorry: &'static str,
}

const LANGUAGES: [Words; 8] = [
    Words {
        code: "en",
        automatic: "automatic reply",
        person_answers: "a person will read it and answer you",
        offer: "Simply answer this mail, and a person will read it.",
        primary: "only with the primary address",
        personal: "personal address",
        registered: "the address that the account is registered to",
        now: "the address at which you can read mail now",
        verified: "addresses have to be verified",
        merge_both: [
            "account that you want to keep",
            "account that is to be merged",
        ],
        helps: [
            "name of the badge",
            "who issued it",
            "address that it was sent to",
        ],
        owner: "owner (the issuer)",
        logged_in: "logged in",
        directly: "to IBM directly",
        sorry: "did not help you",
    },
    Words {
        code: "es",
        automatic: "respuesta automática",
        person_answers: "una persona lo leerá y le responderá",
        offer: "Responda simplemente a este correo y una persona lo leerá.",
        primary: "solo se puede solicitar con la dirección principal",
        personal: "dirección personal",
        registered: "la dirección con la que está registrada la cuenta",
        now: "la dirección en la que puede leer correo ahora",
        verified: "hay que verificar",
        merge_both: ["cuenta que desea conservar", "cuenta que se debe integrar"],
        helps: [
            "nombre de la insignia",
            "quién la emitió",
            "dirección a la que se envió",
        ],
        owner: "propietario (el emisor)",
        logged_in: "haber iniciado sesión",
        directly: "directamente a IBM",
        sorry: "no le haya servido",
    },
    Words {
        code: "pt",
        automatic: "resposta automática",
        person_answers: "uma pessoa vai lê-la e responder a você",
        offer: "Basta responder a este e-mail, e uma pessoa vai lê-lo.",
        primary: "só pode ser solicitada com o endereço principal",
        personal: "endereço pessoal",
        registered: "o endereço em que a conta está registrada",
        now: "o endereço em que você consegue ler mensagens agora",
        verified: "preciso verificar",
        merge_both: [
            "conta que você quer manter",
            "conta que deve ser incorporada",
        ],
        helps: [
            "nome do emblema",
            "quem o emitiu",
            "endereço para o qual ele foi enviado",
        ],
        owner: "proprietário (emissor)",
        logged_in: "ter feito login",
        directly: "diretamente à IBM",
        sorry: "não tenha ajudado",
    },
    Words {
        code: "fr",
        automatic: "réponse automatique",
        person_answers: "une personne le lira et vous répondra",
        offer: "Répondez simplement à ce message : une personne vous lira.",
        primary: "ne peut être demandée qu'avec l'adresse principale",
        personal: "adresse personnelle",
        registered: "l'adresse sous laquelle le compte est enregistré",
        now: "l'adresse à laquelle vous pouvez lire votre courrier aujourd'hui",
        verified: "doivent d'abord être vérifiées",
        merge_both: [
            "compte que vous souhaitez conserver",
            "compte qui doit y être intégré",
        ],
        helps: [
            "nom du badge",
            "son émetteur",
            "adresse à laquelle il a été envoyé",
        ],
        owner: "propriétaire (l'émetteur)",
        logged_in: "être connecté",
        directly: "directement à IBM",
        sorry: "ne vous ait pas été utile",
    },
    Words {
        code: "de",
        automatic: "automatische Antwort",
        person_answers: "Ein Mensch wird sie lesen und Ihnen antworten",
        offer: "Antworten Sie einfach auf diese E-Mail; ein Mensch wird Ihre Antwort lesen.",
        primary: "nur mit der primären Adresse",
        personal: "private Adresse",
        registered: "die Adresse, auf die das Konto registriert ist",
        now: "die Adresse, unter der Sie jetzt E-Mails lesen können",
        verified: "Adressen müssen zuvor bestätigt werden",
        merge_both: [
            "Kontos, das Sie behalten möchten",
            "Kontos, das darin aufgehen soll",
        ],
        helps: [
            "Name des Badges",
            "der Aussteller",
            "Adresse, an die er gesendet wurde",
        ],
        owner: "Eigentümer (den Aussteller)",
        logged_in: "angemeldet sein",
        directly: "direkt an IBM",
        sorry: "nicht geholfen hat",
    },
    Words {
        code: "it",
        automatic: "risposta automatica",
        person_answers: "una persona lo leggerà e Le risponderà",
        offer: "Risponda semplicemente a questa e-mail: una persona la leggerà.",
        primary: "solo con l'indirizzo principale",
        personal: "indirizzo personale",
        registered: "l'indirizzo con cui l'account è registrato",
        now: "l'indirizzo al quale ora può leggere la posta",
        verified: "Gli indirizzi devono prima essere verificati",
        merge_both: [
            "account che desidera mantenere",
            "account che deve confluirvi",
        ],
        helps: [
            "nome del badge",
            "chi lo ha emesso",
            "indirizzo a cui è stato inviato",
        ],
        owner: "proprietario (l'emittente)",
        logged_in: "aver effettuato l'accesso",
        directly: "direttamente a IBM",
        sorry: "non Le sia stata utile",
    },
    Words {
        code: "nl",
        automatic: "automatisch antwoord",
        person_answers: "een medewerker leest het en geeft u antwoord",
        offer: "Beantwoord dan gewoon deze e-mail; een medewerker leest uw antwoord.",
        primary: "alleen met het primaire adres",
        personal: "persoonlijk adres",
        registered: "het adres waarop het account is geregistreerd",
        now: "het adres waarop u nu e-mail kunt lezen",
        verified: "moeten eerst worden geverifieerd",
        merge_both: [
            "account dat u wilt houden",
            "account dat daarin moet opgaan",
        ],
        helps: [
            "naam van de badge",
            "wie hem heeft uitgegeven",
            "adres waarnaar hij is verzonden",
        ],
        owner: "eigenaar (de uitgever)",
        logged_in: "ingelogd zijn",
        directly: "rechtstreeks aan IBM",
        sorry: "niet heeft geholpen",
    },
    Words {
        code: "pl",
        automatic: "automatyczna odpowiedź",
        person_answers: "przeczyta ją pracownik i odpowie",
        offer: "Wystarczy odpowiedzieć na tę wiadomość, a przeczyta ją pracownik.",
        primary: "tylko z użyciem głównego adresu",
        personal: "adres prywatny",
        registered: "adres, na który konto jest zarejestrowane",
        now: "adres, pod którym można teraz czytać pocztę",
        verified: "trzeba najpierw zweryfikować",
        merge_both: [
            "konta, które ma pozostać",
            "konta, które ma zostać do niego włączone",
        ],
        helps: [
            "nazwa odznaki",
            "kto ją wydał",
            "adres, na który została wysłana",
        ],
        owner: "właścicielem (wydawcą)",
        logged_in: "trzeba być zalogowanym",
        directly: "bezpośrednio do IBM",
        sorry: "nie pomogła",
    },
];

#[test]
fn every_reply_says_that_it_is_automatic_has_the_number_and_ends_with_the_offer() {
    for words in LANGUAGES {
        for name in WANTED {
            for forwarded in [true, false] {
                let reply = reply(name, words.code, forwarded, None);
                assert_eq!(reply.language, words.code);
                says(&reply, words.automatic);
                says(&reply, TICKET);
                says(&reply, words.offer);
                let text = flat(&reply.text);
                let closing = format!("{} {DESK}", words.offer);
                assert!(text.ends_with(&closing), "{name} {}: {text}", words.code);
                assert_eq!(
                    text.contains(words.person_answers),
                    forwarded,
                    "{name} {}: {text}",
                    words.code
                );
                assert!(
                    reply
                        .subject
                        .to_lowercase()
                        .contains(&words.automatic.to_lowercase())
                );
            }
        }
    }
}

#[test]
fn each_paragraph_carries_its_facts_in_every_language() {
    for w in LANGUAGES {
        let of = |name| reply(name, w.code, true, None);
        for fact in [w.registered, w.now, w.verified] {
            says(&of("account-access"), fact);
        }
        for fact in w.merge_both {
            says(&of("merge-accounts"), fact);
        }
        says(&of("password-reset"), w.primary);
        for fact in w.helps {
            says(&of("badge-search"), fact);
            says(&of("badge-accept"), fact);
        }
        for fact in [w.owner, "View additional information"] {
            says(&of("ibm-badge"), fact);
        }
        for fact in [w.logged_in, COURSERA] {
            says(&of("coursera-badge"), fact);
        }
        for fact in ["Bluepages", "W3", w.directly] {
            says(&of("ibm-intranet"), fact);
        }
        says(&of("escalation"), w.sorry);
    }
}

#[test]
fn the_four_steps_are_four_and_in_order_in_every_language() {
    for w in LANGUAGES {
        let reply = reply("secondary-email", w.code, false, None);
        let steps: Vec<&str> = reply
            .text
            .lines()
            .filter(|l| l.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        assert_eq!(steps.len(), 4, "{}", reply.text);
        for (number, step) in (1..).zip(&steps) {
            assert!(step.starts_with(&format!("{number}. ")), "{step}");
        }
        let text = flat(&reply.text.replace(TICKET, ""));
        let at = |what: &str| {
            text.find(what)
                .unwrap_or_else(|| panic!("{} lacks {what}", w.code))
        };
        let order = [
            at("1. "),
            at("Settings"),
            at("2. "),
            at("Account"),
            at("3. "),
        ];
        let then = [
            at("Add another Email Address"),
            text.rfind("Add").unwrap(),
            at("4. "),
            at(w.personal),
        ];
        assert!(order.iter().chain(&then).is_sorted(), "{text}");
        assert_eq!(reply.html.matches("<ol>").count(), 1);
        let (_, list) = reply.html.split_once("<ol>").unwrap();
        assert_eq!(
            list.split_once("</ol>").unwrap().0.matches("<li>").count(),
            4
        );
    }
}

#[test]
fn an_ibm_reply_shows_the_one_place_that_applies_and_both_when_unknown() {
    for w in LANGUAGES {
        for (audience, employees, everyone_else) in [
            (Some(Audience::Employee), true, false),
            (Some(Audience::External), false, true),
            (Some(Audience::Unknown), true, true),
            (None, true, true),
        ] {
            let reply = reply("ibm-badge", w.code, false, audience);
            for form in [&reply.text, &reply.html] {
                assert_eq!(form.contains(EMPLOYEES), employees, "{form}");
                assert_eq!(form.contains(EVERYONE_ELSE), everyone_else, "{form}");
            }
            if employees && everyone_else {
                let points = reply
                    .html
                    .split_once("<ul>")
                    .unwrap()
                    .1
                    .split_once("</ul>")
                    .unwrap()
                    .0;
                assert_eq!(
                    points.matches("<li>").count(),
                    2,
                    "told apart, a point for each"
                );
            }
            let link = reply.text.find("View additional information").unwrap();
            assert!(
                reply.text.find("https://").unwrap() < link,
                "search first, then the link"
            );
        }
    }
}

#[test]
fn personal_address_advice_follows_where_it_would_have_helped_and_nowhere_else() {
    let replies = replies();
    for w in LANGUAGES {
        let language = language(w.code, true);
        for name in WANTED {
            let reply = write(&replies, &occasion(&[name], &language));
            let expected = [
                "account-access",
                "merge-accounts",
                "password-reset",
                "secondary-email",
            ]
            .contains(&name);
            assert_eq!(
                flat(&reply.text).contains(w.personal),
                expected,
                "{name} {}",
                w.code
            );
        }
        let both = write(
            &replies,
            &occasion(
                &["account-access", "merge-accounts", "ibm-badge"],
                &language,
            ),
        );
        let text = flat(&both.text);
        assert_eq!(
            text.matches("Add another Email Address").count(),
            1,
            "once, though two ask for it: {text}"
        );
        assert!(
            text.rfind("View additional information").unwrap() < text.find("Add another").unwrap()
        );
        let excused = write(
            &replies,
            &occasion(&["merge-accounts", "secondary-email"], &language),
        );
        assert_eq!(
            excused.text.matches("Settings").count(),
            1,
            "the steps say it already: {}",
            excused.text
        );
    }
}

#[test]
fn no_sentence_is_said_twice_in_a_letter() {
    let replies = replies();
    for w in LANGUAGES {
        let language = language(w.code, true);
        for forwarded in [true, false] {
            for names in [&WANTED[..6], &WANTED[5..]] {
                let text = flat(
                    &write(
                        &replies,
                        &Occasion {
                            forwarded,
                            ..occasion(names, &language)
                        },
                    )
                    .text,
                );
                let sentences: Vec<&str> = text
                    .split(['.', '?', ':'])
                    .map(str::trim)
                    .filter(|s| s.len() > 25)
                    .collect();
                let different: BTreeSet<&&str> = sentences.iter().collect();
                let mut repeated = sentences.clone();
                repeated.retain(|s| sentences.iter().filter(|o| *o == s).count() > 1);
                assert_eq!(sentences.len(), different.len(), "{} {repeated:#?}", w.code);
            }
        }
    }
}

#[test]
fn replies_are_cheap_to_clone_and_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let replies = replies();
    shared(&replies);
    assert_eq!(replies.languages().first(), Some(&"en"));
    for w in LANGUAGES {
        assert!(replies.languages().contains(&w.code));
    }
}
