use super::*;
use std::net::Ipv4Addr;

fn parsed(text: &str) -> Config {
    match Config::parse(FILE_NAME, text, Path::new("/srv/acme")) {
        Ok(config) => config,
        Err(problems) => panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()),
    }
}

fn check(text: &str, expected: &[&str]) {
    let problems = Config::parse(FILE_NAME, text, Path::new("/srv/acme")).expect_err(text);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn the_default_file_is_read() {
    let config = parsed(DEFAULT_FILE);
    assert_eq!(config.name, "Acme");
    assert_eq!(config.listen, SocketAddr::from((Ipv4Addr::LOCALHOST, 7007)));
    assert_eq!(config.data, Path::new("/srv/acme/onduty-data"));
    assert_eq!(config.sources.git[0].repository, GitRepository::Folder("/srv/acme/.".into()));
    assert_eq!(config.sources.git[0].every, Duration::from_secs(30));
    let github = config.sources.github.as_ref().unwrap();
    assert_eq!(github.secret, SecretSource::Variables(vec!["ONDUTY_GITHUB_SECRET".to_owned()]));
    let signals = config.sources.signals.as_ref().unwrap();
    assert_eq!(signals.secret, SecretSource::File("/srv/acme/secrets/signals".into()));
    assert_eq!(config.write_back_errors.as_ref().unwrap().url, "http://127.0.0.1:9000/assignments");
    let target = &config.rollouts[&Environment::from("production")];
    assert_eq!(target.command, ["./rollout.sh", "--all"]);
    assert_eq!(target.environment["TARGET"], "production");
    assert_eq!(target.timeout, Duration::from_secs(1_800));

    let declarations = config.declarations();
    assert_eq!(declarations.absent, BTreeSet::from([Kind::Traffic]));
    let certificate = Kind::Custom("certificate".to_owned());
    let expected = [Kind::Builds, Kind::Commits, Kind::Errors, Kind::Performance, Kind::Rollouts, certificate.clone()];
    assert_eq!(declarations.expected, BTreeSet::from(expected));
    assert_eq!(declarations.max_age_of(&certificate).as_hours(), 1);
    assert_eq!(declarations.rollout_targets, BTreeSet::from(["production".to_owned()]));
    assert!(!declarations.observe_only);
}

/// The first YAML block of a guide.
fn example(guide: &str) -> &str {
    guide.split("```").find_map(|block| block.strip_prefix("yaml\n")).unwrap()
}

#[test]
fn the_examples_of_the_guides_are_read() {
    let config = parsed(example(include_str!("../../../../docs/instance.md")));
    assert!(config.sources.github.is_some() && config.rollouts.len() == 1);
    let text = example(include_str!("../../../../docs/roster.md"));
    let roster = onduty_core::roster::parse("roster.yml", text).unwrap();
    assert_eq!(roster.duties[0].holidays.len(), 5);
}

#[test]
fn every_default_is_what_the_default_file_says() {
    let short = parsed("sources: {git: {repository: .}, github: {secret_env: A}}\nrollouts: {p: {command: [x]}}\n");
    let full = parsed(DEFAULT_FILE);
    assert_eq!((short.listen, &short.data, &short.roster), (full.listen, &full.data, &full.roster));
    assert_eq!(short.processes, full.processes);
    assert_eq!(short.server.limits, full.server.limits);
    let (a, b) = (&short.sources.git[0], &full.sources.git[0]);
    assert_eq!((a.every, a.max_age), (b.every, b.max_age));
    assert_eq!(short.sources.github.unwrap().max_age, full.sources.github.unwrap().max_age);
    let (a, b) = (&short.rollouts[&Environment::from("p")], &full.rollouts[&Environment::from("production")]);
    assert_eq!((&a.directory, a.timeout), (&b.directory, b.timeout));
}

#[test]
fn the_stricter_of_two_sources_decides_how_long_a_kind_stays_known() {
    let config =
        parsed("sources: {github: {secret_env: A, max_age: 24h}, signals: {secret_env: B, max_age: {builds: 2h}}}\n");
    assert_eq!(config.declarations().max_age_of(&Kind::Builds).as_hours(), 2);
}

#[test]
fn a_repository_is_a_folder_or_an_address() {
    let repositories = ".|file:///srv/git/shop.git|https://git.example:8443/shop.git|http://127.0.0.1:8080/shop.git|http://localhost/shop.git";
    let list: Vec<String> = repositories.split('|').map(|place| format!("{{repository: '{place}'}}")).collect();
    let config = parsed(&format!("sources: {{git: [{}]}}\n", list.join(", ")));
    let from_web: Vec<&str> = config.sources.git.iter().filter_map(|git| git.repository.web_address()).collect();
    assert_eq!(from_web.join("|"), repositories.splitn(3, '|').last().unwrap());

    // onduty may go there, as to every address that the file names, and to no other port.
    let policy = config.egress_policy();
    for (host, port, named) in [
        ("git.example", 8443, true),
        ("git.example", 443, false),
        ("127.0.0.1", 8080, true),
        ("localhost", 80, true),
        ("localhost", 8080, false),
    ] {
        assert_eq!(policy.host(host, port).is_ok(), named, "{host}:{port}");
    }
}

#[test]
fn a_repository_has_a_name() {
    for (text, expected) in [
        ("{repository: 'https://git.example/acme/shop.git'}", "acme/shop"),
        ("{repository: 'https://git.example/shop/'}", "git.example/shop"),
        ("{repository: 'file:///srv/git/acme/shop.git'}", "acme/shop"),
        ("{repository: ../shop}", "shop"),
        ("{repository: .}", "acme"),
        ("{repository: ..}", "repository"),
        ("{repository: /}", "repository"),
        ("{repository: ., name: acme/web}", "acme/web"),
    ] {
        assert_eq!(parsed(&format!("sources: {{git: {text}}}\n")).sources.git[0].name, expected, "{text}");
    }
}

#[test]
fn every_bad_instance_file_gets_a_message() {
    for (listen, reason) in [
        ("0.0.0.0:7007", "can be reached from other machines, and everybody between could read along"),
        ("'[::]:7007'", "can be reached from other machines, and everybody between could read along"),
        ("10.0.0.4:80", "can be reached from other machines, and everybody between could read along"),
    ] {
        let bare = listen.trim_matches('\'');
        let column = if bare == listen { 9 } else { 10 };
        check(
            &format!("listen: {listen}\n"),
            &[&format!(
                "onduty.yml:1:{column}: `{bare}` {reason}; give `server: {{tls: {{certificate: …, key: …}}}}`, or `server: {{proxy: […]}}` with the addresses of a proxy that speaks TLS, or listen on 127.0.0.1"
            )],
        );
    }
    check(
        "listen: acme.example:80\n",
        &["onduty.yml:1:9: `acme.example:80` is not an address and port; write for example 127.0.0.1:7007"],
    );
    check("name: ''\n", &["onduty.yml:1:8: this is not a name; write one line of at most 200 characters"]);
    check(
        "data: ~/onduty\n",
        &[
            "onduty.yml:1:7: `~/onduty` starts with `~`, which only a shell understands; write a path relative to this file, or one that starts with `/`",
        ],
    );
    check(
        "database: {url: 'postgres://onduty:hunter2@db/onduty'}\n",
        &[
            "onduty.yml:1:11: `database` has no address; name a variable of the environment, such as `url_env: ONDUTY_DATABASE_URL`, or a file with `url_file`",
            "onduty.yml:1:12: `database` has no key `url`; use one of `url_env`, `url_file`",
        ],
    );
    check(
        "process: {from: editor}\n",
        &["onduty.yml:1:17: processes cannot come from `editor` yet; write `from: repo`, and edit the files"],
    );
    check(
        "prozess: {from: repo}\n",
        &["onduty.yml:1:1: the instance's file has no key `prozess`; did you mean `process`?"],
    );
    check(
        "- name: Acme\n",
        &["onduty.yml:1:1: the instance's file should be a map of keys, but is a list; write one `key: value` a line"],
    );
}

#[test]
fn the_store_is_a_file_or_wherever_a_secret_says() {
    assert!(parsed("name: Acme\n").database_address().unwrap().is_none());
    let config = parsed("database: {url_env: ONDUTY_DATABASE_URL}\n");
    assert_eq!(
        secrets::address(&config, &|_| None).unwrap_err().to_string(),
        "the variable ONDUTY_DATABASE_URL is not set; connections to the database need it: set it to a secret of at least 16 bytes"
    );
    let variable = |name: &str| (name == "ONDUTY_DATABASE_URL").then(|| "postgres://db.internal/onduty".into());
    assert!(secrets::address(&config, &variable).unwrap().is_some());
    let both = "database: {url_env: A, url_file: b}\n";
    check(both, &["onduty.yml:1:34: `database` has both `url_env` and `url_file`; keep one of the two"]);
}

#[test]
fn every_bad_tracker_gets_a_message() {
    let good = "url: 'https://us.sentry.io', organisation: acme, environments: [production]";
    for (source, expected) in [
        (
            format!("sentry: {{{good}}}"),
            "1:19: the source `sentry` has no token; name a variable of the environment, such as `token_env: ONDUTY_TOKEN`, or a file with `token_file`",
        ),
        (
            "sentry: {url: 'https://us.sentry.io', organisation: acme, token_env: T}".to_owned(),
            "1:19: the source `sentry` has no `environments`; write the environments that duties watch, such as `environments: [staging, production]`",
        ),
        (
            format!("sentry: {{{good}, token_env: T, token_file: t}}"),
            "1:123: the source `sentry` has both `token_env` and `token_file`; keep one of the two",
        ),
        (
            "bugsink: {url: 'http://bugsink:8000', token_env: T}".to_owned(),
            "1:27: `http` to another machine can be read on the way; use https, or name it in `egress: {allow: …}` when it is inside",
        ),
        (
            "bugsink: {url: 'https://b.example', token_env: T, every: 1s}".to_owned(),
            "1:68: `1s` is too short; write a duration from 5s to 1h",
        ),
        (
            "bugsink: {url: 'https://b.example', token_env: T, projects: ['a b']}".to_owned(),
            "1:73: `a b` cannot be one of the projects; write its slug: letters, digits, `-`, `_` and `.`",
        ),
    ] {
        check(&format!("sources: {{{source}}}\n"), &[&format!("onduty.yml:{expected}")]);
    }
    let inside = parsed("egress: {allow: [bugsink]}\nsources: {bugsink: {url: 'http://bugsink:8000', token_env: T}}\n");
    assert_eq!(inside.sources.bugsink.unwrap().url, "http://bugsink:8000");
}

#[test]
fn every_bad_way_out_gets_a_message() {
    for (text, expected) in [
        ("egress: []", "1:9: `egress` should be a map of keys, but is a list; write one `key: value` a line"),
        (
            "egress: {allow: [10.0.0.0/33]}",
            "1:18: `10.0.0.0/33`: the length after the slash is too large; write a range such as 10.0.0.0/8, an address, or a host such as sentry.internal",
        ),
        (
            "egress: {allow: [10.1.0.0/8]}",
            "1:18: `10.1.0.0/8`: the address has bits beyond the length after the slash; write the first address of the range, or a single address without the slash",
        ),
        (
            "egress: {allow: ['http://sentry.internal']}",
            "1:19: `http://sentry.internal` is neither a range of addresses nor a host; write a range such as 10.0.0.0/8, an address, or a host such as sentry.internal",
        ),
        (
            "egress: {allow: ['*.internal']}",
            "1:19: `*.internal` is neither a range of addresses nor a host; write a range such as 10.0.0.0/8, an address, or a host such as sentry.internal",
        ),
        (
            "egress: {allow: [10.0.0]}",
            "1:18: `10.0.0` is neither a range of addresses nor a host; write a range such as 10.0.0.0/8, an address, or a host such as sentry.internal",
        ),
    ] {
        check(&format!("{text}\n"), &[&format!("onduty.yml:{expected}")]);
    }
    let config = parsed("egress: {allow: [10.0.0.0/8, '::1', Sentry.Internal]}\n");
    assert_eq!(config.egress.networks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "::1/128"]);
    assert_eq!(config.egress.hosts, ["sentry.internal"]);
}

