//! Tags and what they mean for a reader of the text.

/// Kinds of tags that the page keeps count of.
pub(super) const KINDS: usize = Tag::Option as usize + 1;

/// A tag, as far as text cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Div,
    P,
    Span,
    A,
    Inline,
    Blockquote,
    Table,
    Tr,
    Td,
    Ul,
    Ol,
    Li,
    Pre,
    Heading,
    Block,
    Head,
    Body,
    Option,
    Br,
    Hr,
    Void,
    Style,
    Script,
    Title,
    Textarea,
    Other,
}

impl Tag {
    fn named(name: &str) -> Self {
        match name {
            "div" => Self::Div,
            "p" => Self::P,
            "span" => Self::Span,
            "a" => Self::A,
            "b" | "i" | "u" | "em" | "strong" | "font" | "small" | "s" | "sub" | "sup" | "code"
            | "big" | "label" => Self::Inline,
            "blockquote" => Self::Blockquote,
            "table" | "tbody" | "thead" | "tfoot" => Self::Table,
            "tr" => Self::Tr,
            "td" | "th" => Self::Td,
            "ul" | "menu" | "dir" => Self::Ul,
            "ol" => Self::Ol,
            "li" => Self::Li,
            "pre" => Self::Pre,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Self::Heading,
            "center" | "section" | "article" | "header" | "footer" | "main" | "dl" | "dt"
            | "dd" | "form" | "fieldset" | "address" | "details" | "summary" | "figure"
            | "aside" | "nav" => Self::Block,
            "head" => Self::Head,
            "body" => Self::Body,
            "option" | "select" => Self::Option,
            "br" => Self::Br,
            "hr" => Self::Hr,
            "img" | "input" | "meta" | "link" | "base" | "wbr" | "col" | "area" => Self::Void,
            "style" => Self::Style,
            "script" => Self::Script,
            "title" => Self::Title,
            "textarea" => Self::Textarea,
            _ => Self::Other,
        }
    }

    pub(super) fn is_block(self) -> bool {
        !matches!(
            self,
            Self::Span | Self::A | Self::Inline | Self::Td | Self::Br | Self::Void | Self::Other
        )
    }

    /// The end tag of an element whose content is no text to show.
    pub(super) fn raw_text_ending(self) -> Option<&'static str> {
        match self {
            Self::Style => Some("</style"),
            Self::Script => Some("</script"),
            Self::Title => Some("</title"),
            Self::Textarea => Some("</textarea"),
            _ => None,
        }
    }
}

/// The attributes that tell something, in lower case; styles without spaces.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    style: String,
    class: String,
    id: String,
    kind: String,
    hidden: bool,
    smartmail: bool,
    none: bool,
}

/// What an element means for the text in it.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent marks of one element"
)]
pub(super) struct Trait {
    /// Not shown.
    pub(super) hidden: bool,
    /// Sets the font to nothing (`true`) or to something (`false`).
    pub(super) tiny: Option<bool>,
    /// Quotes older text.
    pub(super) quote: bool,
    /// Is a signature.
    pub(super) signature: bool,
    /// Is the attribution above a quote.
    pub(super) cite: bool,
    /// An older mail with its header block begins here.
    pub(super) separator: bool,
    /// Has a blank line around it.
    pub(super) paragraph: bool,
}

impl Trait {
    pub(super) fn of(tag: Tag, attributes: &Attributes) -> Self {
        if attributes.none {
            let paragraph = matches!(tag, Tag::Heading | Tag::P);
            return Self {
                hidden: matches!(tag, Tag::Head | Tag::Option),
                quote: tag == Tag::Blockquote,
                paragraph,
                ..Self::default()
            };
        }
        let style = attributes.style.as_str();
        let class = |name: &str| {
            attributes
                .class
                .split_ascii_whitespace()
                .any(|c| is_named(c, name))
        };
        let id = |name: &str| is_named(&attributes.id, name);
        let indent = style.contains("border:none")
            || style.contains("border:0")
            || style.contains("border:medium");
        let block = tag == Tag::Blockquote;
        Self {
            hidden: tag == Tag::Head
                || tag == Tag::Option
                || attributes.hidden
                || ["display:none", "visibility:hidden", "mso-hide:all"]
                    .iter()
                    .any(|hide| style.contains(hide))
                || is_zero(style, "opacity:")
                || (is_zero(style, "max-height:") && style.contains("overflow:hidden")),
            tiny: style
                .contains("font-size:")
                .then(|| is_zero(style, "font-size:")),
            quote: (block && (attributes.kind == "cite" || !indent)) || class("yahoo_quoted"),
            signature: attributes.smartmail
                || [
                    "gmail_signature",
                    "moz-signature",
                    "protonmail_signature_block-user",
                    "ms-outlook-mobile-signature",
                ]
                .iter()
                .any(|name| class(name))
                || [
                    "signature",
                    "applemailsignature",
                    "composer_signature",
                    "ms-outlook-mobile-signature",
                ]
                .iter()
                .any(|name| id(name)),
            cite: class("gmail_attr")
                || class("moz-cite-prefix")
                || id("reply-intro")
                || id("replyintro"),
            separator: id("divrplyfwdmsg")
                || class("outlookmessageheader")
                || id("mail-editor-reference-message-container")
                || class("ms-outlook-mobile-reference-message")
                || (style.contains("border-top:solid#") && style.contains("padding:3.0pt0")),
            paragraph: tag == Tag::Heading
                || (tag == Tag::P && !attributes.class.starts_with("mso")),
        }
    }
}

