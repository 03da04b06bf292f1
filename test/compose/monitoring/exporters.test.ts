import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasProgram } from "../../support/has-program.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres } from "../../support/postgres-server.ts";
import { startProgram } from "../../support/program.ts";
import { findFreePort, hasRedisServer, startRedis } from "../../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { type ComposeService, findChoice, prepareChoice } from "../compose-files.ts";
import { findMetrics, findUnknownNames, listDashboardQueries, listRuleQueries, parseMetrics } from "./queries.ts";

async function readMetrics(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
  return response?.ok ? await response.text() : "";
}

/** Debian's RabbitMQ, without the wrapper that changes the user. */
const RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Starts a RabbitMQ with its Prometheus plugin, as its image has it, and reads the metrics. Takes half a minute. */
async function readRabbitmqMetrics(): Promise<string> {
  const folder = createTestFolder("rabbitmq");
  const port = await findFreePort();
  writeFiles(folder, {
    enabled_plugins: "[rabbitmq_prometheus].\n",
    "rabbitmq.conf": `prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = ${port}\n`,
  });
  const env = {
    ...{ HOME: folder, MNESIA_BASE: folder, LOG_BASE: folder, NODENAME: `groundcrew-test-${process.pid}@localhost` },
    ...{ NODE_PORT: String(await findFreePort()), DIST_PORT: String(await findFreePort()) },
    NODE_IP_ADDRESS: "127.0.0.1",
    ...{ CONFIG_FILE: join(folder, "rabbitmq.conf"), ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins") },
  };
  const named = Object.entries(env).map(([name, value]) => [name === "HOME" ? name : `RABBITMQ_${name}`, value]);
  // Erlang and its helpers end together.
  startProgram([RABBITMQ], { env: Object.fromEntries(named), isGroup: true });
  const read = () => readMetrics(port);
  await expect.poll(read, { timeout: 50_000, interval: 200 }).toContain("rabbitmq_queue_messages_ready");
  return await read();
}

const WHOLE = "plane,embedded-data,caddy,monitoring";

/** A service of the overlay as Compose would start it. */
function getMonitoringService(name: string): ComposeService {
  const service = prepareChoice(findChoice(WHOLE)).project.services[name];
  if (!service) throw new Error(`no service ${name}`);
  return service;
}

/** Starts an exporter and returns a function that reads its metrics. It is stopped at the end of the test. */
async function startExporter(
  command: readonly string[],
  listenFlag: string,
  env: Record<string, string> = {},
): Promise<() => Promise<string>> {
  const port = await findFreePort();
  const { output } = startProgram([...command, `${listenFlag}=127.0.0.1:${port}`], { env });
  const read = () => readMetrics(port);
  // A program that does not start shows its reason as the text without metrics.
  await expect.poll(async () => (await read()) || output.err, { timeout: 20_000, interval: 50 }).toContain("# TYPE");
  return read;
}

/** A command line that starts another one in a container-like place: programs, its own /proc, and an empty /disk. */
function wrapWithDisk(command: readonly string[]): string[] {
  const folder = createTestFolder("disk");
  const links = ["lib", "lib64", "bin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  const programs = ["--ro-bind", "/usr", "/usr", "--ro-bind", "/sys", "/sys", "--proc", "/proc", "--dev", "/dev"];
  const mounts = [...programs, "--bind", folder, "/disk"];
  return ["bwrap", ...mounts, ...links, "--unshare-pid", "--die-with-parent", ...command];
}

const POSTGRES_EXPORTER = "prometheus-postgres-exporter";
const REDIS_EXPORTER = "prometheus-redis-exporter";
const NODE_EXPORTER = "prometheus-node-exporter";

/** Every metric of a dashboard or an alert belongs to one of these, whose real names are looked at in tests. */
const VERIFIED = /^(groundcrew|plane|caddy|process|pg|redis|node|rabbitmq)_/;

/** Words of PromQL, and the one metric of Prometheus itself. */
const WORDS =
  /^(max|min|sum|rate|increase|count|by|on|le|histogram_quantile|absent|up|and|or|unless|for|max_over_time)$/;

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
    const rest = listQueries()
      .flatMap(({ expression }) => findMetrics(expression.replaceAll(/"[^"]*"|\b(?:by|on) \([^)]*\)/g, ""), /_/))
      .map(({ name }) => name)
      .filter((name) => !VERIFIED.test(name) && !WORDS.test(name));
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
