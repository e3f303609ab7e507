//! Mails of people, made with a seed: 2 to 30 KB, five languages, two thirds with HTML, a quarter with an attachment.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A small generator of numbers (splitmix64): the same mails for the same seed, everywhere.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len());
        &all[at]
    }
}

/// What people write besides what they want. Nothing in it means anything to a rule.
const TALK: [(&str, [&str; 6]); 5] = [
    (
        "en",
        [
            "We had rain for the whole week and the garden is green again.",
            "My sister was here on Sunday and we walked along the river.",
            "The train was late this morning, so I write this from the platform.",
            "I hope the summer is kind to all of you.",
            "It is quiet here today, only the neighbour's dog barks now and then.",
            "The soup is on the stove while I write this.",
        ],
    ),
    (
        "es",
        [
            "Ha llovido toda la semana y el jardín está verde otra vez.",
            "Mi hermana estuvo aquí el domingo y paseamos junto al río.",
            "El tren llegó tarde esta mañana y escribo desde el andén.",
            "Espero que el verano les trate bien.",
            "Hoy todo está tranquilo, solo ladra el perro del vecino.",
            "La sopa está en el fuego mientras escribo.",
        ],
    ),
    (
        "de",
        [
            "Es hat die ganze Woche geregnet, und der Garten ist wieder grün.",
            "Meine Schwester war am Sonntag hier, und wir sind am Fluss spaziert.",
            "Der Zug hatte heute Verspätung, ich schreibe dies vom Bahnsteig.",
            "Ich hoffe, der Sommer meint es gut mit Ihnen.",
            "Heute ist es still, nur der Hund des Nachbarn bellt ab und zu.",
            "Die Suppe steht auf dem Herd, während ich schreibe.",
        ],
    ),
    (
        "fr",
        [
            "Il a plu toute la semaine et le jardin est de nouveau vert.",
            "Ma sœur était là dimanche et nous avons marché le long de la rivière.",
            "Le train avait du retard ce matin, j'écris donc depuis le quai.",
            "J'espère que l'été vous sera doux.",
            "Tout est calme ici, seul le chien du voisin aboie parfois.",
            "La soupe est sur le feu pendant que j'écris.",
        ],
    ),
    (
        "ja",
        [
            "今週はずっと雨で、庭がまた緑になりました。",
            "日曜日に妹が来て、一緒に川沿いを歩きました。",
            "今朝は電車が遅れたので、ホームでこれを書いています。",
            "皆様がよい夏を過ごされますように。",
            "今日は静かで、隣の犬がときどき吠えるだけです。",
            "これを書きながらスープを煮ています。",
        ],
    ),
];

/// The letters of base64.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Intents whose mails go to an agent besides being answered, and those that are only answered.
const FORWARDED: [&str; 2] = ["account-access", "merge-accounts"];
const ANSWERED: [&str; 3] = ["password-reset", "badge-accept", "secondary-email"];

/// Words by which the languages of the examples are told apart: the order in which the rules list them.
const LANGUAGES: [&str; 5] = ["en", "es", "de", "fr", "ja"];

/// Makes mails.
pub(crate) struct Writers {
    rng: Rng,
    forwarded: Vec<(usize, String)>,
    answered: Vec<(usize, String)>,
    written: usize,
}

impl Writers {
    /// Takes what people want from the examples of the rules.
    pub(crate) fn new(seed: u64) -> Self {
        let wants = |intents: &[&str]| intents.iter().flat_map(|i| examples(i)).collect();
        Self {
            rng: Rng::new(seed),
            forwarded: wants(&FORWARDED),
            answered: wants(&ANSWERED),
            written: 0,
        }
    }

    /// Whether the next mail is meant for an agent.
    pub(crate) fn forwards_next(&self) -> bool {
        (self.written + 1).is_multiple_of(2)
    }

    /// Takes the last mail back: the next one has its number.
    pub(crate) fn unwrite(&mut self) {
        self.written -= 1;
    }

    /// Writes the next mail, with LF as line ends; every second one is a case for an agent.
    pub(crate) fn write(&mut self) -> String {
        let size = 2_000 + self.rng.below(14_000) + self.rng.below(14_000);
        self.write_of(size)
    }

