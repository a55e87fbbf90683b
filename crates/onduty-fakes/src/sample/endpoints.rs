//! What customers of the sample shop ask, in a minute of an ordinary day.

use crate::datadog::Asked;

/// Service, endpoint, requests in a minute, median in milliseconds; the first is the one that Friday's rollout slows down.
const ENDPOINTS: [(&str, &str, u64, f64); 18] = [
    ("shop", "POST /bookings", 46, 210.0),
    ("shop", "GET /", 310, 48.0),
    ("shop", "GET /events/{id}", 240, 85.0),
    ("shop", "GET /events/{id}/seats", 170, 130.0),
    ("shop", "GET /basket", 130, 60.0),
    ("shop", "POST /basket/lines", 75, 95.0),
    ("shop", "GET /vouchers/{code}", 18, 55.0),
    ("shop", "POST /payments", 40, 420.0),
    ("shop", "GET /orders/{id}", 55, 75.0),
    ("shop", "POST /refunds", 4, 260.0),
    ("shop", "POST /login", 35, 180.0),
    ("shop", "GET /account", 28, 70.0),
    ("search", "GET /search", 190, 110.0),
    ("search", "GET /suggestions", 420, 25.0),
    ("search", "GET /venues/{id}", 60, 65.0),
    ("messaging", "POST /devices", 22, 40.0),
    ("messaging", "POST /sms", 9, 350.0),
    ("messaging", "GET /newsletter", 1, 90.0),
];

/// The number of the endpoint that Friday's rollout slows down.
pub const SLOWED_DOWN: usize = 0;

/// All of them.
pub fn endpoints() -> Vec<Asked> {
    let asked = |&(service, name, per_minute, median_ms): &(&str, &str, u64, f64)| Asked {
        service: service.to_owned(),
        name: name.to_owned(),
        per_minute,
        median_ms,
    };
    ENDPOINTS.iter().map(asked).collect()
}
