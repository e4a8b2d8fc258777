//! Languages and versions that peers announce (Apache: `LanguageCode`, `MQVersion`).

/// A client's language, by its code on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Language(pub u8);

const NAMES: [&str; 14] = [
    "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS",
    "RUST", "NODE_JS",
];

impl Language {
    /// What we announce: every client of every age knows this name, and none acts on it.
    pub const JAVA: Self = Self(0);
    /// C++ clients differ in what they can parse.
    pub const CPP: Self = Self(1);
    /// What an unknown name becomes.
    pub const OTHER: Self = Self(7);

    /// The enum's name; unknown codes are `OTHER`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }

    /// From the enum's name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let code = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name));
        code.and_then(|code| u8::try_from(code).ok()).map_or(Self::OTHER, Self)
    }
}

/// The name of a version, by its ordinal: `V5_3_1`, `V5_3_2_SNAPSHOT`. Those before 4.0.0 were numbered without a rule, and
/// are told by their ordinal.
#[must_use]
pub fn version_name(ordinal: i32) -> String {
    const V4_0_0_SNAPSHOT: i32 = 212;
    /// Of a minor version: ten releases, each with its snapshot before it.
    const OF_A_MINOR: i32 = 20;
    let Some(from_4) = ordinal.checked_sub(V4_0_0_SNAPSHOT).filter(|n| *n >= 0) else {
        return ordinal.to_string();
    };
    let (minor, patch) = (from_4 / OF_A_MINOR, from_4 % OF_A_MINOR / 2);
    let snapshot = if from_4 % 2 == 0 { "_SNAPSHOT" } else { "" };
    format!("V{}_{}_{patch}{snapshot}", 4 + minor / 10, minor % 10)
}

/// Version ordinal that we announce: V5_3_1. Heartbeat answers need at least 232 (V4_1_0), or Java clients refuse SQL
/// filters; 5.x behaviour is what clients may expect of us.
pub const OUR_VERSION: i32 = 475;
/// Clients from here on (V3_4_9) choose the retry limit of a message they send back.
pub const V3_4_9: i32 = 121;
/// Clients from here on (V4_9_4) are sent standard JSON in routes.
pub const V4_9_4: i32 = 401;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_names_of_apaches_enum() {
        for (ordinal, name) in [
            (OUR_VERSION, "V5_3_1"),
            (V4_9_4, "V4_9_4"),
            (409, "V4_9_8"),
            (232, "V4_1_0_SNAPSHOT"),
            (212, "V4_0_0_SNAPSHOT"),
            (V3_4_9, "121"),
            (-1, "-1"),
        ] {
            assert_eq!(version_name(ordinal), name);
        }
    }
}
