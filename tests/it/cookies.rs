//! The cookie wire format, case by case.

use std::borrow::Cow;

use edge_session::cookies::chunks::{self, join, split, split_at};
use edge_session::cookies::encoding::{Encoding, decode, percent_decode, percent_encode};
use edge_session::cookies::set_cookie::{
    CookieAttributes, SameSite, delete, set_cookie_name, write_session,
};
use edge_session::cookies::{
    Forwarding, Member, SessionCookies, family_names, forward_header, is_family_name,
    is_session_name, member, value as cookie_value,
};
use edge_session::session::{Format, Session, SessionCookieError};

const KEY: &str = "sb-abc-auth-token";

mod names {
    use super::*;

    #[test]
    fn the_key_and_its_numbered_chunks_are_the_session() {
        for suffix in ["", ".0", ".1", ".10", ".999999999999"] {
            assert!(is_session_name(KEY, &format!("{KEY}{suffix}")), "{suffix}");
        }
        for suffix in [
            ".01",
            ".",
            ".x",
            ".0.1",
            "-user",
            "-code-verifier",
            ".1x",
            "x",
            " ",
        ] {
            assert!(!is_session_name(KEY, &format!("{KEY}{suffix}")), "{suffix}");
        }
        assert!(!is_session_name("k", "K.0"));
        assert!(is_session_name("k", "k.0"));
    }

    #[test]
    fn the_family_holds_user_and_verifiers() {
        let id = "0123456789abcdef0123456789abcdef";
        let slot = format!("-flow-{id}-code-verifier");
        let dashed = "-flow-a_b-c_d-e-code-verifier";
        for item in [
            "",
            "-user",
            "-code-verifier",
            "-flows-code-verifier",
            &slot,
            dashed,
        ] {
            assert!(is_family_name(KEY, &format!("{KEY}{item}")), "{item}");
            assert!(is_family_name(KEY, &format!("{KEY}{item}.0")), "{item}.0");
            assert!(
                !is_family_name(KEY, &format!("{KEY}{item}.01")),
                "{item}.01"
            );
        }
        let long = format!("-flow-{}-code-verifier", "a".repeat(65));
        for item in [
            "-flow-abc-code-verifier",
            &long,
            "-flow-abc.defgh-code-verifier",
            "-users",
            "x",
        ] {
            assert!(!is_family_name(KEY, &format!("{KEY}{item}")), "{item}");
        }
    }

    #[test]
    fn a_sign_in_under_way_is_told_from_the_session() {
        for (item, expected) in [
            ("", Some(Member::Session)),
            (".7", Some(Member::Session)),
            ("-user", Some(Member::User)),
            ("-code-verifier", Some(Member::Verifier)),
            ("-code-verifier.1", Some(Member::Verifier)),
            ("-flows-code-verifier", Some(Member::Verifier)),
            ("-flow-0123456789-code-verifier", Some(Member::Verifier)),
            ("2", None),
            ("-verifier", None),
        ] {
            assert_eq!(member(KEY, &format!("{KEY}{item}")), expected, "{item}");
        }
        assert_eq!(member(KEY, "sb-abc"), None);
    }

    #[test]
    fn a_set_cookie_line_is_named_by_its_first_pair() {
        assert_eq!(set_cookie_name("a=b; Path=/"), Some("a"));
        assert_eq!(set_cookie_name(" a =b=c"), Some("a"));
        assert_eq!(set_cookie_name("a; b=c"), None);
        assert_eq!(set_cookie_name("=b"), None);
    }
}

mod splitting {
    use super::*;

    fn values(value: &str, limit: usize) -> Vec<String> {
        split_at("k", value, limit)
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }

    #[test]
    fn cuts_where_the_real_chunker_cuts() {
        let vectors: [(&str, usize, &[&str]); 11] = [
            ("   ", 4, &[" ", " ", " "]),
            ("     ", 6, &["  ", "  ", " "]),
            ("aaa b", 4, &["aaa", " b"]),
            ("éé", 6, &["é", "é"]),
            ("ééa", 7, &["é", "éa"]),
            ("a€€", 9, &["a", "€", "€"]),
            ("a🤦b", 12, &["a", "🤦", "b"]),
            ("a🤦bc", 13, &["a🤦", "bc"]),
            ("a%b", 4, &["a%", "b"]),
            ("{\"a\":\"é\"}", 10, &["{\"a\"", ":\"", "é\"", "}"]),
            ("", 10, &[""]),
        ];
        for (value, limit, expected) in vectors {
            assert_eq!(values(value, limit), expected, "{value:?} at {limit}");
        }
    }

    #[test]
    fn cuts_inside_a_grapheme_but_not_inside_a_character() {
        for limit in [12, 17] {
            let expected = ["🤦", "🏻", "\u{200d}", "♂", "\u{fe0f}"];
            assert_eq!(values("🤦🏻‍♂️", limit), expected, "{limit}");
        }
        for limit in [18, 20] {
            assert_eq!(
                values("🤦🏻‍♂️", limit),
                ["🤦", "🏻", "\u{200d}♂", "\u{fe0f}"],
                "{limit}"
            );
        }
    }

