//! The phrases of signatures, phones and small print in the languages of the world.
//!
//! # Decisions
//! - What may stand between two words is counted beside the patterns (`near`), not in them.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::message::charset::cut;
use crate::message::unquote::signature::near::Phrase;
use crate::message::unquote::signature::near::Phrases;
use crate::message::unquote::signature::near::begins;
use crate::message::unquote::signature::near::behind_marks;
use crate::message::unquote::signature::near::one;
use crate::message::unquote::signature::near::print;
use crate::message::unquote::signature::near::two;
use crate::message::unquote::signature::near::within;

/// No line that a client adds is longer, in octets.
const LINE_BYTES_MAX: usize = 250;
/// Small print tells early what it is: no more octets of a paragraph are looked at.
const PARAGRAPH_BYTES_MAX: usize = 4000;
/// Characters of a line that stands for a picture.
const PICTURE_CHARS_MAX: usize = 110;

/// Lines that clients and providers add, behind the marks they begin with.
const LINES: [Phrase; 24] = [
    begins(
        r"^(sent|posted|written|mailed|typed) (from|with|via|using|by) (my |the )?(iphone|ipad|ipod|android|samsung|galaxy|mobile|phone|blackberry|huawei|xiaomi|redmi|oppo|vivo|pixel|nokia|windows|outlook|mail|yahoo|aol|gmail|proton|tuta|spark|airmail|nine|bluemail|boxer|tablet|smartphone|handheld|cell|verizon|t-mobile|at&t|wiko|sony|lg|motorola|htc|honor|oneplus|zoho|hey|superhuman|thunderbird|edison|newton|workspace|rogers|bell|telstra|ios|apple|wireless|hotmail|fairphone|realme|pc|laptop)\b",
        80,
    ),
    two(
        0,
        r"^sent (from|via|with) ",
        0,
        r"^[^<>,;:!?]{1,30}<https?://[^>]+>",
        None,
    ),
    two(
        0,
        r"^sent (from|a|by|with) ",
        40,
        r"(phone|pad|droid|mobile|device|tablet|app|torch of pixels)",
        None,
    ),
    two(
        0,
        r"^(gesendet|diese nachricht wurde|von meinem|versendet|verschickt|geschrieben) ",
        60,
        r"(gesendet|iphone|ipad|handy|samsung|galaxy|android|mobiltelefon|smartphone|outlook|gmx|web\.de|mail|huawei|xiaomi|gerät|tablet|blackberry|telekom)\b",
        Some(50),
    ),
    begins(
        r"^(enviado|mandado) (desde|do|a partir d[oe]|pelo|via|con|de) ",
        60,
    ),
    begins(
        r"^(envoyé|expédié) (de|depuis|à partir de|avec|par|via) ",
        60,
    ),
    begins(r"^(inviato|spedito) (da|dal|con|tramite) ", 60),
    begins(
        r"^(verzonden|verstuurd) (vanaf|van|met|vanuit|via|door) ",
        60,
    ),
    begins(r"^(wysłano|wysłane) (z|za) ", 60),
    begins(r"^(отправлено|послано) (с|из|от) ", 60),
    begins(
        r"^(skickat|sendt|sent|lähetetty|odesláno|odoslané|küldve|trimis|poslano|dikirim|terkirim|được gửi|gửi) (från|fra|min|z|ze|iphone|az|din|de pe|s|dari|từ) ",
        60,
    ),
    two(
        40,
        r".(ımdan|imden|dan|den|tan|ten|cihazımdan|telefonumdan) (gönderildi|gönderilmiştir)",
        0,
        "",
        None,
    ),
    two(
        40,
        r"(iphone|ipad|android|スマートフォン|携帯|galaxy|xperia|spark)",
        20,
        r"から送信",
        None,
    ),
    two(
        40,
        r"(发自|發自|来自|寄自|從|从)",
        40,
        r"(?-i:iPhone|iPad|手机|手機|Android|邮箱|郵箱|邮件|Mail|HUAWEI|小米|Outlook|发送)",
        Some(20),
    ),
    two(
        40,
        r"(?-i:iPhone|iPad|Galaxy|Android|휴대폰|갤럭시|스마트폰|네이버 메일|Outlook)",
        20,
        r"(에서 보냄|에서 보낸|에서 전송|로 보냄)",
        Some(20),
    ),
    begins(r"^(أُ?رسلت?|تم الإرسال) من ", 40),
    begins(r"^נשלח מ", 40),
    two(30, r"से भेजा गया", 0, "", None),
    begins(
        r"^(get|download|obtenir|obtener|obter|ottieni|hol(en)? sie sich|laden sie|télécharge[zr]|descargar|baixar|baixe|pobierz|скачать|загрузить|dapatkan) (the )?(outlook|spark|yahoo|aol|gmail|bluemail|boomerang)\b",
        80,
    ),
    begins(
        r"^(outlook|yahoo mail|gmail) (für|for|pour|para|per|voor|dla|для|untuk) (ios|android|iphone)",
        60,
    ),
    begins(
        r"^(virus-free|virenfrei|sin virus|libre de virus|livre de vírus|garanti sans virus|privo di virus|без вирусов|virusvrij|wolny od wirusów)\b",
        60,
    ),
    begins(
        r"^(do you yahoo|please consider the (environment|planet)|think before (you )?print|think green|antes de imprimir|avant d'imprimer|bitte denken sie an die umwelt|denken sie an die umwelt|pensez à l'environnement|piensa en el medio ambiente)",
        160,
    ),
    begins(
        r"^(save a tree|yahoo! mail|get your free|you rock\. that's why)",
        120,
    ),
    begins(
        r"^(sent|secured|encrypted) (with|by) (proton|tuta|mailfence|tutanota)",
        80,
    ),
];

