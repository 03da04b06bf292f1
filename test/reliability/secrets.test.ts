import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { startServer } from "../support/test-server.ts";
import { signBody } from "../support/webhook-signature.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const SECRETS = {
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
const WAIT = { timeout: 60_000 };

/**
 * Starts a proxy that records the URLs and bodies of all requests, and repeats some of them, credentials included, in an
 * answer of its own, as a careless one does; without a target all of them. `keys` maps marked API keys to the real ones.
 */
async function startRecordingProxy(target: string | undefined, keys: Record<string, string> = {}) {
  const requests: string[] = [];
  let carelessAnswers = 0;
  const own = await startServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method = "GET", url = "/" } = request;
    requests.push(`${url}\n${body.toString()}`);
    if (requests.length % 9 === 4 || target === undefined) {
      carelessAnswers += 1;
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: `bad request with ${JSON.stringify(request.headers)} at ${url}` }));
      return;
    }
    const { "content-type": type, accept, "x-api-key": key } = request.headers;
    const headers = omitUndefined({ "content-type": type, accept, "x-api-key": keys[String(key)] });
    const init = { method, headers: headers as Record<string, string>, ...(body.length > 0 ? { body } : {}) };
    const answer = await fetch(target + url, init).catch(() => undefined);
    if (!answer) return void response.destroy();
    const [found, date] = [answer.headers.get("content-type") ?? "application/json", answer.headers.get("date")];
    response.writeHead(answer.status, { "content-type": found, ...omitUndefined({ date: date ?? undefined }) });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  return { requests, url: own, isCareless: () => carelessAnswers > 0 };
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
  const items = simulators.addItems(simulators.addProject(), 12);
  plane.editItem(items[10] ?? "", { assignees: [imhotep] });
  simulators.takeWebhookBodies();
  const proxies = {
    plane: await startRecordingProxy(env["PLANE_URL"], {
      [SECRETS.PLANE_API_KEY]: env["PLANE_API_KEY"] ?? "",
      [SECRETS.PLANE_API_KEY_IMHOTEP]: plane.createApiKey(imhotep),
    }),
    telegram: await startRecordingProxy(env["TELEGRAM_API_ROOT"]),
    openclaw: await startRecordingProxy(undefined),
  };
  const runtime = await spawnRuntime({
    env: {
      ...{ ...env, ...SECRETS, LOG_LEVEL: "debug", PLANE_URL: proxies.plane.url },
      ...{ TELEGRAM_API_ROOT: proxies.telegram.url, OPENCLAW_URL: proxies.openclaw.url },
    },
    config: { wake_backlog: true, agents: [{ name: "Imhotep", email: imhotep.email, wake: "openclaw" }] },
    childOptions: { burst: 0 },
  });
  const responses: string[] = [];
  const request = async (path: string, token: string | undefined, init: RequestInit = {}) => {
    const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers };
    const answer = await runtime.request(path, { ...init, headers });
    responses.push(`${JSON.stringify([...answer.headers])}\n${await answer.text()}`);
    return answer.status;
  };
  const sendWebhook = (body: string, signature = signBody(body, SECRETS.PLANE_WEBHOOK_SECRET)) =>
    request("/webhooks/plane", undefined, {
      method: "POST",
      headers: simulators.createDeliveryHeaders(body, signature),
      body,
    });
  const poll = (token: string, method = "POST") => request("/ticks/poll", token, { method });
  const { ADMIN_TOKEN: admin, TICK_TOKEN: tick, AGENT_TOKEN_IMHOTEP: agent } = SECRETS;

  for (let n = 0; n < 3; n += 1) await poll(tick);
  for (const item of items.slice(0, 10)) plane.editItem(item, { state: "Done", name: `${item.name} done` });
  const bodies = simulators.takeWebhookBodies();
  telegram.injectFaults({ kind: "error", status: 400, description: `Bad Request: no such bot ${telegram.token}` });
  for (const body of bodies) expect(await sendWebhook(body)).toBe(200);
  // Jobs that the proxies refuse are repeated for minutes, so the runtime does not become idle here.
  await expect.poll(() => Object.values(proxies).every(({ isCareless }) => isCareless()), WAIT).toBe(true);
  const readLast = async () => request("/dead-letters", admin).then(() => responses.at(-1));
  await expect.poll(readLast, WAIT).toContain("no such bot [token]");
  for (let n = 0; n < 3; n += 1) await poll(tick);

  // The agent puts its token into inputs, and calls about another agent's task.
  const call = (tool: string, input: object, token: string = agent) =>
    request(`/agent/${tool}`, token, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(input),
    });
  for (let n = 0; n < 5; n += 1) await call("add_comment", { task: "ONB-11", text: `Comment ${n}`, critical: true });
  const calls: [tool: string, input: object, status: number, token?: string][] = [
    ["list_my_tasks", {}, 200],
    ["claim_task", { task: "ONB-1" }, 403],
    ["claim_task", { task: agent }, 400],
    ["claim_task", { task: "ONB-11", [agent]: 1 }, 400],
    [agent, {}, 404],
    [`list_my_tasks?token=${agent}`, {}, 400],
    ["list_my_tasks", {}, 401, SECRETS.OPENCLAW_HOOK_TOKEN],
    ["list_my_tasks", {}, 403, admin],
  ];
  for (const [tool, input, status, token] of calls)
    expect([tool, await call(tool, input, token)]).toEqual([tool, status]);

  expect(await sendWebhook(bodies[0] ?? "", "0".repeat(64))).toBe(401);
  expect(await sendWebhook("[")).toBe(200);
  const reads: [path: string, token: string, status: number][] = [
    ["/audit", admin, 200],
    ["/metrics", tick, 403],
    [`/metrics?token=${admin}`, admin, 400],
    ["/metrics", `${admin}x`, 401],
    ["/metrics", admin, 200],
    ["/health", admin, 200],
    ["/dead-letters", admin, 200],
    [`/nothing/${tick}`, admin, 404],
  ];
  for (const [path, token, status] of reads) expect([path, await request(path, token)]).toEqual([path, status]);
  expect([200, 503]).toContain(await request("/ready", admin));
  await request(`/ticks/${SECRETS.RUNNER_TOKEN}`, admin, { method: "POST" });
  expect(await poll(SECRETS.RUNNER_TOKEN)).toBe(403);
  await poll(tick, "GET");
  await plane.takeDown();
  await request("/ready", admin);
  const ps = execFileSync("ps", ["-ww", "-o", "args", "-p", String(runtime.pid)], { encoding: "utf8" });
  await runtime.kill("SIGTERM");

  const telegramToken = env["TELEGRAM_BOT_TOKEN"] ?? "";
  const outputs = {
    output: runtime.output,
    answers: responses,
    store: [readAllFiles(join(runtime.folder, "data"))],
    plane: proxies.plane.requests,
    // Telegram's protocol requires the bot's token in the URL.
    telegram: proxies.telegram.requests.map((text) => text.replace(`/bot${telegramToken}/`, "/bot/")),
    openclaw: proxies.openclaw.requests,
    messages: telegram.chat(SIMULATED_CHAT).messages.map(({ text }) => text),
    ps: [ps],
  };
  for (const [name, texts] of Object.entries(outputs)) {
    const text = texts.join("\n");
    expect(text.length, name).toBeGreaterThan(0);
    for (const secret of [...Object.values(SECRETS), telegramToken])
      for (const form of [secret, Buffer.from(secret).toString("base64").slice(0, -4), encodeURIComponent(secret)])
        expect(text.includes(form), `${name} contains ${secret}`).toBe(false);
  }
}, 120_000);
