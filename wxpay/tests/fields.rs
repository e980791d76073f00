//! Documents from strangers: one meaning, or an error that says why not.

use proptest::prelude::*;
use wxpay::v2::sign::{self, SignError};
use wxpay::v2::{Fields, XmlError};
use wxpay::{Evidence, Merchant, SignType};

const LIMIT: usize = 16 * 1024;

fn read(document: impl AsRef<[u8]>) -> Result<Fields, XmlError> {
    Fields::read(document.as_ref(), LIMIT)
}

fn value(inside: &str) -> Result<String, XmlError> {
    read(format!("<xml><a>{inside}</a></xml>")).map(|fields| fields.get("a").unwrap().to_owned())
}

#[test]
fn what_wechat_may_write_is_read() {
    let declared = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml><a>1</a></xml>\n";
    assert_eq!(read(declared).unwrap(), Fields::new().with("a", "1"));
    assert!(read("<?xml version='1.0' encoding='utf-8' standalone='yes' ?><xml/>").is_ok());
    assert!(read("<?xml version=\"1.0\"?><xml></xml>").unwrap().is_empty());
    let empty = read("<xml ><a></a><b/><c ></c ></xml >").unwrap();
    assert_eq!(empty, Fields::from_iter([("a", ""), ("b", ""), ("c", "")]));
    assert_eq!((empty.get("a"), empty.present("a"), empty.get("d")), (Some(""), None, None));
}

#[test]
fn values_are_exact() {
    assert_eq!(value(" 1\r\n\t").unwrap(), " 1\r\n\t");
    assert_eq!(value("&amp;&lt;&gt;&quot;&apos;&#65;&#x4e2d;&#10;").unwrap(), "&<>\"'A中\n");
    assert_eq!(value("<![CDATA[&amp;<b>]]>").unwrap(), "&amp;<b>");
    assert_eq!(value(" <![CDATA[ x ]]>&#32;y<![CDATA[z]]>").unwrap(), "  x  yz");
    assert_eq!(value("<![CDATA[a]]]]><![CDATA[>b]]>").unwrap(), "a]]>b");
    assert_eq!(value("]]&gt; ]>").unwrap(), "]]> ]>");
}

#[test]
fn names_that_differ_in_case_are_different_fields() {
    let fields = read("<xml><a>1</a><A>2</A></xml>").unwrap();
    assert_eq!((fields.get("a"), fields.get("A")), (Some("1"), Some("2")));
}

