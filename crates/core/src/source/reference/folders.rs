//! Folders of sequences named by digest: the rules of `REF_PATH` and `REF_CACHE`.

/// What separates elements of `REF_PATH`.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// The local elements of a search path. Two separating colons stand for one that does not separate; an element may begin
/// with `|`, which is left out; URLs are skipped.
pub(super) fn elements(path: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(length) = url(rest) {
            rest = rest[length..].strip_prefix(SEPARATOR).unwrap_or_default();
            continue;
        }
        let mut element = String::new();
        let mut characters = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            let doubled =
                character == ':' && characters.next_if(|&(_, next)| next == ':').is_some();
            if character == SEPARATOR && !doubled {
                end = at + 1;
                break;
            }
            element.push(character);
        }
        rest = &rest[end..];
        let element = element.strip_prefix('|').unwrap_or(&element);
        if !element.is_empty() && !element.starts_with("URL=") {
            elements.push(element.to_string());
        }
    }
    elements
}

/// The length of the URL that `text` begins with, if it does.
fn url(text: &str) -> Option<usize> {
    let bare = text.strip_prefix('|').unwrap_or(text);
    let bare = bare.strip_prefix("URL=").unwrap_or(bare);
    let scheme = bare
        .find("://")
        .filter(|&at| at > 1 && bare[..at].bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    let host = text.len() - bare.len() + scheme + 3;
    let ends = |character: char| character == SEPARATOR || character == '/';
    let mut at = text[host..].find(ends).map_or(text.len(), |at| host + at);
    // A port: digits behind a colon, up to a slash or the end.
    if let Some(port) = text[at..].strip_prefix(':') {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        let behind = port[digits..].chars().next();
        if digits > 0 && behind.is_none_or(ends) {
            at += 1 + digits;
        }
    }
    Some(
        text[at..]
            .find(SEPARATOR)
            .map_or(text.len(), |length| at + length),
    )
}

/// The file for `digits` in a folder: `%s` stands for all digits that are left, `%2s` for the next two; what is left at
/// the end is the file's name.
pub(super) fn expand(folder: &str, digits: &str) -> String {
    let mut path = String::new();
    let mut left = digits;
    let mut rest = match folder.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    while let Some(at) = rest.find('%') {
        path.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let width = behind.bytes().take_while(u8::is_ascii_digit).count();
        if !behind[width..].starts_with('s') {
            path.push('%');
            rest = behind;
            continue;
        }
        let taken = match behind[..width].parse() {
            Ok(0) | Err(_) => left.len(),
            Ok(taken) => left.len().min(taken),
        };
        path.push_str(&left[..taken]);
        left = &left[taken..];
        rest = &behind[width + 1..];
    }
    path.push_str(rest);
    if !left.is_empty() {
        if !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(left);
    }
    path
}
