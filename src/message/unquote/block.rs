//! Header blocks and markers that open an older mail inside a mail's text.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::LazyLock;

use crate::message::Forwarded;
use crate::message::SUBJECT_CHARS_MAX;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::address::one_line;
use crate::message::header;
use crate::message::html::Line;
use crate::message::unquote::strip_prefix;

/// Lines that a header block may have, wrapped recipients included.
const BLOCK_LINES_MAX: usize = 14;

/// A line that announces an older mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// `-----Original Message-----`
    Original,
    /// `---------- Forwarded message ---------`
    Forward,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    From,
    Date,
    To,
    Cc,
    Subject,
}

static ORIGINAL: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words(
        "original message|original email|original appointment|original|\
         ursprüngliche nachricht|originalnachricht|original-nachricht|message d'origine|\
         message d’origine|message original|message initial|mensaje original|\
         mensagem original|messaggio originale|messaggio original|oorspronkelijk bericht|\
         origineel bericht|oryginalna wiadomość|wiadomość oryginalna|исходное сообщение|\
         исходное письмо|оригинальное сообщение|orijinal mesaj|orjinal mesaj|özgün ileti|\
         orijinal ileti|pesan asli|原始邮件|原始郵件|原始信件|回复的邮件|元のメッセージ|\
         原本|オリジナルメッセージ|元のメール|원본 메시지|원본 메일|원본메세지|\
         الرسالة الأصلية|originalmeddelande|ursprungligt meddelande|oprindelig meddelelse|\
         oprindelig besked|opprinnelig melding|alkuperäinen viesti|původní zpráva|\
         pôvodná správa|eredeti üzenet|αρχικό μήνυμα|mesaj original|מקורית|मूल संदेश|\
         tin nhắn gốc",
    )
});

static FORWARD: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words(
        "forwarded message|begin forwarded message|forwarded email|forwarded by|\
         weitergeleitete nachricht|anfang der weitergeleiteten nachricht|\
         anfang der weitergeleiteten e-mail|message transféré|début du message transféré|\
         message transmis|début du message réexpédié|mensaje reenviado|\
         inicio del mensaje reenviado|mensagem encaminhada|mensagem reencaminhada|\
         início da mensagem encaminhada|início da mensagem reencaminhada|\
         messaggio inoltrato|inizio messaggio inoltrato|doorgestuurd bericht|\
         begin doorgestuurd bericht|przekazana wiadomość|wiadomość przekazana dalej|\
         wiadomość przekazana|przesłana wiadomość|początek przekazywanej wiadomości|\
         пересылаемое сообщение|переадресованное сообщение|пересланное сообщение|\
         начало переадресованного сообщения|конец пересылаемого сообщения|\
         yönlendirilen ileti|yönlendirilmiş ileti|iletilen mesaj|iletilen ileti|\
         pesan terusan|pesan yang diteruskan|meneruskan pesan|转发的邮件|轉寄的郵件|\
         转发邮件|转发邮件信息|轉寄郵件|以下是转发的邮件|转发的信件|転送メッセージ|\
         転送されたメッセージ|転送メール|転送されたメール|전달된 메시지|전달된 메일|\
         전달 메시지|الرسالة المعاد توجيهها|رسالة معاد توجيهها|رسالة محوّلة|\
         vidarebefordrat meddelande|vidarebefordrat brev|videresendt meddelelse|\
         videresendt besked|videresendt melding|välitetty viesti|přeposlaná zpráva|\
         preposlaná správa|továbbított üzenet|προωθημένο μήνυμα|mesaj redirecționat|\
         अग्रेषित संदेश|thư đã chuyển tiếp",
    )
});