    /// The same, about that many octets long.
    pub(crate) fn write_of(&mut self, size: usize) -> String {
        self.written += 1;
        let number = self.written;
        let forwarded = number.is_multiple_of(2);
        let wants = if forwarded {
            &self.forwarded
        } else {
            &self.answered
        };
        let (language, want) = self.rng.of(wants).clone();
        let (code, talk) = TALK[language];
        let mut text = format!("{}\n\n{want}\n\n", self.rng.of::<&str>(&talk));
        for _ in 0..=self.rng.below(12) {
            text.push_str(self.rng.of::<&str>(&talk));
            text.push(if self.rng.below(3) == 0 { '\n' } else { ' ' });
        }
        let _ = write!(text, "\n\nRobin Marker {number}\n");
        let id = self.rng.next();
        let mut mail = format!(
            "Return-Path: <robin.{number}@d{number}.example>\n\
             Received: from mx.d{number}.example by mx.credly.example; Mon, 23 Nov 2026 09:00:00 +0000\n\
             From: Robin Marker <robin.{number}@d{number}.example>\n\
             To: support@credly.example\n\
             Subject: {}\n\
             Date: Mon, 23 Nov 2026 09:00:00 +0000\n\
             Message-ID: <{id:016x}.{number}@d{number}.example>\n\
             User-Agent: a mail program\n\
             Content-Language: {code}\n\
             MIME-Version: 1.0\n",
            subject(language),
        );
        let rest = size.saturating_sub(mail.len() + text.len());
        match number % 20 {
            // A quarter with an attachment, most others with HTML, some of the text alone with old mails below it.
            0..=4 => self.attach(&mut mail, &text, rest),
            5..=15 => self.dress(&mut mail, &text, rest),
            _ => self.quote(&mut mail, &text, rest, &talk),
        }
        mail
    }

    fn attach(&mut self, mail: &mut String, text: &str, rest: usize) {
        mail.push_str("Content-Type: multipart/mixed; boundary=\"=_outer\"\n\n--=_outer\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
        mail.push_str(text);
        mail.push_str("\n--=_outer\nContent-Type: image/png; name=\"screen.png\"\nContent-Disposition: attachment; filename=\"screen.png\"\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo");
        for at in 11..(rest.max(400) / 4) * 4 {
            if at % 76 == 0 {
                mail.push('\n');
            }
            mail.push(char::from(ALPHABET[self.rng.below(64)]));
        }
        mail.push_str("\n--=_outer--\n");
    }

    fn dress(&mut self, mail: &mut String, text: &str, rest: usize) {
        mail.push_str("Content-Type: multipart/alternative; boundary=\"=_alt\"\n\n--=_alt\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
        mail.push_str(text);
        mail.push_str("\n--=_alt\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<html><head><style>\n");
        let shown = text.replace("\n\n", "</p>\n<p class=\"MsoNormal\">");
        let style = rest.saturating_sub(shown.len());
        let mut at = 0;
        while at < style {
            let line = format!(
                "p.MsoNormal{}, li.MsoNormal{0} {{ margin: 0cm; font-size: 11.0pt; font-family: \"Calibri\", sans-serif; }}\n",
                self.rng.below(1000)
            );
            at += line.len();
            mail.push_str(&line);
        }
        let _ = write!(
            mail,
            "</style></head><body><p class=\"MsoNormal\">{shown}</p></body></html>\n\n--=_alt--\n"
        );
    }

    fn quote(&mut self, mail: &mut String, text: &str, rest: usize, talk: &[&str; 6]) {
        mail.push_str(
            "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
        );
        mail.push_str(text);
        mail.push_str("\nOn Sun, 22 Nov 2026, Jo Other wrote:\n");
        let mut at = 0;
        while at < rest {
            let line = format!("> {}\n", self.rng.of::<&str>(talk));
            at += line.len();
            mail.push_str(&line);
        }
    }
}

fn subject(language: usize) -> &'static str {
    [
        "A question",
        "=?utf-8?Q?Una_consulta?=",
        "Eine Frage",
        "Une question",
        "=?utf-8?B?6LOq5ZWP?=",
    ][language]
}

/// The examples of an intent, in the languages that we know the place of.
fn examples(intent: &str) -> Vec<(usize, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("rules/intents/{intent}.toml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: toml::Table = text.parse().unwrap();
    let matches = file["matches"].as_array().unwrap();
    matches
        .iter()
        .filter_map(|m| m.as_str())
        .map(|m| (language_of(m), m.to_owned()))
        .collect()
}

fn language_of(text: &str) -> usize {
    let lower = format!(" {} ", text.to_lowercase());
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    let code = if has(&["の", "を", "です"]) {
        "ja"
    } else if has(&[" ich ", " mein ", " meine ", " und ", " ist "]) {
        "de"
    } else if has(&[" je ", " mon ", " ma ", " n'ai ", " est "]) {
        "fr"
    } else if has(&[" mi ", " el ", " la ", " con ", " puedo "]) {
        "es"
    } else {
        "en"
    };
    LANGUAGES.iter().position(|l| *l == code).unwrap()
}
