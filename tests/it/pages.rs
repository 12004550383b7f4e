//! The pages: what a visitor or an operator can put into them, and what they promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use edge_session::pages::{
    Confirm, ErrorPage, Factor, FactorKind, Forbidden, Fragment, Frame, Html, Language, Mfa,
    NewPassword, Notes, Offers, Recover, SignIn, SignUp, Site, SsoContinue, Texts, Verify, keys,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const HOSTILE: &str =
    "/\"'><script>alert(1)</script><img src=x onerror=alert(1)></style></title>{{7*7}}<!--&lt;\r\n";

/// Every page, with `text` wherever a visitor or `PAGES` can put one.
fn every_page(frame: Frame<'_>, text: &str) -> Vec<Html> {
    let offers = Offers::from_settings(&json!({
        "external": {"phone": true, "github": true}, "saml_enabled": true, "passkeys_enabled": true,
    }));
    let (some, details) = (Some(text), [text.to_owned()]);
    let factor = |kind| Factor {
        id: text,
        kind,
        name: some,
        phone: some,
    };
    let factors = [
        factor(FactorKind::Phone),
        Factor {
            id: "other",
            ..factor(FactorKind::Totp)
        },
    ];
    let sign_in = |is_by_phone| SignIn {
        frame,
        offers: &offers,
        email: some,
        phone: some,
        is_by_phone,
    };
    let verify = |email, phone, kind| {
        Verify {
            frame,
            email,
            phone,
            kind,
        }
        .html()
    };
    let mut pages = vec![
        sign_in(false).html(),
        sign_in(true).html(),
        SignUp { frame, email: some }.html(),
        Recover { frame, email: some }.html(),
        SsoContinue {
            frame,
            domain: text,
        }
        .html(),
        verify(some, None, text),
        verify(None, some, text),
        verify(None, None, "sms"),
        Mfa {
            frame,
            factors: &factors,
            factor_id: some,
            challenge_id: some,
        }
        .html(),
        Mfa {
            frame,
            factors: &factors[..1],
            factor_id: None,
            challenge_id: None,
        }
        .html(),
        NewPassword {
            frame,
            account: some,
            asks_current: true,
            asks_code: true,
        }
        .html(),
        Confirm {
            frame,
            token_hash: text,
            kind: text,
        }
        .html(),
        Fragment { frame }.html(),
        Forbidden {
            frame,
            account: some,
            can_sign_out: true,
        }
        .html(),
    ];
    let statuses = [400, 403, 404, 405, 413, 429, 500, 502, 503, 508];
    pages.extend(statuses.map(|status| {
        ErrorPage {
            frame,
            status,
            details: &details,
        }
        .html()
    }));
    pages
}

/// `PAGES.texts` that puts `text` in the place of every text.
fn texts_of(text: &str) -> Texts {
    let of_all = keys(Language::En).map(|(key, _)| (key.to_owned(), Value::from(text)));
    Texts::from_iter([("*".to_owned(), Value::Object(of_all.collect()))])
}

fn framed<R>(text: &str, then: impl FnOnce(Frame<'_>) -> R) -> R {
    let (texts, hosts) = (texts_of(text), [text.to_owned()]);
    let site = Site {
        name: text,
        logo: Some(text),
        color: Some(text),
        home: Some(text),
        texts: Some(&texts),
    };
    let notes = Notes {
        error: Some(text),
        is_sent: true,
        message: Some("confirm_other_address"),
        reason: Some(text),
    };
    then(Frame {
        site: &site,
        auth_path: text,
        sign_in: text,
        next: text,
        notes,
        turnstile_site_key: Some(text),
        form_hosts: &hosts,
        ..Frame::default()
    })
}

/// Names of tags and attributes in their order: what a text can never change. `None` if a quote does not end.
fn skeleton(body: &str) -> Option<Vec<String>> {
    let (mut names, mut rest) = (Vec::new(), body);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| c == '>' || c.is_ascii_whitespace())?;
        let tag = &rest[..end];
        names.push(format!("<{tag}"));
        rest = rest[end..].trim_start();
        while !rest.starts_with('>') {
            let end = rest.find(|c: char| "=>".contains(c) || c.is_ascii_whitespace())?;
            names.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
            if let Some(value) = rest.strip_prefix('=') {
                let value = value.strip_prefix('"')?;
                rest = value[value.find('"')? + 1..].trim_start();
            }
        }
        if tag == "script" || tag == "style" {
            rest = &rest[rest.find(&format!("</{tag}>"))?..];
        }
    }
    Some(names)
}

