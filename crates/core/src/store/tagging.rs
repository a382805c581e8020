//! Tags as S3 sends and takes them: a little XML.

use std::collections::BTreeMap;

/// The tags in a store's answer.
pub fn read(xml: &str) -> BTreeMap<String, String> {
    let tags = xml.split("<Tag>").skip(1);
    tags.filter_map(|tag| {
        let name = element(tag, "Key")?;
        let value = element(tag, "Value").unwrap_or_default();
        Some((plain(name), plain(value)))
    })
    .collect()
}

/// Tags as a store takes them.
pub fn written(tags: &BTreeMap<String, String>) -> String {
    let mut xml = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>".to_owned();
    for (name, value) in tags {
        xml.push_str("<Tag><Key>");
        escape(name, &mut xml);
        xml.push_str("</Key><Value>");
        escape(value, &mut xml);
        xml.push_str("</Value></Tag>");
    }
    xml.push_str("</TagSet></Tagging>");
    xml
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

fn escape(text: &str, xml: &mut String) {
    for one in text.chars() {
        match one {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            // Readers of XML take other white space for spaces.
            one if one.is_ascii_control() => xml.push_str(&format!("&#{};", u32::from(one))),
            one => xml.push(one),
        }
    }
}

/// Text without references to characters; what is none stays.
fn plain(xml: &str) -> String {
    let mut parts = xml.split('&');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part
            .split_once(';')
            .and_then(|(name, rest)| Some((character(name)?, rest)));
        match known {
            Some((one, rest)) => {
                text.push(one);
                text.push_str(rest);
            }
            None => {
                text.push('&');
                text.push_str(part);
            }
        }
    }
    text
}

/// The character that a reference is to.
fn character(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let number = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    char::from_u32(number.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_were_written() {
        let pairs = [("a", "1"), ("<b & \"c\">", "x\n'y' ü"), ("empty", "")];
        let tags: BTreeMap<String, String> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(read(&written(&tags)), tags);
        assert_eq!(read("<Tagging><TagSet/></Tagging>"), BTreeMap::new());
        let other = "<Tag>\n<Key>a&apos;&#x41;&#66;&nbsp;</Key>\n<Value/></Tag>";
        assert_eq!(read(other)["a'AB&nbsp;"], "");
    }
}
