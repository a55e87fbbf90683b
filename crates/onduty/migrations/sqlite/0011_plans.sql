-- Plans that were published, with why whom. `../postgres/0011_plans.sql` is its twin.
create table plan_version (
    duty text not null, number integer not null,
    first_day text not null, last_day text not null,
    published_at integer not null, -- duty time
    published_by text not null,
    moved text not null, reasons text not null, -- JSON
    primary key (duty, number)) strict;
