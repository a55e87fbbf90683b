//! The stylesheet, the script and the icon, inside the binary, each with a hash of its content in its address.
//!
//! `views::layout` links them by [`url`]; the router answers `/assets/…` with [`find`] and may let browsers keep them
//! forever.

use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// For the `Content-Type` header.
    pub content_type: &'static str,
}

struct Embedded {
    name: &'static str,
    url: String,
    asset: Asset,
}

static ALL: LazyLock<Vec<Embedded>> = LazyLock::new(|| {
    vec![
        embed("app.css", "text/css; charset=utf-8", include_bytes!("app.css")),
        embed("app.js", "text/javascript; charset=utf-8", include_bytes!("app.js")),
        embed("favicon.svg", "image/svg+xml", include_bytes!("favicon.svg")),
    ]
});

fn embed(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Embedded {
    let hash: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    Embedded { name, url: format!("/assets/{stem}.{hash}.{ending}"), asset: Asset { bytes, content_type } }
}

/// The address of the asset called `name` (`app.css`).
///
/// # Panics
/// When there is no such asset: names are written in this crate's own views, whose tests draw every page.
pub fn url(name: &str) -> &'static str {
    let found = ALL.iter().find(|embedded| embedded.name == name);
    &found.unwrap_or_else(|| panic!("no asset is called {name}")).url
}

/// What stands at `path`, with or without `/assets/` before it. Only the current content has an address.
pub fn find(path: &str) -> Option<Asset> {
    let file = path.strip_prefix("/assets/").unwrap_or(path);
    ALL.iter().find(|embedded| embedded.url.strip_prefix("/assets/") == Some(file)).map(|embedded| embedded.asset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_under_its_own_address_only() {
        let css = url("app.css");
        let found = find(css).expect("the page links to it");
        assert_eq!(found.content_type, "text/css; charset=utf-8");
        assert_eq!(find(css.trim_start_matches("/assets/")), Some(found));
        assert_eq!(find("/assets/app.css"), None);
        assert_eq!(find("/assets/../app.css"), None);
    }

    #[test]
    fn the_script_stays_small_and_nothing_is_fetched_from_elsewhere() {
        let script = include_str!("app.js");
        assert!(script.lines().count() <= 300, "{} lines", script.lines().count());
        for text in [script, include_str!("app.css")] {
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("@import"));
        }
    }

    /// A picture may run scripts where somebody opens it by itself.
    #[test]
    fn the_icon_has_no_script() {
        let icon = include_str!("favicon.svg").to_lowercase();
        for harm in ["<script", " on", "javascript:", "<foreignobject", "href", "<!entity", "<image", "<use"] {
            assert!(!icon.contains(harm), "{harm} in {icon}");
        }
    }

    /// Relative luminance as WCAG 2 defines it.
    fn luminance(hex: &str) -> f64 {
        let channel = |index: usize| {
            let value = f64::from(u8::from_str_radix(&hex[index..index + 2], 16).expect("two hex digits")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    /// The two values of `--name: light-dark(#…, #…)`.
    fn colours(css: &str, name: &str) -> [String; 2] {
        let start = format!("--{name}: light-dark(");
        let at = css.find(&start).unwrap_or_else(|| panic!("app.css has no --{name}")) + start.len();
        let inside = &css[at..at + css[at..].find(')').expect("closed")];
        let (light, dark) = inside.split_once(", ").expect("two colours");
        [light.to_owned(), dark.to_owned()]
    }

    #[test]
    fn every_text_colour_is_readable_on_every_ground_in_both_themes() {
        let css = include_str!("app.css");
        let mut poor = Vec::new();
        for ink in ["ink", "dim", "accent", "fine", "needs", "waiting", "unknown", "blocked"] {
            for ground in ["ground", "surface", "sunken"] {
                for theme in [0, 1] {
                    let (a, b) = (luminance(&colours(css, ink)[theme]), luminance(&colours(css, ground)[theme]));
                    let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                    if contrast < 4.5 {
                        poor.push(format!("{ink} on {ground}, theme {theme}: {contrast:.2}"));
                    }
                }
            }
        }
        assert!(poor.is_empty(), "{poor:#?}");
        for face in 0..8 {
            let start = format!(".face-{face} {{ fill: ");
            let at = css.find(&start).expect("every face has a colour") + start.len();
            let contrast = 1.05 / (luminance(&css[at..at + 7]) + 0.05);
            assert!(contrast >= 4.5, "white on face {face}: {contrast:.2}");
        }
    }
}