#[test]
fn every_bad_source_gets_a_message() {
    let long = "https://lena:hunter2@git.example/shop";
    for (source, expected) in [
        ("githup: {secret_env: A}", "1:11: there is no source `githup`; did you mean `github`?"),
        (
            "pagers: {secret_env: A}",
            "1:11: there is no source `pagers`; use `git`, `github`, `signals`, `sentry`, `bugsink`, `otlp`, `prometheus`, `newrelic` or `datadog`, or `KIND: none` for a kind that nobody watches",
        ),
        (
            "errors: {url: x}",
            "1:19: `errors` is a kind of signal and may only be `none` here; write `errors: none` when nobody watches it, or remove it; sources are `git`, `github`, `signals`, `sentry`, `bugsink`, `otlp`, `prometheus`, `newrelic` and `datadog`",
        ),
        (
            "git: {branch: main}",
            "1:16: the source `git` has no `repository`; write the path of a clone, or an address such as https://git.example/acme/shop.git",
        ),
        (
            "git: {repository: git@git.example:acme/shop}",
            "1:29: `git@git.example:acme/shop` would be read over SSH; use a path, a file:// or an https:// address",
        ),
        (
            "git: {repository: 'ssh://git.example/shop'}",
            "1:30: `ssh://` is not read here; use a path, a file:// or an https:// address",
        ),
        (
            "git: {repository: 'http://git.example/shop'}",
            "1:30: `http://` is not read here; use a path, a file:// or an https:// address",
        ),
        (
            "git: {repository: 'ext::sh -c evil'}",
            "1:30: git would run a program for this repository; use a path, a file:// or an https:// address",
        ),
        (
            "git: {repository: --upload-pack=evil}",
            "1:29: a repository cannot start with `-`; write `./` before it if it is a folder",
        ),
        (
            &format!("git: {{repository: '{long}'}}"),
            "1:30: the address holds a name or password; take it out; of a private repository keep a clone on this machine, and write its path",
        ),
        (
            "git: {repository: ., branch: --all}",
            "1:40: `--all` cannot be the name of a branch; write it as `git branch` shows it",
        ),
        (
            "git: {repository: ., every: 30}",
            "1:39: `30` is not a duration; write a number and a unit, such as 30s, 5m, 24h or 7d",
        ),
        ("git: {repository: ., every: 0s}", "1:39: `0s` is too short; write a duration from 1s to 1d"),
        ("git: {repository: ., max_age: 365d}", "1:41: `365d` is too long; write a duration from 1m to 90d"),
        (
            "git: [{repository: .}, {repository: ./}]",
            "1:34: two repositories are called `acme`; give each repository a `name` of its own",
        ),
        (
            "github: {max_age: 24h}",
            "1:19: the source `github` has no secret; name a variable of the environment, such as `secret_env: ONDUTY_SECRET`, or a file with `secret_file`",
        ),
        (
            "github: {secret_env: 'correct horse'}",
            "1:33: this is not the name of a variable; write the variable's name, never the secret",
        ),
        (
            "github: {secret_env: A, secret_file: b}",
            "1:48: the source `github` has both `secret_env` and `secret_file`; keep one of the two",
        ),
        (
            "github: {secret_env: [A, B, C]}",
            "1:39: more than two secrets; keep the new one, and after it the old one while it is replaced",
        ),
        (
            "signals: {secret_env: A, max_age: 24h}",
            "1:45: `max_age` should be a map of keys, but is a text; write one `name: value` a line below it",
        ),
        (
            "signals: {secret_env: A, max_age: {Errors: 1h}}",
            "1:46: `Errors` cannot be a kind of signal; use a kind such as `errors` or `builds`, or a plain word of your own",
        ),
        (
            "builds: none, github: {secret_env: A}",
            "1:11: `builds` is none, but the source `github` tells about it; remove `builds: none`, or the source",
        ),
    ] {
        check(&format!("sources: {{{source}}}\n"), &[&format!("onduty.yml:{expected}")]);
    }
}