/// The names of header fields as clients write them above a mail they quote.
const LABEL_NAMES: &[(Label, &str)] = &[
    (
        Label::From,
        "from|von|de|da|van|od|от|от кого|发件人|寄件者|寄件人|發件人|差出人|送信者|\
         보낸 사람|보낸사람|발신|från|fra|lähettäjä|feladó|kimden|gönderen|dari|mittente|\
         expéditeur|remitente|de la|από|من|מאת|từ|จาก|प्रेषक|odesílatel|відправник|від|\
         nadawca|absender|afzender",
    ),
    (
        Label::Date,
        "sent|date|gesendet|datum|envoyé|envoyé le|date d'envoi|enviado|enviado el|\
         enviada em|enviado em|fecha|data|inviato|verzonden|wysłano|wysłane|data wysłania|\
         отправлено|дата|发送时间|日期|时间|寄件日期|送信日時|日時|日付|보낸 날짜|날짜|\
         보낸날짜|skickat|sendt|dato|lähetetty|päivämäärä|gönderildi|gönderilme tarihi|\
         gönderme tarihi|tarih|dikirim|terkirim|tanggal|odesláno|elküldve|dátum|küldve|\
         ημερομηνία|στάλθηκε|التاريخ|تم الإرسال|תאריך|נשלח|đã gửi|ngày|दिनांक|भेजा गया|\
         fecha de envío|data de envio|надіслано|date and time|sent on|발송",
    ),
    (
        Label::To,
        "to|an|à|a|para|aan|do|кому|收件人|收件者|宛先|받는 사람|받는사람|수신|till|til|\
         vastaanottaja|kime|alıcı|kepada|ke|komu|címzett|προς|إلى|אל|destinatario|\
         destinatário|pour|đến|tới|adresat|prima|प्रति|către|ถึง",
    ),
    (
        Label::Cc,
        "cc|kopie|kopia|dw|копия|抄送|副本|참조|bilgi|reply-to|antwort an|répondre à|\
         responder a|importance",
    ),
    (
        Label::Subject,
        "subject|betreff|betrifft|objet|sujet|asunto|assunto|oggetto|onderwerp|temat|тема|\
         主题|主題|主旨|件名|제목|ämne|emne|aihe|konu|subjek|perihal|předmět|predmet|tárgy|\
         θέμα|الموضوع|נושא|chủ đề|tiêu đề|विषय|subiect|เรื่อง",
    ),
];

static LABELS: LazyLock<HashMap<&str, Label>> = LazyLock::new(|| {
    let names = LABEL_NAMES
        .iter()
        .rev()
        .flat_map(|(label, names)| names.split('|').map(|name| (name, *label)));
    names.collect()
});

