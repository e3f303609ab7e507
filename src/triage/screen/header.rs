//! What header fields and the MIME structure say of the machine that sent a mail (RFC 3834, 2 and 5).

use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::compose::LOOP_HEADER;
use crate::triage::screen::Surroundings;
use crate::triage::screen::rules::ScreenRules;
use crate::triage::screen::sender;
use crate::triage::screen::sign::Force;
use crate::triage::screen::sign::Sign;

/// Our own mail that came back: it must never be answered, and never become a case.
pub(super) fn own(message: &Message, desk: &Surroundings, signs: &mut Vec<Sign>) {
    let name = LOOP_HEADER.to_ascii_lowercase();
    for value in message.header(&name) {
        signs.push(if !desk.loop_token.is_empty() && value == desk.loop_token {
            Sign::certain("own-loop", "It carries our own loop header.", value)
        } else {
            Sign::doubt(
                "foreign-loop",
                "It carries the loop header of another such desk.",
                value,
            )
        });
    }
    let froms = || message.from.iter().filter(|f| desk.is_own(&f.address));
    if let Some(from) = froms().next() {
        let text = from.address.as_str();
        // Web sites send their forms, and groups pass on their posts, from the desk's own address, and name the person
        // in Reply-To.
        let somebody = message.reply_to.iter().any(|r| !desk.is_own(&r.address));
        let says = "It comes from an address of our own.";
        signs.push(if froms().count() == message.from.len() && !somebody {
            Sign::certain("R6-own", says, text).doubt_on_form()
        } else {
            Sign::doubt("R6-own", says, text)
        });
    } else if let ReturnPath::Address(path) = &message.return_path
        && desk.is_own(path)
    {
        let says = "Its return path is an address of our own.";
        signs.push(Sign::doubt("R6-own", says, path.as_str()).nothing_on_form());
    }
}

/// Bounces, receipts, reports of any kind, answers of calendars (R3, R17).
pub(super) fn reports(message: &Message, signs: &mut Vec<Sign>) {
    let mime = message.header("content-type").next().unwrap_or_default();
    let kind = first_word(mime);
    let reports = [
        "multipart/report",
        "message/delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
    ];
    let shape = &message.structure;
    if reports.contains(&kind.as_str()) {
        let says = "It is a report by a mail system (RFC 6522).";
        signs.push(Sign::certain(
            "R17",
            says,
            shape.report.as_deref().unwrap_or(&kind),
        ));
    } else if shape.report.is_some() || shape.delivery_status || shape.disposition {
        // Inside another mail: somebody may have attached the bounce that they ask about.
        let says = "A report by a mail system is part of it.";
        let found = shape.report.as_deref().unwrap_or_default();
        signs.push(Sign::new(Force::Points(70), "R17-inside", says, found));
    }
    if message.return_path == ReturnPath::Null {
        let says = "Its return path is null: a mail that must not be answered (RFC 5321, 4.5.5).";
        signs.push(Sign::certain("R3", says, "<>"));
    }
    if let Some(value) = message.header("x-failed-recipients").next() {
        let says = "It names recipients that a mail did not reach.";
        signs.push(Sign::certain("failed-recipients", says, value));
    }
    match shape.calendar.as_deref() {
        Some(method @ ("reply" | "counter" | "declinecounter" | "refresh")) => {
            let says = "It is a calendar's answer to an invitation (RFC 5546).";
            signs.push(Sign::certain("calendar", says, method));
        }
        Some(method @ ("request" | "cancel" | "add")) => {
            let says = "It is an invitation: a person may expect an answer, but not ours.";
            signs.push(Sign::doubt("calendar", says, method));
        }
        _ => {}
    }
}

