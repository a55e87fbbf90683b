-- What rollouts did to response times, as the newest full comparison of each said.
create table performance (
    environment text not null, rollout text not null, rolled_out_at integer not null, body text not null,
    primary key (environment, rollout)) strict, without rowid;
create index performance_by_time on performance (environment, rolled_out_at);

-- Its endpoints, the weightiest first.
create table performance_endpoint (
    environment text not null, rollout text not null, position integer not null, rolled_out_at integer not null,
    name text not null, body text not null, primary key (environment, rollout, position)) strict, without rowid;
create index performance_endpoint_by_name on performance_endpoint (environment, name, rolled_out_at);
