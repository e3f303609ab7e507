//! What a reader sees of HTML, and how long that may take.

use super::Hint;
use super::to_lines;
use proptest::proptest;

fn text(html: &str) -> String {
    let lines: Vec<String> = to_lines(html).into_iter().map(|line| line.text).collect();
    lines.join("\n").trim().to_owned()
}

#[test]
fn blocks_are_lines_and_space_collapses() {
    assert_eq!(
        text("<div>Hi  there,\n you</div><div><br></div><div>next<br>line</div>"),
        "Hi there, you\n\nnext\nline"
    );
    assert_eq!(text("<p>a</p><p>b</p>"), "a\n\nb");
    assert_eq!(
        text("<p class=MsoNormal>a</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>b</p>"),
        "a\n\nb"
    );
    assert_eq!(text("<b>bold</b><i>er</i> x"), "bolder x");
    assert_eq!(text("<pre>a\n  b</pre>"), "a\nb");
}

#[test]
fn entities_and_stray_brackets_are_text() {
    assert_eq!(
        text("a &lt;b&gt; &amp; &eacute;&#233;&#xe9; &unknown; & &"),
        "a <b> & ééé &unknown; & &"
    );
    assert_eq!(text("1 < 2 <3 and <<b>x</b>"), "1 < 2 <3 and <x");
}

#[test]
fn what_nobody_sees_is_not_there() {
    for hidden in [
        "<div style=\"display: none\">HID</div>",
        "<span style='font-size:0px'>HID</span>",
        "<div style=\"visibility:hidden\"><b>HID</b></div>",
        "<style>HID</style>",
        "<script>\"<b>HID\"</script>",
        "<!-- HID -->",
        "<!--[if mso]>HID<![endif]-->",
        "<div hidden>HID</div>",
        "<head><title>HID</title>HID</head>",
        "<p style=\"max-height:0;overflow:hidden\">HID</p>",
        "<div style=\"opacity:0\">HID</div>",
    ] {
        assert_eq!(
            text(&format!("<p>a</p>{hidden}<p>b</p>")),
            "a\n\nb",
            "{hidden}"
        );
    }
    assert_eq!(
        text("<td style='font-size:0'><div style='font-size:13px'>seen</div></td>"),
        "seen"
    );
    assert_eq!(text("<div style='font-size:0.9em'>seen</div>"), "seen");
}

#[test]
fn a_mail_that_hides_everything_is_shown() {
    assert_eq!(
        text("<div style='display:none'>all of it</div>"),
        "all of it"
    );
    assert_eq!(
        text("<head>no end of the head<p>text"),
        "no end of the head\n\ntext"
    );
}

#[test]
fn quotes_of_clients_are_quoted_and_indents_are_not() {
    assert_eq!(
        text("a<blockquote>b<blockquote>c</blockquote></blockquote>d"),
        "a\n> b\n> > c\nd"
    );
    assert_eq!(
        text("a<blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\">b</blockquote>"),
        "a\nb"
    );
    assert_eq!(
        text("a<div class='ydp12_yahoo_quoted yahoo_quoted'>b<br>c</div>"),
        "a\n> b\n> c"
    );
}

#[test]
fn inline_answers_between_two_halves_of_a_quote_stay_outside() {
    let html = "<blockquote type=cite><div>Which address?</div></blockquote><div>This one.</div>\
                <blockquote type=cite><div>Since when?</div></blockquote><div>May.</div>";
    assert_eq!(
        text(html),
        "> Which address?\nThis one.\n> Since when?\nMay."
    );
}

#[test]
fn marks_of_clients_become_hints() {
    let lines = to_lines(
        "hello<div class=\"gmail_signature\">Ana<br>Chief</div><div class=\"gmail_attr\">2025. X &lt;x@y&gt; ezt írta:</div><blockquote>q</blockquote>",
    );
    let hints: Vec<(&str, Hint)> = lines
        .iter()
        .map(|line| (line.text.as_str(), line.hint))
        .collect();
    assert_eq!(
        hints,
        [
            ("hello", Hint::None),
            ("Ana", Hint::Signature),
            ("Chief", Hint::Signature),
            ("2025. X <x@y> ezt írta:", Hint::Quote),
            ("> q", Hint::None)
        ]
    );
}

#[test]
fn a_forward_block_is_no_attribution_and_an_outlook_block_gets_its_rule() {
    let lines = to_lines(
        "<div class=gmail_attr>---------- Forwarded message ---------<br>From: X &lt;x@y&gt;<br>To: me:</div>",
    );
    assert!(
        lines
            .iter()
            .all(|line| line.hint == Hint::Quote || line.hint == Hint::None)
    );
    assert_eq!(
        text("a<hr><div id=\"divRplyFwdMsg\"><b>From:</b> X</div>"),
        format!("a\n{}\nFrom: X", super::RULE)
    );
    let word = "a<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><b>Von:</b> X</div>";
    assert_eq!(text(word), format!("a\n{}\nVon: X", super::RULE));
}

#[test]
fn lists_and_tables_stay_readable() {
    assert_eq!(
        text("<ol><li>one<li>two</ol><ul><li>x</ul>"),
        "1. one\n2. two\n- x"
    );
    assert_eq!(
        text(
            "<table><tr><td>Name</td><td>Ana</td></tr><tr><td>Mail:</td><td>a@x</td></tr></table>"
        ),
        "Name | Ana\nMail: a@x"
    );
}

#[test]
fn deep_broken_and_endless_html_is_read_in_one_pass() {
    for (open, close) in [
        ("<div>", "</div>"),
        ("<blockquote>", "</blockquote>"),
        ("<span>", "</b>"),
        ("<div>", "</span>"),
        ("<a title=\"", ">"),
    ] {
        let html = format!(
            "start {}middle{} end",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        let got = text(&html);
        assert!(got.contains("start") && got.len() < 1_000_000, "{open}");
    }
    for junk in [
        "<",
        "<a \"",
        "<!--",
        "&",
        "<a '\">",
        "</",
        "<style>",
        "&#x",
        "<p/",
        "<div style='",
        "<a =",
        "<hr>",
    ] {
        let _ = text(&junk.repeat(100_000));
    }
}

proptest! {
    #[test]
    fn anything_is_read(html in "(<|>|/|div|\"|'|=| |a|&|;|#|style|<!--|-->|blockquote|p|é|\n){0,200}") {
        let _ = to_lines(&html);
    }
}
