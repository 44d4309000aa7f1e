//! Lines of logs in the formats of real software, with everything that looks like personal data and
//! is none: ids, times, versions, digests, addresses of the machine itself.
//!
//! What would be personal data or a secret is left out: clients are the machine itself or absent,
//! there are no sessions, and numbers of sixteen digits that a card might have do not occur, since
//! nobody could tell them apart.

use super::{ALNUM, BASE64, Noise, UPPER};

/// What one kind of software writes.
type Writer = fn(&mut Noise) -> String;

/// One entry per kind; all are written equally often.
const WRITERS: &[Writer] = &[
    nginx,
    nginx_error,
    apache,
    access_in_columns,
    haproxy,
    envoy,
    postgresql,
    mysql,
    redis,
    mongodb,
    elasticsearch,
    kafka,
    rabbitmq,
    syslog,
    systemd,
    journald,
    kernel,
    kubernetes,
    kubelet,
    docker,
    logback,
    spring,
    java_trace,
    python,
    python_trace,
    django,
    gunicorn,
    celery,
    zap,
    logrus,
    go_panic,
    rust,
    pino,
    node_trace,
    rails,
    rails_trace,
    bundler,
    php,
    dotnet,
    terraform,
    git,
    git_diff,
    npm,
    cargo,
    maven,
    pip,
    go_modules,
    apt,
    ci,
    hex_dump,
    digests,
    traces,
    numbers,
    money,
    coordinates,
    shop,
    shipping,
    mobile,
    language_model,
    browser,
    headers,
    tls,
    cron,
    prometheus,
    aws,
    query_plan,
    csv,
    yaml,
    code,
    prose,
];

/// So many lines. Each holds no line end of its own.
pub(crate) fn lines(seed: u64, count: usize) -> impl Iterator<Item = String> {
    let mut noise = Noise::new(seed);
    (0..count).map(move |_| {
        let writer = WRITERS[noise.below(WRITERS.len())];
        writer(&mut noise)
    })
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const NOUNS: &[&str] = &[
    "cart",
    "order",
    "catalogue",
    "invoice",
    "worker",
    "search",
    "stock",
    "price",
    "image",
    "mail",
    "report",
    "queue",
    "index",
    "cache",
    "billing",
    "checkout",
    "shipment",
    "batch",
];
const VERBS: &[&str] = &[
    "started",
    "stopped",
    "created",
    "updated",
    "deleted",
    "refreshed",
    "finished",
    "skipped",
    "retried",
    "accepted",
    "rejected",
    "queued",
    "flushed",
    "compacted",
    "loaded",
    "closed",
];
const LEVELS: &[&str] = &["DEBUG", "INFO", "WARN", "ERROR"];
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"];

impl Noise {
    fn noun(&mut self) -> &'static str {
        self.one(NOUNS)
    }

    fn verb(&mut self) -> &'static str {
        self.one(VERBS)
    }

    fn date(&mut self) -> (usize, usize, usize) {
        (self.between(2019, 2031), self.between(1, 12), self.between(1, 28))
    }

    fn clock(&mut self) -> String {
        format!("{:02}:{:02}:{:02}", self.below(24), self.below(60), self.below(60))
    }

    /// `2026-11-03T12:34:56.123Z` and its kin.
    fn time(&mut self) -> String {
        let ((year, month, day), clock) = (self.date(), self.clock());
        let sign = self.one(&["T", " "]);
        let fraction = match self.below(4) {
            0 => String::new(),
            1 => format!(".{}", self.digits(3)),
            2 => format!(",{}", self.digits(3)),
            _ => format!(".{}", self.digits(6)),
        };
        let zone = self.one(&["Z", "", "+00:00", "+0700", " UTC", "-05:00", " +0000 UTC"]);
        format!("{year}-{month:02}-{day:02}{sign}{clock}{fraction}{zone}")
    }

    fn iso(&mut self) -> String {
        let ((year, month, day), clock) = (self.date(), self.clock());
        format!("{year}-{month:02}-{day:02}T{clock}.{}Z", self.digits(9))
    }

    /// `03/Nov/2026:12:34:56 +0000`.
    fn common_time(&mut self) -> String {
        let ((year, month, day), clock) = (self.date(), self.clock());
        format!("{day:02}/{}/{year}:{clock} +0000", MONTHS[month - 1])
    }

    /// The number of a thread on Linux: the address of its memory.
    fn thread(&mut self) -> usize {
        self.between(139_600_000, 140_737_000) * 1_000_000 + self.below(250_000) * 4
    }

    fn epoch(&mut self) -> usize {
        self.between(1_500_000_000, 1_900_000_000)
    }

    fn version(&mut self) -> String {
        let (a, b, c) = (self.below(30), self.below(40), self.below(60));
        match self.below(5) {
            0 => format!("{a}.{b}"),
            1 => format!("v{a}.{b}.{c}"),
            2 => format!("{a}.{b}.{c}-rc.{}", self.between(1, 9)),
            3 => format!("{a}.{b}.{c}+build.{}", self.digits(6)),
            _ => format!("{a}.{b}.{c}"),
        }
    }

    /// Four numbers, as some projects count.
    fn long_version(&mut self) -> String {
        // With ten in front nobody can tell them from addresses of a private network.
        let (a, b) = ([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 17, 21, 23][self.below(13)], self.below(20));
        format!("{a}.{b}.{}.{}", self.below(30), self.between(1, 9))
    }

    fn agent(&mut self) -> String {
        let (major, build) = (self.between(70, 140), self.between(1000, 7000));
        match self.below(6) {
            0 => format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.{build}.{} Safari/537.36",
                self.below(250)
            ),
            1 => format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS {0}_{1} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{0}.{1} Mobile/15E148 Safari/604.1",
                self.between(12, 18),
                self.below(8)
            ),
            2 => format!(
                "Mozilla/5.0 (X11; Linux x86_64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0"
            ),
            3 => format!("curl/8.{}.{}", self.below(12), self.below(3)),
            4 => format!(
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.{}.{} Mobile Safari/537.36",
                self.below(200),
                self.below(200)
            ),
            _ => format!("kube-probe/1.{}", self.between(20, 33)),
        }
    }

    fn path(&mut self) -> String {
        let noun = self.noun();
        match self.below(10) {
            0 => format!("/api/v{}/{noun}s/{}", self.between(1, 3), self.digits(8)),
            1 => format!("/api/{noun}s/{}", self.uuid()),
            2 => format!("/static/js/{noun}.{}.chunk.js", self.hex(8)),
            3 => format!("/img/{noun}@{}x.png?v={}", self.between(2, 3), self.digits(10)),
            4 => format!("/{noun}?page={}&per_page=50&sort=-created_at", self.below(400)),
            5 => format!("/healthz?ts={}{}", self.epoch(), self.digits(3)),
            6 => format!("/{noun}s/{}/items/{}", self.digits(6), self.digits(4)),
            7 => format!("/npm/@scope/{noun}@{}/dist/{noun}.min.js", self.version()),
            8 => format!("/search?q={noun}+{}&lang=id&utm_source=newsletter", self.verb()),
            _ => "/metrics".to_owned(),
        }
    }

    fn status(&mut self) -> usize {
        [
            200, 200, 200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 409, 429, 499, 500,
            502, 503,
        ][self.below(19)]
    }

    fn host(&mut self) -> String {
        format!(
            "{}-{}",
            self.one(&["web", "db", "worker", "cache", "ip-10-0-12-7"]),
            self.below(40)
        )
    }

    fn pod(&mut self) -> String {
        let noun = self.noun();
        format!(
            "{noun}-{}-{}",
            self.text("bcdfghjklmnpqrstvwxz2456789", 10),
            self.text("bcdfghjklmnpqrstvwxz2456789", 5)
        )
    }

    fn local(&mut self) -> &'static str {
        self.one(&[
            "127.0.0.1",
            "::1",
            "localhost",
            "127.0.0.1:8080",
            "[::1]:443",
            "0.0.0.0:80",
            "unix:",
        ])
    }

    fn class(&mut self) -> String {
        let noun = self.noun();
        let package = self.one(&[
            "com.example.shop",
            "org.springframework.web",
            "io.netty.channel",
            "org.apache.kafka.clients",
        ]);
        format!("{package}.{noun}.{}{}", noun[..1].to_uppercase(), &noun[1..])
    }

    fn file(&mut self) -> String {
        let noun = self.noun();
        match self.below(5) {
            0 => format!("/srv/app/src/{noun}/index.ts"),
            1 => format!("/usr/lib/python3.{}/site-packages/{noun}/base.py", self.between(8, 14)),
            2 => format!("C:\\Program Files\\Shop\\{noun}\\bin\\{noun}.dll"),
            3 => format!("/var/lib/docker/overlay2/{}/merged", self.hex(64)),
            _ => format!("./internal/{noun}/{noun}_test.go"),
        }
    }
}

