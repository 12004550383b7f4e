//! The language of a page: what the browser asks for, among those there are.

/// Members of `Accept-Language` that are looked at; browsers send fewer than ten.
const MAX_MEMBERS: usize = 32;
/// The weight of a member that names none (RFC 9110 12.4.2).
const FULL_WEIGHT: &str = "1";

/// A language that the pages speak.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Language {
    /// German.
    De,
    /// English, where nothing else fits.
    #[default]
    En,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Japanese.
    Ja,
    /// Portuguese.
    Pt,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::De, Self::En, Self::Es, Self::Fr, Self::Ja, Self::Pt];

    /// The tag of the `lang` attribute and of `PAGES.texts`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::De => "de",
            Self::En => "en",
            Self::Es => "es",
            Self::Fr => "fr",
            Self::Ja => "ja",
            Self::Pt => "pt",
        }
    }

    /// The language that an `Accept-Language` header wants most: by weight, then by order; `de-AT` is German.
    #[must_use]
    pub fn accepted(header: Option<&str>) -> Self {
        let mut best = ("", Self::default());
        for member in header.unwrap_or_default().split(',').take(MAX_MEMBERS) {
            let (range, parameters) = member.split_once(';').unwrap_or((member, ""));
            let weight = weight(parameters);
            if weight > best.0
                && let Some(language) = Self::named(range.trim_ascii())
            {
                best = (weight, language);
            }
        }
        best.1
    }

    fn named(range: &str) -> Option<Self> {
        if range == "*" {
            return Some(Self::default());
        }
        // Every tag has two letters, so that a third one, or a digit, belongs to another language.
        let (primary, rest) = range.split_at_checked(2)?;
        let is_primary = !rest
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric);
        let is_named = |language: &Self| language.tag().eq_ignore_ascii_case(primary);
        Self::ALL.into_iter().find(is_named).filter(|_| is_primary)
    }
}

/// The weight that the parameters of a member give it, without zeros at its end: of two such texts, the greater number
/// is the greater text. Empty for none, and for what is no weight.
fn weight(parameters: &str) -> &str {
    let (name, value) = parameters.split_once('=').unwrap_or(("q", FULL_WEIGHT));
    let value = value.trim_ascii();
    if matches!(name.trim_ascii(), "q" | "Q") && value.starts_with(['0', '1']) {
        value.trim_end_matches(['0', '.'])
    } else {
        ""
    }
}