/// Whether a class or id is that one, behind whatever prefix a mail program gives it.
fn is_named(given: &str, name: &str) -> bool {
    given
        .strip_suffix(name)
        .is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
}

/// Tells whether a property is set to zero, in whatever unit.
fn is_zero(style: &str, property: &str) -> bool {
    style.split_once(property).is_some_and(|(_, value)| {
        let value = value.split([';', '!']).next().unwrap_or_default();
        let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
        !number.is_empty() && number.chars().all(|c| c == '0' || c == '.')
    })
}

/// What is known of the rest of the page, so that no search to its end is done twice.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    /// A quote was found that never closes: from there on, quotes in tags mean nothing.
    loose: bool,
    /// No tag ends any more.
    endless: bool,
}

/// Finds the `>` that ends a tag.
pub(super) fn tag_end(body: &str, outlook: &mut Outlook) -> Option<usize> {
    if outlook.endless {
        return None;
    }
    if !outlook.loose {
        let mut quote = None;
        for (at, b) in body.bytes().enumerate() {
            match (quote, b) {
                (None, b'>') => return Some(at),
                (None, b'"' | b'\'') => quote = Some(b),
                (Some(open), b) if open == b => quote = None,
                _ => {}
            }
        }
        outlook.loose = true;
    }
    let end = body.find('>');
    outlook.endless = end.is_none();
    end
}

/// Skips to behind the end tag; everything, when there is none.
pub(super) fn skip_raw<'a>(rest: &'a str, ending: &str) -> &'a str {
    let bytes = rest.as_bytes();
    let found = bytes
        .windows(ending.len())
        .position(|window| window.eq_ignore_ascii_case(ending.as_bytes()));
    found
        .and_then(|at| rest.get(at..))
        .and_then(|end| end.split_once('>'))
        .map_or("", |(_, rest)| rest)
}

/// Reads what stands between `<` and `>`.
pub(super) fn parse(inside: &str) -> (Tag, Attributes) {
    let end = inside
        .find(|c: char| c.is_whitespace() || c == '/' || c == '>')
        .unwrap_or(inside.len());
    let (name, mut rest) = inside.split_at_checked(end).unwrap_or((inside, ""));
    let tag = if name.len() <= 16 {
        Tag::named(&name.to_ascii_lowercase())
    } else {
        Tag::Other
    };
    let mut attributes = Attributes {
        none: true,
        ..Attributes::default()
    };
    if matches!(tag, Tag::Other | Tag::Void | Tag::Br | Tag::Hr) {
        return (tag, attributes);
    }
    for _ in 0..64 {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            break;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (value, after) = match after.trim_start().strip_prefix('=') {
            Some(value) => value_of(value.trim_start()),
            None => ("", after),
        };
        attributes.set(name, value);
        // A lone `=` must not hold the loop.
        rest = if after.len() == rest.len() {
            after.get(1..).unwrap_or_default()
        } else {
            after
        };
    }
    (tag, attributes)
}

fn value_of(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

impl Attributes {
    fn set(&mut self, name: &str, value: &str) {
        let value = super::super::charset::cut(value, 2000);
        self.none = false;
        match name.to_ascii_lowercase().as_str() {
            "style" => {
                self.style = value
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .map(|c| c.to_ascii_lowercase())
                    .collect();
            }
            "class" => self.class = value.to_ascii_lowercase(),
            "id" => self.id = value.to_ascii_lowercase(),
            "type" => self.kind = value.to_ascii_lowercase(),
            "hidden" => self.hidden = true,
            "data-smartmail" => self.smartmail = value.eq_ignore_ascii_case("gmail_signature"),
            _ => {}
        }
    }
}
