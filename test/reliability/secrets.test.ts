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
  RUNNER_TOKEN: "marked-secret-nine-of-the-runner",
};

/**
 * Starts a proxy that records the URLs and bodies of all requests. `keys` maps marked API keys to the real ones. Without
 * a target every request gets the answer of a careless proxy.
 */
async function startRecordingProxy(target: string | undefined, keys: Record<string, string> = {}) {
  const requests: string[] = [];
  let carelessAnswers = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      requests.push(`${request.url}\n${body.toString()}`);
      const { method = "GET", url = "/" } = request;
      const headers = new Headers();
      for (const name of ["content-type", "accept"]) {
        const value = request.headers[name];
        if (typeof value === "string") headers.set(name, value);
      }
      const key = keys[String(request.headers["x-api-key"])];
      if (key) headers.set("x-api-key", key);
      // A careless proxy repeats the request, credentials included, in its answer.
      const careless = requests.length % 9 === 4;
      if (careless || target === undefined) {
        carelessAnswers += 1;
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
  return { requests, url: `http://127.0.0.1:${port}`, countCarelessAnswers: () => carelessAnswers };
}

function readAllFiles(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

test("reliability 21: marked secrets of the settings appear in no output, response, metric, store file, message or process list", async () => {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram, env } = simulators;
  const imhotep = plane.addUser({ name: "Imhotep" });
  const project = simulators.addProject();
  const items = simulators.addItems(project, 12);
  plane.editItem(items[10] ?? "", { assignees: [imhotep] });
  simulators.takeWebhookBodies();
  const keys = {
    [MARKED_SECRETS.PLANE_API_KEY]: env["PLANE_API_KEY"] ?? "",
    [MARKED_SECRETS.PLANE_API_KEY_IMHOTEP]: plane.createApiKey(imhotep),
  };
  const proxies = {
    plane: await startRecordingProxy(env["PLANE_URL"], keys),
    telegram: await startRecordingProxy(env["TELEGRAM_API_ROOT"]),
    openclaw: await startRecordingProxy(undefined),
  };
  const config = { wake_backlog: true, agents: [{ name: "Imhotep", email: imhotep.email, wake: "openclaw" }] };
  const runtimeEnv = {
    ...env,
    ...MARKED_SECRETS,
    LOG_LEVEL: "debug",
    PLANE_URL: proxies.plane.url,
    TELEGRAM_API_ROOT: proxies.telegram.url,
    OPENCLAW_URL: proxies.openclaw.url,
  };
  const runtime = await spawnRuntime({ env: runtimeEnv, config, childOptions: { burst: 0 } });
  const signed = (body: string) => signBody(body, MARKED_SECRETS.PLANE_WEBHOOK_SECRET);
  const responses: string[] = [];
  const requestAndRecord = async (path: string, init: RequestInit = {}) => {
    const answer = await runtime.request(path, init);
    responses.push(`${JSON.stringify([...answer.headers])}\n${await answer.text()}`);
    return answer.status;
  };
  const admin = { authorization: `Bearer ${MARKED_SECRETS.ADMIN_TOKEN}` };
  const tick = { authorization: `Bearer ${MARKED_SECRETS.TICK_TOKEN}` };

  for (let n = 0; n < 3; n += 1) await requestAndRecord("/ticks/poll", { method: "POST", headers: tick });
  for (const item of items.slice(0, 10)) plane.editItem(item, { state: "Done", name: `${item.name} done` });
  const bodies = simulators.takeWebhookBodies();
  telegram.injectFaults({ kind: "error", status: 400, description: `Bad Request: no such bot ${telegram.token}` });
  for (const body of bodies) {
    const headers = simulators.createDeliveryHeaders(body, signed(body));
    expect(await requestAndRecord("/webhooks/plane", { method: "POST", headers, body })).toBe(200);
  }
  // Jobs that the proxies refuse are repeated for minutes, so the runtime does not become idle here.
  const isEachCareless = () => Object.values(proxies).every(({ countCarelessAnswers }) => countCarelessAnswers() > 0);
  await expect.poll(isEachCareless, { timeout: 60_000 }).toBe(true);
  await expect
    .poll(async () => (await runtime.request("/dead-letters", { headers: admin })).text(), { timeout: 60_000 })
    .toContain("no such bot [token]");
  for (let n = 0; n < 3; n += 1) await requestAndRecord("/ticks/poll", { method: "POST", headers: tick });

  await requestAndRecord("/dead-letters", { headers: admin });
  expect(responses.at(-1)).toContain("no such bot [token]");

  // The agent puts its token into inputs, and calls about another agent's task.
  const agent = { authorization: `Bearer ${MARKED_SECRETS.AGENT_TOKEN_IMHOTEP}`, "content-type": "application/json" };
  const call = (tool: string, input: object, headers: Record<string, string> = agent) =>
    requestAndRecord(`/agent/${tool}`, { method: "POST", headers, body: JSON.stringify(input) });
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
  expect(proxies.openclaw.requests.length).toBeGreaterThan(0);
  expect(await requestAndRecord("/audit", { headers: admin })).toBe(200);

  const [body = ""] = bodies;
  expect(
    await requestAndRecord("/webhooks/plane", {
      method: "POST",
      headers: simulators.createDeliveryHeaders(body, "0".repeat(64)),
      body,
    }),
  ).toBe(401);
  expect(
    await requestAndRecord("/webhooks/plane", {
      method: "POST",
      headers: simulators.createDeliveryHeaders("[", signed("[")),
      body: "[",
    }),
  ).toBe(200);
  expect(await requestAndRecord("/metrics", { headers: tick })).toBe(403);
  expect(await requestAndRecord(`/metrics?token=${MARKED_SECRETS.ADMIN_TOKEN}`, { headers: admin })).toBe(400);
  expect(
    await requestAndRecord("/metrics", { headers: { authorization: `Bearer ${MARKED_SECRETS.ADMIN_TOKEN}x` } }),
  ).toBe(401);
  expect(await requestAndRecord("/metrics", { headers: admin })).toBe(200);
  expect([200, 503]).toContain(await requestAndRecord("/ready", { headers: admin }));
  expect(await requestAndRecord("/health")).toBe(200);
  expect(await requestAndRecord("/dead-letters", { headers: admin })).toBe(200);
  await requestAndRecord(`/nothing/${MARKED_SECRETS.TICK_TOKEN}`, { headers: admin });
  await requestAndRecord(`/ticks/${MARKED_SECRETS.RUNNER_TOKEN}`, { method: "POST", headers: admin });
  const runner = { authorization: `Bearer ${MARKED_SECRETS.RUNNER_TOKEN}` };
  expect(await requestAndRecord("/ticks/poll", { method: "POST", headers: runner })).toBe(403);
  await requestAndRecord("/ticks/poll", { method: "GET", headers: tick });
  await plane.takeDown();
  await requestAndRecord("/ready", { headers: admin });
  const ps = execFileSync("ps", ["-ww", "-o", "args", "-p", String(runtime.pid)], { encoding: "utf8" });
  await runtime.kill("SIGTERM");

  const telegramToken = env["TELEGRAM_BOT_TOKEN"] ?? "";
  // Telegram's protocol requires the bot's token in the URL.
  const toTelegram = proxies.telegram.requests.map((text) => text.replace(`/bot${telegramToken}/`, "/bot/"));
  const outputs = {
    output: runtime.output.join("\n"),
    answers: responses.join("\n"),
    store: readAllFiles(join(runtime.folder, "data")),
    plane: proxies.plane.requests.join("\n"),
    telegram: toTelegram.join("\n"),
    openclaw: proxies.openclaw.requests.join("\n"),
    messages: telegram
      .chat(SIMULATED_CHAT)
      .messages.map(({ text }) => text)
      .join("\n"),
    ps,
  };
  for (const [name, text] of Object.entries(outputs)) {
    expect(text.length, name).toBeGreaterThan(0);
    for (const secret of [...Object.values(MARKED_SECRETS), telegramToken]) {
      for (const form of [secret, Buffer.from(secret).toString("base64").slice(0, -4), encodeURIComponent(secret)]) {
        expect(text.includes(form), `${name} contains ${secret}`).toBe(false);
      }
    }
  }
}, 120_000);
