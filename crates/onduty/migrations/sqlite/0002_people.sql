-- How people prove who they are. `../postgres/0002_people.sql` is its twin.

-- What somebody types to sign in. The password is a slow hash; null for whoever comes in by a link or another system.
create table login (
    name text not null primary key, account text not null unique references account (id),
    password text, password_set_at integer) strict;

-- Whom another system knows under which subject. Never an e-mail address: those are given to other people.
create table identity (
    issuer text not null, subject text not null, account text not null references account (id), name text not null,
    linked_at integer not null, used_at integer not null, primary key (issuer, subject)) strict;
create index identity_account on identity (account);

-- How and from where a session began, and when its person last proved to be who they are.
alter table session add column how text not null default 'link'; -- link, password, single_sign_on
alter table session add column proved_at integer not null default 0;
alter table session add column agent text;
alter table session add column address text;

-- To the minute, so that a busy script does not write all the time.
alter table api_token add column last_used_at integer;
