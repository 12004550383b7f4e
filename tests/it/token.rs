//! Which tokens are trusted: one table of forms, one of headers, one of claims.

use edge_session::jwks::SignatureAlgorithm;
use edge_session::time::UnixTime;
use edge_session::token::{
    self, GoodSignature, MAX_TOKEN_BYTES, Token, TokenError, Trust, is_uuid,
};
use serde_json::{Value, json};

use crate::scenario::{Run, Scenario};
use crate::tokens::{
    ISSUER, JWT_SECRET, NOW, OTHER_USER, SESSION, Signer, USER, claims, decode, encode,
};

/// Presents `token` in a cookie; whatever it is, a token that is not trusted never reaches Auth.
fn present(token: &str) -> Run {
    Scenario::with_token(token).run()
}

fn assert_invalid(token: &str, reason: &str) {
    let run = present(token);
    assert_eq!(run.outcome(), ("invalid", reason), "{token}");
    assert!(
        run.sent
            .iter()
            .all(|(request, _)| request.url.ends_with("jwks.json")),
        "{token}"
    );
    assert!(run.at_origin("x-session-user-id").is_empty());
    assert_eq!(run.deleted().len(), 1);
}

fn with_header(header: &Value) -> String {
    Signer::Es256.token(header, &claims(&json!({})))
}

fn with_header_text(header: &str) -> String {
    Signer::Es256.token_of(header, &claims(&json!({})).to_string())
}

#[test]
fn a_token_of_every_asymmetric_algorithm_is_trusted() {
    for signer in [Signer::Es256, Signer::EdDsa, Signer::Rs256] {
        let run = present(&signer.mint(&json!({})));
        assert_eq!(run.outcome(), ("valid", "token_valid"), "{signer:?}");
        assert_eq!(run.at_origin("x-session-user-id"), [USER]);
    }
}

#[test]
fn an_hs256_token_is_trusted_under_the_configured_secret_only() {
    let token = Signer::Hs256.mint(&json!({}));
    let outcome = |secret: &str| {
        let mut scenario = Scenario::with_token(&token).var("SUPABASE_JWT_SECRET", secret);
        scenario.run().outcome()
    };
    assert_eq!(outcome(JWT_SECRET), ("valid", "token_valid"));
    assert_eq!(
        outcome("another-secret-of-at-least-32-bytes"),
        ("invalid", "token_signature")
    );
}

#[test]
fn no_spelling_of_none_and_no_other_algorithm_passes() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", "es256", "ES256 ", "ES384", "ES512", "RS384", "PS256",
        "HS384", "HS512", "Ed25519", "ES256K",
    ] {
        let token = with_header(&json!({"alg": alg, "kid": "kid-es"}));
        assert_invalid(&token, "token_algorithm");
        let (input, _) = token.rsplit_once('.').unwrap();
        assert_invalid(&format!("{input}."), "token_algorithm");
    }
    for alg in [json!(null), json!(1), json!(["ES256"]), json!({"ES256": 1})] {
        assert_invalid(
            &with_header(&json!({"alg": alg, "kid": "kid-es"})),
            "token_algorithm",
        );
    }
    assert_invalid(&with_header(&json!({"kid": "kid-es"})), "token_algorithm");
}

#[test]
fn the_header_cannot_choose_another_algorithm_for_a_key() {
    // An HS256 token "signed" with what is public of an asymmetric key.
    let confused = Signer::Hs256.token(
        &json!({"alg": "HS256", "kid": "kid-rs"}),
        &claims(&json!({})),
    );
    let mut scenario = Scenario::with_token(&confused).var(
        "SUPABASE_JWT_SECRET",
        "the-projects-own-secret-of-32-bytes!",
    );
    assert_eq!(scenario.run().outcome(), ("invalid", "token_signature"));
    for (alg, kid) in [
        ("RS256", "kid-es"),
        ("ES256", "kid-rs"),
        ("EdDSA", "kid-es"),
        ("ES256", "kid-ed"),
    ] {
        assert_invalid(
            &with_header(&json!({"alg": alg, "kid": kid})),
            "token_algorithm",
        );
    }
}

