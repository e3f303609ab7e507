//! The phrases of signatures, phones and small print in the languages of the world.

use std::sync::LazyLock;

use regex_filtered::Builder;
use regex_filtered::Regexes;

/// Lines that clients and providers add.
pub(super) static BOILER: LazyLock<Regexes> = LazyLock::new(|| {
    set(&[
        r"(?i)^\W*(sent|posted|written|mailed|typed) (from|with|via|using|by) (my |the )?(iphone|ipad|ipod|android|samsung|galaxy|mobile|phone|blackberry|huawei|xiaomi|redmi|oppo|vivo|pixel|nokia|windows|outlook|mail|yahoo|aol|gmail|proton|tuta|spark|airmail|nine|bluemail|boxer|tablet|smartphone|handheld|cell|verizon|t-mobile|at&t|wiko|sony|lg|motorola|htc|honor|oneplus|zoho|hey|superhuman|thunderbird|edison|newton|workspace|rogers|bell|telstra|ios|apple|wireless|hotmail|fairphone|realme|pc|laptop)\b.{0,80}$",
        r"(?i)^\W*sent (from|via|with) [\w .]{1,30}<https?://[^>]{1,200}>\W*$",
        r"(?i)^\W*sent (from|a|by|with) .{0,40}(phone|pad|droid|mobile|device|tablet|app|torch of pixels)\W*$",
        r"(?i)^\W*(gesendet|diese nachricht wurde|von meinem|versendet|verschickt|geschrieben) .{0,60}(gesendet|iphone|ipad|handy|samsung|galaxy|android|mobiltelefon|smartphone|outlook|gmx|web\.de|mail|huawei|xiaomi|gerät|tablet|blackberry|telekom)\b.{0,50}$",
        r"(?i)^\W*(enviado|mandado) (desde|do|a partir d[oe]|pelo|via|con|de) .{1,60}$",
        r"(?i)^\W*(envoyé|expédié) (de|depuis|à partir de|avec|par|via) .{1,60}$",
        r"(?i)^\W*(inviato|spedito) (da|dal|con|tramite) .{1,60}$",
        r"(?i)^\W*(verzonden|verstuurd) (vanaf|van|met|vanuit|via|door) .{1,60}$",
        r"(?i)^\W*(wysłano|wysłane) (z|za) .{1,60}$",
        r"(?i)^\W*(отправлено|послано) (с|из|от) .{1,60}$",
        r"(?i)^\W*(skickat|sendt|sent|lähetetty|odesláno|odoslané|küldve|trimis|poslano|dikirim|terkirim|được gửi|gửi) (från|fra|min|z|ze|iphone|az|din|de pe|s|dari|từ) .{1,60}$",
        r"(?i)^\W*.{1,40}(ımdan|imden|dan|den|tan|ten|cihazımdan|telefonumdan) (gönderildi|gönderilmiştir)\W*$",
        r"(?i)^\W*.{0,40}(iphone|ipad|android|スマートフォン|携帯|galaxy|xperia|spark).{0,20}から送信\W*$",
        r"^\W*.{0,40}(发自|發自|来自|寄自|從|从).{0,40}(iPhone|iPad|手机|手機|Android|邮箱|郵箱|邮件|Mail|HUAWEI|小米|Outlook|发送).{0,20}$",
        r"^\W*.{0,40}(iPhone|iPad|Galaxy|Android|휴대폰|갤럭시|스마트폰|네이버 메일|Outlook).{0,20}(에서 보냄|에서 보낸|에서 전송|로 보냄).{0,20}$",
        r"^\W*(أُ?رسلت?|تم الإرسال) من .{1,40}$",
        r"^\W*(נשלח מ).{1,40}$",
        r"^.{0,30}से भेजा गया\W*$",
        r"(?i)^\W*(get|download|obtenir|obtener|obter|ottieni|hol(en)? sie sich|laden sie|télécharge[zr]|descargar|baixar|baixe|pobierz|скачать|загрузить|dapatkan) (the )?(outlook|spark|yahoo|aol|gmail|bluemail|boomerang)\b.{0,80}$",
        r"(?i)^\W*(outlook|yahoo mail|gmail) (für|for|pour|para|per|voor|dla|для|untuk) (ios|android|iphone).{0,60}$",
        r"(?i)^\W*(virus-free|virenfrei|sin virus|libre de virus|livre de vírus|garanti sans virus|privo di virus|без вирусов|virusvrij|wolny od wirusów)\b.{0,60}$",
        r"(?i)^\W*(do you yahoo|please consider the (environment|planet)|think before (you )?print|think green|antes de imprimir|avant d'imprimer|bitte denken sie an die umwelt|denken sie an die umwelt|pensez à l'environnement|piensa en el medio ambiente).{0,160}$",
        r"(?i)^\W*(save a tree|yahoo! mail|get your free|you rock\. that's why).{0,120}$",
        r"(?i)^\W*(sent|secured|encrypted) (with|by) (proton|tuta|mailfence|tutanota).{0,80}$",
        r"(?i)^-----(BEGIN PGP SIGNED MESSAGE|END PGP SIGNATURE)-----$",
        r"(?i)^hash: (sha|md)[\w, -]{1,40}$",
        r"(?i)^\[?(cid:[^\]]{1,100}|image: [^\]]{0,100}|image removed by sender\.?[^\]]{0,60})\]?$",
    ])
});