#[test]
fn every_bad_rollout_and_write_back_gets_a_message() {
    for (text, expected) in [
        (
            "rollouts: {p: {timeout: 1m}}",
            "1:15: a rollout has no `command`; write program and arguments as a list, such as `command: [./rollout.sh, --all]`",
        ),
        (
            "rollouts: {p: {command: ./rollout.sh --all}}",
            "1:25: `./rollout.sh --all` looks like a shell line, and no shell runs here; write program and arguments as a list, such as `command: [./rollout.sh, --all]`",
        ),
        (
            "rollouts: {p: {command: [x], environment: {A-B: 1}}}",
            "1:44: `A-B` cannot be the name of a variable; use letters, digits and `_`, not starting with a digit",
        ),
        (
            "rollouts: {p: {command: [x], environment: {ONDUTY_REVISION: 1}}}",
            "1:44: `ONDUTY_REVISION` is set by onduty; choose another name; names with ONDUTY_ are set by onduty",
        ),
        ("rollouts: {p: {command: [x], timeout: 2d}}", "1:39: `2d` is too long; write a duration from 1s to 1d"),
        (
            "write_back: {errors: {secret_env: A}}",
            "1:22: a write-back has no `url`; say where to, such as `url: https://tracker.example/assignments`",
        ),
        (
            "write_back: {errors: {url: 'http://tracker.example', secret_env: A}}",
            "1:29: `http` to another machine can be read on the way; use https",
        ),
        (
            "write_back: {errors: {url: 'ftp://tracker.example', secret_env: A}}",
            "1:29: `ftp` is not spoken here; write an address such as https://tracker.example/assignments",
        ),
        (
            "write_back: {errors: {url: 'https://a:b@tracker.example', secret_env: A}}",
            "1:29: the address holds a name or password; take it out: addresses are shown and logged",
        ),
        ("write_back: {builds: {}}", "1:14: `write_back` has no key `builds`; use one of `errors`"),
    ] {
        check(&format!("{text}\n"), &[&format!("onduty.yml:{expected}")]);
    }
}