#[test]
fn a_key_or_url_from_the_token_is_ignored() {
    let forged = Signer::OtherEs256;
    let jwk = crate::tokens::public_jwk("other_es256", &json!({"kid": "kid-es", "alg": "ES256"}));
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/x5u")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = Signer::Es256.header();
        header[name] = value;
        let token = forged.token(&header, &claims(&json!({})));
        let run = present(&token);
        assert_eq!(run.outcome(), ("invalid", "token_signature"), "{name}");
        let urls: Vec<&str> = run
            .sent
            .iter()
            .map(|(request, _)| request.url.as_str())
            .collect();
        assert_eq!(urls, [format!("{ISSUER}/.well-known/jwks.json")]);
    }
}

#[test]
fn a_kid_is_compared_and_never_interpreted() {
    for kid in [
        "../../kid-es",
        "kid-es\u{0}",
        "KID-ES",
        " kid-es",
        "' or 1=1",
        "kid-es/../kid-es",
        "*",
    ] {
        let run = Scenario::with_token(&with_header(&json!({"alg": "ES256", "kid": kid})))
            .refresh(crate::scenario::Reply::error(500, "unexpected_failure"))
            .run();
        assert_eq!(run.record.outcome, "unavailable", "{kid}");
        assert!(!run.steps.contains(&"check_signature"), "{kid}");
    }
    for kid in [json!(1), json!(["kid-es"]), json!({}), json!(null)] {
        assert_invalid(
            &with_header(&json!({"alg": "ES256", "kid": kid})),
            "token_malformed",
        );
    }
}

#[test]
fn extensions_that_must_be_understood_are_refused() {
    for header in [
        json!({"alg": "ES256", "kid": "kid-es", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "kid-es", "crit": []}),
        json!({"alg": "ES256", "kid": "kid-es", "crit": null}),
        json!({"alg": "ES256", "kid": "kid-es", "b64": false}),
        json!({"alg": "ES256", "kid": "kid-es", "b64": true}),
    ] {
        assert_invalid(&with_header(&header), "token_crit");
    }
}

#[test]
fn typ_is_absent_or_jwt() {
    for typ in [json!("JWT"), json!("jwt")] {
        let run = present(&with_header(
            &json!({"alg": "ES256", "kid": "kid-es", "typ": typ}),
        ));
        assert_eq!(run.record.outcome, "valid");
    }
    assert_eq!(
        present(&with_header(&json!({"alg": "ES256", "kid": "kid-es"})))
            .record
            .outcome,
        "valid"
    );
    for typ in [
        json!("at+jwt"),
        json!("JWE"),
        json!(""),
        json!(null),
        json!(1),
    ] {
        assert_invalid(
            &with_header(&json!({"alg": "ES256", "kid": "kid-es", "typ": typ})),
            "token_type",
        );
    }
}

#[test]
fn a_member_that_comes_twice_is_refused() {
    for header in [
        r#"{"alg":"ES256","kid":"kid-es","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"kid-es","kid":"kid-es"}"#,
        r#"{"alg":"none","kid":"kid-es","alg":"ES256"}"#,
    ] {
        assert_invalid(&with_header_text(header), "token_malformed");
    }
    for name in ["sub", "exp", "role", "aud", "iss", "session_id"] {
        let payload = claims(&json!({}));
        let text = payload.to_string();
        let twice = format!(
            "{{\"{name}\":{},{}",
            payload[name],
            text.trim_start_matches('{')
        );
        assert_invalid(
            &Signer::Es256.token_of(&Signer::Es256.header().to_string(), &twice),
            "token_malformed",
        );
    }
}

#[test]
fn only_json_objects_are_read() {
    let header = Signer::Es256.header().to_string();
    let payload = claims(&json!({})).to_string();
    for broken in [
        "[]",
        "null",
        "\"{}\"",
        "1",
        "",
        "{",
        "{}{}",
        "[\"ES256\",null,null,\"kid-es\",null]",
    ] {
        assert_invalid(&Signer::Es256.token_of(broken, &payload), "token_malformed");
        assert_invalid(&Signer::Es256.token_of(&header, broken), "token_malformed");
    }
}