/// What stands for a picture, or above a signed text.
const PICTURE: &str =
    r"^(\[?(cid:[^\]]+|image: [^\]]*|image removed by sender\.?[^\]]*)\]?|hash: (sha|md)[\w, -]+)$";

/// Small print that says at its beginning what it is.
const TITLES: &str = r"^(confidentiality (notice|note|statement)|confidential communication|legal (notice|disclaimer)|disclaimer|privacy notice|important notice|aviso (legal|de confidencialidad|de privacidad)|aviso de confidencialidade|rechtlicher hinweis|vertraulichkeitshinweis|haftungsausschluss|avis de confidentialité|clause de confidentialité|avvertenza|avviso di riservatezza|klauzula poufności|уведомление о конфиденциальности)\b";

/// Small print by its nouns and its verbs together.
const PRINT: [Phrase; 15] = [
    print(
        r"\b(this|the) (e-?mail|email|message|communication|transmission|electronic mail|mail)\b",
        200,
        r"\b(confidential|privileged|intended (only|solely|recipient)|proprietary|virus)",
    ),
    print(
        r"\bif you (are not|have received|received|get) (the (intended|named)|this (e-?mail|message|communication|in error))",
        200,
        r"\b(delete|destroy|notify|error|prohibited)",
    ),
    print(
        r"\b(diese|die) (e-?mail|nachricht|mail)\b",
        200,
        r"\b(vertraulich|rechtlich geschützt|ausschließlich für|irrtümlich)",
    ),
    print(
        r"\b(este|esta|el presente|la presente|o presente) (correo|mensaje|e-?mail|mensagem|comunicación|comunicação)\b",
        250,
        r"\b(confidencia|privilegiad|destinatari|exclusiv|reservad)",
    ),
    print(
        r"\b(ce|cet|le présent) (message|courriel|e-?mail|mél|courrier)\b",
        250,
        r"\b(confidentiel|destinataire|exclusiv|strictement)",
    ),
    print(
        r"\b(questo|questa|il presente|la presente|le informazioni) .{0,20}?(messaggio|e-?mail|mail|comunicazione)\b",
        250,
        r"\b(riservat|confidenzial|destinatari|esclusiv)",
    ),
    print(
        r"\b(dit|deze) (bericht|e-?mail|mail)\b",
        200,
        r"\b(vertrouwelijk|uitsluitend|geadresseerde)",
    ),
    print(
        r"\b(ta|niniejsza|treść tej) (wiadomość|wiadomości|korespondencja)\b",
        200,
        r"\b(poufn|przeznaczon|adresat)",
    ),
    print(
        r"\b(это|данное|настоящее) (сообщение|письмо|электронное)\b",
        200,
        r"(конфиденциальн|предназначен)",
    ),
    print(
        r"\bbu (e-?posta|mesaj|ileti|elektronik)\b",
        200,
        r"(gizli|yalnızca|kişiye özel)",
    ),
    print(
        r"\b(email|e-mail|surel|pesan) ini\b",
        200,
        r"(rahasia|hanya ditujukan|khusus)",
    ),
    print(
        r"(本邮件|此邮件|本電子郵件|本信件|此電郵)",
        200,
        r"(保密|机密|機密|收件人)",
    ),
    print(
        r"(このメール|本メール|本電子メール)",
        200,
        r"(機密|秘密|宛先|名宛人|破棄)",
    ),
    print(
        r"(본 메일|이 메일|본 전자우편|이 전자우편)",
        200,
        r"(기밀|비밀|수신인)",
    ),
    print(r"(هذه الرسالة|هذا البريد)", 200, r"(سرية|سري|المرسل إليه)"),
];