fn nginx(n: &mut Noise) -> String {
    let (client, time, method, path) =
        (n.one(&["127.0.0.1", "::1", "-", "unix:"]), n.common_time(), n.one(METHODS), n.path());
    let (status, size, agent) = (n.status(), n.below(200_000), n.agent());
    let tail = match n.below(3) {
        0 => String::new(),
        1 => format!(" rt=0.{} uct=\"0.000\" urt=\"0.{}\"", n.digits(3), n.digits(3)),
        _ => format!(" \"-\" {}", n.hex(32)),
    };
    format!(
        "{client} - - [{time}] \"{method} {path} HTTP/1.1\" {status} {size} \"-\" \"{agent}\"{tail}"
    )
}

fn nginx_error(n: &mut Noise) -> String {
    let ((year, month, day), clock, path) = (n.date(), n.clock(), n.path());
    format!(
        "{year}/{month:02}/{day:02} {clock} [error] {}#{}: *{} upstream timed out (110: Connection timed out) while reading response header from upstream, client: 127.0.0.1, server: _, request: \"GET {path} HTTP/1.1\", upstream: \"http://127.0.0.1:{}{path}\", host: \"localhost\"",
        n.below(99999),
        n.below(99),
        n.digits(7),
        n.between(1024, 65535)
    )
}

fn apache(n: &mut Noise) -> String {
    let (time, path) = (n.common_time(), n.path());
    match n.below(3) {
        0 => format!(
            "::1 - - [{time}] \"OPTIONS * HTTP/1.0\" 200 126 \"-\" \"Apache/2.4.{} (Debian) OpenSSL/3.0.{} (internal dummy connection)\"",
            n.below(60),
            n.below(15)
        ),
        1 => {
            let ((year, month, day), clock) = (n.date(), n.clock());
            format!(
                "[{} {} {day:02} {clock}.{} {year}] [mpm_event:notice] [pid {}:tid {}] AH00489: Apache/2.4.{} (Unix) configured -- resuming normal operations",
                n.one(&DAYS),
                MONTHS[month - 1],
                n.digits(6),
                n.below(99999),
                n.thread(),
                n.below(60)
            )
        }
        _ => format!(
            "localhost:80 127.0.0.1 - - [{time}] \"GET {path} HTTP/1.1\" {} {} \"-\" \"{}\"",
            n.status(),
            n.below(99999),
            n.agent()
        ),
    }
}

/// Status, time and size, with blanks between them.
fn access_in_columns(n: &mut Noise) -> String {
    let (method, path, status) = (n.one(METHODS), n.path(), n.status());
    let (took, size) = (n.below(100), n.between(1000, 9999));
    match n.below(4) {
        0 => format!("{method} {path} {status} {took} {size}"),
        1 => format!("127.0.0.1 - \"{method} {path} HTTP/1.1\" {status} {took} {size} \"-\""),
        2 => {
            let ((year, month, day), clock) = (n.date(), n.clock());
            format!(
                "{year}-{month:02}-{day:02} {clock} {method} {path} - 80 - - {status} 0 0 {took} {size}"
            )
        }
        _ => format!("{method} {path} {status} {took}.{} ms - {size}", n.digits(3)),
    }
}

fn haproxy(n: &mut Noise) -> String {
    let (day, clock) = (n.between(1, 28), n.clock());
    format!(
        "Nov {day:>2} {clock} lb haproxy[{}]: 127.0.0.1:{} [03/Nov/2026:{clock}.{}] http-in~ shop/web{} {}/0/{}/{}/{} {} {} - - ---- {}/{}/{}/{}/0 0/0 \"GET {} HTTP/1.1\"",
        n.below(99999),
        n.between(1024, 65535),
        n.digits(3),
        n.below(9),
        n.below(99),
        n.below(9),
        n.below(999),
        n.below(2000),
        n.status(),
        n.below(99999),
        n.below(99),
        n.below(99),
        n.below(9),
        n.below(9),
        n.path()
    )
}

fn envoy(n: &mut Noise) -> String {
    let (time, path, request) = (n.iso(), n.path(), n.uuid());
    format!(
        "[{time}] \"GET {path} HTTP/2\" {} - via_upstream - \"-\" {} {} {} {} \"-\" \"{}\" \"{request}\" \"shop.internal\" \"127.0.0.1:{}\" inbound|8080|| - default",
        n.status(),
        n.below(9999),
        n.below(99999),
        n.below(2000),
        n.below(2000),
        n.agent(),
        n.between(1024, 65535)
    )
}

fn postgresql(n: &mut Noise) -> String {
    let ((year, month, day), clock, pid) = (n.date(), n.clock(), n.below(99999));
    let head = format!("{year}-{month:02}-{day:02} {clock}.{} UTC [{pid}]", n.digits(3));
    match n.below(9) {
        0 => format!(
            "{head} LOG:  checkpoint complete: wrote {} buffers ({}.{}%); 0 WAL file(s) added, {} removed, {} recycled; write={}.{} s, sync=0.{} s, total={}.{} s; sync files={}, longest=0.{} s, average=0.{} s; distance={} kB, estimate={} kB; lsn={}/{}, redo lsn={}/{}",
            n.below(99999),
            n.below(99),
            n.below(9),
            n.below(9),
            n.below(9),
            n.below(300),
            n.digits(3),
            n.digits(3),
            n.below(300),
            n.digits(3),
            n.below(99),
            n.digits(3),
            n.digits(3),
            n.digits(6),
            n.digits(6),
            n.hex(1).to_uppercase(),
            n.hex(8).to_uppercase(),
            n.hex(1).to_uppercase(),
            n.hex(8).to_uppercase()
        ),
        1 => format!(
            "{head} app@shop LOG:  duration: {}.{} ms  execute <unnamed>: SELECT id, total FROM orders WHERE id = $1 AND created_at > $2 LIMIT 50 OFFSET {}",
            n.below(9999),
            n.digits(3),
            n.digits(5)
        ),
        2 => format!("{head} FATAL:  password authentication failed for user \"app\""),
        3 => {
            format!("{head} ERROR:  duplicate key value violates unique constraint \"orders_pkey\"")
        }
        4 => format!("{head} DETAIL:  Key (id)=({}) already exists.", n.digits(8)),
        5 => format!("{head} LOG:  listening on IPv6 address \"::\", port 5432"),
        6 => format!(
            "{head} LOG:  automatic vacuum of table \"shop.public.{}\": index scans: 1 pages: 0 removed, {} remain, {} scanned (100.00% of total) tuples: {} removed, {} remain",
            n.noun(),
            n.digits(6),
            n.digits(6),
            n.digits(7),
            n.digits(8)
        ),
        7 => format!(
            "{head} STATEMENT:  UPDATE users SET password = $1, token = $2, updated_at = now() WHERE id = $3"
        ),
        _ => format!("{head} LOG:  connection received: host=[local] application_name=psql"),
    }
}

fn mysql(n: &mut Noise) -> String {
    let time = n.iso();
    match n.below(3) {
        0 => format!(
            "{time} {} [Warning] [MY-{}] [Server] CA certificate ca.pem is self signed.",
            n.below(99),
            n.digits(6)
        ),
        1 => format!(
            "# Query_time: {}.{}  Lock_time: 0.{} Rows_sent: {}  Rows_examined: {}",
            n.below(99),
            n.digits(6),
            n.digits(6),
            n.below(999),
            n.digits(7)
        ),
        _ => format!("SET timestamp={};", n.epoch()),
    }
}

fn redis(n: &mut Noise) -> String {
    let (day, clock, ms) = (n.between(1, 28), n.clock(), n.digits(3));
    let head = format!(
        "{}:{} {day:02} Nov 2026 {clock}.{ms} *",
        n.below(9999),
        n.one(&["M", "S", "C", "X"])
    );
    match n.below(5) {
        0 => format!("{head} {} changes in 300 seconds. Saving...", n.digits(4)),
        1 => format!("{head} DB saved on disk"),
        2 => format!("{head} Synchronization with replica 127.0.0.1:6380 succeeded"),
        3 => format!("{head} Ready to accept connections tcp"),
        _ => format!(
            "{head} Partial resynchronization not possible (no cached master): {}:{}",
            n.hex(40),
            n.digits(12)
        ),
    }
}