#[test]
fn three_parts_of_canonical_base64url_and_nothing_else() {
    let token = Signer::Es256.mint(&json!({}));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let signed_as = |input: &str| format!("{input}.{}", Signer::Es256.sign(input));
    for broken in [
        "x".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        input.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.x.y"),
        format!("{token}="),
        format!("{token} "),
        format!("{input}.{}+/", &signature[..signature.len() - 2]),
        format!("{input}.!{signature}"),
        signed_as(&format!("{header}=.{payload}")),
        signed_as(&format!("{header}.{payload}\n")),
        signed_as(&format!("{header}.{payload}==")),
    ] {
        assert_invalid(&broken, "token_malformed");
    }
}

#[test]
fn trailing_bits_that_decode_to_the_same_bytes_are_refused() {
    let token = Signer::Es256.mint(&json!({}));
    // 64 bytes leave four unused bits in the last of 86 symbols.
    let (kept, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    let twin = &alphabet[at + 1..at + 2];
    assert_invalid(&format!("{kept}{twin}"), "token_malformed");
}

#[test]
fn a_signature_is_raw_of_full_length_and_over_these_very_bytes() {
    let token = Signer::Es256.mint(&json!({}));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let raw = decode(signature);
    let mut flipped = raw.clone();
    flipped[10] ^= 1;
    let swapped = [&raw[32..], &raw[..32]].concat();
    for forged in [
        der(&raw),
        flipped,
        swapped,
        vec![0; 64],
        raw[..63].to_vec(),
        [&raw[..], &[0]].concat(),
        vec![],
    ] {
        assert_invalid(&format!("{input}.{}", encode(forged)), "token_signature");
    }
    let (header, payload) = input.split_once('.').unwrap();
    let other = encode(claims(&json!({"role": "service_role"})).to_string());
    assert_ne!(other, payload);
    assert_invalid(&format!("{header}.{other}.{signature}"), "token_signature");
}

/// The ASN.1 form of a raw ECDSA signature, which RFC 7515 does not use.
fn der(raw: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let padded = if half[0] > 127 {
            [&[0], half].concat()
        } else {
            half.to_vec()
        };
        [&[2, padded.len() as u8], padded.as_slice()].concat()
    };
    let body = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [&[0x30, body.len() as u8], body.as_slice()].concat()
}

#[test]
fn a_token_of_16_kib_is_read_and_one_byte_more_is_not() {
    let longest = token_of_length(MAX_TOKEN_BYTES);
    assert!(Token::parse(&longest).is_ok());
    let longer = token_of_length(MAX_TOKEN_BYTES + 1);
    assert_eq!(Token::parse(&longer).unwrap_err(), TokenError::TooLong);
}

/// A token whose third part fills it up to `length` bytes; a length that base64 cannot have is skipped.
fn token_of_length(length: usize) -> String {
    let input = format!(
        "{}.{}",
        encode(Signer::Es256.header().to_string()),
        encode(claims(&json!({})).to_string())
    );
    let rest = length - input.len() - 1;
    let header = if rest % 4 == 1 {
        // One space more moves the signature to a length that base64url has.
        format!("{} ", Signer::Es256.header())
    } else {
        Signer::Es256.header().to_string()
    };
    let input = format!(
        "{}.{}",
        encode(header),
        encode(claims(&json!({})).to_string())
    );
    let rest = length - input.len() - 1;
    format!("{input}.{}", "A".repeat(rest))
}

#[test]
fn exp_is_a_finite_number() {
    for exp in [
        json!("1800003600"),
        json!([NOW + 60]),
        json!({}),
        json!(true),
        json!(null),
    ] {
        let text = claims(&json!({})).to_string().replace(
            &format!("\"exp\":{}", NOW + 3600),
            &format!("\"exp\":{exp}"),
        );
        assert_invalid(
            &Signer::Es256.token_of(&Signer::Es256.header().to_string(), &text),
            "token_exp",
        );
    }
    assert_invalid(&Signer::Es256.mint(&json!({"exp": null})), "token_exp");
    for text in ["NaN", "Infinity", "1e400", "-1e400", "0x7fffffff"] {
        let payload = claims(&json!({}))
            .to_string()
            .replace(&(NOW + 3600).to_string(), text);
        assert_invalid(
            &Signer::Es256.token_of(&Signer::Es256.header().to_string(), &payload),
            "token_malformed",
        );
    }
}

