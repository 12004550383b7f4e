//! Where routes lead, and the cookies of the flows that they begin.
//!
//! They are methods of the visit, as they need its site and its settings; which of them a route uses is the
//! route's.

use crate::cookies::set_cookie;
use crate::pkce;

use super::super::visit::Visit;

impl Visit {
    /// The `Set-Cookie` lines of changes to the verifiers.
    ///
    /// Verifiers have attributes of their own: an hour of life, and `Lax` at the strictest, as the way back from a
    /// provider is a navigation from another site.
    pub(super) fn verifier_lines(&self, changes: &pkce::Changes) -> Vec<String> {
        let settings = &self.config.cookie;
        let attributes = settings.verifier_attributes(self.head.host(), self.is_secure());
        set_cookie::write_session(&changes.set, &changes.deleted, &attributes, None)
    }

    /// The login page, which says what went wrong.
    pub(super) fn login_with(&self, name: &str, value: &str) -> String {
        let site = self.config.site_url.as_deref();
        self.config.login.location(site, &[(name, value)])
    }

    /// The address of one of the Worker's own routes or pages, with these fields in its query.
    pub(super) fn own_location(&self, route: &str, fields: &[(&str, &str)]) -> String {
        let base = self.config.auth_path.as_deref().unwrap_or_default();
        let origin = self.site_origin();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mark = if query.is_empty() { "" } else { "?" };
        self.site(&origin)
            .location(&format!("{base}/{route}{mark}{query}"))
    }

    /// The `Location` of a `next`.
    pub(super) fn next_location(&self, next: &str) -> String {
        let origin = self.site_origin();
        self.site(&origin).next_location(next)
    }

    /// Where Auth sends a flow back to.
    ///
    /// `next` rides along in its query, since Auth gives the address back as it was; Auth's allow-list has to match
    /// it with the query, which `**` at the end of an entry does.
    pub(super) fn callback_url(&self, flow: &pkce::Flow, next: &str) -> String {
        let base = self.config.auth_path.as_deref().unwrap_or_default();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .append_pair("sb_flow_id", flow.id())
            .finish();
        format!("{}{base}/callback?{query}", self.site_origin())
    }
}