    #[test]
    fn a_long_text_has_the_upstream_number_of_chunks() {
        let text = "abc.XYZ012".repeat(362)[..3611].to_owned();
        for (limit, count) in [(2000, 2), (320, 12), (36, 101)] {
            assert_eq!(values(&text, limit).len(), count);
            assert_eq!(values(&text, limit).concat(), text);
        }
        let key = "sb-xdbaubpgcisziicojymj-auth-token";
        let lengths: Vec<_> = split(key, &text.repeat(2))
            .iter()
            .map(|(name, value)| name.len() + 1 + value.len())
            .collect();
        assert_eq!(lengths, [3217, 3217, 899]);
    }

    #[test]
    fn only_a_value_over_3180_is_numbered() {
        let names = |length: usize| -> Vec<String> {
            split("k", &"x".repeat(length))
                .into_iter()
                .map(|(name, _)| name)
                .collect()
        };
        assert_eq!(names(3180), ["k"]);
        assert_eq!(names(3181), ["k.0", "k.1"]);
        assert_eq!(names(6361), ["k.0", "k.1", "k.2"]);
    }

    #[test]
    fn a_character_longer_than_the_limit_has_a_chunk_of_its_own() {
        assert_eq!(values("éaé", 5), ["é", "a", "é"]);
        assert_eq!(values("é", 5), ["é"]);
    }

    #[test]
    fn a_raw_text_that_would_take_more_chunks_than_are_read_goes_as_base64url() {
        for (text, count) in [("é", 20_000), ("\"", 30_000), ("😀", 10_000), ("a", 60_000)] {
            let name = text.repeat(count);
            let json = serde_json::json!({"access_token": "a", "refresh_token": "r", "expires_at": 1, "name": name});
            let session = Session::from_cookie(&json.to_string()).unwrap().unwrap();
            let shape = Format {
                encoding: Encoding::Raw,
                ..session.format()
            };
            let cookies = session.to_cookies("k", shape);
            assert!(
                cookies.len() <= chunks::MAX_CHUNKS,
                "{text} {}",
                cookies.len()
            );
            let values = cookies.iter().map(|(_, value)| percent_decode(value));
            let again = Session::from_cookie(&join(values).unwrap())
                .unwrap()
                .unwrap();
            assert_eq!(again.members()["name"], name.as_str(), "{text}");
        }
    }

    #[test]
    fn joining_ends_at_the_first_empty_chunk() {
        let chunks = ["a", "b", "", "c"].map(Cow::Borrowed);
        assert_eq!(join(chunks).unwrap(), "ab");
        let many = |count| std::iter::repeat_n(Cow::Borrowed("x"), count);
        assert_eq!(join(many(chunks::MAX_CHUNKS)).unwrap().len(), 32);
        assert_eq!(join(many(33)), Err(SessionCookieError::TooManyChunks));
    }

    #[test]
    fn joining_ends_at_128_kib() {
        let half = "x".repeat(64 * 1024);
        let joined = |last: &str| {
            let chunks = [half.as_str(), half.as_str(), last].map(str::to_owned);
            join(chunks.map(Cow::Owned)).map(|value| value.len())
        };
        assert_eq!(joined(""), Ok(128 * 1024));
        assert_eq!(joined("x"), Err(SessionCookieError::TooLarge));
    }
}

mod encodings {
    use super::*;

    fn text(value: &str) -> Result<String, SessionCookieError> {
        decode(value).map(|decoded| decoded.map_or(String::new(), |it| it.text.into_owned()))
    }

    #[test]
    fn base64url_is_written_without_padding_and_read_with_any() {
        for sample in [
            "a",
            "ab",
            "abc",
            "abcd",
            "hello world",
            "Привет",
            "👋🏻",
            "こんにちは",
        ] {
            let value = Encoding::Base64Url.encode(sample);
            assert!(value.starts_with("base64-") && !value.contains('='));
            assert_eq!(text(&value).unwrap(), sample);
            let payload = value.strip_prefix("base64-").unwrap();
            assert_eq!(text(&format!("base64-\r\t\n {payload}==")).unwrap(), sample);
        }
        assert_eq!(text("base64-Y=W J j").unwrap(), "abc");
    }

    #[test]
    fn trailing_bits_and_a_left_over_symbol_are_ignored() {
        assert_eq!(text("base64-YR").unwrap(), "a");
        assert_eq!(text("base64-YWJjZ").unwrap(), "abc");
        assert_eq!(text("base64-Y").unwrap(), "");
    }

    #[test]
    fn bad_symbols_and_bad_utf8_are_refused() {
        for payload in ["*", "a+b/", "YWJj*", "YWJjé", "ab,c"] {
            let value = format!("base64-{payload}");
            assert_eq!(
                text(&value),
                Err(SessionCookieError::NotBase64Url),
                "{payload}"
            );
        }
        for payload in ["-A", "_w", "gA", "-AE", "4AE", "wAE"] {
            let value = format!("base64-{payload}");
            assert_eq!(text(&value), Err(SessionCookieError::NotUtf8), "{payload}");
        }
    }

    #[test]
    fn nothing_inside_is_no_session() {
        assert_eq!(decode("").unwrap(), None);
        assert_eq!(decode("base64-").unwrap(), None);
    }

    #[test]
    fn other_prefixes_of_base64_are_of_a_later_client() {
        for value in [
            "base64x-abc",
            "base64url-abc",
            "base642-abc",
            "base64l-",
            "base64l--abc",
        ] {
            assert_eq!(
                text(value),
                Err(SessionCookieError::UnknownEncoding),
                "{value}"
            );
        }
        assert_eq!(text("base64").unwrap(), "base64");
        assert_eq!(text("base64.x-y").unwrap(), "base64.x-y");
    }

