-- How long requests took, as senders of OpenTelemetry tell it.

-- What was acknowledged and is not counted yet: one row for each message, in order.
create table latency_log (seq bigint primary key, received_at bigint not null, body bytea not null);

-- Endpoints that are told apart, by number.
create table latency_endpoint (id bigint primary key, name text not null unique, seen_at bigint not null);

-- A sketch for each endpoint, class of status (0 ok, 1 refused, 2 failed) and stretch of 1 or 5 minutes.
create table latency (
    minutes bigint not null, starts_at bigint not null, endpoint bigint not null, class bigint not null,
    wide bigint not null, -- requests whose duration is hardly known
    sketch bytea not null, primary key (minutes, starts_at, endpoint, class));
create index latency_by_endpoint on latency (endpoint);

-- The last point of each series, and of each stream of series, whose own key is its stream.
create table latency_series (
    key text not null primary key, stream text not null, updated_at bigint not null, last text not null);
create index latency_series_by_stream on latency_series (stream, updated_at);
