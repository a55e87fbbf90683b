-- The first schema. `../sqlite/0001_first.sql` is its twin: the same tables, the same columns.
-- Times are microseconds since 1970 in UTC, days are civil dates (2026-03-02), truth is 0 or 1.

-- The last transaction of each process that writes: what is asked when the answer to a commit was lost.
create table last_commit (process text not null primary key, key text not null);

-- Everything that replay needs, in order.
create table journal (seq bigint primary key, record text not null);

-- The number of the newest record; locking it gives the journal one order.
create table journal_head (id bigint primary key check (id = 1), seq bigint not null);
insert into journal_head (id, seq) values (1, 0);

-- What senders sent, as they sent it; kept for as long as the same delivery may come again.
create table intake (
    key text not null primary key, -- of the delivery: the second one with the same key is a duplicate
    source text not null, event text not null, delivery text, headers text not null, body bytea not null,
    received_at bigint not null, -- duty time
    real_at bigint not null, journal_seq bigint not null);
create index intake_real_at on intake (real_at);

-- What is known of each subject: the winner of all its observations.
create table signal (
    kind text not null, subject text not null, source text not null, branch text,
    lasting bigint not null, -- 1: needs somebody, whatever its age
    source_time bigint not null, received_at bigint not null, state text not null,
    primary key (kind, subject));
create index signal_lasting on signal (kind) where lasting = 1;
create index signal_received_at on signal (received_at);
create index signal_branch on signal (branch) where branch is not null;
create index signal_rollout on signal (source_time) where kind = 'rollouts';

-- The last sign of life of each source about each kind.
create table contact (
    source text not null, kind text not null, last_at bigint, trouble text, primary key (source, kind));

-- Pieces of work. `body` is the item; the other columns find it.
create table item (
    id text not null primary key, duty text not null, step text not null, subject text not null,
    occurrence bigint not null, state text not null, -- open, snoozed, closed
    shift_day text not null, opened_at bigint not null, closed_at bigint, body text not null,
    unique (duty, step, subject, occurrence));
create index item_open on item (duty) where state <> 'closed';
create index item_closed_at on item (duty, closed_at);
create index item_shift on item (duty, shift_day);
create index item_subject on item (duty, subject);
create index item_step on item (duty, step, opened_at);

-- The engine's small memory, one row a duty.
create table board (duty text not null primary key, memory text not null);

-- The end of each duty's chain; locking it numbers the entries.
create table log_head (duty text not null primary key, seq bigint not null, hash text not null);

-- The duty log book. Entries never change; a correction is a new entry that names the old one.
create table log_entry (
    id bigint generated always as identity primary key, duty text not null, seq bigint not null,
    at bigint not null, shift_day text not null,
    author text, -- null is the machine
    item text, corrects bigint, event text, text text, salt text, -- the last three are null after redaction
    body_hash text not null, hash text not null,
    words tsvector, -- of the text, to be searched
    unique (duty, seq));
create index log_entry_day on log_entry (duty, shift_day, seq);
create index log_entry_item on log_entry (item) where item is not null;

create function log_entry_stays() returns trigger language plpgsql as $$
begin
    raise exception 'entries of the log book are never deleted';
end $$;
create trigger log_entry_stays before delete on log_entry for each row execute function log_entry_stays();
create function log_entry_unchanged() returns trigger language plpgsql as $$
begin
    raise exception 'entries of the log book are never changed';
end $$;
create trigger log_entry_unchanged before update on log_entry for each row
when (new.event is not null or new.text is not null or new.salt is not null or new.words is not null
    or new.id <> old.id or new.duty <> old.duty or new.seq <> old.seq or new.at <> old.at
    or new.shift_day <> old.shift_day or new.author is distinct from old.author
    or new.item is distinct from old.item or new.corrects is distinct from old.corrects
    or new.body_hash <> old.body_hash or new.hash <> old.hash)
execute function log_entry_unchanged();

create function log_entry_redacted() returns trigger language plpgsql as $$
begin
    new.words := null;
    return new;
end $$;
create trigger log_entry_redacted before update on log_entry for each row execute function log_entry_redacted();

-- Words of the log book, cut and folded by onduty as SQLite does it. What is redacted leaves the index as well.
create index log_entry_words on log_entry using gin (words);

-- Accepted versions of processes.
create table process_version (
    duty text not null, number bigint not null, text text not null, text_hash text not null,
    activated_at bigint not null, activated_by text, reason text not null, changes text not null,
    primary key (duty, number));

-- Files as they were when they last took effect.
create table seen_file (name text not null primary key, text_hash text not null, journal_seq bigint not null);

-- What has to leave, written in the transaction of its cause.
create table outbox (
    id text not null primary key, duty text not null, kind text not null, key text not null unique,
    payload text not null, state text not null, -- pending, sent, failed, unknown
    attempts bigint not null, next_attempt_at bigint not null, last_error text, created_at bigint not null);
create index outbox_due on outbox (next_attempt_at) where state = 'pending';

-- Rollouts pressed through onduty. The second index is what makes a second one impossible.
create table rollout_attempt (
    id text not null primary key, key text not null unique, duty text not null, environment text not null,
    revision text not null, diff_hash text not null, inputs_hash text not null, pressed_by text not null,
    pressed_at bigint not null, state text not null, -- requested, running, succeeded, failed, unknown
    pid bigint, process_started text, started_at bigint, finished_at bigint, exit_code bigint, reason text);
create unique index rollout_attempt_one_active on rollout_attempt (environment)
    where state in ('requested', 'running', 'unknown');
create index rollout_attempt_pressed_at on rollout_attempt (environment, pressed_at);

-- What rollouts said.
create table rollout_output (
    attempt text not null references rollout_attempt (id), n bigint not null, at bigint not null,
    stream text not null, text text not null, primary key (attempt, n));

-- Who may sign in.
create table account (
    id text not null primary key, name text not null, engineer text unique, admin bigint not null,
    created_at bigint not null, disabled_at bigint);

-- What accounts may do, by duty.
create table account_role (
    account text not null references account (id), duty text not null, role text not null,
    primary key (account, duty));

-- Who is signed in. Secrets are stored as hashes only, here and below.
create table session (
    token_hash text not null primary key, id text not null unique, account text not null references account (id),
    created_at bigint not null, last_seen_at bigint not null, expires_at bigint not null);
create index session_account on session (account);

-- Links that sign in once.
create table sign_in_link (
    token_hash text not null primary key, account text not null references account (id),
    created_at bigint not null, expires_at bigint not null, used_at bigint);

-- Tokens for scripts.
create table api_token (
    token_hash text not null primary key, id text not null unique, account text not null references account (id),
    name text not null, scopes text not null, created_at bigint not null, expires_at bigint not null,
    revoked_at bigint);

-- Tokens for wall screens.
create table wall_token (
    token_hash text not null primary key, id text not null unique, duty text not null, name text not null,
    created_at bigint not null, revoked_at bigint);