fn mongodb(n: &mut Noise) -> String {
    format!(
        "{{\"t\":{{\"$date\":\"{}\"}},\"s\":\"I\",\"c\":\"NETWORK\",\"id\":{},\"ctx\":\"conn{}\",\"msg\":\"Connection ended\",\"attr\":{{\"remote\":\"127.0.0.1:{}\",\"uuid\":{{\"uuid\":{{\"$uuid\":\"{}\"}}}},\"connectionId\":{},\"connectionCount\":{},\"oid\":\"{}\"}}}}",
        n.iso(),
        n.digits(5),
        n.digits(4),
        n.between(1024, 65535),
        n.uuid(),
        n.digits(6),
        n.below(99),
        n.hex(24)
    )
}

fn elasticsearch(n: &mut Noise) -> String {
    let time = n.iso();
    match n.below(3) {
        0 => format!(
            "{{\"@timestamp\":\"{time}\", \"log.level\":\"INFO\", \"message\":\"[gc][{}] overhead, spent [{}ms] collecting in the last [1s]\", \"ecs.version\": \"1.2.0\",\"service.name\":\"ES_ECS\",\"event.dataset\":\"elasticsearch.server\",\"process.thread.name\":\"elasticsearch[node-1][scheduler][T#1]\",\"log.logger\":\"org.elasticsearch.monitor.jvm.JvmGcMonitorService\",\"elasticsearch.cluster.uuid\":\"{}\",\"elasticsearch.node.id\":\"{}\",\"elasticsearch.node.name\":\"node-1\",\"elasticsearch.cluster.name\":\"shop\"}}",
            n.digits(6),
            n.below(999),
            n.text(ALNUM, 22),
            n.text(ALNUM, 22)
        ),
        1 => format!(
            "[{time}][WARN ][o.e.c.r.a.DiskThresholdMonitor] [node-1] high disk watermark [90%] exceeded on [{}][node-1][/usr/share/elasticsearch/data] free: {}.{}gb[{}.{}%]",
            n.text(ALNUM, 22),
            n.below(99),
            n.below(9),
            n.below(9),
            n.below(9)
        ),
        _ => format!(
            "[{time}][INFO ][o.e.c.m.MetadataMappingService] [node-1] [{}-2026.11.{:02}/{}] update_mapping [_doc]",
            n.noun(),
            n.between(1, 28),
            n.text(ALNUM, 22)
        ),
    }
}

fn kafka(n: &mut Noise) -> String {
    let ((year, month, day), clock) = (n.date(), n.clock());
    let head = format!("[{year}-{month:02}-{day:02} {clock},{}] INFO", n.digits(3));
    match n.below(5) {
        0 => format!(
            "{head} [GroupCoordinator 1]: Member consumer-{}-{}-{} in group {} has left, removing it from the group (kafka.coordinator.group.GroupCoordinator)",
            n.noun(),
            n.below(9),
            n.uuid(),
            n.noun()
        ),
        1 => format!(
            "{head} [Partition {}-{} broker=1] Log loaded for partition {}-{} with initial high watermark {} (kafka.cluster.Partition)",
            n.noun(),
            n.below(64),
            n.noun(),
            n.below(64),
            n.digits(10)
        ),
        2 => format!(
            "{head} [ProducerStateManager partition={}-{}] Wrote producer snapshot at offset {} with {} producer ids in {} ms. (kafka.log.ProducerStateManager)",
            n.noun(),
            n.below(64),
            n.digits(11),
            n.below(9),
            n.below(99)
        ),
        3 => format!(
            "{head} Deleted log /var/lib/kafka/data/{}-{}/{:0>20}.log.deleted. (kafka.log.LogSegment)",
            n.noun(),
            n.below(64),
            n.digits(9)
        ),
        _ => format!(
            "{head} [Consumer clientId=consumer-{}-1, groupId={}] Setting offset for partition {}-{} to the committed offset FetchPosition{{offset={}, offsetEpoch=Optional[{}], currentLeader=LeaderAndEpoch{{leader=Optional[localhost:9092 (id: 1 rack: null)], epoch={}}}}}",
            n.noun(),
            n.noun(),
            n.noun(),
            n.below(64),
            n.digits(9),
            n.below(99),
            n.below(99)
        ),
    }
}

fn rabbitmq(n: &mut Noise) -> String {
    let ((year, month, day), clock) = (n.date(), n.clock());
    let head = format!(
        "{year}-{month:02}-{day:02} {clock}.{}+00:00 [info] <0.{}.0>",
        n.digits(6),
        n.digits(4)
    );
    match n.below(3) {
        0 => format!(
            "{head} accepting AMQP connection <0.{}.0> (127.0.0.1:{} -> 127.0.0.1:5672)",
            n.digits(4),
            n.between(1024, 65535)
        ),
        1 => format!("{head}  node           : rabbit@{}", n.host()),
        _ => format!(
            "{head} Starting RabbitMQ 3.{}.{} on Erlang 26.2.{} [jit]",
            n.below(14),
            n.below(30),
            n.below(6)
        ),
    }
}

fn syslog(n: &mut Noise) -> String {
    let (month, day, clock, host) = (n.one(&MONTHS), n.between(1, 28), n.clock(), n.host());
    let head = format!("{month} {day:>2} {clock} {host}");
    match n.below(7) {
        0 => format!(
            "{head} CRON[{}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
            n.below(99999)
        ),
        1 => format!("{head} sshd[{}]: Server listening on :: port 22.", n.below(99999)),
        2 => format!("{head} sudo: pam_unix(sudo:session): session closed for user root"),
        3 => format!(
            "{head} chronyd[{}]: System clock wrong by {}.{} seconds, offset +0.{} sec",
            n.below(9999),
            n.below(9),
            n.digits(6),
            n.digits(9)
        ),
        4 => format!(
            "<{}>1 {} {host} shop {} ID47 [origin software=\"shop\" swVersion=\"{}\"] {} {}",
            n.below(191),
            n.iso(),
            n.below(99999),
            n.version(),
            n.noun(),
            n.verb()
        ),
        5 => format!(
            "{head} rsyslogd: [origin software=\"rsyslogd\" swVersion=\"8.{}.0\" x-pid=\"{}\" x-info=\"https://www.rsyslog.com\"] rsyslogd was HUPed",
            n.digits(4),
            n.below(9999)
        ),
        _ => format!(
            "{head} dhclient[{}]: DHCPREQUEST on eth0 to 255.255.255.0 port 67 (xid=0x{})",
            n.below(9999),
            n.hex(8)
        ),
    }
}

fn systemd(n: &mut Noise) -> String {
    let (clock, host) = (n.clock(), n.host());
    let unit = match n.below(7) {
        0 => format!("user@{}.service", n.between(1000, 1020)),
        1 => format!("getty@tty{}.service", n.below(7)),
        2 => format!("user-runtime-dir@{}.service", n.between(1000, 1020)),
        3 => format!("postgresql@{}-main.service", n.between(11, 18)),
        4 => format!("{}@{}.timer", n.noun(), n.noun()),
        5 => format!("{}.socket", n.noun()),
        _ => format!("{}.service", n.noun()),
    };
    match n.below(4) {
        0 => format!("Nov 03 {clock} {host} systemd[1]: Started {unit} - {} service.", n.noun()),
        1 => format!("Nov 03 {clock} {host} systemd[1]: {unit}: Deactivated successfully."),
        2 => format!(
            "Nov 03 {clock} {host} systemd[1]: {unit}: Consumed {}.{}s CPU time.",
            n.below(99),
            n.digits(3)
        ),
        _ => format!(
            "Nov 03 {clock} {host} systemd[1]: Created slice user-{}.slice - User Slice of UID {}.",
            n.between(1000, 1020),
            n.between(1000, 1020)
        ),
    }
}

fn journald(n: &mut Noise) -> String {
    format!(
        "{{\"__CURSOR\":\"s={};i={};b={};m={};t={};x={}\",\"__REALTIME_TIMESTAMP\":\"{}{}\",\"__MONOTONIC_TIMESTAMP\":\"{}\",\"_BOOT_ID\":\"{}\",\"PRIORITY\":\"6\",\"_PID\":\"{}\",\"MESSAGE\":\"{} {}\"}}",
        n.hex(32),
        n.hex(6),
        n.hex(32),
        n.hex(9),
        n.hex(13),
        n.hex(16),
        n.epoch(),
        n.digits(6),
        n.digits(11),
        n.hex(32),
        n.below(99999),
        n.noun(),
        n.verb()
    )
}

