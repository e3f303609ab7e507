//! Where the links of an HTML text lead, as far as that tells of deceit. Nothing is fetched or resolved.

/// Octets of HTML that are looked at.
const HTML_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Links that are looked at.
const LINKS_MAX: usize = 500;
/// Octets of a target, and of what a link shows, that are looked at.
const LINK_BYTES_MAX: usize = 2_000;
/// Links that are kept as examples.
const KEPT_MAX: usize = 10;

/// What is striking about the links of a mail's HTML texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// Links to web pages, at most `LINKS_MAX` in one text.
    pub count: usize,
    /// Links that show one host and lead to another: the host shown, the host led to; the first `KEPT_MAX`.
    pub elsewhere: Vec<(String, String)>,
    /// A host given as a number.
    pub numeric: Option<String>,
    /// A host behind a user's name (`https://bank.example@elsewhere.example/`).
    pub disguised: Option<String>,
    /// Something asks for a password within the mail.
    pub password_field: bool,
}

impl Links {
    /// Adds the links of an HTML text.
    pub(crate) fn read_html(&mut self, html: &str) {
        let html = super::charset::cut(html, HTML_BYTES_MAX);
        let mut rest = html;
        let mut seen = 0;
        while let Some(at) = rest.find('<') {
            let tag = rest.get(at + 1..).unwrap_or_default();
            rest = tag;
            let name_end = tag
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(tag.len());
            let name = tag.get(..name_end).unwrap_or_default();
            let (field, link) = (
                name.eq_ignore_ascii_case("input"),
                name.eq_ignore_ascii_case("a"),
            );
            if !field && !link {
                continue;
            }
            seen += 1;
            if seen > LINKS_MAX {
                return;
            }
            if field {
                let kind = attribute(tag, "type");
                self.password_field |= kind.is_some_and(|t| t.eq_ignore_ascii_case("password"));
            } else if let Some(target) = attribute(tag, "href") {
                self.link(target, &shown(tag));
            }
        }
    }

    /// Adds the addresses of web pages that stand in plain text.
    pub(crate) fn read_text(&mut self, text: &str) {
        let starts = ["http://", "https://"].map(|scheme| text.match_indices(scheme));
        for (at, _) in starts.into_iter().flatten().take(LINKS_MAX) {
            let target: &str = text.get(at..).unwrap_or_default();
            let end = target
                .find(|c: char| c.is_whitespace() || "<>\"".contains(c))
                .unwrap_or(target.len());
            self.link(target.get(..end).unwrap_or_default(), "");
        }
    }

    fn link(&mut self, target: &str, shown: &str) {
        let Some(authority) = authority(target) else {
            return;
        };
        self.count += 1;
        let host = host(authority);
        if let Some((_, behind)) = authority.rsplit_once('@') {
            self.disguised.get_or_insert_with(|| self::host(behind));
        }
        if is_numeric(&host) {
            self.numeric.get_or_insert_with(|| host.clone());
        }
        let claimed = self::authority(shown)
            .map(self::host)
            .or_else(|| bare_host(shown));
        if let Some(claimed) = claimed
            && !same_house(&claimed, &host)
            && self.elsewhere.len() < KEPT_MAX
        {
            self.elsewhere.push((claimed, host));
        }
    }
}

/// The value of an attribute within a tag; what comes behind the tag's end is not looked at.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let tag = super::charset::cut(tag, LINK_BYTES_MAX * 2);
    let tag = tag.split_once('>').map_or(tag, |(inside, _)| inside);
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower.get(from..)?.find(name)?;
        from = at + name.len();
        let before = lower.get(..at)?.chars().next_back()?;
        let after = tag.get(from..)?.trim_start();
        let Some(value) = after
            .strip_prefix('=')
            .filter(|_| before.is_whitespace() || "\"'/".contains(before))
        else {
            continue;
        };
        let value = value.trim_start();
        for quote in ['"', '\''] {
            if let Some(inner) = value.strip_prefix(quote) {
                return Some(
                    inner
                        .split_once(quote)
                        .map_or(inner, |(value, _)| value)
                        .trim(),
                );
            }
        }
        return value.split_whitespace().next();
    }
}

/// What a link shows: the text up to its end, without tags.
fn shown(tag: &str) -> String {
    let tag = super::charset::cut(tag, LINK_BYTES_MAX * 2);
    let inside = tag.split_once('>').map_or("", |(_, inside)| inside);
    let mut text = String::new();
    let mut rest = inside;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        if tag.get(..2).is_some_and(|t| t.eq_ignore_ascii_case("/a")) {
            return text;
        }
        rest = tag.split_once('>').map_or("", |(_, rest)| rest);
    }
    // A link that never ends shows nothing that could be held against it.
    String::new()
}