    #[test]
    fn values_are_percent_decoded_as_the_cookie_package_does() {
        let vectors = [
            ("%20hello%20", " hello "),
            ("%ZZ", "%ZZ"),
            ("%e2%82", "%e2%82"),
            ("%E2%82%AC", "€"),
            ("a+b", "a+b"),
            ("\"q\"", "\"q\""),
            ("%7B%", "%7B%"),
            ("%7B%2", "%7B%2"),
            ("%é7", "%é7"),
        ];
        for (wire, expected) in vectors {
            assert_eq!(percent_decode(wire), expected, "{wire}");
        }
        assert_eq!(
            percent_encode("aZ9-_.!~*'() %\"é"),
            "aZ9-_.!~*'()%20%25%22%C3%A9"
        );
    }

    #[test]
    fn a_session_over_64_kib_is_too_large() {
        let raw = format!("{{\"a\":\"{}\"}}", "x".repeat(65_536));
        assert_eq!(text(&raw), Err(SessionCookieError::TooLarge));
        assert_eq!(
            text(&Encoding::Base64Url.encode(&raw)),
            Err(SessionCookieError::TooLarge)
        );
        let huge = Encoding::Base64Url.encode(&"x".repeat(200_000));
        assert_eq!(text(&huge), Err(SessionCookieError::TooLarge));
        assert_eq!(
            text(&Encoding::Base64Url.encode(&raw[..65_536]))
                .unwrap()
                .len(),
            65_536
        );
        // What is skipped counts as well, so that the effort is bounded.
        let skipped = |length: usize| text(&format!("base64-{}", "=".repeat(length)));
        assert_ne!(skipped(109_226), Err(SessionCookieError::TooLarge));
        assert_eq!(skipped(109_227), Err(SessionCookieError::TooLarge));
    }
}

mod sessions {
    use super::*;