fn kernel(n: &mut Noise) -> String {
    let head = format!("[{:>5}.{}]", n.below(99999), n.digits(6));
    match n.below(9) {
        0 => format!("{head} e1000e 0000:00:1f.{}: PME# disabled", n.below(8)),
        1 => format!("{head} BIOS-e820: [mem 0x{:0>16}-0x{:0>16}] usable", n.hex(8), n.hex(9)),
        2 => format!(
            "{head} oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={},mems_allowed=0,oom_memcg=/kubepods/burstable/pod{}",
            n.hex(64),
            n.uuid()
        ),
        3 => format!(
            "{head} Memory cgroup out of memory: Killed process {} (java) total-vm:{}kB, anon-rss:{}kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:{}kB oom_score_adj:{}",
            n.digits(5),
            n.digits(8),
            n.digits(7),
            n.digits(4),
            n.below(999)
        ),
        4 => format!(
            "{head} EXT4-fs (sda1): mounted filesystem {} r/w with ordered data mode. Quota mode: none.",
            n.uuid()
        ),
        5 => format!(
            "{head} TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:443. Sending cookies."
        ),
        6 => format!(
            "{head} RIP: 0010:native_safe_halt+0x{}/0x{} RSP: 0018:ffff{} EFLAGS: 000002{}",
            n.hex(1),
            n.hex(2),
            n.hex(12),
            n.digits(2)
        ),
        7 => format!(
            "{head} usb 1-{}: New USB device found, idVendor={}, idProduct={}, bcdDevice= {}.{}",
            n.below(9),
            n.hex(4),
            n.hex(4),
            n.below(9),
            n.digits(2)
        ),
        _ => format!(
            "{head} Code: {} {} {} {} {} {} {} {}",
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2)
        ),
    }
}

fn kubernetes(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!(
            "{{\"level\":\"info\",\"ts\":\"{}\",\"logger\":\"controller\",\"msg\":\"Reconciled\",\"controller\":\"secret\",\"controllerKind\":\"Secret\",\"namespace\":\"shop\",\"name\":\"{}-tls\",\"reconcileID\":\"{}\"}}",
            n.iso(),
            n.noun(),
            n.uuid()
        ),
        1 => format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"{}.{}\",\"uid\":\"{}\",\"resourceVersion\":\"{}\"}},\"reason\":\"Pulled\",\"count\":{}}}",
            n.pod(),
            n.hex(16),
            n.uuid(),
            n.digits(9),
            n.below(99)
        ),
        2 => format!(
            "{{\"log\":\"{} {} {}\\n\",\"stream\":\"stdout\",\"time\":\"{}\"}}",
            n.time(),
            n.noun(),
            n.verb(),
            n.iso()
        ),
        _ => format!(
            "{} stdout F {{\"pod\":\"{}\",\"image\":\"registry.local/{}:{}@sha256:{}\"}}",
            n.iso(),
            n.pod(),
            n.noun(),
            n.version(),
            n.hex(64)
        ),
    }
}

fn kubelet(n: &mut Noise) -> String {
    let clock = n.clock();
    let head = format!(
        "{}11{:02} {clock}.{} {:>7}",
        n.one(&["I", "W", "E"]),
        n.between(1, 28),
        n.digits(6),
        n.below(99999)
    );
    match n.below(3) {
        0 => format!(
            "{head} reconciler_common.go:{}] \"operationExecutor.VerifyControllerAttachedVolume started for volume \\\"kube-api-access-{}\\\" (UniqueName: \\\"kubernetes.io/projected/{}-kube-api-access\\\") pod \\\"{}\\\"\"",
            n.below(999),
            n.text(super::LOWER, 5),
            n.uuid(),
            n.pod()
        ),
        1 => format!(
            "{head} kuberuntime_container.go:{}] \"Killing container with a grace period\" pod=\"shop/{}\" podUID=\"{}\" containerName=\"{}\" containerID=\"containerd://{}\" gracePeriod=30",
            n.below(999),
            n.pod(),
            n.uuid(),
            n.noun(),
            n.hex(64)
        ),
        _ => format!(
            "{head} reflector.go:{}] MountVolume.SetUp failed for volume \"token\" : secret \"{}-token-{}\" not found",
            n.below(999),
            n.noun(),
            n.text(super::LOWER, 5)
        ),
    }
}

fn docker(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!("{}: Pull complete", n.hex(12)),
        1 => format!("Digest: sha256:{}", n.hex(64)),
        2 => format!(
            "time=\"{}\" level=info msg=\"Container {} failed to exit within 10s of signal 15 - using the force\"",
            n.iso(),
            n.hex(64)
        ),
        _ => format!(
            " => [builder {}/9] RUN apt-get install -y curl={}-{}ubuntu{}  {}.{}s",
            n.below(9),
            n.version(),
            n.below(9),
            n.version(),
            n.below(99),
            n.below(9)
        ),
    }
}

fn logback(n: &mut Noise) -> String {
    let (clock, ms, level, class) = (n.clock(), n.digits(3), n.one(LEVELS), n.class());
    let what = match n.below(6) {
        0 => {
            format!("HikariPool-1 - Added connection org.postgresql.jdbc.PgConnection@{}", n.hex(8))
        }
        1 => format!(
            "Started Application in {}.{} seconds (process running for {}.{})",
            n.below(60),
            n.digits(3),
            n.below(60),
            n.digits(3)
        ),
        2 => format!(
            "{} {} took {} ms, {} bytes, heap {} MB",
            n.noun(),
            n.verb(),
            n.digits(5),
            n.digits(9),
            n.digits(4)
        ),
        3 => format!("Root WebApplicationContext: initialization completed in {} ms", n.digits(4)),
        4 => {
            format!("Session 0x{} for server localhost/127.0.0.1:2181, unexpected error", n.hex(15))
        }
        _ => format!("[{}] {} id={} {}", n.uuid(), n.noun(), n.digits(9), n.verb()),
    };
    format!("{clock}.{ms} [http-nio-8080-exec-{}] {level:<5} {class} - {what}", n.below(200))
}

fn spring(n: &mut Noise) -> String {
    let (time, class) = (n.time(), n.class());
    format!(
        "{time}  INFO {} --- [shop] [           main] [{}-{}] {class} : Tomcat initialized with port 8080 (http)",
        n.digits(5),
        n.hex(32),
        n.hex(16)
    )
}

fn java_trace(n: &mut Noise) -> String {
    match n.below(5) {
        0 => format!("\tat {}.handle({}.java:{})", n.class(), n.noun(), n.below(999)),
        1 => format!(
            "\tat jdk.internal.reflect.GeneratedMethodAccessor{}.invoke(Unknown Source) ~[?:?]",
            n.digits(3)
        ),
        2 => format!(
            "\tat org.springframework.cglib.proxy.MethodProxy.invoke(MethodProxy.java:218) ~[spring-core-{}.jar:{}]",
            n.version(),
            n.version()
        ),
        3 => format!(
            "Caused by: java.lang.IllegalStateException: {} {} (id {}, lambda$run$0@{})",
            n.noun(),
            n.verb(),
            n.digits(6),
            n.hex(7)
        ),
        _ => format!(
            "OpenJDK 64-Bit Server VM (build {}.{}.{}.{}+{}, mixed mode, sharing)",
            n.between(11, 25),
            n.below(9),
            n.below(30),
            n.between(1, 9),
            n.between(1, 12)
        ),
    }
}

fn python(n: &mut Noise) -> String {
    let (time, level, noun) = (n.time(), n.one(LEVELS), n.noun());
    match n.below(4) {
        0 => format!(
            "{time} - shop.{noun} - {level} - {noun} {} {} in {}.{}s",
            n.digits(7),
            n.verb(),
            n.below(99),
            n.digits(16)
        ),
        1 => format!("{level}:root:{noun} {} <{noun} object at 0x7f{}>", n.verb(), n.hex(10)),
        2 => format!(
            "{level}:shop.{noun}:{{'id': {}, 'token_type': 'bearer', 'expires_in': 3600, 'ratio': 0.{}}}",
            n.digits(8),
            n.digits(17)
        ),
        _ => format!(
            "{time} [{level}] [{}:{}] {noun}_count={} tokens_used={}",
            n.digits(6),
            n.thread(),
            n.digits(7),
            n.digits(4)
        ),
    }
}

