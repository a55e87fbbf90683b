-- How long requests took, as senders of OpenTelemetry tell it.

-- What was acknowledged and is not counted yet: one row for each message, in order.
create table latency_log (seq integer primary key, received_at integer not null, body blob not null) strict;

-- Endpoints that are told apart, by number.
create table latency_endpoint (id integer primary key, name text not null unique, seen_at integer not null) strict;

-- A sketch for each endpoint, class of status (0 ok, 1 refused, 2 failed) and stretch of 1 or 5 minutes.
create table latency (
    minutes integer not null, starts_at integer not null, endpoint integer not null, class integer not null,
    wide integer not null, -- requests whose duration is hardly known
    sketch blob not null, primary key (minutes, starts_at, endpoint, class)) strict, without rowid;
create index latency_by_endpoint on latency (endpoint);

-- The last point of each series, and of each stream of series, whose own key is its stream.
create table latency_series (
    key text not null primary key, stream text not null, updated_at integer not null, last text not null) strict;
create index latency_series_by_stream on latency_series (stream, updated_at);