#[test]
fn a_document_that_could_mean_two_things_is_refused_by_its_cause() {
    let element = || "a".to_owned();
    let refused = [
        ("", XmlError::Empty),
        ("\n", XmlError::Truncated),
        ("{\"a\":1}", XmlError::StrayText),
        ("<html><body>502 Bad Gateway</body></html>", XmlError::WrongRoot),
        ("<XML><a>1</a></XML>", XmlError::WrongRoot),
        ("<xml><a>1</a>", XmlError::Truncated),
        ("<xml><a>1</a></xml", XmlError::Syntax(quick_xml::errors::SyntaxError::UnclosedTag)),
        ("<xml><a>1</b></xml>", XmlError::Tags),
        ("<xml></a></xml>", XmlError::Tags),
        ("</xml>", XmlError::Tags),
        ("<!DOCTYPE xml><xml><a>1</a></xml>", XmlError::Doctype),
        (
            "<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a></xml>",
            XmlError::Doctype,
        ),
        ("<xml><a>&nbsp;</a></xml>", XmlError::Entity),
        ("<xml><a>1 & 2</a></xml>", XmlError::Entity),
        ("<xml><a>&#0;</a></xml>", XmlError::CharacterReference),
        ("<xml><a>&#xD800;</a></xml>", XmlError::CharacterReference),
        ("<xml><a>&#+65;</a></xml>", XmlError::CharacterReference),
        ("<xml><a>&#1;</a></xml>", XmlError::CharacterReference),
        ("<xml><?x y?><a>1</a></xml>", XmlError::ProcessingInstruction),
        ("<xml><?xml version=\"1.0\"?><a>1</a></xml>", XmlError::ProcessingInstruction),
        (" <?xml version=\"1.0\"?><xml/>", XmlError::ProcessingInstruction),
        ("<?xml version=\"1.0\"?><?xml version=\"1.0\"?><xml/>", XmlError::ProcessingInstruction),
        ("<?xml version=\"1.1\"?><xml/>", XmlError::Declaration),
        ("<?xml encoding=\"utf-8\"?><xml/>", XmlError::Declaration),
        ("<?xml version=\"1.0\" encoding=\"GBK\"?><xml/>", XmlError::OtherEncoding),
        ("<xml><!-- c --><a>1</a></xml>", XmlError::Comment),
        ("<xml><a>1<!-- -->990</a></xml>", XmlError::Comment),
        ("<xml xmlns=\"x\"><a>1</a></xml>", XmlError::Attribute { element: "xml".into() }),
        ("<xml><a b=\"c\">1</a></xml>", XmlError::Attribute { element: element() }),
        ("<xml><a b/></xml>", XmlError::Attribute { element: element() }),
        ("<xml><a>1</a><a>1</a></xml>", XmlError::Duplicate { field: element() }),
        ("<xml><a>1</a><a/></xml>", XmlError::Duplicate { field: element() }),
        ("<xml><a><b>1</b></a></xml>", XmlError::Nested { field: element() }),
        ("<xml><a>1<b/></a></xml>", XmlError::Nested { field: element() }),
        ("<xml>x<a>1</a></xml>", XmlError::StrayText),
        ("<xml><![CDATA[x]]><a>1</a></xml>", XmlError::StrayText),
        ("<xml>&#32;<a>1</a></xml>", XmlError::StrayText),
        ("x<xml/>", XmlError::StrayText),
        ("<xml/>x", XmlError::TrailingContent),
        ("<xml/><xml/>", XmlError::TrailingContent),
        ("<xml></xml><a>1</a>", XmlError::TrailingContent),
        ("<xml/></xml>", XmlError::Tags),
        ("<xml><x:a>1</x:a></xml>", XmlError::Name),
        ("<xml><1>1</1></xml>", XmlError::Name),
        ("<xml><>1</></xml>", XmlError::Name),
        ("<xml><名>1</名></xml>", XmlError::Name),
        ("<xml><a>]]></a></xml>", XmlError::StrayCdataEnd),
        ("<xml><a>\0</a></xml>", XmlError::ForbiddenCharacter),
        ("<xml><a><![CDATA[\u{b}]]></a></xml>", XmlError::ForbiddenCharacter),
        ("<xml><a>\u{ffff}</a></xml>", XmlError::ForbiddenCharacter),
    ];
    for (document, cause) in refused {
        assert_eq!(read(document), Err(cause), "{document:?}");
    }
}

#[test]
fn other_encodings_are_refused() {
    // 书 in GBK; a lone surrogate; an overlong slash; UTF-16 with its mark.
    for inside in [&b"\xca\xe9"[..], b"\xed\xa0\x80", b"\xc0\xaf"] {
        let document = [b"<xml><a>", inside, b"</a></xml>"].concat();
        assert_eq!(read(document), Err(XmlError::NotUtf8));
    }
    let utf16: Vec<u8> = "\u{feff}<xml/>".encode_utf16().flat_map(|unit| unit.to_le_bytes()).collect();
    assert_eq!(read(utf16), Err(XmlError::NotUtf8));
}