static LINE: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(LINES));
static SMALL_PRINT: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(PRINT));
static PICTURES: LazyLock<Regex> = LazyLock::new(|| one(PICTURE));
static TITLE: LazyLock<Regex> = LazyLock::new(|| one(TITLES));

/// Tells whether a client or a provider added the line.
pub(super) fn is_boiler(line: &str) -> bool {
    let pgp = [
        "-----BEGIN PGP SIGNED MESSAGE-----",
        "-----END PGP SIGNATURE-----",
    ];
    line.len() <= LINE_BYTES_MAX
        && (pgp.contains(&line)
            || LINE.are_in(behind_marks(line))
            || (within(line, PICTURE_CHARS_MAX) && PICTURES.is_match(line)))
}

/// Tells whether a paragraph is small print.
pub(super) fn is_small_print(paragraph: &str) -> bool {
    let text = behind_marks(cut(paragraph, PARAGRAPH_BYTES_MAX));
    TITLE.is_match(text) || SMALL_PRINT.are_in(text)
}

/// Closing formulas that say nothing else, as whole lines or as their beginning.
const CLOSINGS: &str = "regards|best regards|kind regards|warm regards|warmest regards|kindest regards|\
    with regards|with kind regards|with best regards|many regards|best|all the best|\
    best wishes|with best wishes|warm wishes|sincerely|sincerely yours|yours sincerely|\
    yours faithfully|yours truly|very truly yours|respectfully|respectfully yours|cordially|\
    cheers|yours|warmly|rgds|br|kr|love|take care|have a nice day|have a great day|\
    have a good day|faithfully|god bless|stay safe|blessings|mit freundlichen grüßen|\
    mit freundlichen grüssen|mit freundlichem gruß|mit freundlichem gruss|freundliche grüße|\
    freundliche grüsse|viele grüße|viele grüsse|beste grüße|beste grüsse|liebe grüße|\
    liebe grüsse|herzliche grüße|herzliche grüsse|schöne grüße|mit besten grüßen|\
    besten gruß|gruß|gruss|grüße|mfg|lg|vg|hochachtungsvoll|freundlicher gruß|\
    mit herzlichen grüßen|mit vielen grüßen|schönen gruß|saludos|un saludo|\
    saludos cordiales|un cordial saludo|cordial saludo|cordialmente|atentamente|atte|\
    muy atentamente|saludos atentos|un abrazo|reciba un cordial saludo|\
    le saluda atentamente|quedo atento|quedo atenta|abrazos|atenciosamente|att|cumprimentos|\
    com os melhores cumprimentos|melhores cumprimentos|os melhores cumprimentos|abraço|\
    abraços|um abraço|cordiais saudações|saudações|grato|grata|cordialement|\
    bien cordialement|très cordialement|bien à vous|cdlt|bien à toi|salutations|\
    meilleures salutations|sincères salutations|salutations distinguées|respectueusement|\
    bonne journée|bonne réception|veuillez agréer|cordiali saluti|distinti saluti|saluti|\
    un saluto|cari saluti|buona giornata|met vriendelijke groet|met vriendelijke groeten|\
    vriendelijke groet|vriendelijke groeten|groet|groeten|groetjes|hartelijke groet|mvg|\
    hoogachtend|met hartelijke groet|pozdrawiam|z poważaniem|serdecznie pozdrawiam|\
    pozdrawiam serdecznie|z wyrazami szacunku|łączę pozdrowienia|pozdrowienia|с уважением|\
    с наилучшими пожеланиями|с почтением|всего доброго|всего хорошего|з повагою|\
    saygılarımla|saygılar|iyi çalışmalar|iyi günler|sevgiler|selamlar|saygılarımızla|\
    kolay gelsin|salam|hormat saya|salam hormat|salam hangat|hormat kami|\
    med vänliga hälsningar|vänliga hälsningar|mvh|hälsningar|med venlig hilsen|\
    venlig hilsen|med vennlig hilsen|vennlig hilsen|hilsen|ystävällisin terveisin|terveisin|\
    s pozdravem|s pozdravom|üdvözlettel|tisztelettel|cu stimă|με εκτίμηση|trân trọng|\
    lep pozdrav|srdačan pozdrav|此致|敬礼|顺颂商祺|祝好|敬上|此致敬礼|谨启|敬具|以上|\
    よろしくお願いいたします|よろしくお願いします|よろしくお願い致します|\
    宜しくお願いいたします|宜しくお願い致します|どうぞよろしくお願いいたします|\
    何卒よろしくお願いいたします|何卒よろしくお願い申し上げます|드림|올림|مع التحية|\
    مع خالص التحية|تحياتي|وتفضلوا بقبول فائق الاحترام|مع أطيب التحيات|भवदीय|सादर|בברכה|\
    dhanyavaad|shukriya";

