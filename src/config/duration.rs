//! Durations as people write them: a whole number and a unit.

use serde::Deserialize;

/// A duration in whole seconds, written `"90s"`, `"15m"`, `"2h"` or `"5d"`. A number without a unit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Seconds(pub u64);

/// Longer makes no sense anywhere here: ten years.
const SECONDS_MAX: u64 = 10 * 366 * 86_400;

impl TryFrom<String> for Seconds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no duration: write a whole number and a unit, such as \"90s\", \"15m\", \"2h\" or \"5d\""
            )
        };
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let factor = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        number
            .checked_mul(factor)
            .filter(|s| *s <= SECONDS_MAX)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is longer than ten years"))
    }
}

/// How long something is kept: `"forever"` (or, never erased, `"never"`), or a duration of at least a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Keep(pub Option<Seconds>);

/// Shorter would erase conversations that are going on: mails wait for days when a server is away.
const KEEP_S_LEAST: u64 = 7 * 86_400;

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if ["forever", "never"].contains(&text.as_str()) {
            return Ok(Self(None));
        }
        let kept = Seconds::try_from(text.clone())
            .map_err(|why| format!("{why}; or \"forever\", to erase nothing by itself"))?;
        if kept.0 < KEEP_S_LEAST {
            return Err(format!(
                "`{text}` is too short: keep at least \"7d\", as conversations go on for days"
            ));
        }
        Ok(Self(Some(kept)))
    }
}

/// How often something happens: a duration of at least a minute, or `"never"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Every(pub Option<Seconds>);

/// Oftener is a burden and no help.
const EVERY_S_LEAST: u64 = 60;

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let every =
            Seconds::try_from(text.clone()).map_err(|why| format!("{why}, or \"never\""))?;
        if every.0 < EVERY_S_LEAST {
            return Err(format!(
                "`{text}` is too often: at least \"1m\", or \"never\""
            ));
        }
        Ok(Self(Some(every)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<u64> {
        Seconds::try_from(text.to_owned()).ok().map(|s| s.0)
    }

    #[test]
    fn a_duration_needs_a_unit_and_stays_within_reason() {
        assert_eq!(read("90s"), Some(90));
        assert_eq!(read("15m"), Some(900));
        assert_eq!(read("2 h"), Some(7_200));
        assert_eq!(read("5d"), Some(432_000));
        for wrong in ["", "15", "m", "-1s", "1w", "1.5h", "99999999d", "１s"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_is_kept_for_a_week_at_least_or_for_ever() {
        let keep = |text: &str| Keep::try_from(text.to_owned()).map(|keep| keep.0);
        assert_eq!(keep("forever"), Ok(None));
        assert_eq!(keep("never"), Ok(None));
        assert_eq!(keep("7d"), Ok(Some(Seconds(604_800))));
        for wrong in ["6d", "0s", "", "always"] {
            assert!(keep(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_happens_now_and_then_may_be_told_never_to() {
        let every = |text: &str| Every::try_from(text.to_owned());
        assert_eq!(every("24h"), Ok(Every(Some(Seconds(86_400)))));
        assert_eq!(every("never"), Ok(Every(None)));
        for wrong in ["0s", "59s", "Never", "", "24"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }
}
