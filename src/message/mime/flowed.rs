//! Flowed text (RFC 3676): soft line ends are space.

/// Joins what the sender's client wrapped. Quote depth, signature mark and stuffing are kept or undone as RFC 3676, 4
/// says; `delsp` drops the space that marks a soft end.
pub(super) fn unfold(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open_depth: Option<usize> = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|&b| b == b'>').count();
        let content = line.get(depth..).unwrap_or_default();
        let content = content.strip_prefix(' ').unwrap_or(content);
        let is_mark = content == "-- ";
        let joins = open_depth == Some(depth) && !is_mark;
        if !joins {
            if !out.is_empty() || open_depth.is_some() {
                out.push('\n');
            }
            if depth > 0 {
                out.extend(std::iter::repeat_n('>', depth));
                out.push(' ');
            }
        }
        let soft = content.ends_with(' ') && !is_mark;
        let shown = if soft && delsp {
            content.strip_suffix(' ').unwrap_or(content)
        } else {
            content
        };
        out.push_str(shown);
        open_depth = if soft { Some(depth) } else { None };
        if !soft {
            // So that an empty first line counts as a line.
            open_depth = open_depth.or(Some(usize::MAX));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unfold;

    #[test]
    fn soft_ends_join_and_hard_ends_stay() {
        assert_eq!(unfold("one \ntwo\n\nthree", false), "one two\n\nthree");
        assert_eq!(unfold("日本 \n語", true), "日本語");
    }

    #[test]
    fn lines_of_different_depth_never_join() {
        assert_eq!(unfold("> a \n> b\nc \n> d", false), "> a b\nc \n> d");
        assert_eq!(unfold(">> a \n>> b", false), ">> a b");
    }

    #[test]
    fn the_signature_mark_is_hard_and_stuffing_is_undone() {
        assert_eq!(unfold("word \n-- \nAna", false), "word \n-- \nAna");
        assert_eq!(
            unfold(" From here\n >no quote", false),
            "From here\n>no quote"
        );
    }
}