#[test]
fn any_finite_exp_is_compared_without_overflow() {
    let outcome = |exp: Value| {
        let mut scenario = Scenario::with_token(&Signer::Es256.mint(&json!({"exp": exp})));
        scenario = scenario.refresh(crate::scenario::Reply::error(400, "session_expired"));
        scenario.run().record.outcome
    };
    for exp in [json!(1e300), json!(u64::MAX), json!(NOW as f64 + 3600.5)] {
        assert_eq!(outcome(exp.clone()), "valid", "{exp}");
    }
    for exp in [
        json!(-1),
        json!(0),
        json!(-1e300),
        json!(i64::MIN),
        json!(NOW as f64 - 6.5),
    ] {
        assert_eq!(outcome(exp.clone()), "expired", "{exp}");
    }
}

#[test]
fn nbf_and_iat_may_be_ahead_by_the_skew_and_no_more() {
    for name in ["nbf", "iat"] {
        assert_eq!(
            present(&Signer::Es256.mint(&json!({name: NOW + 5})))
                .record
                .outcome,
            "valid"
        );
        assert_eq!(
            present(&Signer::Es256.mint(&json!({name: null})))
                .record
                .outcome,
            "valid"
        );
        for bad in [json!(NOW + 6), json!("1"), json!([1]), json!(1e300)] {
            assert_invalid(
                &Signer::Es256.mint(&json!({name: bad})),
                "token_not_yet_valid",
            );
        }
    }
    let null = claims(&json!({}))
        .to_string()
        .replace(&format!("\"iat\":{}", NOW - 60), "\"iat\":null");
    assert_invalid(
        &Signer::Es256.token_of(&Signer::Es256.header().to_string(), &null),
        "token_not_yet_valid",
    );
}

#[test]
fn the_skew_is_what_the_operator_says() {
    let outcome = |skew: &str| {
        let mut scenario = Scenario::with_token(&Signer::Es256.mint(&json!({"nbf": NOW + 60})));
        scenario = scenario.var("CLOCK_SKEW_SECONDS", skew);
        scenario.run().record.outcome
    };
    assert_eq!(
        (outcome("60"), outcome("0"), outcome("59")),
        ("valid", "invalid", "invalid")
    );
}

#[test]
fn the_issuer_is_exactly_an_accepted_one() {
    for iss in [
        json!("https://evil.example/auth/v1"),
        json!(format!("{ISSUER}/")),
        json!(ISSUER.to_uppercase()),
        json!([ISSUER]),
        json!(1),
    ] {
        assert_invalid(&Signer::Es256.mint(&json!({"iss": iss})), "token_issuer");
    }
    let token = Signer::Es256.mint(&json!({"iss": "https://two.example"}));
    let mut scenario =
        Scenario::with_token(&token).var("JWT_ISSUER", "https://one.example, https://two.example");
    assert_eq!(scenario.run().record.outcome, "valid");
}

#[test]
fn one_member_of_a_list_of_audiences_is_enough() {
    for aud in [json!(["x", "authenticated"]), json!(["authenticated"])] {
        assert_eq!(
            present(&Signer::Es256.mint(&json!({"aud": aud})))
                .record
                .outcome,
            "valid"
        );
    }
    for aud in [
        json!("anon"),
        json!([]),
        json!(["x"]),
        json!([["authenticated"]]),
        json!({"0": "authenticated"}),
        json!(null),
        json!("authenticated,x"),
    ] {
        assert_invalid(&Signer::Es256.mint(&json!({"aud": aud})), "token_audience");
    }
}

