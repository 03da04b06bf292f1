import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { nodeFiles } from "../../runtime/node/files.ts";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";
import { createBearerHeaders } from "../support/test-runtime.ts";
import { startServer } from "../support/test-server.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

const MARKED_SECRETS = {
  PLANE_API_KEY: "marked-secret-plane-key",
  PLANE_WEBHOOK_SECRET: "marked-secret-plane-webhook",
  TELEGRAM_BOT_TOKEN: "123456:marked-secret-bot-token",
  ADMIN_TOKEN: "marked-secret-admin-token",
  TICK_TOKEN: "marked-secret-tick-token",
};
const FORWARD = `whsec_markedsecretforward${"A".repeat(21)}`;
const MARK = /marked-?secret/;

/** Starts a server that refuses every request and repeats its content, including secrets. */
const startEchoingServer = (status: number) =>
  startServer((request, response) => {
    const repeated = JSON.stringify({ ...request.headers, url: request.url });
    response.writeHead(status, { "content-type": "application/json" });
    const body = { ok: false, error_code: status, description: repeated, detail: repeated, error: repeated };
    response.end(JSON.stringify(body));
  });

test("Five marked secrets in the settings (reliability 21): appear in no log line, response, metric or stored value, even when Plane and Telegram repeat them", async () => {
  const folder = createTestFolder("secrets");
  const forward = [{ url: "http://127.0.0.1:1/", secret: FORWARD }];
  writeFiles(folder, { "crew.json": { forward } });
  const parsed = parseSettings(
    {
      ...{ ...MARKED_SECRETS, PORT: "0", METRICS_PORT: "0", LOG_LEVEL: "debug", STORE_URL: `file:${folder}` },
      ...{ PLANE_URL: await startEchoingServer(403), PLANE_WORKSPACE: "javisi", TELEGRAM_CHAT_ID: "-100" },
      ...{ TELEGRAM_API_ROOT: await startEchoingServer(401), GROUNDCREW_CONFIG: join(folder, "crew.json") },
    },
    nodeFiles,
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const runtime = await startRuntime(parsed.settings, { manifest, write, processMetrics: true });
  onTestFinished(() => runtime.stop());
  const { url, metricsUrl = "" } = runtime;

  const answers: string[] = [];
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(path, init);
    answers.push(JSON.stringify([...response.headers]), await response.text());
  };
  const admin = createBearerHeaders(MARKED_SECRETS.ADMIN_TOKEN);
  const body = JSON.stringify({ event: "issue", data: { id: "1" } });
  for (const secret of [MARKED_SECRETS.PLANE_WEBHOOK_SECRET, MARKED_SECRETS.ADMIN_TOKEN])
    await ask(`${url}/webhooks/plane`, { method: "POST", body, headers: createWebhookHeaders(body, secret) });
  await ask(`${url}/ticks/poll`, { method: "POST", ...createBearerHeaders(MARKED_SECRETS.TICK_TOKEN) });
  await ask(`${url}/ticks/${MARKED_SECRETS.TICK_TOKEN}`, { method: "POST", ...admin });
  for (const path of [`dead-letters?x=${MARKED_SECRETS.ADMIN_TOKEN}`, MARKED_SECRETS.ADMIN_TOKEN, "dead-letters"])
    await ask(`${url}/${path}`, admin);
  await runtime.deps.telegram?.getMe();
  for (const path of ["/ready", "/metrics", "/health"]) await ask(metricsUrl + path);
  expect(answers.join()).toContain('"plane":{"ok":false');
  await runtime.stop();

  const stored = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "crew.json")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
  expect(lines.length).toBeGreaterThan(10);
  expect(stored.join("").length).toBeGreaterThan(1000);
  for (const text of [...lines, ...answers, ...stored, ...parsed.warnings]) expect(text).not.toMatch(MARK);
});
