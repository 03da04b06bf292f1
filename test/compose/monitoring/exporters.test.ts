import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasProgram } from "../../support/has-program.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres } from "../../support/postgres-server.ts";
import { hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { getMonitoringService, startExporter, wrapWithDisk } from "./exporters.ts";
import { findMetrics, listDashboardQueries, listRuleQueries } from "./queries.ts";
import { RABBITMQ, readRabbitmqMetrics } from "./rabbitmq-server.ts";
import { findUnknownNames, parseMetrics } from "./reported-metrics.ts";

const POSTGRES_EXPORTER = "prometheus-postgres-exporter";
const REDIS_EXPORTER = "prometheus-redis-exporter";
const NODE_EXPORTER = "prometheus-node-exporter";

/** Every metric of a dashboard or an alert belongs to one of these, whose real names are looked at in tests. */
const VERIFIED = /^(groundcrew|plane|caddy|process|pg|redis|node|rabbitmq)_/;

const listQueries = () => [...listDashboardQueries("prometheus"), ...listRuleQueries()];

/** Checks what dashboards and alerts name of a family, and that a wrong name would be found. */
function expectNames(text: string, family: RegExp, atLeast: number): void {
  const reported = parseMetrics(text);
  const named = listQueries().flatMap(({ expression }) => findMetrics(expression, family));
  expect(named.length).toBeGreaterThanOrEqual(atLeast);
  expect(findUnknownNames(reported, listQueries(), family)).toEqual([]);
  const name = `${named[0]?.name}_wrong`;
  expect(findUnknownNames(reported, [{ place: "a panel", expression: name, shownLabels: [] }], family)).toEqual([
    `a panel: ${name}`,
  ]);
}

describe("MONITOR-03 MONITOR-04 the names that dashboards and alerts use", { timeout: 60_000 }, () => {
  test.skipIf(!hasPostgres() || !hasProgram(POSTGRES_EXPORTER))(
    "are those of the real PostgreSQL exporter, as the user who may read statistics only",
    async () => {
      const postgres = await startPostgres();
      onTestFinished(() => postgres.stop());
      const { environment = {} } = getMonitoringService("postgres-exporter");
      const user = { MONITOR_USER: "groundcrew_monitor", MONITOR_PASSWORD: environment["DATA_SOURCE_PASS"] ?? "" };
      const { status, stderr } = spawnSync("sh", ["compose/create-database"], {
        env: { PATH: `${POSTGRES_PROGRAMS}:${process.env["PATH"]}`, ...postgres.admin, ...user },
        encoding: "utf8",
      });
      expect(status, stderr).toBe(0);
      const read = await startExporter([POSTGRES_EXPORTER], "--web.listen-address", {
        ...environment,
        DATA_SOURCE_URI: (environment["DATA_SOURCE_URI"] ?? "")
          .replace("postgres:5432", `127.0.0.1:${postgres.admin.PGPORT}`)
          .replace("plane_production", "postgres"),
      });
      const metrics = await read();
      expect(metrics).toMatch(/^pg_up 1$/m);
      expectNames(metrics, /^pg_/, 6);
    },
  );

  test.skipIf(!hasRedisServer() || !hasProgram(REDIS_EXPORTER))("are those of the real Redis exporter", async () => {
    const redis = await startRedis({ requirepass: "secret", maxmemory: "100mb" }, "secret");
    onTestFinished(() => redis.stop());
    const { environment = {} } = getMonitoringService("redis-exporter");
    expect(environment["REDIS_ADDR"]).toBe("redis://redis:6379");
    const env = { ...environment, REDIS_ADDR: redis.url, REDIS_PASSWORD: "secret" };
    const read = await startExporter([REDIS_EXPORTER], "-web.listen-address", env);
    expect(await read()).toMatch(/^redis_up 1$/m);
    expect(await read()).toMatch(/^redis_memory_max_bytes 1\.048576e\+08$/m);
    expectNames(await read(), /^redis_/, 5);
  });

  test.skipIf(!hasProgram("bwrap") || !hasProgram(NODE_EXPORTER))(
    "are those of the real node exporter, which sees the disk of an empty volume without any mount of the server",
    async () => {
      const { command = [], volumes } = getMonitoringService("node-exporter");
      expect(volumes).toEqual(["disk:/disk:ro"]);
      const read = await startExporter(wrapWithDisk([NODE_EXPORTER, ...command]), "--web.listen-address");
      const metrics = await read();
      expect(metrics).toMatch(/^node_filesystem_avail_bytes\{[^}]*mountpoint="\/disk"[^}]*\} \d/m);
      expectNames(metrics, /^node_/, 6);
    },
  );

  test.skipIf(!process.env["FULL"] || !existsSync(RABBITMQ))("are those of the real RabbitMQ's plugin", async () => {
    expectNames(await readRabbitmqMetrics(), /^rabbitmq_/, 4);
  });

  test("are all looked at, except for those of cAdvisor, which decision 0050 lists as not verified", () => {
    const functions = new Set(
      "max min sum rate increase count by on le histogram_quantile absent up and or unless for max_over_time".split(
        " ",
      ),
    );
    const rest = listQueries()
      .flatMap(({ expression }) => findMetrics(expression.replaceAll(/"[^"]*"|\b(?:by|on) \([^)]*\)/g, ""), /_/))
      .map(({ name }) => name)
      .filter((name) => !VERIFIED.test(name) && !functions.has(name));
    const unverified = [...new Set(rest)].sort();
    expect(unverified).toEqual([
      "container_cpu_usage_seconds_total",
      "container_health_state",
      "container_memory_working_set_bytes",
      "container_network_receive_bytes_total",
      "container_spec_memory_limit_bytes",
    ]);
    const document = readFileSync("docs/decisions/0050-monitoring.md", "utf8");
    expect(unverified.filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
  });
});