/// Auto-Submitted: any value but `no`, in any of several fields, with comments and parameters (R1, R2).
pub(super) fn submitted(message: &Message, rules: &ScreenRules, signs: &mut Vec<Sign>) {
    let somebody = || sender::has_answerable_reply_to(message, rules);
    for value in message.header("auto-submitted") {
        match first_word(value).as_str() {
            "no" => {}
            "" => {
                let says = "It has an Auto-Submitted field that says nothing.";
                signs.push(Sign::doubt("R1", says, value).nothing_on_form());
            }
            // A form that was not understood: a machine made the mail of what a person wrote.
            "auto-generated" if somebody() => {
                let says =
                    "Auto-Submitted says that a machine made it, and answers are to go elsewhere.";
                signs.push(Sign::doubt("R1", says, value).nothing_on_form());
            }
            "auto-generated" => {
                // Forms say so of the mail that they make of a person's words.
                let says = "Auto-Submitted says that a machine made it.";
                signs.push(Sign::certain("R1", says, value).nothing_on_form());
            }
            _ => {
                let says = "Auto-Submitted says that a machine sent it.";
                signs.push(Sign::certain("R1", says, value));
            }
        }
    }
}

/// Fields that mail systems invented; which they are stands in `screen.toml`, save those that rules of RFCs and of
/// practice give a meaning of their own (R8, R9).
pub(super) fn vendors(
    message: &Message,
    rules: &ScreenRules,
    our_list: bool,
    signs: &mut Vec<Sign>,
) {
    let mut suppressed = false;
    for value in message.header("x-auto-response-suppress") {
        let members = ["all", "autoreply", "oof", "dr"];
        if value
            .split(',')
            .any(|m| members.contains(&first_word(m).as_str()))
            && !suppressed
        {
            suppressed = true;
            let says = "X-Auto-Response-Suppress asks for no automatic answer.";
            signs.push(Sign::doubt("R9", says, value).nothing_on_form());
        }
    }
    if let Some(value) = message.header("x-ms-exchange-inbox-rules-loop").next() {
        let says = "A rule of an Exchange mailbox sent it";
        // The rule may as well have redirected a person's mail; only with the other field is it surely an answer.
        signs.push(if suppressed {
            Sign::certain(
                "inbox-rule",
                &format!("{says}, and it wants no answer."),
                value,
            )
        } else {
            Sign::doubt("inbox-rule", &format!("{says}."), value)
        });
    }
    for value in message
        .header("precedence")
        .chain(message.header("x-precedence"))
    {
        let word = first_word(value);
        match word.as_str() {
            "auto_reply" | "auto-reply" | "autoreply" => {
                signs.push(Sign::certain(
                    "R8",
                    "Precedence says that it is a reply by machine.",
                    value,
                ));
            }
            // People's mail is sent so by some gateways; with any second sign it is a machine's.
            "bulk" | "junk" | "list" if !our_list => {
                let says = "Precedence says that it went to many.";
                let sign = Sign::new(Force::Points(rules.precedence_points), "R8", says, value);
                signs.push(sign.doubt_on_form());
            }
            _ => {}
        }
    }
    for rule in &rules.headers {
        for value in rule.fields.iter().flat_map(|field| message.header(field)) {
            if rule.tells(&first_word(value), value) {
                let name = format!("header/{}", rule.name);
                let sign = Sign::new(rule.force, &name, &rule.says, value);
                signs.push(if rule.natural_on_form {
                    sign.nothing_on_form()
                } else {
                    sign
                });
                break;
            }
        }
    }
}

/// Returns the first word of a structured value, lower-case: comments and parameters left out.
pub(super) fn first_word(value: &str) -> String {
    let bare = without_comments(value);
    let word = bare.trim_start().split([';', ',', ' ', '\t']).next();
    word.unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns the value without its comments, which nest (RFC 5322, 3.2.2); quoted strings keep their parentheses.
pub(super) fn without_comments(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for c in value.chars() {
        let plain = !std::mem::take(&mut escaped);
        match c {
            '\\' if plain && (quoted || depth > 0) => escaped = true,
            '"' if plain && depth == 0 => quoted = !quoted,
            '(' if plain && !quoted => {
                depth += 1;
                continue;
            }
            ')' if plain && !quoted && depth > 0 => {
                depth -= 1;
                out.push(' ');
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            out.push(c);
        }
    }
    out
}