#[test]
fn every_bad_provider_gets_a_message() {
    let good = "issuer: 'https://id.example', client_id: onduty, secret_env: S";
    let rules = parsed(&format!("access: {{oidc: {{{good}, domains: [Acme.Example]}}}}\n")).access.oidc.unwrap();
    assert_eq!((rules.label.as_str(), rules.domains), ("single sign-on", vec!["acme.example".to_owned()]));
    assert_eq!(rules.scopes, ["openid", "email", "profile"]);
    let at = |issuer: &str| format!("issuer: '{issuer}', client_id: onduty, secret_env: S");
    for (text, expected) in [
        (at("id.example"), "1:26: this is not a web address; write an address such as https://id.acme.example"),
        (at("http://id.example"), "1:26: `http` to another machine can be read on the way; use https"),
        (
            at("https://a:b@id.example"),
            "1:26: the address holds a name or password; take it out; `client_id` and the secret are the proof",
        ),
        (at("https://id.example/?x=1"), "1:26: an issuer has no `?` and no `#`; write it exactly as the provider does"),
        (
            at("https://id.example/.well-known/openid-configuration"),
            "1:26: this is where the provider describes itself, not its issuer; leave out `/.well-known/openid-configuration`",
        ),
        (
            format!("{good}, domains: ['@acme.example']"),
            "1:92: `@acme.example` is not the domain of an address; write what stands behind the `@`, such as `domains: [acme.example]`",
        ),
        (
            format!("{good}, scopes: ['a b']"),
            "1:91: `a b` is not a scope; write words without spaces, such as `scopes: [openid, email, profile]`",
        ),
    ] {
        check(&format!("access: {{oidc: {{{text}}}}}\n"), &[&format!("onduty.yml:{expected}")]);
    }
    check(
        "access: {oidc: {secret: hunter2hunter2hunter2}}\n",
        &[
            "onduty.yml:1:16: `oidc` has no `client_id`; write what the provider calls onduty",
            "onduty.yml:1:16: `oidc` has no `issuer`; write it exactly as the provider does: the field `issuer` of its /.well-known/openid-configuration",
            "onduty.yml:1:16: `oidc` has no secret; name a variable of the environment, such as `secret_env: ONDUTY_SECRET`, or a file with `secret_file`",
            "onduty.yml:1:17: `oidc` has no key `secret`; use one of `issuer`, `client_id`, `secret_env`, `secret_file`, `label`, `scopes`, `domains`",
        ],
    );
}

