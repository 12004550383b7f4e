//! The URL standard's parser, as the runtime has one.

pub(crate) fn parse_url(text: &str) -> Option<String> {
    url::Url::parse(text).ok().map(String::from)
}