fn python_trace(n: &mut Noise) -> String {
    match n.below(7) {
        0 => format!("  File \"{}\", line {}, in {}", n.file(), n.below(9999), n.verb()),
        1 => "    raise ValueError(f\"invalid token: {token!r}\")".to_owned(),
        2 => "    self.password = kwargs.pop('password', None)".to_owned(),
        3 => format!("KeyError: '{}_id'", n.noun()),
        4 => "    conn = connect(host=host, password=settings.DB_PASSWORD, port=5432)".to_owned(),
        5 => format!(
            "json.decoder.JSONDecodeError: Expecting value: line 1 column {} (char {})",
            n.below(999),
            n.below(999)
        ),
        _ => format!("    session = requests.Session(); token = self.tokens[{}]", n.below(9)),
    }
}

fn django(n: &mut Noise) -> String {
    let (clock, path) = (n.clock(), n.path());
    match n.below(3) {
        0 => format!(
            "[03/Nov/2026 {clock}] \"GET {path} HTTP/1.1\" {} {}",
            n.status(),
            n.below(99999)
        ),
        1 => format!("Forbidden (CSRF token missing.): {path}"),
        _ => format!("WARNING django.request: Not Found: {path}"),
    }
}

fn gunicorn(n: &mut Noise) -> String {
    let ((year, month, day), clock) = (n.date(), n.clock());
    match n.below(2) {
        0 => format!(
            "[{year}-{month:02}-{day:02} {clock} +0000] [{}] [INFO] Listening at: http://0.0.0.0:8000 ({})",
            n.below(99999),
            n.below(99999)
        ),
        _ => format!(
            "127.0.0.1 - - [{}] \"GET {} HTTP/1.0\" 200 {} \"-\" \"{}\" {}",
            n.common_time(),
            n.path(),
            n.below(9999),
            n.agent(),
            n.digits(6)
        ),
    }
}

fn celery(n: &mut Noise) -> String {
    let ((year, month, day), clock) = (n.date(), n.clock());
    format!(
        "[{year}-{month:02}-{day:02} {clock},{}: INFO/ForkPoolWorker-{}] Task shop.tasks.{}[{}] succeeded in {}.{}s: None",
        n.digits(3),
        n.below(9),
        n.noun(),
        n.uuid(),
        n.below(99),
        n.digits(17)
    )
}

fn zap(n: &mut Noise) -> String {
    format!(
        "{{\"level\":\"{}\",\"ts\":{}.{},\"caller\":\"{}/{}.go:{}\",\"msg\":\"{} {}\",\"trace_id\":\"{}\",\"span_id\":\"{}\",\"latency\":0.{},\"bytes\":{},\"attempt\":{}}}",
        n.one(&["info", "warn", "error"]),
        n.epoch(),
        n.digits(7),
        n.noun(),
        n.verb(),
        n.below(999),
        n.noun(),
        n.verb(),
        n.hex(32),
        n.hex(16),
        n.digits(9),
        n.digits(7),
        n.below(9)
    )
}

fn logrus(n: &mut Noise) -> String {
    format!(
        "time=\"{}\" level=info msg=\"{} {}\" component={} duration={}.{}ms id={} size={} spanID={} traceID={} worker={}",
        n.time(),
        n.noun(),
        n.verb(),
        n.noun(),
        n.below(999),
        n.digits(6),
        n.digits(10),
        n.digits(8),
        n.hex(16),
        n.hex(32),
        n.below(64)
    )
}

fn go_panic(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!("goroutine {} [running]:", n.digits(4)),
        1 => format!(
            "main.(*Server).{}(0xc{}, {{0x{}, 0x{}}})",
            n.verb(),
            n.hex(9),
            n.hex(6),
            n.hex(2)
        ),
        2 => format!(
            "\t/go/pkg/mod/golang.org/x/net@v0.{}.0/http2/server.go:{} +0x{}",
            n.below(40),
            n.digits(4),
            n.hex(3)
        ),
        _ => format!(
            "panic: runtime error: index out of range [{}] with length {}",
            n.below(99),
            n.below(99)
        ),
    }
}

fn rust(n: &mut Noise) -> String {
    match n.below(6) {
        0 => format!(
            "{}  INFO shop::{}: {} took={}.{}µs",
            n.iso(),
            n.noun(),
            n.verb(),
            n.below(999),
            n.digits(3)
        ),
        1 => format!(
            "  {:>2}: 0x{} - core::panicking::panic_fmt::h{}",
            n.below(40),
            n.hex(12),
            n.hex(16)
        ),
        2 => format!(
            "test e2e::{} ... ok",
            n.one(&["add", "decade", "face", "feed", "cafe", "deadbeef", "cart"])
        ),
        3 => format!("test b2b::{}::a1 ... ok", n.one(&["add", "dec", "abc", "order"])),
        4 => format!(
            "thread 'main' panicked at src/{}.rs:{}:{}:",
            n.noun(),
            n.below(999),
            n.below(80)
        ),
        _ => format!(
            "   Compiling {} v{}.{}.{} (https://github.com/example/{}?rev={}#{})",
            n.noun(),
            n.below(9),
            n.below(30),
            n.below(30),
            n.noun(),
            n.hex(7),
            n.hex(8)
        ),
    }
}

fn pino(n: &mut Noise) -> String {
    format!(
        "{{\"level\":30,\"time\":{}{},\"pid\":{},\"hostname\":\"{}\",\"reqId\":\"req-{}\",\"req\":{{\"method\":\"GET\",\"url\":\"{}\",\"remoteAddress\":\"127.0.0.1\",\"remotePort\":{}}},\"res\":{{\"statusCode\":{}}},\"responseTime\":{}.{},\"msg\":\"request completed\"}}",
        n.epoch(),
        n.digits(3),
        n.below(99999),
        n.pod(),
        n.text(ALNUM, 4),
        n.path(),
        n.between(1024, 65535),
        n.status(),
        n.below(999),
        n.digits(13)
    )
}

fn node_trace(n: &mut Noise) -> String {
    match n.below(5) {
        0 => format!(
            "    at Object.<anonymous> (/srv/app/node_modules/.pnpm/{}@{}/node_modules/{}/index.js:{}:{})",
            n.noun(),
            n.version(),
            n.noun(),
            n.below(999),
            n.below(99)
        ),
        1 => "SyntaxError: Unexpected token < in JSON at position 0".to_owned(),
        2 => format!(
            "    at process.processTicksAndRejections (node:internal/process/task_queues:{}:{})",
            n.below(200),
            n.below(20)
        ),
        3 => format!(
            "npm WARN deprecated {}@{}: this library is no longer supported",
            n.noun(),
            n.version()
        ),
        _ => format!(
            "webpack {} compiled successfully in {} ms ({}.{}.js 1{}.{} KiB)",
            n.version(),
            n.digits(4),
            n.noun(),
            n.hex(20),
            n.digits(2),
            n.below(9)
        ),
    }
}

fn rails(n: &mut Noise) -> String {
    let (id, ((year, month, day), clock)) = (n.uuid(), (n.date(), n.clock()));
    match n.below(4) {
        0 => format!(
            "I, [{year}-{month:02}-{day:02}T{clock}.{} #{}]  INFO -- : [{id}] Started GET \"{}\" for ::1 at {year}-{month:02}-{day:02} {clock} +0000",
            n.digits(6),
            n.below(99999),
            n.path()
        ),
        1 => format!(
            "[{id}]   Parameters: {{\"authenticity_token\"=>\"[FILTERED]\", \"user\"=>{{\"name\"=>\"[FILTERED]\", \"password\"=>\"[FILTERED]\"}}, \"commit\"=>\"Save\"}}"
        ),
        2 => format!(
            "[{id}] Completed 200 OK in {}ms (Views: {}.{}ms | ActiveRecord: {}.{}ms | Allocations: {})",
            n.below(999),
            n.below(99),
            n.below(9),
            n.below(99),
            n.below(9),
            n.digits(5)
        ),
        _ => format!(
            "[{id}]   {} Load ({}.{}ms)  SELECT \"orders\".* FROM \"orders\" WHERE \"orders\".\"id\" = $1 LIMIT $2  [[\"id\", {}], [\"LIMIT\", 1]]",
            n.noun(),
            n.below(9),
            n.below(9),
            n.digits(7)
        ),
    }
}

fn rails_trace(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!(
            "/usr/local/bundle/gems/actionpack-{}/lib/action_controller/metal/basic_implicit_render.rb:{}:in `send_action'",
            n.long_version(),
            n.below(99)
        ),
        1 => format!(
            "activerecord ({}) lib/active_record/connection_adapters/abstract_adapter.rb:{}:in `block in log'",
            n.long_version(),
            n.below(999)
        ),
        _ => format!(
            "Rails {} application starting in production, see `rails s --help`",
            n.long_version()
        ),
    }
}