/// Returns what stands between the scheme and the path of a web address.
fn authority(target: &str) -> Option<&str> {
    let target = target.trim();
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let start = target.get(..scheme.len())?;
        start
            .eq_ignore_ascii_case(scheme)
            .then(|| target.get(scheme.len()..))?
    })?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    rest.get(..end).filter(|a| !a.is_empty())
}

fn host(authority: &str) -> String {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.split_once(']') {
        Some((v6, _)) => v6.trim_start_matches('['),
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    super::charset::cut(host.trim_end_matches('.'), 253).to_ascii_lowercase()
}

/// A host's name shown alone: `www.bank.example`; no sentence, no address of a person.
fn bare_host(shown: &str) -> Option<String> {
    let shown = shown.trim();
    let start = shown.split(['/', '?', '#']).next().unwrap_or_default();
    let sound = start.len() > 3
        && start.len() < 254
        && start.contains('.')
        && start.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
    let ending = start.rsplit_once('.').map_or("", |(_, ending)| ending);
    let named = ending.len() >= 2 && ending.chars().all(|c| c.is_ascii_alphabetic());
    // A file's name or a product's looks like a host; only what begins as hosts do is one for sure.
    (sound && named && (start.starts_with("www.") || shown.contains('/')))
        .then(|| start.to_ascii_lowercase())
}

fn is_numeric(host: &str) -> bool {
    let octet = |label: &str| label.len() <= 3 && label.parse::<u8>().is_ok();
    let v4 = host.split('.').count() == 4 && host.split('.').all(octet);
    let v6 = host.contains(':')
        && host
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
    // As browsers read them: 3232235777, 0xc0a80101.
    let whole = host.len() >= 8 && host.bytes().all(|b| b.is_ascii_digit());
    let hex = host
        .strip_prefix("0x")
        .is_some_and(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_hexdigit()));
    v4 || v6 || whole || hex
}

/// Whether two hosts are of one house, as far as names tell: the same two last labels (three, where the last but one is
/// short as in `co.uk`).
fn same_house(one: &str, other: &str) -> bool {
    let end = |host: &str| {
        let labels: Vec<&str> = host.rsplit('.').collect();
        let short = labels.get(1).is_some_and(|label| label.len() <= 3);
        let wanted = if short { 3 } else { 2 };
        labels
            .into_iter()
            .take(wanted)
            .collect::<Vec<_>>()
            .join(".")
    };
    end(one) == end(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(html: &str) -> Links {
        let mut links = Links::default();
        links.read_html(html);
        links
    }

    #[test]
    fn a_link_that_shows_one_house_and_leads_to_another_is_told() {
        let found = links(
            "<p><a class=x href='http://evil.example/login'><b>https://www.bank.example/</b></a>",
        );
        let told = ("www.bank.example".to_owned(), "evil.example".to_owned());
        assert_eq!(found.elsewhere, [told]);
        for honest in [
            "<a href=\"https://www.bank.example/a\">bank.example/a</a>",
            "<a href=\"https://login.bank.co.uk/\">www.bank.co.uk</a>",
            "<a href=\"https://t.example/x\">Click here</a>",
            "<a href=\"mailto:a@bank.example\">a@bank.example</a>",
            "<a href=\"https://t.example/x\">certificate.pdf</a>",
            "<a data-href=\"https://evil.example\">https://bank.example</a>",
            "<a href=\"https://evil.example/\">https://bank.example",
        ] {
            assert_eq!(links(honest).elsewhere, [], "{honest}");
        }
    }

    #[test]
    fn hosts_behind_names_and_hosts_as_numbers_are_told() {
        assert_eq!(
            links("<a href=https://bank.example@evil.example/>x</a>")
                .disguised
                .as_deref(),
            Some("evil.example")
        );
        for numeric in [
            "http://192.0.2.7/x",
            "http://3221225991/",
            "http://0xC0000207/",
            "http://[2001:db8::1]:80/",
        ] {
            assert!(
                links(&format!("<a href=\"{numeric}\">x</a>"))
                    .numeric
                    .is_some(),
                "{numeric}"
            );
        }
        let mut plain = Links::default();
        plain.read_text("see http://192.0.2.7/x and https://bank.example/v1.2");
        assert_eq!(
            (plain.numeric.as_deref(), plain.count),
            (Some("192.0.2.7"), 2)
        );
        assert!(links("<form><input name=a type=\"PassWord\"></form>").password_field);
        assert!(!links("<input type=text value=password>").password_field);
    }

    #[test]
    fn a_megabyte_of_openings_takes_no_longer_than_a_megabyte_of_text() {
        let started = std::time::Instant::now();
        for html in [
            "<a ".repeat(350_000),
            "<input ".repeat(150_000),
            "<a href=".repeat(130_000),
            "<a href=\"http://a.example\">".repeat(40_000),
        ] {
            links(&html);
        }
        assert!(started.elapsed().as_secs() < 30);
    }
}