#[test]
fn a_metrics_server_says_what_an_endpoint_is() {
    let config =
        parsed("sources: {prometheus: {url: 'https://metrics.example/prom', endpoint_labels: [job, route]}}\n");
    let server = config.sources.prometheus.as_ref().unwrap();
    assert_eq!(server.metric, "http_server_request_duration_seconds");
    assert_eq!((server.is_native, &server.status_label, &server.token), (false, &None, &None));
    assert_eq!(server.endpoint_labels, ["job", "route"]);
    assert!(config.egress_policy().host("metrics.example", 443).is_ok());
    let full = parsed(DEFAULT_FILE).sources.prometheus.unwrap();
    assert_eq!(full.status_label.as_deref(), Some("code"));
    assert_eq!(full.selector, [("environment".to_owned(), "production".to_owned())]);
}

#[test]
fn every_bad_metrics_server_gets_a_message() {
    let good = "url: 'https://m.example', endpoint_labels: [route]";
    for (text, expected) in [
        (
            "endpoint_labels: [route]".to_owned(),
            "1:23: the source `prometheus` has no `url`; write where it is, such as `url: https://prometheus.example`; what comes before `/api/v1`",
        ),
        (
            "url: 'https://m.example'".to_owned(),
            "1:23: the source `prometheus` has no `endpoint_labels`; write the labels that make an endpoint, such as `endpoint_labels: [service, method, route]`",
        ),
        (
            "url: 'http://m.example', endpoint_labels: [route]".to_owned(),
            "1:30: `http` to another machine can be read on the way; use https, or name it in `egress: {allow: …}` when it is inside",
        ),
        (
            format!("{good}, metric: 'x{{}}'"),
            "1:85: `x{}` cannot be a metric; write its name without `_bucket`: letters, digits, `_` and `:`",
        ),
        (format!("{good}, metric: x_bucket"), "1:84: `x_bucket` is a part of a histogram; leave out `_bucket`"),
        (
            format!("{good}, kind: summary"),
            "1:82: `summary` is no kind of histogram; write `classic` (series with `_bucket`) or `native`",
        ),
        (
            format!("{good}, status_label: 'a b'"),
            "1:91: `a b` cannot be a label; write a label as it stands in queries: letters, digits and `_`, no digit first",
        ),
        (
            format!("{good}, status_label: route"),
            "1:68: `route` is the `status_label` as well; leave it out: requests that failed are told apart already",
        ),
        (
            "url: 'https://m.example', endpoint_labels: [route, le, route]".to_owned(),
            "1:75: `le` is the bound of a bucket; write the labels that tell endpoints apart\nonduty.yml:1:79: `route` is there twice; write each label once",
        ),
        (
            format!("{good}, selector: {{a-b: x, c: [d]}}"),
            "1:87: `a-b` cannot be a label; write a label as it stands in queries: letters, digits and `_`, no digit first\nonduty.yml:1:98: the value of `c` is not a short text; write what the label has to be, at most 200 letters; quote numbers",
        ),
        (
            "url: 'https://m.example', endpoint_labels: [a, b, c, d, e, f, g, h, i]".to_owned(),
            "1:92: more than 8 labels; write those that tell endpoints apart",
        ),
    ] {
        let problems =
            Config::parse(FILE_NAME, &format!("sources: {{prometheus: {{{text}}}}}\n"), Path::new("")).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("\n"), format!("onduty.yml:{expected}"), "{text}");
    }
}