fn bundler(n: &mut Noise) -> String {
    let (noun, version) = (n.noun(), n.long_version());
    match n.below(5) {
        0 => format!("Using {noun} {version}"),
        1 => format!("Installing {noun} {version} with native extensions"),
        2 => format!("Fetching {noun} {version} (was {})", n.long_version()),
        3 => format!("    {noun} ({version})"),
        _ => format!("Successfully installed {noun}-{version}"),
    }
}

fn php(n: &mut Noise) -> String {
    match n.below(2) {
        0 => format!(
            "[03-Nov-2026 {} UTC] PHP Warning:  Undefined array key \"{}\" in /var/www/html/{}.php on line {}",
            n.clock(),
            n.noun(),
            n.noun(),
            n.below(999)
        ),
        _ => format!(
            "[{}] production.ERROR: SQLSTATE[42S02]: Base table or view not found: 1146 Table 'shop.{}s' doesn't exist {{\"exception\":\"[object] (PDOException(code: 42S02)\"}}",
            n.time(),
            n.noun()
        ),
    }
}

fn dotnet(n: &mut Noise) -> String {
    match n.below(3) {
        0 => "info: Microsoft.Hosting.Lifetime[14] Now listening on: http://[::]:8080".to_owned(),
        1 => format!(
            "System.IO.FileNotFoundException: Could not load file or assembly 'Shop.{}, Version={}, Culture=neutral, PublicKeyToken={}'",
            n.noun(),
            n.long_version(),
            n.hex(16)
        ),
        _ => format!(
            "   at Shop.{}.Run(CancellationToken cancellationToken) in /src/{}.cs:line {}",
            n.noun(),
            n.noun(),
            n.below(999)
        ),
    }
}

fn terraform(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!(
            "aws_s3_bucket.{}: Refreshing state... [id={}-{}]",
            n.noun(),
            n.noun(),
            n.digits(12)
        ),
        1 => {
            format!("- Installing hashicorp/aws v{}.{}.{}...", n.below(6), n.below(90), n.below(9))
        }
        _ => "  + password = (sensitive value)".to_owned(),
    }
}

fn git(n: &mut Noise) -> String {
    match n.below(7) {
        0 => format!("commit {}", n.hex(40)),
        1 => format!("   {}..{}  main -> origin/main", n.hex(7), n.hex(7)),
        2 => format!("Cloning into '{}'... git@github.com:example/{}.git", n.noun(), n.noun()),
        3 => format!("remote: Counting objects: 100% ({}/{}), done.", n.digits(4), n.digits(4)),
        4 => format!("index {}..{} 100644", n.hex(7), n.hex(7)),
        5 => format!(
            " {} files changed, {} insertions(+), {} deletions(-)",
            n.below(99),
            n.digits(4),
            n.digits(3)
        ),
        _ => format!("+ git fetch origin +{}:refs/remotes/pull/{}/merge", n.hex(40), n.digits(4)),
    }
}

fn git_diff(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!(
            "@@ -{},{} +{},{} @@ fn {}()",
            n.digits(3),
            n.below(99),
            n.digits(3),
            n.below(99),
            n.verb()
        ),
        1 => format!("+{}", n.between(1_000_000, 9_999_999)),
        2 => format!("+  integrity sha512-{}==", n.text(BASE64, 86)),
        _ => format!("-    let {} = {};", n.noun(), n.digits(6)),
    }
}

fn npm(n: &mut Noise) -> String {
    let (noun, version) = (n.noun(), n.version());
    match n.below(5) {
        0 => format!(
            "added {} packages, and audited {} packages in {}s",
            n.digits(3),
            n.digits(4),
            n.below(99)
        ),
        1 => format!("\"{noun}@npm:^{version}\":"),
        2 => format!("├─ @types/{noun}@{version}"),
        3 => format!(
            "npm http fetch GET 200 https://registry.npmjs.org/{noun}/-/{noun}-{version}.tgz {}ms (cache hit)",
            n.digits(3)
        ),
        _ => format!(
            "npm_config_user_agent=npm/10.{}.{} node/v20.{}.0 linux x64 workspaces/false",
            n.below(9),
            n.below(9),
            n.below(20)
        ),
    }
}

fn cargo(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!("test {}::tests::{} ... ok", n.noun(), n.verb()),
        1 => format!(
            "test result: ok. {} passed; 0 failed; {} ignored; 0 measured; 0 filtered out; finished in {}.{}s",
            n.below(999),
            n.below(9),
            n.below(99),
            n.digits(2)
        ),
        _ => format!(
            "test {} ... bench:  {},{} ns/iter (+/- {},{})",
            n.noun(),
            n.digits(3),
            n.digits(3),
            n.below(99),
            n.digits(3)
        ),
    }
}

fn maven(n: &mut Noise) -> String {
    let noun = n.noun();
    match n.below(3) {
        0 => format!(
            "[INFO] Downloaded from central: https://repo.maven.apache.org/maven2/org/example/{noun}/{0}/{noun}-{0}.jar ({1} kB at {2}.{3} MB/s)",
            n.long_version(),
            n.digits(3),
            n.below(9),
            n.below(9)
        ),
        1 => format!("[INFO] +- org.example:{noun}:jar:{}:compile", n.long_version()),
        _ => format!(
            "[INFO] Total time:  {:02}:{:02} min, finished at {}",
            n.below(60),
            n.below(60),
            n.time()
        ),
    }
}

fn pip(n: &mut Noise) -> String {
    let (noun, version) = (n.noun(), n.long_version());
    match n.below(3) {
        0 => format!(
            "Downloading {noun}-{version}-cp312-cp312-manylinux_2_17_x86_64.whl ({}.{} MB)",
            n.below(99),
            n.below(9)
        ),
        1 => format!(
            "Requirement already satisfied: {noun}=={version} in /usr/lib/python3/dist-packages"
        ),
        _ => format!("Successfully installed {noun}-{version} idna-{}", n.version()),
    }
}

fn go_modules(n: &mut Noise) -> String {
    let noun = n.noun();
    match n.below(3) {
        0 => format!(
            "go: downloading github.com/example/{noun} v{}.{}.{}-0.{}{:02}{:02}{}-{}",
            n.below(3),
            n.below(20),
            n.below(20),
            n.between(2019, 2026),
            n.between(1, 12),
            n.between(1, 28),
            n.digits(6),
            n.hex(12)
        ),
        1 => format!(
            "github.com/example/{noun}@v{}.{}.{}: verifying module: checksum mismatch h1:{}=",
            n.below(3),
            n.below(20),
            n.below(20),
            n.text(BASE64, 43)
        ),
        _ => format!(
            "ok  \tgithub.com/example/{noun}\t{}.{}s\tcoverage: {}.{}% of statements",
            n.below(99),
            n.digits(3),
            n.below(99),
            n.below(9)
        ),
    }
}

fn apt(n: &mut Noise) -> String {
    let (noun, version) = (n.noun(), n.long_version());
    match n.below(3) {
        0 => format!(
            "Unpacking lib{noun}{}:amd64 ({version}-{}ubuntu{}) ...",
            n.below(9),
            n.below(9),
            n.below(9)
        ),
        1 => format!(
            "Get:{} http://deb.debian.org/debian trixie/main amd64 {noun} amd64 {version}-1+deb13u{} [{} kB]",
            n.below(99),
            n.below(5),
            n.digits(3)
        ),
        _ => format!(
            "Preparing to unpack .../{:02}-{noun}_{version}-{}_amd64.deb ...",
            n.below(99),
            n.below(9)
        ),
    }
}

fn ci(n: &mut Noise) -> String {
    match n.below(6) {
        0 => format!("{} ##[group]Run actions/checkout@v{}", n.iso(), n.between(2, 5)),
        1 => format!("Run ID: {} Job ID: {}", n.digits(10), n.digits(11)),
        2 => "  TOKEN: ***".to_owned(),
        3 => format!(
            "Uploading artifact {} ({}) to pipeline #{}",
            n.noun(),
            n.digits(9),
            n.digits(9)
        ),
        4 => format!(
            "Build {}.{}.{}.{} finished with exit code 0",
            n.between(2019, 2031),
            n.between(300, 999),
            n.between(300, 999),
            n.below(99)
        ),
        _ => format!(
            "section_start:{}:get_sources\\r\\e[0KGetting source from Git repository",
            n.epoch()
        ),
    }
}