#[test]
fn hostile_text_anywhere_changes_no_tag_and_no_attribute() {
    let harmless = framed("/harmless", |frame| every_page(frame, "/harmless"));
    let hostile = framed(HOSTILE, |frame| every_page(frame, HOSTILE));
    assert_eq!(harmless.len(), hostile.len());
    for (harmless, hostile) in harmless.iter().zip(&hostile) {
        let mut expected = skeleton(&harmless.body).unwrap();
        // An address with a line break in it is none, so this logo is left out.
        let logo = expected.iter().position(|name| name == "<img").unwrap();
        expected.drain(logo..logo + 4);
        assert_eq!(skeleton(&hostile.body).unwrap(), expected);
        assert!(
            !hostile.body.contains("alert(1)</script>"),
            "{}",
            hostile.body
        );
        assert!(
            !hostile.csp.contains("alert") && !hostile.csp.contains(['\r', '\n']),
            "{}",
            hostile.csp
        );
    }
}

#[test]
fn hostile_text_in_an_address_stays_in_its_attribute() {
    let address = "/\"><script>alert(1)</script>' onerror='";
    let site = |address| Site {
        name: "x",
        logo: Some(address),
        home: Some(address),
        ..Site::default()
    };
    let page = |site: &Site<'_>| {
        ErrorPage {
            frame: Frame {
                site,
                ..Frame::default()
            },
            status: 404,
            details: &[],
        }
        .html()
    };
    let (harmless, hostile) = (page(&site("/logo.svg")), page(&site(address)));
    assert_eq!(skeleton(&hostile.body), skeleton(&harmless.body));
    assert!(
        hostile.body.contains("src=\"/&#34;&#62;&#60;script"),
        "{}",
        hostile.body
    );
}

#[test]
fn an_address_is_https_or_a_path_of_the_site() {
    let addresses = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/\\evil.example",
        "http://evil.example/",
        "/\t/evil.example",
        "vbscript:x",
        " javascript:alert(1)",
        "evil.example",
        "",
    ];
    for address in addresses {
        let site = Site {
            logo: Some(address),
            home: Some(address),
            ..Site::default()
        };
        let frame = Frame {
            site: &site,
            next: address,
            ..Frame::default()
        };
        let page = SignUp { frame, email: None }.html().body;
        assert!(page.contains("<footer><a href=\"/\">"), "{address}: {page}");
        assert!(
            page.contains("name=\"next\" value=\"/\""),
            "{address}: {page}"
        );
        assert!(!page.contains("<img"), "{address}: {page}");
    }
    for address in ["javascript:alert(1)", "//evil.example", "data:x"] {
        let frame = Frame {
            sign_in: address,
            ..Frame::default()
        };
        let page = SignUp { frame, email: None }.html().body;
        assert!(page.contains("<li><a href=\"/\">"), "{address}: {page}");
    }
}

fn hash(text: &str) -> String {
    format!(
        "'sha256-{}'",
        BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

/// What stands in each inline element of a kind.
fn inline<'b>(body: &'b str, tag: &str) -> Vec<&'b str> {
    let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
    body.split(&start)
        .skip(1)
        .map(|rest| rest.split(&end).next().unwrap())
        .collect()
}

