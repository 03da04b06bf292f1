import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { signBody } from "../support/webhook-signature.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const MARKED_SECRETS = {
  PLANE_API_KEY: "plane_api_marked0secret0one",
  PLANE_WEBHOOK_SECRET: "marked-secret-two-of-the-webhook",
  ADMIN_TOKEN: "marked-secret-three-of-the-admin",
  TICK_TOKEN: "marked-secret-four-of-the-ticks",
  TELEGRAM_WEBHOOK_SECRET: "marked-secret-five-of-telegram",
  PLANE_API_KEY_IMHOTEP: "plane_api_marked0secret0six",
  AGENT_TOKEN_IMHOTEP: "marked-secret-seven-of-an-agent",
  OPENCLAW_HOOK_TOKEN: "marked-secret-eight-of-the-gateway",
};

/**
 * Everything that goes over the wire passes here; bodies and addresses are written down. `keys` are the real ones
 * behind those that are marked. Without a target everything is answered as something careless on the way does.
 */
async function startRecordingProxy(target: string | undefined, keys: Record<string, string> = {}) {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      heard.push(`${request.url}\n${body.toString()}`);
      const { method = "GET", url = "/" } = request;
      const headers = new Headers();
      for (const name of ["content-type", "accept"]) {
        const value = request.headers[name];
        if (typeof value === "string") headers.set(name, value);
      }
      const key = keys[String(request.headers["x-api-key"])];
      if (key) headers.set("x-api-key", key);
      // Something on the way that repeats what it was sent, credentials included, as careless proxies do.
      const careless = heard.length % 9 === 4;
      if (careless || target === undefined) {
        response.writeHead(400, { "content-type": "application/json" });
        response.end(JSON.stringify({ error: `bad request with ${JSON.stringify(request.headers)} at ${url}` }));
        return;
      }
      fetch(target + url, { method, headers, ...omitUndefined({ body: body.length > 0 ? body : undefined }) }).then(
        async (answer) => {
          const bytes = Buffer.from(await answer.arrayBuffer());
          const type = answer.headers.get("content-type") ?? "application/json";
          const date = answer.headers.get("date") ?? "";
          response
            .writeHead(answer.status, { "content-type": type, ...omitUndefined({ date: date || undefined }) })
            .end(bytes);
        },
        () => response.destroy(),
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { heard, url: `http://127.0.0.1:${port}` };
}

function readAllFiles(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

test("21: marked secrets of the settings appear in no output, answer, metric, store file, message or process list", async () => {
  const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram, env } = outside;
  const imhotep = plane.addUser({ name: "Imhotep" });
  const project = outside.addProject();
  const items = outside.addItems(project, 12);
  plane.editItem(items[10] ?? "", { assignees: [imhotep] });
  outside.takeWebhookBodies();
  const keys = {
    [MARKED_SECRETS.PLANE_API_KEY]: env["PLANE_API_KEY"] ?? "",
    [MARKED_SECRETS.PLANE_API_KEY_IMHOTEP]: plane.createApiKey(imhotep),
  };
  const wire = {
    plane: await startRecordingProxy(env["PLANE_URL"], keys),
    telegram: await startRecordingProxy(env["TELEGRAM_API_ROOT"]),
    openclaw: await startRecordingProxy(undefined),
  };
  const config = { agents: [{ name: "Imhotep", email: imhotep.email, wake: "openclaw" }] };
  const given = {
    ...env,
    ...MARKED_SECRETS,
    LOG_LEVEL: "debug",
    PLANE_URL: wire.plane.url,
    TELEGRAM_API_ROOT: wire.telegram.url,
    OPENCLAW_URL: wire.openclaw.url,
  };
  const runtime = await spawnRuntime({ env: given, config, childOptions: { burst: 0 } });
  const signed = (body: string) => signBody(body, MARKED_SECRETS.PLANE_WEBHOOK_SECRET);
  const said: string[] = [];
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await runtime.request(path, init);
    said.push(`${JSON.stringify([...answer.headers])}\n${await answer.text()}`);
    return answer.status;
  };
  const admin = { authorization: `Bearer ${MARKED_SECRETS.ADMIN_TOKEN}` };
  const tick = { authorization: `Bearer ${MARKED_SECRETS.TICK_TOKEN}` };

  for (let n = 0; n < 3; n += 1) await ask("/ticks/poll", { method: "POST", headers: tick });
  for (const item of items.slice(0, 10)) plane.editItem(item, { state: "Done", name: `${item.name} done` });
  const bodies = outside.takeWebhookBodies();
  telegram.injectFaults({ kind: "error", status: 400, description: `Bad Request: no such bot ${telegram.token}` });
  for (const body of bodies) {
    const headers = outside.createDeliveryHeaders(body, signed(body));
    expect(await ask("/webhooks/plane", { method: "POST", headers, body })).toBe(200);
  }
  await runtime.waitUntilIdle(60_000).catch(() => undefined);
  for (let n = 0; n < 3; n += 1) await ask("/ticks/poll", { method: "POST", headers: tick });

  await ask("/dead-letters", { headers: admin });
  expect(said.at(-1)).toContain("no such bot [token]");

  // An agent that is careless with its token, and one whose task somebody else has.
  const agent = { authorization: `Bearer ${MARKED_SECRETS.AGENT_TOKEN_IMHOTEP}`, "content-type": "application/json" };
  const call = (tool: string, input: object, headers: Record<string, string> = agent) =>
    ask(`/agent/${tool}`, { method: "POST", headers, body: JSON.stringify(input) });
  expect(await call("list_my_tasks", {})).toBe(200);
  for (let n = 0; n < 5; n += 1) await call("add_comment", { task: "ONB-11", text: `Comment ${n}`, critical: true });
  expect(await call("claim_task", { task: "ONB-1" })).toBe(403);
  expect(await call("claim_task", { task: MARKED_SECRETS.AGENT_TOKEN_IMHOTEP })).toBe(400);
  expect(await call("claim_task", { task: "ONB-11", [MARKED_SECRETS.AGENT_TOKEN_IMHOTEP]: 1 })).toBe(400);
  expect(await call(MARKED_SECRETS.AGENT_TOKEN_IMHOTEP, {})).toBe(404);
  expect(await call(`list_my_tasks?token=${MARKED_SECRETS.AGENT_TOKEN_IMHOTEP}`, {})).toBe(400);
  expect(
    await call("list_my_tasks", {}, { ...agent, authorization: `Bearer ${MARKED_SECRETS.OPENCLAW_HOOK_TOKEN}` }),
  ).toBe(401);
  expect(await call("list_my_tasks", {}, { ...agent, ...admin })).toBe(403);
  expect(wire.openclaw.heard.length).toBeGreaterThan(0);
  expect(await ask("/audit", { headers: admin })).toBe(200);

  const [body = ""] = bodies;
  expect(
    await ask("/webhooks/plane", {
      method: "POST",
      headers: outside.createDeliveryHeaders(body, "0".repeat(64)),
      body,
    }),
  ).toBe(401);
  expect(
    await ask("/webhooks/plane", {
      method: "POST",
      headers: outside.createDeliveryHeaders("[", signed("[")),
      body: "[",
    }),
  ).toBe(400);
  expect(await ask("/metrics", { headers: tick })).toBe(403);
  expect(await ask(`/metrics?token=${MARKED_SECRETS.ADMIN_TOKEN}`, { headers: admin })).toBe(400);
  expect(await ask("/metrics", { headers: { authorization: `Bearer ${MARKED_SECRETS.ADMIN_TOKEN}x` } })).toBe(401);
  expect(await ask("/metrics", { headers: admin })).toBe(200);
  expect([200, 503]).toContain(await ask("/ready", { headers: admin }));
  expect(await ask("/health")).toBe(200);
  expect(await ask("/dead-letters", { headers: admin })).toBe(200);
  await ask(`/nothing/${MARKED_SECRETS.TICK_TOKEN}`, { headers: admin });
  await ask("/ticks/poll", { method: "GET", headers: tick });
  await plane.takeDown();
  await ask("/ready", { headers: admin });
  const ps = execFileSync("ps", ["-ww", "-o", "args", "-p", String(runtime.pid)], { encoding: "utf8" });
  await runtime.kill("SIGTERM");

  const telegramToken = env["TELEGRAM_BOT_TOKEN"] ?? "";
  // Telegram's own protocol carries the bot's token in the address.
  const toTelegram = wire.telegram.heard.map((text) => text.replace(`/bot${telegramToken}/`, "/bot/"));
  const places = {
    output: runtime.output.join("\n"),
    answers: said.join("\n"),
    store: readAllFiles(join(runtime.folder, "data")),
    plane: wire.plane.heard.join("\n"),
    telegram: toTelegram.join("\n"),
    openclaw: wire.openclaw.heard.join("\n"),
    messages: telegram
      .chat(SIMULATED_CHAT)
      .messages.map(({ text }) => text)
      .join("\n"),
    ps,
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(0);
    for (const secret of [...Object.values(MARKED_SECRETS), telegramToken]) {
      for (const form of [secret, Buffer.from(secret).toString("base64").slice(0, -4), encodeURIComponent(secret)]) {
        expect(text.includes(form), `${place} holds ${secret}`).toBe(false);
      }
    }
  }
}, 120_000);