fn hex_dump(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!(
            "{:08x}: {} {} {} {} {} {} {} {}  ................",
            n.below(1 << 30) & !15,
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4)
        ),
        1 => format!(
            "{:08x}  {} {} {} {} {} {} {} {}  {} {} {} {} {} {} {} {}  |........|",
            n.below(1 << 30) & !15,
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2),
            n.hex(2)
        ),
        2 => format!(
            "\t0x{:04x}:  {} {} {} {} {} {} {} {}",
            n.below(4096) & !15,
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4),
            n.hex(4)
        ),
        _ => format!(
            "bytes=[{}, {}, {}, {}, {}, {}, {}, {}]",
            n.below(256),
            n.below(256),
            n.below(256),
            n.below(256),
            n.below(256),
            n.below(256),
            n.below(256),
            n.below(256)
        ),
    }
}

fn digests(n: &mut Noise) -> String {
    match n.below(9) {
        0 => format!("{}  {}.tar.gz", n.hex(64), n.noun()),
        1 => format!("MD5 ({}) = {}", n.noun(), n.hex(32)),
        2 => format!("etag=\"{}\" last-modified=\"Tue, 03 Nov 2026 {} GMT\"", n.hex(32), n.clock()),
        3 => format!("ETag: W/\"{}-{}\"", n.hex(4), n.text(BASE64, 27)),
        4 => format!(
            "SHA256 Fingerprint={}",
            (0..32).map(|_| n.hex(2).to_uppercase()).collect::<Vec<_>>().join(":")
        ),
        5 => format!("ssh host key SHA256:{}", n.text(BASE64, 43)),
        6 => format!(
            "<script src=\"/{}.js\" integrity=\"sha384-{}\" crossorigin=\"anonymous\"></script>",
            n.noun(),
            n.text(BASE64, 64)
        ),
        7 => format!("blob={}", n.text(BASE64, 120)),
        _ => format!("crc32={} adler32={} xxh64={}", n.hex(8), n.digits(10), n.hex(16)),
    }
}

fn traces(n: &mut Noise) -> String {
    match n.below(7) {
        0 => format!("traceparent: 00-{}-{}-01", n.hex(32), n.hex(16)),
        1 => format!("X-B3-TraceId: {} X-B3-SpanId: {}", n.hex(16), n.hex(16)),
        2 => format!("x-amzn-trace-id: Root=1-{}-{}", n.hex(8), n.hex(24)),
        3 => format!("request_id=req_{} {} {}", n.text(ALNUM, 24), n.noun(), n.verb()),
        4 => format!(
            "ulid=01{} ksuid={}",
            n.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24),
            n.text(ALNUM, 27)
        ),
        5 => format!("snowflake={}{} parent={}", n.between(11, 19), n.digits(17), n.uuid()),
        _ => format!("cf-ray: {}-CGK correlation-id: {}", n.hex(16), n.uuid().to_uppercase()),
    }
}

fn numbers(n: &mut Noise) -> String {
    match n.below(9) {
        0 => format!(
            "expires={} now={}{} at={}{}",
            n.epoch(),
            n.epoch(),
            n.digits(3),
            n.epoch(),
            n.digits(6)
        ),
        1 => format!("ns={}{} elapsed={}ns", n.epoch(), n.digits(9), n.digits(9)),
        2 => format!(
            "allocated {} of {} bytes, {} objects, {} free",
            n.digits(10),
            n.digits(11),
            n.digits(8),
            n.digits(7)
        ),
        3 => format!(
            "p50={}.{} p95={}.{} p99={}.{}",
            n.below(99),
            n.digits(15),
            n.below(99),
            n.digits(15),
            n.below(99),
            n.digits(15)
        ),
        4 => format!(
            "uid=1000 gid=1000 inode={} dev={}:{} mode=0100644",
            n.digits(8),
            n.below(99),
            n.below(99)
        ),
        5 => format!(
            "seq {} ack {} win {} options [nop,nop,TS val {} ecr {}], length {}",
            n.digits(10),
            n.digits(10),
            n.digits(5),
            n.digits(10),
            n.digits(10),
            n.digits(4)
        ),
        6 => format!("job {}-{}-{} {}", n.digits(4), n.digits(4), n.digits(4), n.verb()),
        7 => {
            format!("{:>10} {:>10} {:>8} {:>6}", n.digits(8), n.digits(9), n.digits(6), n.digits(4))
        }
        _ => format!(
            "{} {} {} {} {}",
            n.digits(3),
            n.digits(2),
            n.digits(4),
            n.digits(3),
            n.digits(5)
        ),
    }
}

fn money(n: &mut Noise) -> String {
    match n.below(5) {
        0 => format!("total Rp {}.{}.{},00", n.between(1, 999), n.digits(3), n.digits(3)),
        1 => format!("amount=${},{}.{} currency=USD", n.digits(3), n.digits(3), n.digits(2)),
        2 => format!(
            "{{\"price\":{}.{},\"tax\":{}.{},\"currency\":\"EUR\"}}",
            n.digits(4),
            n.digits(2),
            n.digits(2),
            n.digits(4)
        ),
        3 => format!("1 BTC = {}.{} USD, 24h volume {}", n.digits(5), n.digits(8), n.digits(11)),
        _ => {
            format!("balance {} {} {},{}", n.between(1, 999), n.digits(3), n.digits(3), n.digits(2))
        }
    }
}

fn coordinates(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!("lat=-{}.{} lon={}.{}", n.below(90), n.digits(7), n.below(180), n.digits(7)),
        1 => format!(
            "{{\"type\":\"Point\",\"coordinates\":[{}.{},-{}.{}]}}",
            n.below(180),
            n.digits(14),
            n.below(90),
            n.digits(15)
        ),
        2 => format!(
            "bbox {}.{},{}.{},{}.{},{}.{}",
            n.below(99),
            n.digits(6),
            n.below(99),
            n.digits(6),
            n.below(99),
            n.digits(6),
            n.below(99),
            n.digits(6)
        ),
        _ => format!("tile z={}/{}/{}", n.below(20), n.digits(6), n.digits(6)),
    }
}

fn shop(n: &mut Noise) -> String {
    match n.below(9) {
        0 => format!(
            "order ORD-{}{:02}{:02}-{} {}",
            n.between(2019, 2031),
            n.between(1, 12),
            n.between(1, 28),
            n.digits(6),
            n.verb()
        ),
        1 => format!("INV/{}/{:02}/{} sent", n.between(2019, 2031), n.between(1, 12), n.digits(5)),
        2 => format!("isbn=978-{}-{}-{}-{}", n.below(9), n.digits(2), n.digits(6), n.below(9)),
        3 => format!("ean={}", 4_000_000_000_000usize + n.below(999_999_999) * 1000),
        4 => format!(
            "sku {}-{}-{} qty {}",
            n.text(UPPER, 3),
            n.digits(4),
            n.text(UPPER, 2),
            n.below(99)
        ),
        5 => format!(
            "cart {} items={} subtotal={}.{}",
            n.digits(9),
            n.below(20),
            n.digits(4),
            n.digits(2)
        ),
        6 => format!(
            "{{\"order_id\":{},\"customer_id\":{},\"lines\":[{},{},{}]}}",
            n.digits(9),
            n.digits(7),
            n.digits(6),
            n.digits(6),
            n.digits(6)
        ),
        7 => format!("account {} {}", n.digits(8), n.verb()),
        _ => format!("ticket #{} {} by agent {}", n.digits(8), n.verb(), n.digits(5)),
    }
}

fn shipping(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!("tracking 1Z{}{} {}", n.text(ALNUM, 6).to_uppercase(), n.digits(10), n.verb()),
        1 => format!(
            "parcel {} weight {}.{} kg dims {}x{}x{}",
            n.digits(12),
            n.below(30),
            n.digits(3),
            n.below(99),
            n.below(99),
            n.below(99)
        ),
        _ => format!("container {}{} seal {}", n.text(UPPER, 4), n.digits(7), n.digits(8)),
    }
}

/// Services around telephones, whose ids are no numbers of telephones.
fn mobile(n: &mut Noise) -> String {
    match n.below(9) {
        0 => format!("mobile-api request {} {} in {} ms", n.digits(9), n.verb(), n.digits(3)),
        1 => format!("sms-gateway: message {} delivered", n.digits(9)),
        2 => format!("fax queue: job id {} {}", n.digits(8), n.verb()),
        3 => format!("call {} took {} ms", n.verb(), n.digits(7)),
        4 => format!("telephone service build {} {}", n.digits(8), n.verb()),
        5 => format!("phone verification request_id={} {}", n.digits(10), n.verb()),
        6 => format!("mobile: order {} {}", n.digits(10), n.verb()),
        7 => format!("contact sync batch {}-{} {}", n.digits(4), n.digits(4), n.verb()),
        _ => format!("sms template {} version {} {}", n.digits(7), n.digits(2), n.verb()),
    }
}