fn words(list: &'static str) -> HashSet<&'static str> {
    list.split('|').collect()
}

/// Tells whether a line is a rule: underscores, dashes or the like and nothing else.
pub(super) fn is_rule(line: &str) -> bool {
    let line = strip_prefix(line).trim();
    let is_stroke = |c: char| matches!(c, '_' | '-' | '=' | '*' | '─' | '—' | '–');
    // Words between dashes announce as well, in whatever language.
    line.len() >= 5
        && (line.chars().all(is_stroke)
            || (line.starts_with("----") && line.ends_with("----") && line.len() <= 120))
}

/// What help desks write above their own words: who answers, writes above it.
static REPLY_LINES: [&str; 30] = [
    "reply above this line",
    "reply above the line",
    "your reply above this line",
    "respond above this line",
    "write above this line",
    "reply above this text",
    "add your reply above here",
    "above this line to reply",
    "antwort über dieser zeile",
    "antworten sie oberhalb dieser zeile",
    "antwort oberhalb dieser zeile",
    "oberhalb dieser linie",
    "über dieser linie",
    "réponse au-dessus de cette ligne",
    "répondre au-dessus de cette ligne",
    "répondez au-dessus de cette ligne",
    "respuesta por encima de esta línea",
    "respuesta encima de esta línea",
    "responda por encima de esta línea",
    "resposta acima desta linha",
    "responda acima desta linha",
    "risposta sopra questa riga",
    "rispondi sopra questa riga",
    "antwoord boven deze regel",
    "odpowiedź powyżej tej linii",
    "svar ovanför den här raden",
    "svar over denne linje",
    "ответ выше этой строки",
    "この行より上に返信",
    "请在此行上方回复",
];
/// A longer line is a text.
const REPLY_LINE_OCTETS_MAX: usize = 160;

/// Tells whether a line asks for answers above it: `##- Please type your reply above this line -##`.
pub(super) fn is_reply_line(line: &str) -> bool {
    let line = line.trim();
    // Signs around it tell it from a sentence about it.
    if line.len() > REPLY_LINE_OCTETS_MAX || line.starts_with(char::is_alphanumeric) {
        return false;
    }
    let words = line.to_lowercase();
    REPLY_LINES.iter().any(|known| words.contains(known))
}

/// Reads a marker line.
pub(crate) fn marker(line: &str) -> Option<Marker> {
    let line = line.trim();
    if line.len() > 160 || line.len() < 6 {
        return None;
    }
    let dashed = line.starts_with("--")
        || line.starts_with("==")
        || line.starts_with("__")
        || line.starts_with('—')
        || line.starts_with("──");
    if !dashed && !line.ends_with([':', '：']) && !line.starts_with('-') {
        return None;
    }
    let words = line
        .trim_matches(|c: char| {
            matches!(
                c,
                '-' | '_' | '=' | '*' | ' ' | ':' | '：' | '─' | '—' | '–' | '|' | '\u{3000}'
            )
        })
        .to_lowercase();
    if words.is_empty() {
        return None;
    }
    let is = |list: &HashSet<&str>| list.contains(words.as_str());
    // Notes writes who forwarded it, and when, into the line.
    if is(&FORWARD)
        || (dashed
            && (words.starts_with("forwarded by ") || words.starts_with("weitergeleitet von ")))
    {
        return Some(Marker::Forward);
    }
    // Without dashes it is a heading like any other.
    (is(&ORIGINAL) && (dashed || words.contains(' '))).then_some(Marker::Original)
}

fn label(line: &str) -> Option<(Label, &str)> {
    let line = strip_prefix(line).trim_start_matches(['*', '_', '|', ' ', '\t']);
    let end = line
        .char_indices()
        .take(30)
        .find(|(_, c)| matches!(c, ':' | '：'))?
        .0;
    let (name, value) = line.split_at_checked(end)?;
    let name = name
        .trim_matches(['*', '_', ' ', '\u{3000}', '\t'])
        .replace('\u{3000}', "")
        .to_lowercase();
    let value = value
        .trim_start_matches([':', '：'])
        .trim_matches(['*', ' ', '\t', '|']);
    LABELS.get(name.as_str()).map(|label| (*label, value))
}

/// Finds a header block that begins at a line; returns the line after it. A rule or marker above makes it surer.
pub(super) fn header(lines: &[Line], start: usize, announced: bool) -> Option<usize> {
    let first = lines.get(start).and_then(|line| label(&line.text))?;
    if first.0 == Label::To || first.0 == Label::Cc {
        return None;
    }
    let mut seen = vec![first.0];
    let mut valued = !first.1.is_empty();
    let mut end = start + 1;
    let mut loose = 0;
    for (at, line) in lines
        .iter()
        .enumerate()
        .skip(start + 1)
        .take(BLOCK_LINES_MAX)
    {
        if let Some((found, value)) = label(&line.text) {
            if seen.contains(&found) && found != Label::Cc {
                break;
            }
            seen.push(found);
            valued |= !value.is_empty();
            end = at + 1;
            loose = 0;
            continue;
        }
        // A blank line between paragraphs, or a wrapped list of recipients.
        loose += 1;
        let over = strip_prefix(&line.text).is_empty() && seen.contains(&Label::Subject);
        if loose > 2 || over {
            break;
        }
    }
    let has = |label| seen.contains(&label);
    let needed = if announced { 2 } else { 3 };
    let sound = has(Label::From)
        && valued
        && seen.len() >= needed
        && (has(Label::Date) || has(Label::Subject));
    sound.then_some(end)
}

/// Reads what a header block at or shortly after a line says.
pub(super) fn forwarded(lines: &[Line], from: usize) -> Forwarded {
    let mut found = Forwarded::default();
    let start = (from..lines.len())
        .take(4)
        .find(|&at| header(lines, at, true).is_some());
    let Some(start) = start else {
        return found;
    };
    let end = header(lines, start, true).unwrap_or(start);
    for line in lines.get(start..end).unwrap_or_default() {
        match label(&line.text) {
            Some((Label::From, value)) if found.from.is_none() => found.from = person(value),
            Some((Label::Subject, value)) if found.subject.is_empty() => {
                found.subject = one_line(value, SUBJECT_CHARS_MAX);
            }
            _ => {}
        }
    }
    found
}

/// Reads `Name <a@b>`, `a@b`, `Name [mailto:a@b]` and `Name <a@b<mailto:a@b>>`.
pub(crate) fn person(value: &str) -> Option<NamedAddress> {
    let value = value
        .replace("[mailto:", "<")
        .replace("<mailto:", " <")
        .replace(']', ">");
    if let Some(found) = header::addresses(&value).into_iter().next() {
        return Some(found);
    }
    let word = value.split(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | '|')
    });
    let address = word
        .filter(|word| word.contains('@'))
        .find_map(|word| Address::parse(word.trim_matches(['.', ':'])).ok())?;
    let name = value
        .split(['<', '('])
        .next()
        .filter(|name| !name.contains('@'))
        .unwrap_or_default();
    Some(NamedAddress::new(name, address))
}
