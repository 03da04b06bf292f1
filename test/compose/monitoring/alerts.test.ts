import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { manifest } from "../../../functions/index.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators } from "../../reliability/simulators.ts";
import { hasProgram } from "../../support/has-program.ts";
import { startProgram } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestSettings } from "../../support/settings.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { createBearerHeaders, startTestRuntime } from "../../support/test-runtime.ts";
import { startServer } from "../../support/test-server.ts";
import { ALERT_CASES } from "./alert-series.ts";
import { MONITORING, readAlertRules } from "./queries.ts";

const ALERTS_TOKEN = "alerts-token-of-these-tests";

const FULL = Boolean(process.env["FULL"]);
/** Series of which another case has other values; they are shown when all others have fired. */
const LATER: readonly string[] = FULL ? ["BudgetUsed"] : [];
/** Without FULL one of each kind: said by Groundcrew or not, a missing target, a value, a rate, a budget. */
const SAMPLE = ["GroundcrewDown", "TargetDown", "PlaneDown", "QueueLong", "ClaimsExpire", "BudgetNearlyUsed"];
const SHOWN = FULL ? Object.keys(ALERT_CASES).filter((alert) => !LATER.includes(alert)) : SAMPLE;

/** The machine may be busy, and every interval is a second here. */
const POLL = { timeout: 60_000, interval: 200 };

const canRun = () => ["prometheus", "prometheus-alertmanager"].every(hasProgram);

/**
 * Reads the value of a series in promtool's notation: its first value for three seconds, then its last one, or its
 * increments, one each second.
 */
function readValue(notation: string, seconds: number): number {
  const increment = /^(\d+)\+([\d.]+)x/.exec(notation);
  if (increment) return Number(increment[1]) + Number(increment[2]) * seconds;
  const values = notation.split(" ").map((part) => Number(part.replace(/x\d+$/, "")));
  return (seconds < 3 ? values[0] : values.at(-1)) ?? 0;
}

/** Serves the series of these alerts as an exporter does. */
async function startExporter(getAlerts: () => readonly string[]): Promise<string> {
  let startedAt: number | undefined;
  const url = await startServer((_, response) => {
    startedAt ??= Date.now();
    const seconds = Math.floor((Date.now() - startedAt) / 1000);
    const series = new Map<string, number>();
    for (const alert of getAlerts())
      for (const [name, notation] of Object.entries(ALERT_CASES[alert]?.fires ?? {}))
        if (!series.has(name) && !name.startsWith("up{"))
          // Of a session that failed again and again, the worst counts.
          series.set(name, alert === "SessionsFail" ? 3 : readValue(notation, seconds));
    response.setHeader("Content-Type", "text/plain; version=0.0.4");
    response.end([...series].map(([name, value]) => `${name} ${value}\n`).join(""));
  });
  return new URL(url).host;
}

/** Starts the real Prometheus and Alertmanager with the overlay's rules and routes; only times and addresses differ. */
async function startMonitoring(exporter: string, groundcrew: string) {
  const folder = createTestFolder("alerts");
  for (const name of readdirSync(`${MONITORING}/rules`)) {
    const rules = readFileSync(`${MONITORING}/rules/${name}`, "utf8");
    const fast = rules.replaceAll(/^( +for:) .+$/gm, "$1 0s").replaceAll(/\[\d+[mhd]\]/g, "[10s]");
    writeFiles(folder, { [`rules/${name}`]: fast });
  }
  const [port, alertmanager] = [await findFreePort(), await findFreePort()];
  const prometheus = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["rules/*.yaml"],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }] },
    scrape_configs: [
      { job_name: "faults", honor_labels: true, static_configs: [{ targets: [exporter] }] },
      // Nothing listens there.
      { job_name: "groundcrew", static_configs: [{ targets: ["127.0.0.1:1"] }] },
      { job_name: "redis", static_configs: [{ targets: ["127.0.0.1:1"] }] },
    ],
  };
  const routes = readFileSync(`${MONITORING}/alertmanager.yaml`, "utf8")
    .replace("http://groundcrew:8787", groundcrew)
    .replace("/run/secrets/alerts-token", join(folder, "alerts-token"))
    .replaceAll(/(group_wait|group_interval): \S+/g, "$1: 1s");
  const files = { "prometheus.yaml": prometheus, "alerts-token": ALERTS_TOKEN, "alertmanager.yaml": routes };
  writeFiles(folder, files);
  const listen = (own: number) => `--web.listen-address=127.0.0.1:${own}`;
  const alertmanagerArgs = ["--config.file=alertmanager.yaml", "--storage.path=am", "--cluster.listen-address="];
  startProgram(["prometheus-alertmanager", ...alertmanagerArgs, listen(alertmanager)], { cwd: folder });
  const prometheusArgs = ["--config.file=prometheus.yaml", "--storage.tsdb.path=data"];
  startProgram(["prometheus", ...prometheusArgs, listen(port)], { cwd: folder });
  return async (): Promise<string[]> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/alerts`).catch(() => undefined);
    if (!response?.ok) return [];
    const { data } = (await response.json()) as {
      data: { alerts: { state: string; labels: { alertname: string } }[] };
    };
    const firing = data.alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    return [...new Set(firing)].sort();
  };
}

test.skipIf(!canRun())(
  "reliability 47: with the real Prometheus and Alertmanager every alert fires once, is said by Groundcrew unless it notices the fault itself, and is resolved",
  { timeout: 180_000 },
  async () => {
    const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const quiet = { ...manifest, ticks: [], services: [], ruleSets: () => [] };
    const env = { ...simulators.env, PORT: "0", STORE_URL: "memory:", ALERTS_TOKEN };
    const { url, settings } = await startTestRuntime({ settings: createTestSettings(env), manifest: quiet });
    const [admin = ""] = settings.adminTokens;
    const readNames = async () => {
      const response = await fetch(`${url}/api/notices`, createBearerHeaders(admin));
      const { notices } = (await response.json()) as { notices: { text: string }[] };
      return [...new Set(notices.map(({ text }) => text.split(":")[0]))].sort();
    };
    const rules = readAlertRules();
    let shown = SHOWN;
    const readFiring = await startMonitoring(await startExporter(() => shown), url);
    const fired = new Set<string>();
    const said = new Set<string>();
    const look = async () => {
      for (const alert of await readFiring()) fired.add(alert);
      for (const name of await readNames()) said.add(name ?? "");
      return [[...fired].sort(), [...said].sort()];
    };
    const expectAll = async (alerts: readonly string[]) => {
      const toSay = rules.filter(({ alert, isSaidByGroundcrew }) => alerts.includes(alert) && !isSaidByGroundcrew);
      await expect.poll(look, POLL).toEqual([[...alerts].sort(), toSay.map(({ alert }) => alert).sort()]);
    };
    await expectAll(shown);
    shown = [...LATER];
    await expectAll([...SHOWN, ...LATER]);
    shown = [];
    // Their targets stay down.
    await expect.poll(readNames, POLL).toEqual(["GroundcrewDown", "TargetDown"]);
    const texts = () => simulators.telegram.chat(SIMULATED_CHAT).messages.map(({ text }) => text);
    await expect.poll(texts, POLL).toContainEqual(expect.stringMatching(/^⚠️ TargetDown: .+\n👉 /));
    expect((await fetch(`${url}/api/alerts`, { method: "POST" })).status).toBe(401);
  },
);
