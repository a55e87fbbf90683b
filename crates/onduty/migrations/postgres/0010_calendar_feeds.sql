-- Addresses from which calendars read turns: of one account, or of a whole duty. `../sqlite/0010_calendar_feeds.sql` is its
-- twin.
create table calendar_feed (
    token_hash text not null primary key, id text not null unique,
    account text references account (id), duty text, name text not null,
    created_at bigint not null, revoked_at bigint, -- real time, like all below
    -- What its readers were told last, as JSON, and since when all of it has been so.
    told text, changed_at bigint, read_at bigint,
    check ((account is null) <> (duty is null)));
create index calendar_feed_account on calendar_feed (account);
