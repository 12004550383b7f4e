//! The cookie wire format.

pub mod encoding;
pub mod set_cookie;
