//! One sign that a mail is, or may be, a machine's, and what it weighs.

use crate::triage::Because;

/// What a sign does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// No person wrote the mail.
    Automatic,
    /// A machine must not answer it.
    Unsure,
    /// So many points for a machine; below zero, for a person.
    Points(i32),
}

/// A sign with its reason.
#[derive(Debug, Clone)]
pub(super) struct Sign {
    usually: Force,
    on_form: Force,
    doubt: i32,
    pub(super) because: Because,
}

impl Sign {
    /// Nothing explains this sign away, not even a form.
    pub(super) fn certain(rule: &str, says: &str, matched: &str) -> Self {
        Self::new(Force::Automatic, rule, says, matched)
    }

    /// Doubt, whatever kind of mail it is.
    pub(super) fn doubt(rule: &str, says: &str, matched: &str) -> Self {
        Self::new(Force::Unsure, rule, says, matched)
    }

    pub(super) fn new(force: Force, rule: &str, says: &str, matched: &str) -> Self {
        Self {
            usually: force,
            on_form: force,
            doubt: 0,
            because: because(rule, says, matched),
        }
    }

    /// On a form's mail the sign only makes doubt: a form is carried by machines.
    pub(super) fn doubt_on_form(mut self) -> Self {
        self.on_form = Force::Unsure;
        self
    }

    /// On a form's mail the sign is natural and says nothing.
    pub(super) fn nothing_on_form(mut self) -> Self {
        self.on_form = Force::Points(0);
        self
    }

    /// So many points against the reply alone, besides those for a machine.
    pub(super) fn with_doubt(mut self, doubt: i32) -> Self {
        self.doubt = doubt;
        self
    }

    pub(super) fn doubt_points(&self) -> i32 {
        self.doubt
    }

    pub(super) fn force(&self, from_form: bool) -> Force {
        if from_form {
            self.on_form
        } else {
            self.usually
        }
    }

    pub(super) fn points(&self, from_form: bool) -> i32 {
        match self.force(from_form) {
            Force::Points(points) => points,
            Force::Automatic | Force::Unsure => 0,
        }
    }
}

/// Makes a reason of this stage; what matched is cut and has no control characters.
pub(super) fn because(rule: &str, says: &str, matched: &str) -> Because {
    Because {
        stage: "screen",
        rule: rule.to_owned(),
        says: says.to_owned(),
        matched: matched
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect(),
    }
}
