//! The names that forms give their fields.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Name,
    FirstName,
    LastName,
    Email,
    Topic,
    Message,
    /// Something that forms ask, record or add; ends a message.
    Other,
    /// A key by its looks only.
    Unknown,
}

const KEY_NAMES: &[(Key, &str)] = &[
    (
        Key::Name,
        "name|your name|full name|fullname|contact name|sender name|customer name|from name|\
         user name|requester|submitted by|from|ihr name|vollständiger name|\
         vor- und nachname|nombre|nombre completo|nombre y apellidos|su nombre|tu nombre|\
         nome|nome completo|seu nome|nome e cognome|nom|nom complet|votre nom|nom et prénom|\
         naam|uw naam|volledige naam|imię i nazwisko|имя|ваше имя|фио|ad soyad|adınız|isim|\
         nama|nama lengkap|お名前|氏名|名前|ご氏名|姓名|名字|称呼|이름|성함|성명|الاسم|नाम|\
         namn|navn|nimi",
    ),
    (
        Key::FirstName,
        "first name|firstname|first_name|given name|vorname|nombre de pila|prénom|prenom|\
         primeiro nome|voornaam|imię|ad|fname",
    ),
    (
        Key::LastName,
        "last name|lastname|last_name|surname|family name|nachname|apellido|apellidos|\
         nom de famille|sobrenome|apelido|cognome|achternaam|nazwisko|фамилия|soyad|lname",
    ),
    (
        Key::Email,
        "email|e-mail|mail|your email|your e-mail|email address|e-mail address|\
         your email address|your e-mail address|contact email|reply-to|reply to|from email|\
         sender email|customer email|e-mail-adresse|emailadresse|ihre e-mail|\
         ihre e-mail-adresse|mailadresse|e-mail adresse|correo|correo electrónico|\
         correo electronico|su correo electrónico|tu correo electrónico|endereço de e-mail|\
         endereço de email|seu email|seu e-mail|courriel|adresse e-mail|adresse email|\
         adresse électronique|votre e-mail|votre email|indirizzo e-mail|indirizzo email|\
         la tua email|e-mailadres|uw e-mailadres|adres e-mail|адрес электронной почты|\
         электронная почта|почта|e-posta|eposta|e-posta adresi|alamat email|surel|メール|\
         メールアドレス|eメール|ご連絡先メール|邮箱|电子邮件|電子郵件|邮件|이메일|\
         이메일 주소|메일|البريد الإلكتروني|ईमेल|e-postadress|email_address|work email",
    ),
    (
        Key::Topic,
        "topic|subject|category|reason|reason for contact|type of request|request type|\
         inquiry type|issue type|issue|what can we help you with|what is this about|\
         help topic|regarding|title|betreff|thema|kategorie|anliegen|grund|asunto|tema|\
         motivo|categoría|tipo de solicitud|assunto|categoria|objet|sujet|catégorie|motif|\
         oggetto|argomento|onderwerp|categorie|temat|kategoria|тема|категория|konu|kategori|\
         topik|subjek|perihal|件名|お問い合わせ種別|種別|カテゴリ|题目|主题|主題|类别|类型|\
         제목|문의 유형|분류|الموضوع|विषय|ämne|emne",
    ),
    (
        Key::Message,
        "message|your message|message body|description|comment|comments|question|\
         your question|details|your request|request|body|text|inquiry|enquiry|\
         how can we help|how can we help you|problem|describe your issue|\
         describe the problem|describe your problem|please describe your issue|\
         issue description|additional information|message text|nachricht|ihre nachricht|\
         mitteilung|beschreibung|frage|ihre frage|mensaje|su mensaje|tu mensaje|descripción|\
         consulta|comentario|comentarios|mensagem|sua mensagem|descrição|descricao|dúvida|\
         comentário|votre message|commentaire|question ou commentaire|demande|messaggio|\
         il tuo messaggio|descrizione|richiesta|bericht|uw bericht|omschrijving|vraag|\
         wiadomość|treść|treść wiadomości|opis|pytanie|сообщение|текст сообщения|вопрос|\
         описание|mesaj|mesajınız|açıklama|pesan|isi pesan|deskripsi|pertanyaan|\
         お問い合わせ内容|内容|ご質問|メッセージ|本文|ご用件|留言|消息|问题|问题描述|描述|\
         訊息|메시지|내용|문의 내용|문의내용|الرسالة|رسالتك|संदेश|meddelande|besked|melding",
    ),
    (
        Key::Other,
        "phone|phone number|telephone|tel|mobile|company|organization|organisation|country|\
         language|city|website|url|page|page url|ip|ip address|remote ip|user agent|browser|\
         date|time|submitted|submitted at|submitted on|sent from|sent on|attachment|\
         attachments|file|newsletter|consent|consent to privacy policy|privacy policy|\
         i agree|gdpr|telefon|telefonnummer|firma|unternehmen|land|sprache|datum|datei|\
         datenschutz|anhang|teléfono|empresa|país|fecha|idioma|archivo|adjunto|telefone|\
         data|anexo|téléphone|société|entreprise|pays|langue|pièce jointe|telefono|azienda|\
         paese|telefoon|bedrijf|kraj|телефон|компания|страна|şirket|telepon|perusahaan|\
         negara|電話番号|会社名|电话|公司|전화번호|연락처|회사|الهاتف|issuer|badge|\
         badge name|account|account email|address of the account|order number|reference|\
         priority|referrer|role|department|form|form name|submission id|id|entry id|ticket|\
         device|operating system|platform|screen|user id|date earned|\
         which organization issued your badge",
    ),
];