#[test]
fn sub_is_a_uuid() {
    for sub in [
        json!(""),
        json!("me"),
        json!(1),
        json!([USER]),
        json!(null),
        json!(format!("{USER}\r\nx: y")),
        json!(USER.replace('-', "")),
    ] {
        assert_invalid(&Signer::Es256.mint(&json!({"sub": sub})), "token_subject");
    }
    assert!(is_uuid(USER) && is_uuid(&USER.to_uppercase()));
}

#[test]
fn role_is_present_and_fits_into_a_header() {
    for role in [
        json!(null),
        json!(""),
        json!(["admin"]),
        json!(1),
        json!("a\r\nx: y"),
        json!("rôle"),
        json!("r".repeat(257)),
    ] {
        assert_invalid(&Signer::Es256.mint(&json!({"role": role})), "token_role");
    }
}

#[test]
fn an_anonymous_key_is_no_session() {
    // The legacy publishable key is a JWT of the project, without a user.
    let key = Signer::Es256.mint(&json!({"sub": null, "role": "anon"}));
    assert_invalid(&key, "token_subject");
}

#[test]
fn claims_that_do_not_fit_into_a_header_are_left_out() {
    let token = Signer::Es256.mint(&json!({"aal": "a\nb", "session_id": "x\ny"}));
    let run = present(&token);
    assert_eq!(run.record.outcome, "valid");
    assert!(run.at_origin("x-session-aal").is_empty() && run.at_origin("x-session-id").is_empty());
}

#[test]
fn check_names_the_claims_it_saw() {
    let token = Token::parse(&Signer::Es256.mint(&json!({"is_anonymous": true}))).unwrap();
    assert_eq!(token.algorithm(), SignatureAlgorithm::Es256);
    assert_eq!(
        (token.claimed_subject(), token.claimed_session()),
        (Some(USER), Some(SESSION))
    );
    let (issuers, audiences) = ([ISSUER.to_owned()], ["authenticated".to_owned()]);
    let trust = Trust {
        issuers: &issuers,
        is_issuer_optional: false,
        audiences: &audiences,
        clock_skew_seconds: 5,
    };
    let now = UnixTime::from_seconds(NOW);
    let signed = token
        .check(GoodSignature::from_check(true).unwrap(), trust, now)
        .unwrap();
    let claims = signed.alive(5, now).unwrap();
    assert!(claims.is_anonymous);
    assert_eq!(claims.json().unwrap()["app_metadata"]["plan"], "pro");
    assert!(
        signed
            .alive(5, UnixTime::from_seconds(NOW + 3604))
            .is_some()
    );
    assert!(
        signed
            .alive(5, UnixTime::from_seconds(NOW + 3605))
            .is_none()
    );
}

#[test]
fn a_bad_check_proves_nothing() {
    assert!(GoodSignature::from_check(false).is_none());
    let (one, other) = (
        Signer::Es256.mint(&json!({})),
        Signer::Es256.mint(&json!({"sub": OTHER_USER})),
    );
    assert_ne!(token::digest(&one), token::digest(&other));
}

#[test]
fn every_reason_has_its_own_code_and_text() {
    let all = [
        TokenError::AlgorithmNotAllowed,
        TokenError::AudienceMismatch,
        TokenError::CriticalHeader,
        TokenError::ExpiryMissing,
        TokenError::IssuerMismatch,
        TokenError::Malformed,
        TokenError::NotYetValid,
        TokenError::Rejected,
        TokenError::RoleMissing,
        TokenError::SignatureMismatch,
        TokenError::SubjectMismatch,
        TokenError::TooLong,
        TokenError::TypeMismatch,
        TokenError::UnknownKey,
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(|error| error.code()).collect();
    let texts: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!((codes.len(), texts.len()), (all.len(), all.len()));
}

#[test]
fn a_token_without_an_issuer_passes_unless_one_is_asked_for() {
    let nameless = Signer::Es256.mint(&json!({"iss": null}));
    assert_eq!(present(&nameless).record.outcome, "valid");
    let mut scenario = Scenario::with_token(&nameless).var("JWT_ISSUER", ISSUER);
    assert_eq!(scenario.run().outcome(), ("invalid", "token_issuer"));
}
