//! Where in the code an endpoint may be handled: patterns of its route, as frameworks write them.

/// Most patterns for the ends of one route.
const MOST: usize = 6;
/// Longer routes are no routes.
const LONGEST: usize = 300;
/// What a parameter may look like: `{id}`, `:id`, `<int:id>`, `[id]`, `*`.
const PARAMETER: &str = "[^/\"'` ]+";

/// Extended regular expressions (POSIX) for a line that names the route of `endpoint`, the most telling first; none where
/// its name has no route.
///
/// The endpoint is called as onduty's sources call it: `shop|GET /cart/{id}`, `shop|rpc.Service/Method`,
/// `shop|process orders`. A route may be mounted below others, so its end alone is looked for as well.
pub fn patterns(endpoint: &str) -> Vec<String> {
    let name = endpoint.split_once('|').map_or(endpoint, |(_, name)| name);
    if name.len() > LONGEST {
        return Vec::new();
    }
    match name.split_once(' ') {
        Some((_, route)) if route.starts_with('/') => routes(route),
        Some(("process", topic)) => word(topic).into_iter().collect(),
        None if name.starts_with('/') => routes(name),
        None => name.rsplit_once('/').and_then(|(_, method)| word(method)).into_iter().collect(),
        Some(_) => Vec::new(),
    }
}

fn routes(route: &str) -> Vec<String> {
    let segments: Vec<&str> = route.split('/').filter(|segment| !segment.is_empty()).collect();
    let path = |from: usize| {
        let tail = &segments[from..];
        let speaks = tail.iter().any(|segment| is_literal(segment) && segment.len() >= 3);
        let parts: Vec<String> =
            tail.iter().map(|part| if is_literal(part) { escaped(part) } else { PARAMETER.to_owned() }).collect();
        // A parameter alone at the start would match anything.
        let begins = tail.first().is_some_and(|first| is_literal(first));
        (speaks && begins).then(|| parts.join("/"))
    };
    // In quotes, because prose and paths of files have the same words; with its slash first, because a word in quotes is
    // many things.
    let quoted = |begin: &str, path: &str| format!("[\"'`]{begin}{path}/?[\"'`]");
    let whole = path(0).map(|path| quoted("[^\"'` ]*/", &path));
    let ends = (0..segments.len()).filter_map(path).flat_map(|path| [quoted("/", &path), quoted("", &path)]);
    let mut all: Vec<String> = ends.take(MOST).collect();
    all.extend(whole);
    all
}

fn word(name: &str) -> Option<String> {
    let is_word = name.len() >= 3 && is_literal(name);
    is_word.then(|| format!("(^|[^A-Za-z0-9_]){}([^A-Za-z0-9_]|$)", escaped(name)))
}

/// Whether the segment stands in the code as it is; what is only digits is a value that somebody forgot to leave out.
fn is_literal(segment: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.~-".contains(letter);
    segment.chars().all(allowed) && segment.chars().any(|letter| !letter.is_ascii_digit())
}

fn escaped(literal: &str) -> String {
    literal.replace('.', "[.]")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that the first pattern with any hit finds.
    fn found<'a>(endpoint: &str, code: &[&'a str]) -> Vec<&'a str> {
        let hits = |pattern: &String| {
            let pattern = regex::Regex::new(pattern).unwrap();
            code.iter().copied().filter(|line| pattern.is_match(line)).collect::<Vec<_>>()
        };
        patterns(endpoint).iter().map(hits).find(|hits| !hits.is_empty()).unwrap_or_default()
    }

    #[test]
    fn routes_are_found_as_frameworks_write_them() {
        for line in [
            "    .route(\"/cart/{id}/lines\", get(lines))",
            "app.get('/cart/:id/lines', lines)",
            "    path(\"cart/<int:id>/lines/\", views.lines),",
            "  get 'cart/:id/lines' => 'carts#lines'",
            "@GetMapping(\"/cart/{cartId}/lines\")",
        ] {
            let others = ["route(\"/cart/{id}\")", "route(\"/cart/{id}/lines/{line}\")", "// cart lines"];
            assert_eq!(found("shop|GET /cart/{id}/lines", &[&[line][..], &others[..]].concat()), [line]);
        }
    }

    #[test]
    fn a_mounted_route_is_found_by_its_end() {
        assert_eq!(found("GET /api/v2/carts/{id}", &["resources '/carts/:id'"]), ["resources '/carts/:id'"]);
        assert_eq!(found("GET /carts/{id}", &["get(\"/api/v2/carts/:id\")"]), ["get(\"/api/v2/carts/:id\")"]);
        assert!(found("GET /api/{id}", &["'/:id'"]).is_empty());
    }

    #[test]
    fn words_of_prose_and_of_files_are_no_routes() {
        for line in ["// how to search it", "use services/search/src/ranking", "search(query)", "\"a search\""] {
            assert!(found("GET /search", &[line]).is_empty(), "{line}");
        }
        assert_eq!(found("GET /search", &["kind = 'search'", "get '/search' => x"]), ["get '/search' => x"]);
    }

    #[test]
    fn other_endpoints_are_found_by_their_last_word() {
        assert_eq!(found("shop|oteldemo.Cart/AddItem", &["rpc AddItem(x)", "AddItems"]), ["rpc AddItem(x)"]);
        assert_eq!(found("shop|process orders", &["consume(\"orders\")"]), ["consume(\"orders\")"]);
    }

    #[test]
    fn what_is_no_route_is_not_looked_for() {
        for name in ["", "GET", "GET /", "GET /{id}", "GET /12/34", "shop|do it", &format!("GET /{}", "a".repeat(400))]
        {
            assert_eq!(patterns(name), Vec::<String>::new(), "{name}");
        }
        assert_eq!(patterns("GET /a.*b/$(x)/cart"), ["[\"'`]/cart/?[\"'`]", "[\"'`]cart/?[\"'`]"]);
    }
}
