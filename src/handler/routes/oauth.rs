//! `GET /login?provider=…`: a provider's sign-in begins.

use crate::answer::Answer;
use crate::sign_in_api;

use super::super::desk::Desk;
use super::super::visit::Visit;
use super::{Errand, Reply, draw_flow};

pub(super) async fn start(desk: &Desk, visit: &Visit, errand: &Errand) -> Reply {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte);
    let provider = errand.fields.value("provider");
    let Some(provider) = provider.filter(|name| name.len() <= 64 && name.bytes().all(is_plain))
    else {
        let answer = Answer::see_other(visit.login_with("error", "validation_failed"));
        return Reply::new(answer, "provider_missing");
    };
    let flow = match draw_flow(desk).await {
        Ok(flow) => flow,
        Err(refusal) => return refusal,
    };
    let config = &visit.config;
    let header = visit.head.header("cookie").unwrap_or_default();
    let changes = flow.cookies(header, &config.storage_key, "", config.cookie.encoding);
    let url = sign_in_api::authorize_url(
        config,
        provider,
        errand.fields.value("scopes"),
        &flow.challenge(),
        &visit.callback_url(&flow, errand.next()),
    );
    let answer = Answer::see_other(url).with_cookies(visit.verifier_lines(&changes));
    Reply::new(answer, "oauth_started")
}