#[test]
fn limits_hold_to_the_byte_and_to_the_field() {
    let padding = LIMIT - "<xml><a></a></xml>".len();
    let full = format!("<xml><a>{}</a></xml>", "x".repeat(padding));
    assert_eq!((full.len(), read(&full).is_ok()), (LIMIT, true));
    assert_eq!(read(format!("{full} ")), Err(XmlError::TooLarge { limit: LIMIT }));

    let many = |n: usize| -> String {
        let fields: String = (0..n).map(|i| format!("<f{i}/>")).collect();
        format!("<xml>{fields}</xml>")
    };
    assert_eq!(read(many(1024)).unwrap().len(), 1024);
    assert_eq!(read(many(1025)), Err(XmlError::TooManyFields { limit: 1024 }));

    let name = "n".repeat(64);
    assert!(read(format!("<xml><{name}/></xml>")).is_ok());
    assert_eq!(read(format!("<xml><{name}n/></xml>")), Err(XmlError::Name));
    assert!(matches!(read("<a>".repeat(5_000)), Err(XmlError::WrongRoot)));
    let deep = format!("<xml>{}", "<a>".repeat(5_000));
    assert!(matches!(read(deep), Err(XmlError::Nested { .. })));
}

#[test]
fn signature_and_payer_are_hidden_from_logs_and_evidence() {
    let fields = Fields::from_iter([("sign", "5ECRE7"), ("openid", "oPAYER"), ("attach", "cart=42")]);
    let evidence = Evidence::from(fields.clone());
    for text in [format!("{fields:?}"), format!("{evidence:?}"), serde_json::to_string(&evidence).unwrap()] {
        assert!(!text.contains("5ECRE7") && !text.contains("oPAYER"), "{text}");
        assert!(text.contains("•••") && text.contains("cart=42"), "{text}");
    }
    assert_eq!(fields.get("openid"), Some("oPAYER"));
}

/// Any fields that XML can carry, with the characters that are hard to carry well to the fore.
fn any_fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let legal = any::<char>().prop_filter(
        "a Char of XML",
        |c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'),
    );
    let hard = prop::sample::select(vec![']', '>', '<', '&', '[', '!', '"', '\r', '\n', ' ', ';']);
    let value = prop::collection::vec(prop_oneof![legal, hard], 0..30)
        .prop_map(|chars| chars.into_iter().collect::<String>());
    prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_.-]{0,12}", value, 0..20)
        .prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_exactly(pairs in any_fields()) {
        let fields = Fields::from_iter(pairs);
        prop_assert_eq!(read(fields.to_xml()), Ok(fields));
    }

    #[test]
    fn the_order_of_setting_does_not_change_the_signature(
        (pairs, shuffled) in any_fields().prop_flat_map(|pairs| {
            (Just(pairs.clone()), Just(pairs).prop_shuffle())
        })
    ) {
        let key = Merchant::sandbox().key;
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            let (a, b) = (Fields::from_iter(pairs.clone()), Fields::from_iter(shuffled.clone()));
            prop_assert_eq!(sign::sign(&a, &key, sign_type), sign::sign(&b, &key, sign_type));
        }
    }

    #[test]
    fn a_changed_value_or_sign_never_verifies(
        pairs in any_fields(), at in any::<prop::sample::Index>(), hmac: bool,
    ) {
        let sign_type = if hmac { SignType::HmacSha256 } else { SignType::Md5 };
        let key = Merchant::sandbox().key;
        let mut fields = Fields::from_iter(pairs).with("total_fee", "1990");
        fields.remove("sign");
        let right = sign::sign(&fields, &key, sign_type);
        fields.set("sign", &*right);
        prop_assert_eq!(sign::verify(&fields, &key), Ok(sign_type));

        let changed = fields.clone().with("total_fee", "1991");
        prop_assert_eq!(sign::verify(&changed, &key), Err(SignError::Mismatch));
        let mut wrong = right.into_bytes();
        let at = at.index(wrong.len());
        wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
        let wrong = fields.with("sign", String::from_utf8(wrong).unwrap());
        prop_assert_eq!(sign::verify(&wrong, &key), Err(SignError::Mismatch));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(bytes);
    }

    #[test]
    fn no_pieces_of_xml_make_the_reader_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<xml>", "</xml>", "<a>", "</a>", "<b/>", "<![CDATA[", "]]>", "&amp;", "&#", "&", ";", "<!--", "-->",
            "<?xml version=\"1.0\"?>", "<?", "?>", "<!DOCTYPE", "[", "<", ">", "x", "=", "\"", "\0", "中",
        ]), 0..25)
    ) {
        let _ = read(pieces.concat());
    }
}
