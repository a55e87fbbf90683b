-- One row in a store that came from a backup: until it is confirmed nothing leaves. It is about this store alone, so that
-- no backup has it.
create table restored (
    id integer primary key check (id = 1), at integer not null, -- real time
    made_at integer not null, -- when its backup was made, real time
    confirmed_at integer) strict;