    fn error(value: &str) -> &'static str {
        match Session::from_cookie(value) {
            Err(error) => error.code(),
            Ok(Some(_)) => "session",
            Ok(None) => "none",
        }
    }

    #[test]
    fn the_shape_decides_what_a_session_is() {
        let vectors = [
            (
                r#"{"access_token":"a","refresh_token":"r","expires_at":1}"#,
                "session",
            ),
            (
                r#"{"access_token":"a","refresh_token":"r","expires_at":null}"#,
                "session",
            ),
            (r#"{"access_token":"a","refresh_token":"r"}"#, "wrong_shape"),
            (
                r#"{"access_token":"a","refresh_token":"","expires_at":1}"#,
                "wrong_shape",
            ),
            (
                r#"{"access_token":"a","refresh_token":null,"expires_at":1}"#,
                "wrong_shape",
            ),
            (
                r#"{"access_token":{},"refresh_token":"r","expires_at":1}"#,
                "wrong_shape",
            ),
            (r#"{"refresh_token":"r","expires_at":1}"#, "wrong_shape"),
            (r#"["a","r",null,null,null]"#, "session"),
            (r#"["a"]"#, "wrong_shape"),
            ("[]", "wrong_shape"),
            ("1", "wrong_shape"),
            (r#""{}""#, "wrong_shape"),
            ("null", "none"),
            ("", "none"),
            ("garbage", "not_json"),
            ("base64-Z2FyYmFnZQ", "not_json"),
        ];
        for (value, expected) in vectors {
            assert_eq!(error(value), expected, "{value}");
        }
    }

    #[test]
    fn depth_is_bounded_and_real_depths_are_not() {
        let nested = |depth: usize| {
            let user = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"access_token":"a","refresh_token":"r","expires_at":1,"user":{user}}}"#)
        };
        assert_eq!(error(&nested(100)), "session");
        assert_eq!(error(&nested(30_000)), "not_json");
    }

    #[test]
    fn half_a_surrogate_pair_does_not_cost_the_session() {
        let read = |name: &str| {
            let json = format!(
                r#"{{"access_token":"a","refresh_token":"r","expires_at":1,"name":"{name}"}}"#
            );
            let session = Session::from_cookie(&json).unwrap().unwrap();
            session.members()["name"].as_str().unwrap().to_owned()
        };
        assert_eq!(read(r"\ud83d"), "\u{fffd}");
        assert_eq!(read(r"\udc00\uD83D!"), "\u{fffd}\u{fffd}!");
        assert_eq!(read(r"\ud83e\udd26"), "🤦");
        assert_eq!(read(r"\ud83d\ud83e\udd26"), "\u{fffd}🤦");
        assert_eq!(read(r"\\ud83d"), r"\ud83d");
        assert_eq!(read(r"\\\ud83d\n"), "\\\u{fffd}\n");
    }

    #[test]
    fn numbers_survive_to_their_last_digit() {
        let json = r#"{"access_token":"a","refresh_token":"r","expires_at":1,"x":1.2345678901234568e20,"y":13.404953999999975}"#;
        let written = Session::from_cookie(json).unwrap().unwrap();
        let written = serde_json::Value::Object(written.members().clone()).to_string();
        let numbers = r#""x":1.2345678901234568e+20,"y":13.404953999999975}"#;
        assert!(written.ends_with(numbers), "{written}");
    }

    #[test]
    fn unknown_members_and_their_order_survive() {
        let json = r#"{"expires_at":1.5,"z":[{"y":1}],"access_token":"a","refresh_token":"r","user":{},"b":null}"#;
        let session = Session::from_cookie(json).unwrap().unwrap();
        assert!(session.has_user());
        let raw = Format {
            encoding: Encoding::Raw,
            ..session.format()
        };
        assert_eq!(
            session.to_cookies("k", raw),
            [("k".to_owned(), percent_encode(json).into())]
        );

        let tokens_only = Format {
            with_user: false,
            ..raw
        };
        let without = json.replace(r#","user":{}"#, "");
        let written = session.to_cookies("k", tokens_only);
        assert_eq!(written, [("k".to_owned(), percent_encode(&without).into())]);
    }

    #[test]
    fn the_auth_servers_answer_becomes_a_session() {
        let body = br#"{"access_token":"a","expires_in":3600,"refresh_token":"r","user":{}}"#;
        let session = Session::from_token_response(body, 1000).unwrap();
        assert_eq!(session.members()["expires_at"], 4600);
        assert_eq!(session.members().keys().next_back().unwrap(), "expires_at");
        assert_eq!(
            (session.access_token(), session.refresh_token()),
            ("a", "r")
        );
        let shape = Format {
            encoding: Encoding::Base64Url,
            foreign: false,
            with_user: true,
        };
        assert_eq!(session.format(), shape);

        let body = br#"{"access_token":"a","expires_in":3600,"expires_at":7,"refresh_token":"r"}"#;
        assert_eq!(
            Session::from_token_response(body, 1000).unwrap().members()["expires_at"],
            7
        );
    }

    #[test]
    fn an_answer_without_a_full_session_is_refused() {
        let code = |body: &str| {
            Session::from_token_response(body.as_bytes(), 0)
                .unwrap_err()
                .code()
        };
        assert_eq!(
            code(r#"{"access_token":"a","expires_in":0,"refresh_token":"r"}"#),
            "wrong_shape"
        );
        assert_eq!(
            code(r#"{"access_token":"a","refresh_token":"r"}"#),
            "wrong_shape"
        );
        assert_eq!(
            code(r#"{"access_token":"a","expires_in":"9","refresh_token":"r"}"#),
            "wrong_shape"
        );
        assert_eq!(code("null"), "wrong_shape");
        assert_eq!(code("{}"), "wrong_shape");
        assert_eq!(code(""), "not_json");
        assert_eq!(code("<html>"), "not_json");
        assert_eq!(
            Session::from_token_response(b"\xff", 0).unwrap_err().code(),
            "not_utf8"
        );
    }

    #[test]
    fn a_user_other_than_the_tokens_is_nobodys() {
        let read = |user: &str| {
            let json = format!(
                r#"{{"access_token":"a","user":{user},"refresh_token":"r","expires_at":1,"x":2}}"#
            );
            Session::from_cookie(&json).unwrap().unwrap()
        };
        let own = read(r#"{"id":"me","email":"e"}"#);
        assert!(own.has_trusted_user("me"));
        assert_eq!(*own.with_trusted_user("me"), own);
        for user in [
            r#"{"id":"other"}"#,
            r#"{"id":["me"]}"#,
            r#"{"email":"e"}"#,
            "{}",
            "null",
            r#""me""#,
            r#"[{"id":"me"}]"#,
        ] {
            let session = read(user);
            assert!(!session.has_trusted_user("me"), "{user}");
            let left = session.with_trusted_user("me");
            let names: Vec<&String> = left.members().keys().collect();
            assert_eq!(names, ["access_token", "refresh_token", "expires_at", "x"]);
            // What Auth answers to the next refresh is written with its user again.
            assert!(left.format().with_user);
        }
        let bare =
            Session::from_cookie(r#"{"access_token":"a","refresh_token":"r","expires_at":1}"#);
        assert!(bare.unwrap().unwrap().has_trusted_user("me"));
    }

    #[test]
    fn debug_output_holds_no_token() {
        let json = r#"{"access_token":"secret","refresh_token":"secret","expires_at":1}"#;
        let session = Session::from_cookie(json).unwrap().unwrap();
        assert!(!format!("{session:?}").contains("secret"));
    }
}

mod reading {
    use super::*;

    fn value(token: &str) -> String {
        let json = format!(r#"{{"access_token":"{token}","refresh_token":"r","expires_at":1}}"#);
        Encoding::Base64Url.encode(&json)
    }

    fn tokens(header: &str) -> Vec<String> {
        let read = SessionCookies::read(header, "k").expect("a session was sent");
        let candidates = read.candidates.iter();
        candidates
            .map(|candidate| match &candidate.session {
                Ok(session) => session.access_token().to_owned(),
                Err(error) => error.code().to_owned(),
            })
            .collect()
    }

    /// The value in two chunks.
    fn halves(token: &str) -> (String, String) {
        let value = value(token);
        let (head, tail) = value.split_at(30);
        (head.to_owned(), tail.to_owned())
    }

    #[test]
    fn no_session_is_not_an_error() {
        for header in [
            "",
            "a=b",
            "K=x",
            "k",
            "k=",
            "k=base64-",
            "k-user=x",
            "k.1=x",
            "kx=1",
            "k=null",
        ] {
            assert!(SessionCookies::read(header, "k").is_none(), "{header}");
        }
    }

    #[test]
    fn white_space_around_names_and_values_is_not_theirs() {
        let header = format!("a=b;\tk \t=  {} ;c", value("t"));
        assert_eq!(tokens(&header), ["t"]);
    }

    #[test]
    fn a_filled_plain_cookie_beats_chunks() {
        let (head, tail) = halves("chunks");
        assert_eq!(
            tokens(&format!("k.0={head}; k={}; k.1={tail}", value("plain"))),
            ["plain"]
        );
        assert_eq!(tokens(&format!("k.1={tail}; k=; k.0={head}")), ["chunks"]);
    }

    #[test]
    fn chunks_end_at_a_gap_or_an_empty_one() {
        let (head, tail) = halves("t");
        assert_eq!(
            tokens(&format!("k.0={head}; k.1={tail}; k.3=x; k.02=y")),
            ["t"]
        );
        assert_eq!(
            tokens(&format!("k.0={head}; k.1={tail}; k.2=; k.3=x")),
            ["t"]
        );
        assert_eq!(tokens(&format!("k.0={head}; k.2={tail}")), ["not_json"]);
    }

    #[test]
    fn more_than_32_chunks_are_too_many() {
        let header: String = (0..40).map(|n| format!("k.{n}=x; ")).collect();
        assert_eq!(tokens(&header), ["too_many_chunks"]);
    }

    #[test]
    fn duplicates_are_candidates_in_their_order() {
        let header = format!("k={}; a=b; k={}", value("first"), value("second"));
        assert_eq!(tokens(&header), ["first", "second"]);
        let read = SessionCookies::read(&header, "k").unwrap();
        assert!(read.duplicated);
        assert_eq!(read.names, ["k"]);
        assert_eq!(read.candidates[1].parts, [("k".to_owned(), 1)]);
    }

    #[test]
    fn chunks_of_twins_do_not_mix() {
        let ((a0, a1), (b0, b1)) = (halves("first"), halves("second"));
        let header = format!("k.0={a0}; k.1={a1}; k.0={b0}; k.1={b1}");
        assert_eq!(tokens(&header), ["first", "second"]);
        let header = format!("k.1={a1}; k.1={b1}; k.0={a0}; k.0={b0}");
        assert_eq!(tokens(&header), ["first", "second"]);
    }

    #[test]
    fn twins_of_different_lengths_are_told_apart() {
        let whole = value("short");
        let (head, tail) = halves("long");
        assert_eq!(
            tokens(&format!("k.0={whole}; k.0={head}; k.1={tail}")),
            ["short", "long"]
        );
        assert_eq!(
            tokens(&format!("k.0={head}; k.1={tail}; k.0={whole}")),
            ["long", "short"]
        );
    }

    #[test]
    fn a_tossed_chunk_alone_hides_no_session() {
        let (head, tail) = halves("own");
        for (header, parts) in [
            (format!("k.1=x; k.0={head}; k.1={tail}"), [0, 1]),
            (format!("k.0=x; k.0={head}; k.1={tail}"), [1, 0]),
        ] {
            let read = SessionCookies::read(&header, "k").unwrap();
            let own = read.candidates.last().unwrap();
            assert_eq!(own.session.as_ref().unwrap().access_token(), "own");
            assert_eq!(
                own.parts,
                [("k.0".to_owned(), parts[0]), ("k.1".to_owned(), parts[1])]
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_all_chunks() {
        assert_eq!(
            tokens("k.0=base64-eyJ; k.1=(; k.0=base64-eyJ"),
            ["not_base64url"; 2]
        );
    }

    #[test]
    fn the_same_cookies_are_one_candidate() {
        let (head, tail) = halves("own");
        assert_eq!(
            tokens(&format!("k=; k=; k=; k.0={head}; k.1={tail}")),
            ["own"]
        );
    }

    #[test]
    fn no_more_than_four_generations_are_read() {
        assert_eq!(tokens(&"k=x; ".repeat(1000)), ["not_json"; 4]);
    }

    #[test]
    fn joined_header_lines_are_told_apart_behind_the_session() {
        let (head, tail) = halves("t");
        assert_eq!(tokens(&format!("k={}, a=b", value("t"))), ["t"]);
        assert_eq!(
            tokens(&format!("a=1, 2; k.0={head}, k.1={tail}, z=1")),
            ["t"]
        );
    }

    /// A site may let a visitor, or whoever sent him a link, choose what its own cookies hold. A session there would
    /// outlive each sign-out, for no deletion gets at another cookie's value.
    #[test]
    fn what_another_cookie_holds_is_no_session() {
        let (own, other) = (value("own"), value("other"));
        let (head, tail) = halves("other");
        for header in [
            format!("last_search=x, k={other}"),
            format!("last_search=x,k={other}"),
            format!("a=\"x, k={other}\""),
            format!("a=x, k.0={head}, k.1={tail}"),
            format!("k-user=x, k={other}"),
            format!("k-code-verifier=x, k={other}"),
            format!("pref=a%3B%20k%3D{other}"),
        ] {
            assert!(SessionCookies::read(&header, "k").is_none(), "{header}");
            assert!(
                family_names(&header, "k", 64)
                    .iter()
                    .all(|name| !is_session_name("k", name))
            );
            let kept = forward_header(&header, "k", &Forwarding::DropSession);
            assert_eq!(kept.as_deref(), Some(header.as_str()));
        }
        for header in [
            format!("lang=en, k={other}; k={own}"),
            format!("k={own}; lang=en, k={other}"),
            format!("lang=en, k.0={other}; k={own}"),
        ] {
            assert_eq!(tokens(&header), ["own"], "{header}");
            let read = SessionCookies::read(&header, "k").unwrap();
            assert!(!read.duplicated, "{header}");
            let kept = forward_header(&header, "k", &Forwarding::Keep(&read.candidates[0]));
            assert_eq!(kept, Some(header));
        }
    }

    #[test]
    fn a_comma_elsewhere_is_data() {
        for header in ["a=1,k=x", "a=1, k-users=x", "a=1, xk=x", "a=\"1, k\""] {
            assert!(SessionCookies::read(header, "k").is_none(), "{header}");
        }
        let raw = r#"{"access_token":"a", "refresh_token":"r", "expires_at":1}"#;
        assert_eq!(tokens(&format!("k={raw}")), ["a"]);
    }
}

mod heaps {
    use super::*;

    fn header(names: impl Iterator<Item = String>) -> String {
        names.map(|name| format!("{name}=x; ")).collect()
    }

    /// Behind a heap of verifiers the session would outlive the sign-out.
    #[test]
    fn the_session_goes_before_any_heap_of_other_names() {
        let slots = (0..1400).map(|n| format!("k-flow-{n:08}-code-verifier"));
        let junk = (100..200).map(|n| format!("k.{n}"));
        let chunks = (0..3).map(|n| format!("k.{n}"));
        let header = header(slots.chain(junk).chain(chunks));
        let names = family_names(&header, "k", 64);
        assert_eq!(names.len(), 64);
        for name in ["k.0", "k.1", "k.2"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        let read = SessionCookies::read(&header, "k").unwrap();
        assert_eq!(read.names.len(), 64);
        assert_eq!(read.names[61..], ["k.0", "k.1", "k.2"]);
        assert!(!read.duplicated);
        // Not all names were looked at, so only what was read is kept.
        let kept = forward_header(&header, "k", &Forwarding::Keep(&read.candidates[0])).unwrap();
        assert!(kept.contains("; k.0=x; k.1=x; k.2=x;"), "{kept}");
        assert!(!kept.contains("k.150="), "{kept}");
    }

    #[test]
    fn names_come_in_the_headers_order_each_once() {
        let header = "k-user=1; k.1=2; a=b; k-user=3; k.0=4; k.1=5; k-code-verifier=6";
        let names = family_names(header, "k", 64);
        assert_eq!(names, ["k-user", "k.1", "k.0", "k-code-verifier"]);
        assert_eq!(family_names(header, "k", 3), ["k-user", "k.1", "k.0"]);
        assert_eq!(family_names(header, "k", 1), ["k.1"]);
    }

    #[test]
    fn every_value_is_found_by_its_name() {
        assert_eq!(
            cookie_value("a=1; b=%7B; b=2", "k", "b").as_deref(),
            Some("{")
        );
        assert_eq!(cookie_value("a=1, b=2", "k", "b"), None);
    }
}

mod neighbours {
    //! What was mended in the readers of others, with its source.

    use super::*;

    fn is_none(header: &str) {
        assert!(SessionCookies::read(header, KEY).is_none(), "{header}");
    }

    /// clerk/javascript pull request 9466: the header was decoded before it was split, and a broken escape threw.
    #[test]
    fn a_header_is_split_before_its_values_are_decoded() {
        is_none(&format!("pref=a%3B%20{KEY}%3Dx"));
        is_none(&format!("pref=a%3b{KEY}=x%C0"));
        is_none(&format!("{KEY}%3Dx"));
        let read = SessionCookies::read(&format!("{KEY}=%C0%AF; a=1"), KEY).unwrap();
        let error = read.candidates[0].session.as_ref().unwrap_err();
        assert_eq!(error.code(), "not_json");
    }

    /// oauth2-proxy issues 960 and 3269: a name that ends as the separator does, and cookies of another instance whose
    /// name begins with this one's.
    #[test]
    fn a_name_is_that_of_one_storage_key_alone() {
        for name in ["k1", "k_0", "k-0", "k-app.0", "kk", "k.0.0", "k-user-user"] {
            assert_eq!(member("k", name), None, "{name}");
        }
        assert_eq!(member("k.", "k..0"), Some(Member::Session));
        assert_eq!(member("k.", "k.0"), None);
        assert_eq!(member("k.0", "k.0"), Some(Member::Session));
        assert_eq!(member("k.0", "k.0.1"), Some(Member::Session));
    }

    /// CVE-2023-26136 (tough-cookie): names that mean something to the store of a reader.
    #[test]
    fn no_name_means_anything_to_the_reader() {
        is_none("__proto__=x; constructor=y; toString=z");
        let read = SessionCookies::read("__proto__=x; __proto__.0=y", "__proto__").unwrap();
        assert_eq!(read.names, ["__proto__", "__proto__.0"]);
    }

    /// CVE-2016-1000232 and CVE-2017-15010 (tough-cookie): long runs of `;` or of white space in front of `=`.
    #[test]
    fn runs_of_separators_hold_nothing() {
        is_none(&";".repeat(100_000));
        is_none(&format!("{KEY}x{}=x", " ".repeat(100_000)));
        let spaced = format!("{KEY}{}=x", " \t".repeat(50_000));
        assert_eq!(SessionCookies::read(&spaced, KEY).unwrap().names, [KEY]);
    }

    /// RUSTSEC-2017-0005 (cookie-rs): a number too large for its type.
    #[test]
    fn a_chunk_number_of_any_length_is_one() {
        let number = "9".repeat(10_000);
        assert!(is_session_name(KEY, &format!("{KEY}.{number}")));
        is_none(&format!("{KEY}.{number}=x"));
    }
}

mod forwarding {
    use super::*;

    const HEADER: &str = "a=1;b=%zz;  k.0=x; c=\"é\" ;k-code-verifier=v; k.1=y; d";

    /// A comma ends a cookie of the family only in front of what can be a name, and one of others not even there.
    #[test]
    fn a_comma_is_data_unless_a_name_follows_one_of_ours() {
        let left = |header| forward_header(header, "k", &Forwarding::DropSession);
        for header in ["k=x, (b)=c; t=1", "k=x, =c; t=1", "k=x, b; t=1"] {
            assert_eq!(left(header).as_deref(), Some("t=1"), "{header}");
        }
        assert_eq!(left("k=x, b=c; t=1").as_deref(), Some("b=c; t=1"));
        assert_eq!(left("a=1, b=c; k=x").as_deref(), Some("a=1, b=c"));
    }

    #[test]
    fn dropping_leaves_the_others_byte_for_byte() {
        assert_eq!(
            forward_header(HEADER, "k", &Forwarding::DropSession).unwrap(),
            "a=1;b=%zz; c=\"é\" ;k-code-verifier=v; d"
        );
        assert_eq!(
            forward_header(HEADER, "k", &Forwarding::DropFamily).unwrap(),
            "a=1;b=%zz; c=\"é\" ; d"
        );
        assert_eq!(
            forward_header("k=x; a=b", "k", &Forwarding::DropFamily).unwrap(),
            "a=b"
        );
        assert_eq!(
            forward_header("k=x; k.0=y;", "k", &Forwarding::DropFamily),
            None
        );
        assert_eq!(forward_header("", "k", &Forwarding::DropSession), None);
    }

    #[test]
    fn replacing_leaves_no_stale_chunk() {
        let new = [("k".to_owned(), "new".to_owned())];
        assert_eq!(
            forward_header(HEADER, "k", &Forwarding::Replace(&new)).unwrap(),
            "a=1;b=%zz; c=\"é\" ;k-code-verifier=v; d; k=new"
        );
        assert_eq!(
            forward_header("", "k", &Forwarding::Replace(&new)).unwrap(),
            "k=new"
        );
    }

    #[test]
    fn an_unambiguous_header_is_kept_as_it_is() {
        let header = " a=1;;k.0=1; k.7=z; , ";
        let read = SessionCookies::read(header, "k").unwrap();
        let kept = forward_header(header, "k", &Forwarding::Keep(&read.candidates[0]));
        assert_eq!(kept.as_deref(), Some(header));
    }

    #[test]
    fn of_duplicates_the_chosen_ones_are_kept() {
        let header = "k.0=1; a=b; k.1=2; k.0=3; k.1=4; k.2=; k.9=5";
        let read = SessionCookies::read(header, "k").unwrap();
        let kept = |at: usize| forward_header(header, "k", &Forwarding::Keep(&read.candidates[at]));
        assert_eq!(kept(0).unwrap(), "k.0=1; a=b; k.1=2");
        assert_eq!(kept(1).unwrap(), "a=b; k.0=3; k.1=4");
    }

    #[test]
    fn a_session_behind_white_space_that_only_others_trim_never_reaches_the_origin() {
        for space in [
            "\u{a0}", "\u{3000}", "\u{feff}", "\u{2028}", "\u{b}", " \u{a0} ",
        ] {
            let header = format!("{space}k=evil; a=b; k=1; {space}k.0{space}=evil; {space}c=d");
            let others = format!("a=b; {space}c=d");
            let forward = |forwarding: &Forwarding<'_>| forward_header(&header, "k", forwarding);
            assert_eq!(forward(&Forwarding::DropSession), Some(others.clone()));
            assert_eq!(forward(&Forwarding::DropFamily), Some(others.clone()));
            let new = [("k".to_owned(), "new".to_owned())];
            let replaced = forward(&Forwarding::Replace(&new));
            assert_eq!(replaced, Some(format!("{others}; k=new")));
            let read = SessionCookies::read(&header, "k").unwrap();
            assert_eq!(read.names, ["k"]);
            let kept = forward(&Forwarding::Keep(&read.candidates[0]));
            assert_eq!(kept, Some(format!("a=b; k=1; {space}c=d")));
        }
    }

    #[test]
    fn joined_header_lines_are_not_glued_to_others() {
        let header = "a=1, 2; k=x, b=2; c=3, 4";
        assert_eq!(
            forward_header(header, "k", &Forwarding::DropSession).unwrap(),
            "a=1, 2; b=2; c=3, 4"
        );
        let read = SessionCookies::read(header, "k").unwrap();
        let kept = forward_header(header, "k", &Forwarding::Keep(&read.candidates[0]));
        assert_eq!(kept.unwrap(), "a=1, 2; k=x; b=2; c=3, 4");
    }
}

mod set_cookies {
    use super::*;

    fn attributes(domain: Option<&str>) -> CookieAttributes {
        CookieAttributes {
            domain: domain.map(str::to_owned),
            has_twins: false,
            http_only: false,
            max_age_seconds: Some(34_560_000),
            partitioned: false,
            path: "/".to_owned(),
            same_site: SameSite::Lax,
            secure: false,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn chunk(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn lines_are_those_of_the_real_serialiser() {
        let chunks = [chunk("sb-x-auth-token", "base64-abc_-")];
        assert_eq!(
            write_session(&chunks, &[], &attributes(None), None),
            ["sb-x-auth-token=base64-abc_-; Max-Age=34560000; Path=/; SameSite=Lax"]
        );
        assert_eq!(
            delete(&names(&["sb-x-auth-token"]), &attributes(None), None),
            ["sb-x-auth-token=; Max-Age=0; Path=/; SameSite=Lax"]
        );
        let all = CookieAttributes {
            http_only: true,
            max_age_seconds: Some(9),
            partitioned: true,
            path: "/a".to_owned(),
            same_site: SameSite::None,
            secure: true,
            ..attributes(Some("example.com"))
        };
        assert_eq!(
            write_session(&chunks, &[], &all, None)[1],
            "sb-x-auth-token=base64-abc_-; Max-Age=9; Domain=example.com; Path=/a; HttpOnly; Secure; Partitioned; SameSite=None"
        );
        assert_eq!(
            delete(&names(&["k"]), &all, None)[1],
            "k=; Max-Age=0; Domain=example.com; Path=/a; HttpOnly; Secure; Partitioned; SameSite=None"
        );
    }

    #[test]
    fn without_a_max_age_a_cookie_lives_until_the_browser_closes() {
        let session = CookieAttributes {
            max_age_seconds: None,
            ..attributes(None)
        };
        let lines = write_session(&[chunk("k", "x")], &names(&["k.0"]), &session, None);
        assert_eq!(
            lines,
            [
                "k.0=; Max-Age=0; Path=/; SameSite=Lax",
                "k=x; Path=/; SameSite=Lax"
            ]
        );
    }

    /// A browser keeps a partitioned cookie and one of the same name that is not apart, and sends both.
    #[test]
    fn a_twin_from_before_the_partition_goes_where_names_come_twice() {
        let partitioned = |has_twins| CookieAttributes {
            has_twins,
            partitioned: true,
            secure: true,
            ..attributes(None)
        };
        let one = delete(&names(&["k"]), &partitioned(false), None);
        assert_eq!(
            one,
            ["k=; Max-Age=0; Path=/; Secure; Partitioned; SameSite=Lax"]
        );
        let both = write_session(&[chunk("k", "x")], &[], &partitioned(true), None);
        assert_eq!(
            both,
            [
                "k=; Max-Age=0; Path=/; Secure; SameSite=Lax",
                "k=x; Max-Age=34560000; Path=/; Secure; Partitioned; SameSite=Lax",
            ]
        );
    }

    #[test]
    fn twins_go_first_then_stale_names_then_the_session_comes() {
        let chunks = [chunk("k.0", "x"), chunk("k.1", "y")];
        let present = names(&["k", "k.0", "k.2"]);
        let tail = "Path=/; SameSite=Lax";
        let at = format!("Domain=example.com; {tail}");
        assert_eq!(
            write_session(&chunks, &present, &attributes(Some("example.com")), None),
            [
                format!("k=; Max-Age=0; {tail}"),
                format!("k.2=; Max-Age=0; {tail}"),
                format!("k.0=; Max-Age=0; {tail}"),
                format!("k.1=; Max-Age=0; {tail}"),
                format!("k=; Max-Age=0; {at}"),
                format!("k.2=; Max-Age=0; {at}"),
                format!("k.0=x; Max-Age=34560000; {at}"),
                format!("k.1=y; Max-Age=34560000; {at}"),
            ]
        );
    }

    #[test]
    fn a_host_only_session_can_delete_its_twins_at_the_own_host() {
        let lines = write_session(
            &[chunk("k", "x")],
            &[],
            &attributes(None),
            Some("a.example.com"),
        );
        assert_eq!(
            lines,
            [
                "k=; Max-Age=0; Domain=a.example.com; Path=/; SameSite=Lax",
                "k=x; Max-Age=34560000; Path=/; SameSite=Lax",
            ]
        );
    }

    #[test]
    fn a_twin_at_the_sessions_own_domain_is_no_twin() {
        for domain in ["a.example.com", ".a.example.com", "A.example.com"] {
            let lines = write_session(
                &[chunk("k", "x")],
                &[],
                &attributes(Some(domain)),
                Some("a.example.com"),
            );
            assert_eq!(
                lines.iter().filter(|line| line.contains("Domain=")).count(),
                1,
                "{domain}"
            );
        }
    }

    #[test]
    fn deletion_covers_both_scopes() {
        let lines = delete(
            &names(&["k", "k.0"]),
            &attributes(Some("example.com")),
            None,
        );
        assert_eq!(lines.len(), 4);
        assert!(lines[..2].iter().all(|line| !line.contains("Domain")));
        assert!(
            lines[2..]
                .iter()
                .all(|line| line.contains("Domain=example.com"))
        );
    }
}
