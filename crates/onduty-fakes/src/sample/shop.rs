//! The sources of the sample shop: a dozen written by hand, which errors point into, and others from templates.
//!
//! Read by `repository`, which gives them a history, and by `errors`, which needs their lines.

/// A file as it looks when its history is complete.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub path: String,
    pub text: String,
    /// The team that looks after it.
    pub team: &'static str,
    /// Who writes most of it, first the one who writes the most; empty for "somebody of the team".
    pub owners: &'static [&'static str],
    /// Whether errors point into it, so that its history has to be complete on the sample day.
    pub by_hand: bool,
}

type ByHand = (&'static str, &'static str, &'static str, &'static [&'static str]);

const BY_HAND: [ByHand; 12] = [
    ("app/models/booking.rb", "checkout", include_str!("../../shop/app/models/booking.rb"), &["sam", "priya", "lucia"]),
    (
        "app/controllers/bookings_controller.rb",
        "checkout",
        include_str!("../../shop/app/controllers/bookings_controller.rb"),
        &["priya", "siobhan", "sam"],
    ),
    (
        "app/services/payment_gateway.rb",
        "checkout",
        include_str!("../../shop/app/services/payment_gateway.rb"),
        &["ngozi", "lena", "isabella"],
    ),
    ("app/models/price.rb", "checkout", include_str!("../../shop/app/models/price.rb"), &["lucia", "zofia", "ngozi"]),
    (
        "app/jobs/reminder_job.rb",
        "messaging",
        include_str!("../../shop/app/jobs/reminder_job.rb"),
        &["sven", "kwame", "tane"],
    ),
    ("lib/sms/format.rb", "messaging", include_str!("../../shop/lib/sms/format.rb"), &["mateus", "layla", "chiara"]),
    ("lib/sms/sender.rb", "messaging", include_str!("../../shop/lib/sms/sender.rb"), &["chiara", "mateus", "nikos"]),
    (
        "web/checkout/basket.js",
        "checkout",
        include_str!("../../shop/web/checkout/basket.js"),
        &["zofia", "isabella", "siobhan"],
    ),
    (
        "web/search/suggestions.js",
        "search",
        include_str!("../../shop/web/search/suggestions.js"),
        &["chau", "wanjiru", "asa"],
    ),
    ("services/search/src/index.rs", "search", include_str!("../../shop/services/search/index.rs"), &["tomas", "bo"]),
    ("mobile/src/push.js", "mobile", include_str!("../../shop/mobile/push.js"), &["yael", "jiwoo", "hiroshi"]),
    (
        "spec/models/booking_spec.rb",
        "checkout",
        include_str!("../../shop/spec/models/booking_spec.rb"),
        &["priya", "sam", "lena"],
    ),
];

const MODEL: &str = include_str!("../../shop/templates/model.rb.txt");
const SERVICE: &str = include_str!("../../shop/templates/service.rb.txt");
const WIDGET: &str = include_str!("../../shop/templates/widget.js.txt");
const MODULE: &str = include_str!("../../shop/templates/module.rs.txt");

/// Folder, ending, template, team and the things that have a file of that kind.
type Family = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const FAMILIES: [Family; 8] = [
    ("app/models", "rb", MODEL, "checkout", &["customer", "voucher", "refund", "seat_plan"]),
    ("app/models", "rb", MODEL, "messaging", &["message_template", "newsletter"]),
    ("app/services", "rb", SERVICE, "checkout", &["seat_release", "invoice_run"]),
    ("app/services", "rb", SERVICE, "messaging", &["digest_mail", "bounce_report"]),
    (
        "lib/platform",
        "rb",
        SERVICE,
        "platform",
        &["feature_flags", "audit_trail", "job_metrics", "backup_check", "rate_limit"],
    ),
    ("web/widgets", "js", WIDGET, "search", &["date_picker", "venue_map", "filter_bar"]),
    (
        "mobile/src",
        "js",
        WIDGET,
        "mobile",
        &["ticket_wallet", "offline_queue", "calendar_sheet", "seat_zoom", "login_sheet"],
    ),
    ("services/search/src", "rs", MODULE, "search", &["query", "ranking", "synonyms", "spelling"]),
];

/// Every file with a history, those written by hand first.
pub(crate) fn sources() -> Vec<SourceFile> {
    let by_hand = BY_HAND.into_iter().map(|(path, team, text, owners)| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        team,
        owners,
        by_hand: true,
    });
    let from_templates = FAMILIES.into_iter().flat_map(|(folder, ending, template, team, things)| {
        things.iter().map(move |thing| SourceFile {
            path: format!("{folder}/{thing}.{ending}"),
            text: filled(template, thing),
            team,
            owners: &[],
            by_hand: false,
        })
    });
    by_hand.chain(from_templates).collect()
}

/// The line of a file written by hand, from 1, that holds `needle`; `None` when there is none.
pub fn line_of(path: &str, needle: &str) -> Option<u32> {
    let (_, _, text, _) = BY_HAND.iter().find(|(known, ..)| *known == path)?;
    text.lines().zip(1..).find(|(line, _)| line.contains(needle)).map(|(_, number)| number)
}

fn filled(template: &str, thing: &str) -> String {
    let class: String = thing.split('_').map(capital).collect();
    let words = capital(&thing.replace('_', " "));
    template.replace("{Class}", &class).replace("{Thing}", &words).replace("{thing}", thing)
}

pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