fn language_model(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!(
            "prompt_tokens={} completion_tokens={} total_tokens={} max_tokens=4096",
            n.digits(4),
            n.digits(3),
            n.digits(4)
        ),
        1 => format!(
            "{{\"usage\":{{\"input_tokens\":{},\"output_tokens\":{},\"token_limit\":{}}}}}",
            n.digits(4),
            n.digits(3),
            n.digits(5)
        ),
        _ => format!("tokenizer: {} tokens, next_page_token={}", n.digits(5), n.text(ALNUM, 20)),
    }
}

fn browser(n: &mut Noise) -> String {
    format!(
        "ua=\"{}\" viewport={}x{} dpr={}.{}",
        n.agent(),
        n.digits(4),
        n.digits(3),
        n.below(3),
        n.below(9)
    )
}

fn headers(n: &mut Noise) -> String {
    match n.below(9) {
        0 => "WWW-Authenticate: Bearer realm=\"shop\", error=\"invalid_token\"".to_owned(),
        1 => "WWW-Authenticate: Basic realm=\"Restricted area\"".to_owned(),
        2 => format!("Content-Length: {}", n.digits(8)),
        3 => format!("Strict-Transport-Security: max-age={}; includeSubDomains", n.digits(8)),
        4 => format!("Content-Range: bytes {}-{}/{}", n.digits(8), n.digits(8), n.digits(9)),
        5 => format!("Server: nginx/1.{}.{}", n.below(30), n.below(9)),
        6 => format!(
            "Content-Security-Policy: script-src 'nonce-{}' 'strict-dynamic'",
            n.text(BASE64, 22)
        ),
        7 => "Access-Control-Allow-Headers: Authorization, Content-Type, X-Api-Key, X-CSRF-Token"
            .to_owned(),
        _ => format!(
            "Sec-WebSocket-Version: 13 content-type: multipart/form-data; boundary=----WebKitFormBoundary{}",
            n.text(ALNUM, 16)
        ),
    }
}

fn tls(n: &mut Noise) -> String {
    match n.below(5) {
        0 => format!(
            "SSL handshake: TLSv1.3 TLS_AES_256_GCM_SHA384 sni=localhost serial={}",
            n.hex(36)
        ),
        1 => "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256".to_owned(),
        2 => format!(
            "X509v3 Subject Key Identifier: {}",
            (0..20).map(|_| n.hex(2).to_uppercase()).collect::<Vec<_>>().join(":")
        ),
        3 => "        1.3.6.1.4.1.311.20.2: OID 1.3.6.1.5.5.7.3.1 serverAuth".to_owned(),
        _ => format!("Public-Key: ({} bit) Exponent: 65537 (0x10001)", n.one(&["2048", "4096"])),
    }
}

fn cron(n: &mut Noise) -> String {
    format!(
        "{} {} * * {} /usr/local/bin/{}.sh --since {}-{:02}-{:02} >/dev/null 2>&1",
        n.below(60),
        n.below(24),
        n.below(7),
        n.noun(),
        n.between(2019, 2031),
        n.between(1, 12),
        n.between(1, 28)
    )
}

fn prometheus(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!(
            "http_request_duration_seconds_bucket{{le=\"0.{}\",method=\"GET\"}} {}",
            n.digits(3),
            n.digits(8)
        ),
        1 => {
            format!("process_resident_memory_bytes {}.{}e+0{}", n.below(9), n.digits(7), n.below(9))
        }
        _ => format!(
            "up{{instance=\"localhost:9090\",job=\"{}\"}} 1 {}{}",
            n.noun(),
            n.epoch(),
            n.digits(3)
        ),
    }
}

fn aws(n: &mut Noise) -> String {
    match n.below(4) {
        0 => format!(
            "REPORT RequestId: {}\tDuration: {}.{} ms\tBilled Duration: {} ms\tMemory Size: 128 MB",
            n.uuid(),
            n.below(999),
            n.digits(2),
            n.below(999)
        ),
        1 => format!("arn:aws:s3:::{}-{}/{}.json", n.noun(), n.digits(6), n.hex(32)),
        2 => format!(
            "instance i-{} ami-{} vpc-{} subnet-{}",
            n.hex(17),
            n.hex(17),
            n.hex(17),
            n.hex(17)
        ),
        _ => format!(
            "2 vpc flow: version 2 eni-{} - - - - - - {} {} - NODATA",
            n.hex(17),
            n.epoch(),
            n.epoch()
        ),
    }
}

fn query_plan(n: &mut Noise) -> String {
    match n.below(2) {
        0 => format!(
            "  ->  Index Scan using {}_pkey on {}s  (cost=0.{}..{}.{} rows={} width={}) (actual time=0.{}..{}.{} rows={} loops=1)",
            n.noun(),
            n.noun(),
            n.digits(2),
            n.digits(4),
            n.digits(2),
            n.digits(6),
            n.digits(3),
            n.digits(3),
            n.digits(2),
            n.digits(3),
            n.digits(6)
        ),
        _ => format!(
            "INSERT INTO {}s (id, qty, ref) VALUES ({}, {}, '{}'), ({}, {}, '{}')",
            n.noun(),
            n.digits(7),
            n.below(99),
            n.uuid(),
            n.digits(7),
            n.below(99),
            n.uuid()
        ),
    }
}

fn csv(n: &mut Noise) -> String {
    match n.below(3) {
        0 => format!(
            "{},{},{}.{},{},{}",
            n.digits(8),
            n.noun(),
            n.digits(3),
            n.digits(2),
            n.time(),
            n.verb()
        ),
        1 => format!("{};{};{};{}", n.digits(3), n.digits(2), n.digits(4), n.noun()),
        _ => format!("{}\t{}\t{}\t{}", n.digits(3), n.digits(2), n.digits(4), n.digits(7)),
    }
}

fn yaml(n: &mut Noise) -> String {
    match n.below(8) {
        0 => format!("  secretName: {}-tls", n.noun()),
        1 => "  passwordSecretRef: {name: db, key: password}".to_owned(),
        2 => "password_min_length: 12".to_owned(),
        3 => format!("session_timeout: {}m", n.below(99)),
        4 => "        valueFrom: {secretKeyRef: {name: shop, key: token}}".to_owned(),
        5 => "token_ttl: 3600".to_owned(),
        6 => "password: ${DB_PASSWORD}".to_owned(),
        _ => format!("image: registry.local/{}:{}", n.noun(), n.long_version()),
    }
}

fn code(n: &mut Noise) -> String {
    match n.below(9) {
        0 => format!("const token = await getToken({});", n.digits(2)),
        1 => "if (!req.headers.authorization) { return res.status(401).end(); }".to_owned(),
        2 => "password = getpass.getpass(\"Password: \")".to_owned(),
        3 => "let session = Session::new(config.session);".to_owned(),
        4 => "std::cout << std::hex << std::setw(8) << value;".to_owned(),
        5 => format!("#define VERSION_CODE 0x{} // {}", n.hex(8), n.version()),
        6 => "public String getPassword() { return password; }".to_owned(),
        7 => "Foo::Bar::baz(a::b, c::d); use crate::abc::def::{a, b};".to_owned(),
        _ => format!("assert_eq!(sum, {});", n.digits(9)),
    }
}

fn prose(n: &mut Noise) -> String {
    match n.below(12) {
        0 => "Password must be at least 12 characters long and contain a digit.".to_owned(),
        1 => format!("Your session will expire in {} minutes.", n.below(60)),
        2 => "The token has expired, please sign in again.".to_owned(),
        3 => format!(
            "Chapter {}.{}.{} describes the cookie policy.",
            n.below(20),
            n.below(20),
            n.below(20)
        ),
        4 => {
            format!("Room {} on floor {} is booked from 10:00 to 11:30.", n.digits(3), n.below(20))
        }
        5 => format!(
            "In {} the population was {} {} {}.",
            n.between(1900, 2031),
            n.between(1, 99),
            n.digits(3),
            n.digits(3)
        ),
        6 => format!("Flight SQ {} departs at {}.", n.digits(3), n.clock()),
        7 => format!(
            "ISO {}-{}:{} and RFC {} apply.",
            n.digits(4),
            n.below(9),
            n.between(1990, 2031),
            n.digits(4)
        ),
        8 => format!("Invalid password for user (attempt {} of 5)", n.below(5)),
        9 => format!("secret rotation {} for {}", n.verb(), n.noun()),
        10 => "authentication token: missing".to_owned(),
        _ => format!("The {} was {} after {} retries.", n.noun(), n.verb(), n.below(9)),
    }
}
