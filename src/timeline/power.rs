//! Whether a droplet is on, as far as it follows from what was done to it.

use super::event::Event;
use crate::model::DropletId;
use crate::time::Timestamp;

/// Whether a droplet is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// It does not follow from what is archived.
    #[default]
    Unknown,
    /// It runs.
    On,
    /// It is switched off.
    Off,
    /// It does not exist any more.
    Gone,
}

impl Power {
    /// `unknown`, `on`, `off` or `gone`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::On => "on",
            Self::Off => "off",
            Self::Gone => "gone",
        }
    }
}

/// What a droplet is like, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether it is on.
    pub power: Power,
    /// Whether that is no more than likely: a shutdown asks the operating system, which may not obey.
    pub is_estimate: bool,
    /// Since when; nothing where the state is unknown.
    pub since: Option<Timestamp>,
}

impl State {
    /// What it is like after an action. Only what was done to the droplet, has ended well, and has a time can change
    /// it; and nothing does once it is gone.
    pub(super) fn after(self, event: &Event<'_>, droplet: DropletId) -> Self {
        let since = event.ended_at();
        let is_effective = event.is_completed() && event.is_on(droplet) && since.is_some();
        let Some((power, is_estimate)) = event.kind.and_then(effect).filter(|_| is_effective)
        else {
            return self;
        };
        if self.power == Power::Gone {
            return self;
        }
        if self.power == power {
            return Self {
                is_estimate: self.is_estimate && is_estimate,
                ..self
            };
        }
        Self {
            power,
            is_estimate,
            since,
        }
    }
}

/// What a type of action that completed leaves the droplet in, and whether that is an estimate.
fn effect(kind: &str) -> Option<(Power, bool)> {
    match kind {
        "create" | "power_on" | "reboot" | "power_cycle" | "restore" | "rebuild" => {
            Some((Power::On, false))
        }
        "power_off" => Some((Power::Off, false)),
        "shutdown" => Some((Power::Off, true)),
        "destroy" => Some((Power::Gone, false)),
        _ => None,
    }
}
