//! The types of actions, their durations, and their order on a droplet.

/// A type of action, with its shortest and longest duration in seconds.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) seconds: (i64, i64),
}

const fn kind(name: &'static str, least: i64, most: i64) -> Kind {
    Kind {
        name,
        seconds: (least, most),
    }
}

/// The types in histories. An account may have other types too: see `State::kind`.
pub(super) const KINDS: &[Kind] = &[
    kind("create", 18, 95),
    kind("destroy", 2, 20),
    kind("backup", 120, 1500),
    kind("snapshot", 45, 1200),
    kind("reboot", 4, 45),
    kind("power_off", 2, 20),
    kind("power_on", 3, 25),
    kind("power_cycle", 6, 40),
    kind("shutdown", 4, 70),
    kind("password_reset", 15, 60),
    kind("resize", 60, 600),
    kind("rebuild", 25, 130),
    kind("restore", 60, 900),
    kind("rename", 0, 2),
    kind("enable_backups", 0, 3),
    kind("disable_backups", 0, 3),
    kind("change_backup_policy", 0, 3),
    kind("enable_ipv6", 2, 15),
    kind("migrate", 300, 3600),
    kind("attach_volume", 3, 15),
    kind("detach_volume", 2, 15),
    kind("resize_volume", 3, 25),
    kind("transfer", 120, 2400),
    kind("convert", 60, 300),
    kind("image_destroy", 2, 30),
    kind("assign_ip", 1, 10),
    kind("unassign_ip", 1, 8),
    kind("reserve_ip", 1, 5),
    kind("release_ip", 1, 5),
];

/// Episodes of a droplet's life: their weights, and their actions in order.
pub(super) const EPISODES: &[(u32, &[&str])] = &[
    (34, &["reboot"]),
    (14, &["power_off", "power_on"]),
    (12, &["snapshot"]),
    (8, &["power_cycle"]),
    (6, &["power_off", "snapshot", "power_on"]),
    (6, &["shutdown", "power_on"]),
    (4, &["password_reset"]),
    (3, &["power_off", "resize", "power_on"]),
    (2, &["rebuild"]),
    (2, &["rename"]),
    (2, &["restore"]),
    (2, &["disable_backups", "enable_backups"]),
    (1, &["change_backup_policy"]),
    (1, &["enable_ipv6"]),
    (1, &["migrate"]),
];

/// Episodes of a droplet's life that are recorded for a volume.
pub(super) const VOLUME_EPISODES: &[(u32, &[&str])] = &[
    (4, &["attach_volume"]),
    (3, &["attach_volume", "detach_volume"]),
    (1, &["detach_volume", "attach_volume"]),
];

/// Actions of volumes, images and addresses without a droplet.
pub(super) const ELSEWHERE: &[&str] = &[
    "attach_volume",
    "detach_volume",
    "resize_volume",
    "transfer",
    "convert",
    "image_destroy",
    "assign_ip",
    "unassign_ip",
    "reserve_ip",
    "release_ip",
];

/// The index of a type in [`KINDS`].
pub(super) fn number(name: &str) -> Option<u16> {
    KINDS
        .iter()
        .position(|kind| kind.name == name)
        .and_then(|place| u16::try_from(place).ok())
}

/// The shortest and longest duration of a type in seconds; a guess for types that no history has.
pub(super) fn seconds(number: u16) -> (i64, i64) {
    KINDS
        .get(usize::from(number))
        .map_or((1, 60), |kind| kind.seconds)
}
