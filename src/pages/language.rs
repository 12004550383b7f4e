//! The language of a page: what the browser asks for, among those there are.

/// Members of `Accept-Language` that are looked at; browsers send fewer than ten.
const MAX_MEMBERS: usize = 32;
/// The weight of a member that names none (RFC 9110 12.4.2), in thousandths.
const FULL_WEIGHT: u16 = 1000;

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
        let mut best = (0, Self::default());
        for member in header.unwrap_or_default().split(',').take(MAX_MEMBERS) {
            let mut parts = member.split(';');
            let range = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(weight).unwrap_or(FULL_WEIGHT);
            if let Some(language) = Self::named(range).filter(|_| weight > best.0) {
                best = (weight, language);
            }
        }
        best.1
    }

    fn named(range: &str) -> Option<Self> {
        let primary = range.split(['-', '_']).next().unwrap_or_default();
        if primary == "*" {
            return Some(Self::default());
        }
        let is_named = |language: &Self| language.tag().eq_ignore_ascii_case(primary);
        Self::ALL.into_iter().find(is_named)
    }
}

/// `q=0.8` in thousandths; a weight that cannot be read counts as none.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let digits = fraction.bytes().chain(*b"000").take(3);
    let thousandths = digits.fold(0, |sum, digit| {
        sum * 10 + u16::from(digit.wrapping_sub(b'0') % 10)
    });
    match whole {
        "0" if is_number => Some(thousandths),
        "1" if is_number && thousandths == 0 => Some(FULL_WEIGHT),
        _ => Some(0),
    }
}