/// A paragraph of small print, by its nouns and its verbs together.
pub(super) static DISCLAIMER: LazyLock<Regexes> = LazyLock::new(|| {
    set(&[
        r"(?is)^\W*(confidentiality (notice|note|statement)|confidential communication|legal (notice|disclaimer)|disclaimer|privacy notice|important notice|aviso (legal|de confidencialidad|de privacidad)|aviso de confidencialidade|rechtlicher hinweis|vertraulichkeitshinweis|haftungsausschluss|avis de confidentialité|clause de confidentialité|avvertenza|avviso di riservatezza|klauzula poufności|уведомление о конфиденциальности)\b",
        r"(?is)\b(this|the) (e-?mail|email|message|communication|transmission|electronic mail|mail)\b.{0,200}\b(confidential|privileged|intended (only|solely|recipient)|proprietary|virus)",
        r"(?is)\bif you (are not|have received|received|get) (the (intended|named)|this (e-?mail|message|communication|in error)).{0,200}\b(delete|destroy|notify|error|prohibited)",
        r"(?is)\b(diese|die) (e-?mail|nachricht|mail)\b.{0,200}\b(vertraulich|rechtlich geschützt|ausschließlich für|irrtümlich)",
        r"(?is)\b(este|esta|el presente|la presente|o presente) (correo|mensaje|e-?mail|mensagem|comunicación|comunicação)\b.{0,250}\b(confidencia|privilegiad|destinatari|exclusiv|reservad)",
        r"(?is)\b(ce|cet|le présent) (message|courriel|e-?mail|mél|courrier)\b.{0,250}\b(confidentiel|destinataire|exclusiv|strictement)",
        r"(?is)\b(questo|questa|il presente|la presente|le informazioni) .{0,20}(messaggio|e-?mail|mail|comunicazione)\b.{0,250}\b(riservat|confidenzial|destinatari|esclusiv)",
        r"(?is)\b(dit|deze) (bericht|e-?mail|mail)\b.{0,200}\b(vertrouwelijk|uitsluitend|geadresseerde)",
        r"(?is)\b(ta|niniejsza|treść tej) (wiadomość|wiadomości|korespondencja)\b.{0,200}\b(poufn|przeznaczon|adresat)",
        r"(?is)\b(это|данное|настоящее) (сообщение|письмо|электронное)\b.{0,200}(конфиденциальн|предназначен)",
        r"(?is)\bbu (e-?posta|mesaj|ileti|elektronik)\b.{0,200}(gizli|yalnızca|kişiye özel)",
        r"(?is)\b(email|e-mail|surel|pesan) ini\b.{0,200}(rahasia|hanya ditujukan|khusus)",
        r"(?s)(本邮件|此邮件|本電子郵件|本信件|此電郵).{0,200}(保密|机密|機密|收件人)",
        r"(?s)(このメール|本メール|本電子メール).{0,200}(機密|秘密|宛先|名宛人|破棄)",
        r"(?s)(본 메일|이 메일|본 전자우편|이 전자우편).{0,200}(기밀|비밀|수신인)",
        r"(?s)(هذه الرسالة|هذا البريد).{0,200}(سرية|سري|المرسل إليه)",
    ])
});

/// Closing formulas that say nothing else, as whole lines or as their beginning.
pub(super) const CLOSINGS: &str = "regards|best regards|kind regards|warm regards|warmest regards|kindest regards|\
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
pub(super) const THANKS: &str = "thanks|thank you|many thanks|thx|tks|tia|ty|much appreciated|danke|vielen dank|\
    besten dank|herzlichen dank|dankeschön|danke schön|gracias|muchas gracias|mil gracias|\
    obrigado|obrigada|muito obrigado|muito obrigada|desde já obrigado|desde já agradeço|\
    agradeço|merci|merci beaucoup|merci d'avance|merci par avance|grazie|grazie mille|\
    molte grazie|bedankt|dank u|alvast bedankt|dank je|dziękuję|dzięki|z góry dziękuję|\
    спасибо|заранее спасибо|благодарю|teşekkürler|teşekkür ederim|şimdiden teşekkürler|\
    terima kasih|makasih|tack|takk|tak|kiitos|děkuji|ďakujem|köszönöm|mulțumesc|谢谢|謝謝|\
    多谢|感谢|ありがとうございます|감사합니다|고맙습니다|شكرا|شكراً|شكرا لكم|شكرا جزيلا|\
    धन्यवाद|proszę o pomoc|תודה|dhanyavad|dhanyawad";

fn set(texts: &[&str]) -> Regexes {
    let all = Builder::new().push_all(texts);
    all.expect("patterns that a test compiles")
        .build()
        .expect("few enough patterns")
}
