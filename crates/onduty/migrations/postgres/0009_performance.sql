-- What rollouts did to response times, as the newest full comparison of each said.
create table performance (
    environment text not null, rollout text not null, rolled_out_at bigint not null, body text not null,
    primary key (environment, rollout));
create index performance_by_time on performance (environment, rolled_out_at);

-- Its endpoints, the weightiest first.
create table performance_endpoint (
    environment text not null, rollout text not null, position bigint not null, rolled_out_at bigint not null,
    name text not null, body text not null, primary key (environment, rollout, position));
create index performance_endpoint_by_name on performance_endpoint (environment, name, rolled_out_at);