#[test]
fn services_with_response_times_say_where_they_are() {
    let config = parsed("sources: {newrelic: {account: 7, region: eu, token_env: KEY}}\n");
    let account = config.sources.newrelic.as_ref().unwrap();
    let told = (account.url.as_str(), account.account, account.status.as_str());
    assert_eq!(told, ("https://api.eu.newrelic.com/graphql", 7, "httpResponseCode"));
    assert!(config.egress_policy().host("api.eu.newrelic.com", 443).is_ok());
    let keys = "api_key_env: A, application_key_env: B, metric: trace.http.request";
    let config = parsed(&format!("sources: {{datadog: {{{keys}, site: us5.datadoghq.com}}}}\n"));
    let organisation = config.sources.datadog.as_ref().unwrap();
    assert_eq!(organisation.url, "https://api.us5.datadoghq.com");
    assert_eq!(
        (&organisation.status_tag[..], organisation.endpoint_tags.join(" ")),
        ("http.status_code", "service resource_name".to_owned())
    );
    assert_eq!(config.backend(), Some(Backend::Datadog));
    assert_eq!(parsed(DEFAULT_FILE).backend(), Some(Backend::Prometheus));
    assert_eq!(parsed("{}\n").backend(), None);
}

#[test]
fn every_bad_service_gets_a_message() {
    let told = |text: &str| -> String {
        let problems = Config::parse(FILE_NAME, &format!("sources: {{{text}}}\n"), Path::new("")).unwrap_err();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let keys = "api_key_env: A, application_key_env: B";
    let all = [
        told("newrelic: {}"),
        told("newrelic: {account: 0, token_env: K}"),
        told("newrelic: {account: 7, token_env: K, region: ap}"),
        told("newrelic: {account: 7, token_env: K, url: 'http://api.example'}"),
        told("newrelic: {account: 7, token_env: K, applications: [\"a\\nb\"], status_attribute: 'a`b'}"),
        told("datadog: {}"),
        told(&format!("datadog: {{{keys}, metric: 'a b', site: datadoghq.com}}")),
        told(&format!("datadog: {{{keys}, metric: m, site: evil.example}}")),
        told(&format!("datadog: {{{keys}, metric: m, endpoint_tags: [a, a, 'b{{c'], filter: {{env: 'x OR y'}}}}")),
        told(&format!("datadog: {{{keys}, metric: m, endpoint_tags: [service, http.status_code]}}")),
        told(&format!("datadog: {{{keys}, metric: m, endpoint_tags: [code], status_tag: code}}")),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    onduty.yml:1:21: the source `newrelic` has no `account`; write its number, such as `account: 1234567`
    onduty.yml:1:21: the source `newrelic` has no token; name a variable of the environment, such as `token_env: ONDUTY_TOKEN`, or a file with `token_file`
    onduty.yml:1:31: `account` should be a whole number from 1 to 9223372036854775807; write for example `account: 1`
    onduty.yml:1:56: `ap` is no region of New Relic; write `us` or `eu`
    onduty.yml:1:54: `http` to another machine can be read on the way; use https, or name it in `egress: {allow: …}` when it is inside
    onduty.yml:1:64: this cannot be the name of an application; write its name, at most 200 letters
    onduty.yml:1:91: `a`b` cannot be an attribute; write it as it stands in queries
    onduty.yml:1:20: the source `datadog` has no API key; name a variable of the environment, such as `api_key_env: DD_API_KEY`, or a file with `api_key_file`
    onduty.yml:1:20: the source `datadog` has no `metric`; write a distribution, such as `metric: trace.http.request`; the tracer's operation is in its name
    onduty.yml:1:20: the source `datadog` has no application key; name a variable of the environment, such as `application_key_env: DD_APP_KEY`, or a file with `application_key_file`
    onduty.yml:1:70: `a b` cannot be a metric or a tag; write letters, digits and `_ . - / :`, as it stands in queries
    onduty.yml:1:78: `evil.example` is no site of Datadog; write one of datadoghq.com, us3.datadoghq.com, us5.datadoghq.com, datadoghq.eu, ap1.datadoghq.com, ap2.datadoghq.com, ddog-gov.com, us2.ddog-gov.com
    onduty.yml:1:91: `a` is there twice; write each tag once
    onduty.yml:1:95: `b{c` cannot be a metric or a tag; write letters, digits and `_ . - / :`, as it stands in queries
    onduty.yml:1:111: the tag `env` cannot be asked for; write letters, digits and `_ . - / :`, as it stands in queries
    onduty.yml:1:97: `http.status_code` is the `status_tag` as well; leave it out: requests that failed are told apart already
    onduty.yml:1:88: `code` is the `status_tag` as well; leave it out: requests that failed are told apart already
    ");
}

/// The parser says itself which keys it takes when it meets one that it does not.
fn keys_of(text: &str) -> Vec<String> {
    let problems = Config::parse(FILE_NAME, text, Path::new("")).unwrap_err();
    let mend = &problems.iter().find(|problem| problem.what.contains("zzzzzzzz")).unwrap().mend;
    let mut keys: Vec<String> = mend.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_and_the_default_file_know_the_keys_of_the_parser() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/schema/onduty.schema.json")).unwrap();
    for (pointer, text) in [
        ("", "zzzzzzzz: 1\n"),
        ("/properties/process", "process: {zzzzzzzz: 1}\n"),
        ("/$defs/git", "sources: {git: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/github", "sources: {github: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/signals", "sources: {signals: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/sentry", "sources: {sentry: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/bugsink", "sources: {bugsink: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/prometheus", "sources: {prometheus: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/newrelic", "sources: {newrelic: {zzzzzzzz: 1}}\n"),
        ("/properties/sources/properties/datadog", "sources: {datadog: {zzzzzzzz: 1}}\n"),
        ("/properties/server", "server: {zzzzzzzz: 1}\n"),
        ("/properties/server/properties/tls", "server: {tls: {zzzzzzzz: 1}}\n"),
        ("/properties/access", "access: {zzzzzzzz: 1}\n"),
        ("/properties/access/properties/oidc", "access: {oidc: {zzzzzzzz: 1}}\n"),
        ("/properties/performance", "performance: {zzzzzzzz: 1}\n"),
        ("/properties/egress", "egress: {zzzzzzzz: 1}\n"),
        ("/properties/write_back", "write_back: {zzzzzzzz: 1}\n"),
        ("/properties/write_back/properties/errors", "write_back: {errors: {zzzzzzzz: 1}}\n"),
        ("/properties/rollouts/additionalProperties", "rollouts: {p: {zzzzzzzz: 1}}\n"),
        ("/properties/leave_calendars/additionalProperties", "leave_calendars: {hr: {zzzzzzzz: 1}}\n"),
    ] {
        let node = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(node["additionalProperties"], false, "{pointer}");
        let mut keys: Vec<String> = node["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, keys_of(text), "{pointer}");
        for key in keys {
            assert!(DEFAULT_FILE.contains(&format!("{key}:")), "the default file does not show `{key}`");
        }
    }
    let sources = schema.pointer("/properties/sources/properties").unwrap().as_object().unwrap();
    let mut known: Vec<&str> = sources.keys().map(String::as_str).collect();
    known.sort();
    let kinds = Kind::BUILT_IN;
    let adapters = ["git", "github", "signals", "sentry", "bugsink", "otlp", "prometheus", "newrelic", "datadog"];
    let mut expected: Vec<&str> = adapters.into_iter().chain(kinds.iter().map(Kind::as_str)).collect();
    expected.sort();
    assert_eq!(known, expected);
}