/// Thanks close a mail, too; they are the writer's words and stay, only the name below them goes.
const THANKS: &str = "thanks|thank you|many thanks|thx|tks|tia|ty|much appreciated|danke|vielen dank|\
    besten dank|herzlichen dank|dankeschön|danke schön|gracias|muchas gracias|mil gracias|\
    obrigado|obrigada|muito obrigado|muito obrigada|desde já obrigado|desde já agradeço|\
    agradeço|merci|merci beaucoup|merci d'avance|merci par avance|grazie|grazie mille|\
    molte grazie|bedankt|dank u|alvast bedankt|dank je|dziękuję|dzięki|z góry dziękuję|\
    спасибо|заранее спасибо|благодарю|teşekkürler|teşekkür ederim|şimdiden teşekkürler|\
    terima kasih|makasih|tack|takk|tak|kiitos|děkuji|ďakujem|köszönöm|mulțumesc|谢谢|謝謝|\
    多谢|感谢|ありがとうございます|감사합니다|고맙습니다|شكرا|شكراً|شكرا لكم|شكرا جزيلا|\
    धन्यवाद|proszę o pomoc|תודה|dhanyavad|dhanyawad";

/// Formulas, to be looked up.
pub(super) type Formulas = LazyLock<HashSet<&'static str>>;
/// See [`CLOSINGS`].
pub(super) static CLOSING: Formulas = LazyLock::new(|| CLOSINGS.split('|').collect());
/// See [`THANKS`].
pub(super) static THANK: Formulas = LazyLock::new(|| THANKS.split('|').collect());

#[cfg(test)]
mod tests {
    use super::is_boiler;
    use super::is_small_print;

    #[test]
    fn lines_that_a_client_adds_are_known_in_many_languages() {
        for line in [
            "Sent from my iPhone",
            "*Sent from my Galaxy S23 Ultra*",
            "✉️ Sent from my iPad.",
            "Sent from Mail<https://go.example/fwlink> .",
            "Sent from Почта<https://go.example/fwlink>",
            "Gesendet von meinem Huawei-Mobiltelefon",
            "Enviado desde mi Xiaomi",
            "Отправлено из мобильной Почты",
            "iPhone'umdan gönderildi",
            "iPhoneから送信",
            "发自我的iPhone",
            "Galaxy에서 보냄",
            "मेरे फ़ोन से भेजा गया",
            "أُرسلت من iPhone",
            "Outlook für iOS herunterladen",
            "[cid:image001.png@01D1]",
            "[image: ]",
            "-----END PGP SIGNATURE-----",
            "Hash: SHA512",
        ] {
            assert!(is_boiler(line), "{line}");
        }
    }

    #[test]
    fn lines_of_a_writer_that_begin_like_them_stay() {
        for line in [
            "Sent from my phone because the laptop keeps showing an error after I enter the code from your mail, please look at it.",
            "Sent from my old address, my badge is <https://badges.example/1234>",
            "Sent a message yesterday about my certificate through your own mobile app",
            "Von meinem Arbeitgeber habe ich die Zugangsdaten bekommen, aber die Bestätigung kam bis heute nie per Mail an.",
            "Enviado de nuevo porque no recibí ninguna respuesta a mi correo anterior sobre el curso.",
            "我从未收到确认,我的地址是 zhang@gmail.com",
            "Outlook 메일을 쓰고 있는데 어제 귀사에서 보낸 인증 메일이 아직 도착하지 않았습니다. 확인 부탁드립니다.",
            "Sertifikam kayıtta verdiğim eski adrese tarafınızdan gönderildi.",
            "Image: the badge shows my old name and I would like to have it changed, please, because I have married since last year",
        ] {
            assert!(!is_boiler(line), "{line}");
        }
    }

    #[test]
    fn small_print_is_known_by_its_title_or_by_noun_and_verb_near_each_other() {
        let far = format!("This email {} is confidential.", "goes on and ".repeat(30));
        for (text, meant) in [
            ("CONFIDENTIALITY NOTICE: only for you.", true),
            ("This e-mail and its attachments are confidential.", true),
            ("Diese E-Mail enthält vertrauliche Informationen.", true),
            ("Questa e-mail è riservata al destinatario.", true),
            ("Это сообщение предназначено только для адресата.", true),
            ("Bu e-posta yalnızca alıcısı içindir.", true),
            ("本邮件及其附件含有保密信息。", true),
            ("Legal notices were sent to my old address.", false),
            (
                "Bu mesajı yalnızca sertifikamı alamadığım için yazıyorum.",
                false,
            ),
            (
                "W skrzynce jest usunięta wiadomość, która była przeznaczona dla mnie.",
                false,
            ),
            (far.as_str(), false),
        ] {
            assert_eq!(is_small_print(text), meant, "{text}");
        }
    }
}