static KEYS: LazyLock<HashMap<&str, Key>> = LazyLock::new(|| {
    let names = KEY_NAMES
        .iter()
        .rev()
        .flat_map(|(key, names)| names.split('|').map(|name| (name, *key)));
    names.collect()
});

/// Splits a line into key, its name as written, and value. Takes `key: value`, `*key*: value`, `key | value` and
/// `key = value`.
pub(super) fn split(line: &str) -> Option<(Key, String, String)> {
    let line = line
        .trim()
        .trim_start_matches(['-', '•', '*', '·', '■', '●', '【', '［', '[', ' ']);
    let (name, value) = line
        .split_once([':', '：', '|', '】', '］', '\t'])
        .or_else(|| line.split_once(" = "))?;
    let name = name.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '*' | '_' | '"' | '】' | '］' | ']' | '?' | '？')
    });
    let value = value
        .trim_start_matches([':', '：', '|'])
        .trim()
        .trim_start_matches("**")
        .trim();
    let words = name.split_whitespace().count();
    if name.is_empty() || name.chars().count() > 60 || words > 10 || value.starts_with("//") {
        return None;
    }
    if !name.starts_with(char::is_alphabetic)
        || name.contains(['@', '.', '!', ';', '<', '>', '/', '\\']) && !name.contains("e-mail")
    {
        return None;
    }
    let key = key_of(name);
    // An unknown key looks like a label: short, with a capital or without case.
    if key == Key::Unknown
        && !name.ends_with('?')
        && (words > 8 || (words > 1 && name.starts_with(char::is_lowercase)))
    {
        return None;
    }
    Some((key, name.to_owned(), value.to_owned()))
}

fn key_of(name: &str) -> Key {
    let name = name.to_lowercase().replace(['_', '　'], " ");
    let name = name
        .split(['(', '（'])
        .next()
        .unwrap_or_default()
        .trim()
        .trim_end_matches('*')
        .trim()
        .to_owned();
    let find = |name: &str| KEYS.get(name).copied();
    find(&name)
        .or_else(|| find(&name.replace(' ', "-")))
        .unwrap_or(Key::Unknown)
}

/// Inside a message a writer says such things as well: `Problem: …`, `Mail: a@b`, `Badge: …`.
pub(super) fn is_said_in_passing(line: &str) -> bool {
    split(line).is_some_and(|(key, name, _)| {
        key == Key::Message
            || (key == Key::Other && ["badge", "issuer", "account", "date", "page", "url", "id", "time", "device", "form", "reference"].contains(&name.to_lowercase().as_str()))
            || matches!(key, Key::Topic if name.eq_ignore_ascii_case("issue") || name.eq_ignore_ascii_case("title"))
    })
}
