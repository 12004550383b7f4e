//! The site's colour, and what must be made of it so that everybody can read.
//!
//! Ratios are those of WCAG 2.2 (1.4.3, 1.4.11). Luminance is taken from a cubic that stays within 0.002 of the
//! standard's curve, since a power function would cost more bytes than this file; a margin on the ratio pays for it.

use super::marks::Outline;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Color([u8; 3]);

const BLACK: Color = Color([0, 0, 0]);
const WHITE: Color = Color([255, 255, 255]);
/// Where no colour is configured.
const DEFAULT: Color = Color([0x1f, 0x5f, 0xbf]);
/// The darkest light surface and the lightest dark one that text stands on in `style.css`.
const LIGHT_SURFACE: Color = Color([0xf3, 0xf4, 0xf6]);
const DARK_SURFACE: Color = Color([0x1a, 0x1d, 0x23]);
const TEXT_RATIO: f64 = 4.8;
const EDGE_RATIO: f64 = 3.2;
/// Steps on the way to black or white.
const STEPS: u16 = 32;

/// Whether a text is a colour: `#rgb` or `#rrggbb`.
pub(crate) fn is_color(text: &str) -> bool {
    Color::parse(text).is_some()
}

impl Color {
    /// `#rgb` or `#rrggbb`, nothing else: the text goes into a style sheet.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        // One digit stands for two that are equal.
        let width = digits.len() / 3;
        let mut color = [0; 3];
        for (at, channel) in color.iter_mut().enumerate() {
            let digits = digits.get(at * width..(at + 1) * width)?;
            *channel = u8::from_str_radix(digits, 16).ok()?;
            if width == 1 {
                *channel *= 17;
            }
        }
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        (is_hex && matches!(digits.len(), 3 | 6)).then_some(Self(color))
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let x = f64::from(channel) / 255.0;
            x * (x * (x * 0.305_306_011 + 0.682_171_111) + 0.012_522_878)
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > two { one / two } else { two / one }
    }

    /// The nearest colour on the way to black or white that stands out from `surface` enough.
    fn readable_on(self, surface: Self, ratio: f64) -> Self {
        let end = surface.opposite();
        let steps = (0..=STEPS).map(|step| self.mixed(end, step));
        steps
            .into_iter()
            .find(|color| color.contrast(surface) >= ratio)
            .unwrap_or(end)
    }

    /// Black or white, whichever reads better on it: at least 4.5:1 on any colour.
    fn opposite(self) -> Self {
        if self.contrast(BLACK) > self.contrast(WHITE) {
            BLACK
        } else {
            WHITE
        }
    }

    fn mixed(self, end: Self, step: u16) -> Self {
        let mut channels = self.0;
        for (channel, target) in channels.iter_mut().zip(end.0) {
            let sum = u16::from(*channel) * (STEPS - step) + u16::from(target) * step;
            *channel = u8::try_from(sum / STEPS).unwrap_or(target);
        }
        Self(channels)
    }

    fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

/// Gives `style.css` its colours.
pub(super) fn give(color: Option<&str>, style: &mut Outline<'_>) {
    let accent = color.and_then(Color::parse).unwrap_or(DEFAULT);
    let mut give = |name, color: Color| style.text(name, Some(&color.hex()));
    give("accent", accent);
    give("on_accent", accent.opposite());
    give("edge", accent.readable_on(LIGHT_SURFACE, EDGE_RATIO));
    give("link", accent.readable_on(LIGHT_SURFACE, TEXT_RATIO));
    give("dark_edge", accent.readable_on(DARK_SURFACE, EDGE_RATIO));
    give("dark_link", accent.readable_on(DARK_SURFACE, TEXT_RATIO));
}