#[test]
fn the_policy_names_what_is_on_the_page_and_nothing_else() {
    let frame = Frame::default();
    let plain = SignUp { frame, email: None }.html();
    let [style] = inline(&plain.body, "style")[..] else {
        panic!("one style")
    };
    let style = hash(style);
    assert_eq!(
        plain.csp,
        format!(
            "default-src 'none'; style-src {style}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    );
    assert!(!plain.body.contains("<script"));

    let (hosts, site) = (
        ["app.example.com".to_owned(), "*.example.org".to_owned()],
        Site {
            logo: Some("https://cdn.example.com:8443/a.png"),
            ..Site::default()
        },
    );
    let offers = Offers {
        passkeys: true,
        ..Offers::default()
    };
    let frame = Frame {
        site: &site,
        form_hosts: &hosts,
        turnstile_site_key: Some("0x1"),
        ..frame
    };
    let full = SignIn {
        frame,
        offers: &offers,
        email: None,
        phone: None,
        is_by_phone: false,
    }
    .html();
    let [script] = inline(&full.body, "script")[..] else {
        panic!("one inline script")
    };
    assert!(script.len() <= 2048, "{}", script.len());
    let turnstile = "https://challenges.cloudflare.com";
    assert_eq!(
        full.csp,
        format!(
            "default-src 'none'; style-src {style}; img-src https://cdn.example.com:8443; script-src {} {turnstile}; frame-src {turnstile}; \
         connect-src 'self'; form-action 'self' https://app.example.com https://*.example.org; base-uri 'none'; frame-ancestors 'none'",
            hash(script),
        )
    );
    let fragment = Fragment {
        frame: Frame::default(),
    }
    .html();
    assert!(
        fragment
            .csp
            .contains(&hash(inline(&fragment.body, "script")[0])),
        "{}",
        fragment.csp
    );
}

#[test]
fn no_host_of_the_configuration_adds_to_the_policy() {
    let hosts = [
        "evil.example; script-src *".to_owned(),
        "a b".to_owned(),
        "x'y".to_owned(),
        String::new(),
    ];
    for logo in [
        "https://evil.example; script-src */x",
        "https:// /x",
        "https://",
        "https://a,b/x",
    ] {
        let site = Site {
            logo: Some(logo),
            ..Site::default()
        };
        let frame = Frame {
            site: &site,
            form_hosts: &hosts,
            ..Frame::default()
        };
        let page = Recover { frame, email: None }.html();
        assert!(
            !page.body.contains("<img") && !page.csp.contains("img-src"),
            "{logo}: {}",
            page.csp
        );
        assert!(
            page.csp.contains("; form-action 'self'; base-uri"),
            "{}",
            page.csp
        );
    }
}

#[test]
fn every_language_has_every_text_with_the_same_gaps() {
    let gaps = |text: &str| -> BTreeSet<String> {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let english: BTreeMap<_, _> = keys(Language::En).collect();
    assert!(english.len() > 100);
    for language in Language::ALL {
        let texts: BTreeMap<_, _> = keys(language).collect();
        assert!(texts.keys().eq(english.keys()), "{language:?}");
        for (key, text) in texts {
            assert!(!text.trim().is_empty(), "{language:?} {key}");
            assert_eq!(gaps(text), gaps(english[key]), "{language:?} {key}");
            let is_same = language != Language::En && text == english[key];
            assert!(
                !is_same || ["Code", "SMS"].contains(&text),
                "{language:?} {key} is English"
            );
        }
    }
}

#[test]
fn every_text_is_used_and_every_use_has_a_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
    let mut sources = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "html")
        {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let known: BTreeSet<_> = keys(Language::En).map(|(key, _)| key).collect();
    // Of each line the first word is a key.
    for line in include_str!("../../src/pages/errors.txt").lines() {
        sources.push_str(&format!("<t {}>", line.split(' ').next().unwrap()));
    }
    for key in &known {
        let uses = [format!("\"{key}\""), format!("<t {key}>")];
        let is_used = uses.iter().any(|r#use| sources.contains(r#use));
        assert!(is_used, "{key} is not used");
    }
    for call in ["frame.text(\"", "self.text(\"", ".page(\"", "<t "] {
        let calls = sources.split(call).skip(1);
        for rest in calls.filter(|rest| !rest.starts_with("key>")) {
            let key = rest.split(['"', '>']).next().unwrap();
            assert!(known.contains(key), "{key} has no text");
        }
    }
}

#[test]
fn no_text_is_empty_on_any_page() {
    for language in Language::ALL {
        for page in every_page(
            Frame {
                language,
                ..Frame::default()
            },
            "x",
        ) {
            for empty in [
                "></h1>",
                "<p></p>",
                "></label>",
                "<button></button>",
                "\"></a>",
                "<title></title>",
            ] {
                assert!(!page.body.contains(empty), "{empty}: {}", page.body);
            }
            assert!(
                page.body
                    .contains(&format!("<html lang=\"{}\">", language.tag()))
            );
        }
    }
}

#[test]
fn the_documentation_has_the_table_of_texts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/routes.md");
    let routes = fs::read_to_string(path).unwrap();
    let section = routes
        .split("\n## Texts\n")
        .nth(1)
        .expect("a section Texts");
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = keys(Language::En)
        .map(|(key, text)| format!("| `{key}` | {text} |"))
        .collect();
    assert_eq!(
        rows,
        expected,
        "the rows should read:\n{}\n",
        expected.join("\n")
    );
}

#[test]
fn a_text_of_the_site_comes_before_the_built_in_one_and_that_of_the_language_first() {
    let of = |text: &str| json!({ "sign_in.create": text });
    let texts = Texts::from_iter([
        ("*".to_owned(), of("Join")),
        ("de".to_owned(), of("Mitmachen")),
    ]);
    let site = Site {
        texts: Some(&texts),
        ..Site::default()
    };
    let title = |language| {
        let frame = Frame {
            site: &site,
            language,
            ..Frame::default()
        };
        let body = SignUp { frame, email: None }.html().body;
        body.split("<h1>")
            .nth(1)
            .unwrap()
            .split("</h1>")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        [
            title(Language::De),
            title(Language::Fr),
            title(Language::En)
        ],
        ["Mitmachen", "Join", "Join"]
    );
}

#[test]
fn the_language_is_the_one_that_the_browser_wants_most() {
    let cases = [
        ("de", Language::De),
        ("de-AT,en;q=0.5", Language::De),
        ("en;q=0.5,pt-BR;q=0.9", Language::Pt),
        ("JA", Language::Ja),
        ("nl,es;q=0.3", Language::Es),
        ("fr;q=0,en", Language::En),
        ("fr;q=0", Language::En),
        ("*", Language::En),
        ("xx,*;q=0.5,de;q=0.4", Language::En),
        ("", Language::En),
        ("fr;q=abc", Language::En),
        ("fr;q=2,de;q=0.1", Language::De),
        ("es ; Q = 0.700 , ja;q=0.701", Language::Ja),
        (",,;;q=1", Language::En),
        ("fr_CA", Language::Fr),
        ("es;q=1.0,de;q=1", Language::Es),
    ];
    for (header, expected) in cases {
        assert_eq!(Language::accepted(Some(header)), expected, "{header}");
    }
    assert_eq!(Language::accepted(None), Language::En);
    let long = "xx,".repeat(100_000) + "de";
    assert_eq!(Language::accepted(Some(&long)), Language::En);
}

fn alert(code: &str, language: Language) -> String {
    let notes = Notes {
        error: Some(code),
        ..Notes::default()
    };
    let frame = Frame {
        notes,
        language,
        ..Frame::default()
    };
    let body = Recover { frame, email: None }.html().body;
    let alert = body.split("role=\"alert\">").nth(1).expect("an alert");
    alert.split("</p>").next().unwrap().to_owned()
}

#[test]
fn codes_of_auth_are_told_in_words_and_no_code_is_shown() {
    let codes = [
        "access_denied",
        "bad_code_verifier",
        "captcha_failed",
        "current_password_invalid",
        "current_password_required",
        "email_address_invalid",
        "email_not_confirmed",
        "flow_state_expired",
        "flow_state_not_found",
        "insufficient_aal",
        "invalid_credentials",
        "mfa_challenge_expired",
        "mfa_factor_not_found",
        "mfa_ip_address_mismatch",
        "mfa_verification_failed",
        "otp_disabled",
        "otp_expired",
        "over_email_send_rate_limit",
        "over_request_rate_limit",
        "over_sms_send_rate_limit",
        "passkey_disabled",
        "provider_disabled",
        "reauthentication_needed",
        "reauthentication_not_valid",
        "same_password",
        "session_not_found",
        "signup_disabled",
        "sms_send_failed",
        "sso_provider_not_found",
        "unexpected_failure",
        "user_already_exists",
        "user_banned",
        "validation_failed",
        "weak_password",
        "webauthn_verification_failed",
    ];
    for language in Language::ALL {
        let other = alert("never_heard_of", language);
        for code in codes {
            let text = alert(code, language);
            assert!(text != other && !text.contains('_'), "{code}: {text}");
        }
        for unknown in ["", " ", "otp_expired user_banned", "<b>", "error.other"] {
            assert_eq!(alert(unknown, language), other, "{unknown}");
        }
    }
}

#[test]
fn an_error_is_tied_to_the_field_it_is_about() {
    let notes = |code| Notes {
        error: Some(code),
        ..Notes::default()
    };
    let password = |code| {
        let frame = Frame {
            notes: notes(code),
            ..Frame::default()
        };
        NewPassword {
            frame,
            account: None,
            asks_current: false,
            asks_code: false,
        }
        .html()
        .body
    };
    let faulty = |body: &str| {
        let mut inputs = body.split("<input ").skip(1).filter(|input| {
            input
                .split('>')
                .next()
                .unwrap()
                .contains("aria-invalid=\"true\"")
        });
        let input = inputs
            .next()
            .map(|input| input.split('>').next().unwrap().to_owned());
        assert!(inputs.next().is_none(), "{body}");
        input.unwrap_or_default()
    };
    for (code, name) in [
        ("weak_password", "name=\"password\""),
        ("same_password", "name=\"password\""),
        ("current_password_required", "name=\"current_password\""),
        ("current_password_invalid", "name=\"current_password\""),
        ("reauthentication_needed", "name=\"nonce\""),
        ("reauthentication_not_valid", "name=\"nonce\""),
    ] {
        let body = password(code);
        let input = faulty(&body);
        assert!(
            input.contains(name) && input.contains("aria-describedby=\"error\""),
            "{code}: {input}"
        );
        assert!(body.contains("id=\"error\" role=\"alert\""), "{code}");
    }
    assert!(!password("over_request_rate_limit").contains("aria-invalid=\"true\""));
}

#[test]
fn what_a_project_offers_is_what_the_page_shows() {
    let show = |settings: serde_json::Value| {
        let offers = Offers::from_settings(&settings);
        SignIn {
            frame: Frame::default(),
            offers: &offers,
            email: None,
            phone: None,
            is_by_phone: false,
        }
        .html()
        .body
    };
    let all = show(
        json!({"external": {"anonymous_users": true, "email": true, "phone": true, "github": true, "google": false, "custom": "yes"},
        "disable_signup": false, "saml_enabled": true, "passkeys_enabled": true}),
    );
    for part in [
        "/auth/login?provider=github\"",
        "name=\"domain\"",
        "id=\"passkey\"",
        "/auth/signup\"",
        "?by=phone\"",
        "formaction=\"/auth/otp\"",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    for part in [
        "google",
        "custom",
        "anonymous",
        "provider=email",
        "provider=phone",
    ] {
        assert!(
            !all.to_lowercase().contains(&format!("provider={part}")) && !all.contains(part),
            "{part}"
        );
    }
    let few = show(json!({"external": {"email": false, "phone": true}, "disable_signup": true}));
    for part in [
        "name=\"email\"",
        "passkey",
        "name=\"domain\"",
        "/auth/signup",
        "/auth/recover",
        "?by=phone",
    ] {
        assert!(!few.contains(part), "{part}: {few}");
    }
    assert!(few.contains("type=\"tel\" autocomplete=\"tel\""));
    for strange in [
        json!(null),
        json!([]),
        json!({"external": []}),
        json!({"external": {"email": "no"}, "saml_enabled": 1}),
    ] {
        assert_eq!(
            Offers::from_settings(&strange),
            Offers::default(),
            "{strange}"
        );
    }
    assert!(
        Offers::from_settings(&json!({"external": {"a b&c": true}}))
            .providers
            .is_empty()
    );
}

/// The colours of the accent in a page's style: accent, its text, and edge and link on light and dark.
fn colors(color: &str) -> Vec<[u8; 3]> {
    let site = Site {
        color: Some(color),
        ..Site::default()
    };
    let body = Recover {
        frame: Frame {
            site: &site,
            ..Frame::default()
        },
        email: None,
    }
    .html()
    .body;
    let style = inline(&body, "style")[0].to_owned();
    let properties = |name: &str| -> Vec<[u8; 3]> {
        let start = format!("{name}:#");
        let hexes = style.split(&start).skip(1);
        hexes
            .map(|hex| u32::from_str_radix(&hex[..6], 16).unwrap().to_be_bytes())
            .map(|[_, red, green, blue]| [red, green, blue])
            .collect()
    };
    let (edges, links) = (properties("--edge"), properties("--link"));
    let mut colors = [properties("--accent"), properties("--on-accent")].concat();
    colors.extend([edges[0], links[0], edges[1], links[1]]);
    colors
}

/// The ratio of WCAG 2.2, by its own formula.
fn contrast(one: [u8; 3], two: [u8; 3]) -> f64 {
    let luminance = |color: [u8; 3]| {
        let [red, green, blue] = color.map(|channel| {
            let x = f64::from(channel) / 255.0;
            if x <= 0.04045 {
                x / 12.92
            } else {
                ((x + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (one, two) = (luminance(one), luminance(two));
    one.max(two) / one.min(two)
}

#[test]
fn any_colour_of_a_site_can_be_read() {
    // The surfaces of style.css that links and buttons stand on.
    let (light, dark) = (
        [[0xff; 3], [0xf3, 0xf4, 0xf6]],
        [[0x1a, 0x1d, 0x23], [0x0e, 0x10, 0x13]],
    );
    for red in (0..=255).step_by(17) {
        for green in (0..=255).step_by(17) {
            for blue in (0..=255).step_by(51) {
                let color = format!("#{red:02x}{green:02X}{blue:02x}");
                let [accent, on_accent, edge, link, dark_edge, dark_link] = colors(&color)[..]
                else {
                    panic!("six colours")
                };
                assert!(contrast(accent, on_accent) >= 4.5, "{color}");
                for (surfaces, edge, link) in [(light, edge, link), (dark, dark_edge, dark_link)] {
                    for surface in surfaces {
                        assert!(
                            contrast(edge, surface) >= 3.0,
                            "{color} edge {edge:?} on {surface:?}"
                        );
                        assert!(
                            contrast(link, surface) >= 4.5,
                            "{color} link {link:?} on {surface:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_colour_changes_nothing() {
    let default = colors("");
    assert_eq!(colors("#abc")[0], [0xaa, 0xbb, 0xcc]);
    for color in [
        "red",
        "#12345",
        "#12345g",
        "#1234567",
        "#fff}body{display:none",
        "#+1+2+3",
        "#é123",
        "abc",
    ] {
        assert_eq!(colors(color), default, "{color}");
    }
}

#[test]
fn forms_say_what_password_managers_and_phones_look_for() {
    let frame = Frame {
        next: "/members?a=1&b=2",
        ..Frame::default()
    };
    let page = SignIn {
        frame,
        offers: &Offers::default(),
        email: None,
        phone: None,
        is_by_phone: false,
    }
    .html()
    .body;
    for part in [
        "<form method=\"post\" action=\"/auth/login\">",
        "name=\"next\" value=\"/members?a=1&#38;b=2\"",
        "<label for=\"email\">",
        "type=\"email\" autocomplete=\"username\"",
        "type=\"password\" autocomplete=\"current-password\"",
        "href=\"/auth/recover?next=%2Fmembers%3Fa%3D1%26b%3D2\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let verify = Verify {
        frame,
        email: Some("a@b.example"),
        phone: None,
        kind: "recovery",
    }
    .html()
    .body;
    for part in [
        "name=\"token\" type=\"text\" autocomplete=\"one-time-code\"",
        "inputmode=\"numeric\"",
        "name=\"email\" value=\"a@b.example\"",
        "name=\"type\" value=\"recovery\"",
        "formaction=\"/auth/recover\" formnovalidate",
    ] {
        assert!(verify.contains(part), "{part}: {verify}");
    }
    let password = NewPassword {
        frame,
        account: Some("a@b.example"),
        asks_current: true,
        asks_code: true,
    }
    .html()
    .body;
    for part in [
        "autocomplete=\"username\" value=\"a@b.example\"",
        "autocomplete=\"new-password\"",
        "autocomplete=\"current-password\"",
        "name=\"nonce\"",
        "formaction=\"/auth/reauthenticate\"",
    ] {
        assert!(password.contains(part), "{part}: {password}");
    }
}

#[test]
fn a_second_factor_is_chosen_sent_and_entered_without_a_script() {
    let app = Factor {
        id: "f1",
        kind: FactorKind::Totp,
        name: None,
        phone: None,
    };
    let phone = Factor {
        id: "f2",
        kind: FactorKind::Phone,
        name: None,
        phone: Some("•• 47"),
    };
    let show = |factors: &[Factor<'_>], factor_id, challenge_id| {
        Mfa {
            frame: Frame::default(),
            factors,
            factor_id,
            challenge_id,
        }
        .html()
        .body
    };
    let has = |body: &str, parts: [(&str, bool); 4]| {
        for (part, is_there) in parts {
            assert_eq!(body.contains(part), is_there, "{part}: {body}");
        }
    };
    let (code, link) = ("name=\"code\"", "href=\"/auth/mfa?factor_id=f");
    has(
        &show(&[app], None, None),
        [
            (code, true),
            ("value=\"f1\"", true),
            (link, false),
            ("challenge_id", false),
        ],
    );
    has(
        &show(&[app, phone], None, None),
        [
            (code, false),
            ("?factor_id=f1\"", true),
            ("?factor_id=f2\"", true),
            ("<form method=\"post\" action=\"/auth/mfa\"", false),
        ],
    );
    has(
        &show(&[app, phone], Some("f2"), None),
        [
            (code, false),
            ("value=\"f2\"", true),
            ("?factor_id=f1\"", true),
            ("•• 47", true),
        ],
    );
    has(
        &show(&[phone], None, Some("c1")),
        [
            (code, true),
            ("name=\"challenge_id\" value=\"c1\"", true),
            ("•• 47", true),
            (link, false),
        ],
    );
    has(
        &show(&[app, phone], Some("nobody's"), None),
        [
            (code, false),
            ("?factor_id=f1\"", true),
            ("?factor_id=f2\"", true),
            ("nobody", false),
        ],
    );
    has(
        &show(&[], Some("f1"), None),
        [
            (code, false),
            ("action=\"/auth/signout\"", true),
            (link, false),
            ("challenge_id", false),
        ],
    );
}
