//! The headers of what leaves, one by one (RFC 5322, RFC 3834).

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

#[test]
fn a_reply_has_every_header_that_keeps_machines_silent_and_clients_threading() {
    let mut house = House::open();
    let headers = "References: <first@home.example>\n";
    let raw = mail(
        "Maria <maria@home.example>",
        "Two accounts",
        "second@home.example",
        headers,
        MERGE,
    );
    house.receive(&raw, "maria@home.example");
    let reply = house.only_mail("maria@home.example");
    let one = |name: &str| {
        reply
            .header(name)
            .unwrap_or_else(|| panic!("not exactly one {name}"))
    };
    assert_eq!(one("Return-Path"), "<>");
    assert!(one("From").contains(DESK), "{}", one("From"));
    assert!(one("From").contains("Credly Support"), "{}", one("From"));
    assert_eq!(
        one("To"),
        "maria@home.example",
        "the bare address, without the name"
    );
    assert!(
        one("Reply-To").starts_with("support+"),
        "{}",
        one("Reply-To")
    );
    assert_eq!(one("In-Reply-To"), "<second@home.example>");
    assert_eq!(
        one("References"),
        "<first@home.example> <second@home.example>"
    );
    assert_eq!(one("Auto-Submitted"), "auto-replied");
    assert_eq!(one("X-Auto-Response-Suppress"), "All");
    assert!(!one("X-Mailclerk-Loop").is_empty());
    assert_eq!(one("Content-Language"), "en");
    assert_eq!(one("MIME-Version"), "1.0");
    assert!(one("Message-ID").ends_with("@credly.example>"));
    assert!(reply.header("Date").is_some());
    assert!(
        reply
            .subject()
            .starts_with("Automatic reply: Two accounts [#1 "),
        "{}",
        reply.subject()
    );
    for absent in [
        "Cc",
        "Bcc",
        "List-Id",
        "List-Unsubscribe",
        "Disposition-Notification-To",
        "Return-Receipt-To",
    ] {
        assert!(reply.headers(absent).is_empty(), "{absent}");
    }
    let html = reply.html().expect("the reply has an HTML part");
    assert!(
        html.contains("<p") && !html.contains("<script") && !html.contains("<img"),
        "{html}"
    );
}

#[test]
fn a_forward_tells_an_agent_in_one_look_and_can_come_back_when_it_fails() {
    let mut house = House::open();
    let headers =
        "Authentication-Results: mx.credly.example; dmarc=pass header.from=home.example\n";
    let text = "I have two accounts: maria@home.example and maria@work.example. Please merge them into one.";
    let raw = mail(
        "Maria <maria@home.example>",
        "Two accounts",
        "second@home.example",
        headers,
        text,
    );
    house.receive(&raw, "maria@home.example");
    let agent = house.ticket(1)["agent"].as_str().unwrap().to_owned();
    let forward = house.only_mail(&agent);
    let one = |name: &str| {
        forward
            .header(name)
            .unwrap_or_else(|| panic!("not exactly one {name}"))
    };
    assert!(
        one("Return-Path").starts_with("<support+"),
        "{}",
        one("Return-Path")
    );
    assert_eq!(one("Auto-Submitted"), "auto-generated");
    assert_eq!(one("X-Auto-Response-Suppress"), "All");
    assert_eq!(one("To"), agent);
    // The desk brings the agent's words to Maria.
    assert!(one("Reply-To").contains("support+") && !one("Reply-To").contains("maria"));
    assert!(forward.headers("In-Reply-To").is_empty());
    let summary = forward.text();
    for said in [
        "maria@home.example",
        "maria@work.example",
        "merge-accounts",
        "accounts",
        "en",
        "dmarc=pass",
    ] {
        assert!(
            summary.contains(said),
            "the summary does not say `{said}`:\n{summary}"
        );
    }
    let original = String::from_utf8(forward.attached_mails().remove(0)).unwrap();
    assert!(
        original.contains("Message-ID: <second@home.example>") && original.contains(text),
        "{original}"
    );
}

