//! The pages that the Worker itself shows: sign-in and what belongs to it, confirmation, errors.
//!
//! One struct for each page, and beside it its HTML file, an outline with marks (`marks`) that escapes what it is given.
//! The words are in `texts.txt`. Every page works without a script; where one helps (passkeys, tokens in a fragment,
//! Turnstile) the policy names exactly that one.
//!
//! ```
//! use edge_session::pages::{Frame, Language, Offers, SignIn, Site};
//!
//! let site = Site { name: "Harbour", ..Site::default() };
//! let frame = Frame { site: &site, language: Language::accepted(Some("de-AT")), auth_path: "/auth", ..Frame::default() };
//! let page = SignIn { frame, offers: &Offers::default(), email: None, phone: None, is_by_phone: false }.html();
//! assert!(page.body.contains("Anmelden") && page.csp.starts_with("default-src 'none'"));
//! ```

mod color;
mod errors;
mod frame;
mod language;
mod links;
mod marks;
mod offers;
mod page;
mod policy;
mod sign_in;
mod site;
mod status;
mod steps;
mod texts;

pub(crate) use color::is_color;
pub use frame::{Frame, Notes};
pub use language::Language;
pub use links::{Confirm, Fragment};
pub use offers::Offers;
pub use page::Html;
pub use sign_in::{Recover, SignIn, SignUp, SsoContinue};
pub use site::Site;
pub(crate) use site::link;
pub use status::{ErrorPage, Forbidden};
pub use steps::{Factor, FactorKind, Mfa, NewPassword, Verify};
pub use texts::{Texts, keys};
