//! What a server offers in its answer to EHLO; nothing else is used (RFC 5321, 3.2).

use super::reply::Reply;

/// The extensions that matter to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a server offers each or not")]
pub(super) struct Offers {
    /// Bytes that a mail may have; 0 means that no limit is told (RFC 1870).
    pub(super) size: Option<u64>,
    /// 8BITMIME (RFC 6152).
    pub(super) eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub(super) smtp_utf8: bool,
    /// DSN (RFC 3461).
    pub(super) dsn: bool,
    /// STARTTLS (RFC 3207).
    pub(super) start_tls: bool,
    /// AUTH, in capitals (RFC 4954).
    pub(super) mechanisms: Vec<String>,
}

impl Offers {
    /// Reads the answer to EHLO; its first line is the server's name.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            // "AUTH=LOGIN" is how some old servers write it.
            let line = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("SIZE") => {
                    offers.size =
                        Some(words.next().and_then(|size| size.parse().ok()).unwrap_or(0));
                }
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.smtp_utf8 = true,
                Some("DSN") => offers.dsn = true,
                Some("STARTTLS") => offers.start_tls = true,
                Some("AUTH") => offers.mechanisms.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        offers
    }

    /// Returns whether a login mechanism is offered.
    pub(super) fn mechanism(&self, name: &str) -> bool {
        self.mechanisms.iter().any(|offered| offered == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Offers;
    use super::Reply;

    fn offers(lines: &[&str]) -> Offers {
        Offers::of(&Reply {
            code: 250,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    #[test]
    fn keywords_are_read_in_any_case_and_both_ways_of_auth() {
        let offers = offers(&[
            "mx.example",
            "size 1000",
            "8bitMime",
            "Auth plain",
            "AUTH=LOGIN",
            "DSN",
        ]);
        assert_eq!(offers.size, Some(1000));
        assert!(offers.eight_bit && offers.dsn && !offers.smtp_utf8);
        assert!(
            offers.mechanism("PLAIN") && offers.mechanism("LOGIN") && !offers.mechanism("XOAUTH2")
        );
    }

    #[test]
    fn the_first_line_offers_nothing_and_odd_sizes_limit_nothing() {
        assert_eq!(offers(&["STARTTLS"]), Offers::default());
        assert_eq!(offers(&["x", "SIZE"]).size, Some(0));
        assert_eq!(offers(&["x", "SIZE 99999999999999999999999"]).size, Some(0));
        assert_eq!(offers(&["x"]).size, None);
    }
}
