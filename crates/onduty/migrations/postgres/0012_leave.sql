-- Leave that people told, beside what the roster file says. `../sqlite/0012_leave.sql` is its twin.
create table told_leave (
    id text not null primary key, engineer text not null,
    first_day text not null, last_day text not null, kind text not null,
    told_by text not null, told_at bigint not null, -- duty time, like below
    ended_at bigint);
