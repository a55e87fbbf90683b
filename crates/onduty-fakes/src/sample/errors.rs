//! The errors of the sample shop: old ones that nobody looks at, live ones, and those of the sample day.
//!
//! Read by `scenario`. Stacks point into files of the sample repository at the lines they are about.

use super::shop::line_of;
use crate::tracker::{ErrorGroup, Frame, Status};
use jiff::{SignedDuration, Timestamp};

/// The tracker's project.
pub const PROJECT: &str = "shop";
/// Staging: seats are locked for too long.
pub const ID_BOOKING: &str = "SHOP-4127";
/// Production: a customer without a telephone number.
pub const ID_SMS: &str = "SHOP-4131";
/// Production: a venue without prices.
pub const ID_BASKET: &str = "SHOP-4136";
/// Staging, since the evening before: a voucher redeemed twice.
pub const ID_VOUCHER: &str = "SHOP-4119";

/// A place in the sample repository: file, a text on the line, function.
type Place = (&'static str, &'static str, &'static str);

struct Named {
    id: &'static str,
    environment: &'static str,
    title: &'static str,
    culprit: &'static str,
    level: &'static str,
    /// Outermost first.
    places: &'static [Place],
}

const NAMED: [Named; 7] = [
    Named {
        id: ID_BOOKING,
        environment: "staging",
        title: "Timeout in booking#create",
        culprit: "BookingsController#create",
        level: "error",
        places: &[
            ("app/controllers/bookings_controller.rb", "booking = Booking.create", "create"),
            ("app/models/booking.rb", "lock(\"for update\")", "create"),
        ],
    },
    Named {
        id: ID_SMS,
        environment: "production",
        title: "NoMethodError: undefined method 'gsub' for nil in sms/format",
        culprit: "ReminderJob#perform",
        level: "error",
        places: &[
            ("app/jobs/reminder_job.rb", "Sms::Sender.confirm(booking)", "perform"),
            ("lib/sms/sender.rb", "to = Format.number", "deliver"),
            ("lib/sms/format.rb", "raw.gsub", "number"),
        ],
    },
    Named {
        id: ID_BASKET,
        environment: "production",
        title: "TypeError: Cannot read properties of undefined (reading 'currency')",
        culprit: "web/checkout/basket.js in total",
        level: "error",
        places: &[
            ("web/checkout/basket.js", "[data-total]", "render"),
            ("web/checkout/basket.js", "venue.price.currency", "total"),
        ],
    },
    Named {
        id: ID_VOUCHER,
        environment: "staging",
        title: "ActiveRecord::RecordInvalid: Left must be greater than or equal to 0",
        culprit: "PaymentGateway#redeem",
        level: "error",
        places: &[("app/services/payment_gateway.rb", "voucher.update!(left", "redeem")],
    },
    Named {
        id: "SHOP-4102",
        environment: "production",
        title: "Http::Timeout: no answer within 8 s from payments",
        culprit: "BookingsController#pay",
        level: "error",
        places: &[
            ("app/controllers/bookings_controller.rb", "payment = PaymentGateway", "pay"),
            ("app/services/payment_gateway.rb", "answer = post(\"charges\"", "charge"),
            ("app/services/payment_gateway.rb", "@http.post(path", "post"),
        ],
    },
    Named {
        id: "SHOP-4108",
        environment: "production",
        title: "index out of bounds: the len is 18211 but the index is 18211",
        culprit: "search::index::Index::title",
        level: "fatal",
        places: &[("services/search/src/index.rs", "&self.titles[id as usize]", "title")],
    },
    Named {
        id: "SHOP-4115",
        environment: "production",
        title: "TypeError: Cannot read properties of undefined (reading 'path')",
        culprit: "mobile/src/push.js in receive",
        level: "error",
        places: &[("mobile/src/push.js", "navigation.open(target.path)", "receive")],
    },
];

/// One of the shop's own errors, first seen `at` with one event; `None` for an id that is not one of them.
pub fn named_error(id: &str, at: Timestamp, release: Option<&str>) -> Option<ErrorGroup> {
    let known = NAMED.iter().find(|known| known.id == id)?;
    let outside = Frame {
        file: "gems/rack-3.1.8/lib/rack/runtime.rb".to_owned(),
        line: 24,
        function: "call".to_owned(),
        in_app: false,
    };
    let own = known.places.iter().map(|(file, needle, function)| Frame {
        file: (*file).to_owned(),
        // A test proves that every text is on a line.
        line: line_of(file, needle).unwrap_or(1),
        function: (*function).to_owned(),
        in_app: true,
    });
    let from_ruby = known.places.first().is_some_and(|(file, ..)| file.ends_with(".rb"));
    Some(ErrorGroup {
        culprit: known.culprit.to_owned(),
        level: known.level.to_owned(),
        release: release.map(str::to_owned),
        frames: from_ruby.then_some(outside).into_iter().chain(own).collect(),
        ..ErrorGroup::new(PROJECT, known.id, known.environment, known.title, at)
    })
}

/// What is alive when onduty is connected at `now`: one new on staging, one in production that nobody has, and four
/// that somebody has or that are older.
pub fn live_errors(now: Timestamp, release: &str) -> Vec<ErrorGroup> {
    let mut groups = Vec::new();
    let mut add = |id: &str, hours: i64, count: u64, assignee: Option<&str>| {
        let first = now - SignedDuration::from_hours(hours);
        if let Some(group) = named_error(id, first, Some(release)) {
            let last_seen = now - SignedDuration::from_mins(4 + hours % 50);
            let assignee = assignee.map(|who| format!("{who}@acme.example"));
            groups.push(ErrorGroup { count, last_seen, assignee, ..group });
        }
    };
    add(ID_VOUCHER, 15, 6, None);
    add("SHOP-4102", 40, 212, Some("ngozi"));
    add("SHOP-4108", 27, 19, None);
    add("SHOP-4115", 62, 88, Some("yael"));
    let mut simple = |id: &str, environment: &str, title: &str, hours: i64, assignee: Option<&str>| {
        let first_seen = now - SignedDuration::from_hours(hours);
        groups.push(ErrorGroup {
            count: 31,
            last_seen: now - SignedDuration::from_mins(11),
            assignee: assignee.map(|who| format!("{who}@acme.example")),
            ..ErrorGroup::new(PROJECT, id, environment, title, first_seen)
        });
    };
    simple("SHOP-4088", "production", "Net::SMTPServerBusy: 451 4.7.1 try again later", 150, Some("sven"));
    simple("SHOP-4071", "staging", "Redis::CannotConnectError: connection refused", 190, Some("noor"));
    groups
}

/// Title, environment, age in days, events. Titles are what customers, robots and libraries make of them.
const OLD: [(&str, &str, i64, u64); 25] = [
    ("ActiveRecord::RecordNotFound: Couldn't find Event with 'id'=0", "production", 412, 90_211),
    ("ActionController::InvalidAuthenticityToken", "production", 390, 41_877),
    (
        "Rack::QueryParser::InvalidParameterError: invalid %-encoding (<img src=x onerror=alert(1)>)",
        "production",
        371,
        8_820,
    ),
    ("ActionController::RoutingError: No route matches [GET] \"/wp-login.php\"", "production", 365, 120_554),
    ("Errno::EPIPE: Broken pipe", "production", 340, 1_204),
    ("PG::DeadlockDetected: while updating tuple (812,14) in relation \"seats\"", "production", 311, 77),
    ("ReferenceError: Can't find variable: gmo", "production", 300, 15_930),
    ("TypeError: Failed to fetch", "production", 287, 30_412),
    ("ResizeObserver loop completed with undelivered notifications.", "production", 266, 210_093),
    ("Net::ReadTimeout with #<TCPSocket:(closed)>", "production", 241, 960),
    ("JSON::ParserError: unexpected end of input", "staging", 233, 61),
    ("خطأ: تعذّر تحميل خريطة المقاعد", "production", 214, 388),
    ("SecurityError: The operation is insecure.", "production", 201, 2_977),
    ("ArgumentError: invalid byte sequence in UTF-8", "production", 188, 412),
    ("Faraday::SSLError: certificate verify failed (unable to get local issuer certificate)", "staging", 171, 35),
    ("NoMethodError: undefined method 'zone' for nil", "staging", 160, 12),
    ("Aws::S3::Errors::SlowDown: Please reduce your request rate.", "production", 142, 5_081),
    ("QuotaExceededError: The quota has been exceeded.", "production", 120, 1_530),
    (
        "ActiveRecord::StatementInvalid: PG::UndefinedColumn: ERROR: column venues.refund_window_seconds does not exist LINE 1: SELECT \"venues\".\"id\", \"venues\".\"name\", \"venues\".\"zone\", \"venues\".\"currency\", \"venues\".\"refund_window_seconds\", \"venues\".\"default_price_id\" FROM \"venues\" WHERE \"venues\".\"id\" = $1 AND \"venues\".\"archived_on\" IS NULL LIMIT $2",
        "staging",
        96,
        4,
    ),
    ("Money::Currency::UnknownCurrency: unknown currency 'ეურო'", "production", 83, 9),
    ("ActionView::Template::Error: translation missing: uk.bookings.seats_taken", "production", 71, 640),
    ("Zip::Error: end of central directory signature not found", "production", 64, 22),
    ("thread 'main' panicked at 'called `Option::unwrap()` on a `None` value'", "staging", 52, 3),
    ("<!channel> please look: webhook of partner failed", "production", 44, 118),
    ("RangeError: Maximum call stack size exceeded", "production", 31, 205),
];

/// What was there long before onduty: a baseline to burn down, not a day's work.
pub fn old_errors(now: Timestamp) -> Vec<ErrorGroup> {
    OLD.iter()
        .zip(3_001..)
        .map(|((title, environment, days, count), number)| {
            let first_seen = now - SignedDuration::from_hours(days * 24);
            ErrorGroup {
                count: *count,
                last_seen: now - SignedDuration::from_mins(days % 90 + 3),
                status: if number % 9 == 0 { Status::Ignored } else { Status::Unresolved },
                ..ErrorGroup::new(PROJECT, &format!("SHOP-{number}"), environment, title, first_seen)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_stack_points_at_a_line_of_the_repository() {
        for known in &NAMED {
            for (file, needle, function) in known.places {
                assert!(line_of(file, needle).is_some(), "{file}: {needle}");
                assert!(!function.is_empty());
            }
        }
        let now = "2026-03-02T08:05:00Z".parse().unwrap();
        let group = named_error(ID_SMS, now, Some("abc")).unwrap();
        let last = group.frames.last().unwrap();
        assert_eq!((last.file.as_str(), last.line, last.in_app), ("lib/sms/format.rb", 9, true));
        assert!(!group.frames[0].in_app);
        assert_eq!(named_error("SHOP-1", now, None), None);
    }

    #[test]
    fn ids_are_different_and_times_make_sense() {
        let now: Timestamp = "2026-03-02T08:05:00Z".parse().unwrap();
        let all: Vec<ErrorGroup> = old_errors(now).into_iter().chain(live_errors(now, "abc")).collect();
        assert_eq!((all.len(), old_errors(now).len()), (31, 25));
        assert_eq!(all.iter().map(|group| &group.id).collect::<BTreeSet<_>>().len(), 31);
        assert!(all.iter().all(|group| group.first_seen < group.last_seen && group.last_seen < now));
        let open = |group: &&ErrorGroup| group.environment == "production" && group.assignee.is_none();
        assert_eq!(live_errors(now, "abc").iter().filter(open).count(), 1);
    }
}