#[test]
fn an_agent_is_told_where_the_answer_goes_and_what_the_mail_only_claims() {
    let mut house = House::open();
    let headers = "Reply-To: Maria <trap@elsewhere.example>\n";
    let raw = mail(
        "Maria <maria@home.example>",
        "Two accounts",
        "one@home.example",
        headers,
        MERGE,
    );
    house.receive(&raw, "maria@home.example");
    let first = house.only_mail(house.ticket(1)["agent"].as_str().unwrap());
    assert!(
        first.text().contains("trap@elsewhere.example"),
        "{}",
        first.text()
    );
    assert!(
        first
            .text()
            .contains("your words go to the writer\n(maria@home.example)"),
        "{}",
        first.text()
    );
    assert!(!first.header("Reply-To").unwrap().contains("trap"));
    let forged = "Authentication-Results: mx.credly.example; dmarc=fail header.from=home.example\n";
    let raw = mail(
        "Maria <maria@home.example>",
        "Two more",
        "two@home.example",
        forged,
        MERGE,
    );
    house.receive(&raw, "maria@home.example");
    let second = house.only_mail(house.ticket(2)["agent"].as_str().unwrap());
    assert!(
        second.text().contains("NOBODY ELSE GETS IT"),
        "{}",
        second.text()
    );
    assert!(
        !second.text().contains("go to the writer"),
        "{}",
        second.text()
    );
    assert!(!second.header("Reply-To").unwrap().contains("maria"));
}

#[test]
fn a_mail_too_large_to_attach_is_pointed_at_and_lies_where_the_pointer_says() {
    let mut house = House::closed("");
    house.change_config(
        "tls = \"starttls\"",
        "tls = \"starttls\"\nattachment_bytes_max = 2000",
    );
    house.start();
    let text = format!("{MERGE}\n{}", "And one more line of it.\n".repeat(200));
    let raw = mail(
        "maria@home.example",
        "Two accounts",
        "large@home.example",
        "",
        &text,
    );
    house.receive(&raw, "maria@home.example");
    let forward = house.only_mail(house.ticket(1)["agent"].as_str().unwrap());
    assert!(forward.attached_mails().is_empty());
    for said in [
        "is not attached",
        "Mailclerk/Forwarded",
        "<large@home.example>",
        "Mon, 23 Nov 2026 09:00:00 +0000",
        "octets",
        DESK,
    ] {
        assert!(
            forward.text().contains(said),
            "`{said}` is missing:\n{}",
            forward.text()
        );
    }
    assert!(!forward.text().contains("The whole mail is attached"));
    let filed = house.filed("Forwarded", 1);
    assert_eq!(
        filed[0].header("Message-ID").unwrap(),
        "<large@home.example>"
    );
}

#[test]
fn nothing_that_a_mail_says_becomes_a_header_or_is_rendered() {
    let mut house = House::open();
    let subject =
        "=?utf-8?q?Two_accounts=0D=0ABcc=3A_victim=40elsewhere.example?= {{ 7*7 }} ${jndi:x} %s";
    let raw = mail(
        "=?utf-8?q?Ma=0D=0AX-Evil=3A_1?= <maria@home.example>",
        subject,
        "evil@home.example",
        "",
        MERGE,
    );
    house.receive(&raw, "maria@home.example");
    let reply = house.only_mail("maria@home.example");
    assert!(reply.headers("Bcc").is_empty() && reply.headers("X-Evil").is_empty());
    assert!(reply.subject().contains("{{ 7*7 }}"), "{}", reply.subject());
    assert_eq!(house.sent_to("victim@elsewhere.example"), 0);
    let agent = house.ticket(1)["agent"].as_str().unwrap().to_owned();
    assert!(house.only_mail(&agent).headers("Bcc").is_empty());
}

#[test]
fn a_reply_is_in_the_language_of_the_mail() {
    let mut house = House::open();
    for (from, subject, text, language, word) in [
        (
            "ana@correo.example",
            "Dos cuentas",
            "Hola, tengo dos cuentas con direcciones distintas y me gustaría unirlas en una sola. Gracias.",
            "es",
            "respuesta automática",
        ),
        (
            "joao@correio.example",
            "Duas contas",
            "Olá, eu tenho duas contas com endereços diferentes e gostaria de juntar as duas numa só. Obrigado.",
            "pt",
            "resposta automática",
        ),
        (
            "luc@courrier.example",
            "Deux comptes",
            "Bonjour, j'ai deux comptes avec des adresses différentes et je voudrais les fusionner en un seul. Merci.",
            "fr",
            "réponse automatique",
        ),
        (
            "uwe@post.example",
            "Zwei Konten",
            "Guten Tag, ich habe zwei Konten mit verschiedenen Adressen und möchte sie zu einem zusammenlegen. Danke.",
            "de",
            "automatische Antwort",
        ),
    ] {
        let handled = house.write(from, subject, text);
        assert_eq!(
            (handled.primary(), handled.disposition()),
            ("merge-accounts", "forward"),
            "{language}"
        );
        let reply = house.only_mail(from);
        assert_eq!(reply.header("Content-Language").unwrap(), language);
        assert!(
            reply.text().to_lowercase().contains(&word.to_lowercase()),
            "{}",
            reply.text()
        );
    }
}
