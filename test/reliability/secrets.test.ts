import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sign } from "../runtime/plane-headers.ts";
import { CHAT, PATIENT, startOutside } from "./outside.ts";
import { startProcess } from "./process.ts";

const MARKED = {
  PLANE_API_KEY: "plane_api_marked0secret0one",
  PLANE_WEBHOOK_SECRET: "marked-secret-two-of-the-webhook",
  ADMIN_TOKEN: "marked-secret-three-of-the-admin",
  TICK_TOKEN: "marked-secret-four-of-the-ticks",
  TELEGRAM_WEBHOOK_SECRET: "marked-secret-five-of-telegram",
};

/** Everything that goes over the wire to Plane and Telegram passes here; bodies and addresses are written down. */
async function listen(target: string, key: string) {
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
      if (request.headers["x-api-key"] === MARKED.PLANE_API_KEY) headers.set("x-api-key", key);
      // Something on the way that repeats what it was sent, credentials included, as careless proxies do.
      const careless = heard.length % 9 === 4;
      if (careless) {
        response.writeHead(400, { "content-type": "application/json" });
        response.end(JSON.stringify({ error: `bad request with ${JSON.stringify(request.headers)} at ${url}` }));
        return;
      }
      fetch(target + url, { method, headers, ...(body.length > 0 && { body }) }).then(
        async (answer) => {
          const bytes = Buffer.from(await answer.arrayBuffer());
          const type = answer.headers.get("content-type") ?? "application/json";
          const date = answer.headers.get("date") ?? "";
          response.writeHead(answer.status, { "content-type": type, ...(date && { date }) }).end(bytes);
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

function bytesUnder(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

test("21: marked secrets of the settings appear in no output, answer, metric, store file, message or process list", async () => {
  const outside = await startOutside({ telegram: PATIENT });
  const { plane, telegram, env } = outside;
  const project = outside.project();
  const items = outside.items(project, 12);
  outside.bodies();
  const wire = {
    plane: await listen(env["PLANE_URL"] ?? "", env["PLANE_API_KEY"] ?? ""),
    telegram: await listen(env["TELEGRAM_API_ROOT"] ?? "", ""),
  };
  const given = { ...env, ...MARKED, PLANE_URL: wire.plane.url, TELEGRAM_API_ROOT: wire.telegram.url };
  const runtime = await startProcess({ env: { ...given, LOG_LEVEL: "debug" }, handed: { burst: 0 } });
  const signed = (body: string) => sign(body, MARKED.PLANE_WEBHOOK_SECRET);
  const said: string[] = [];
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await runtime.ask(path, init);
    said.push(`${JSON.stringify([...answer.headers])}\n${await answer.text()}`);
    return answer.status;
  };
  const admin = { authorization: `Bearer ${MARKED.ADMIN_TOKEN}` };
  const tick = { authorization: `Bearer ${MARKED.TICK_TOKEN}` };

  for (let n = 0; n < 3; n += 1) await ask("/ticks/poll", { method: "POST", headers: tick });
  for (const item of items.slice(0, 10)) plane.editItem(item, { state: "Done", name: `${item.name} done` });
  const bodies = outside.bodies();
  telegram.meet({ kind: "error", status: 400, description: `Bad Request: no such bot ${telegram.token}` });
  for (const body of bodies) {
    const headers = outside.headers(body, signed(body));
    expect(await ask("/webhooks/plane", { method: "POST", headers, body })).toBe(200);
  }
  await runtime.quiet(60_000).catch(() => undefined);
  for (let n = 0; n < 3; n += 1) await ask("/ticks/poll", { method: "POST", headers: tick });

  await ask("/dead-letters", { headers: admin });
  expect(said.at(-1)).toContain("no such bot [token]");

  const [body = ""] = bodies;
  expect(await ask("/webhooks/plane", { method: "POST", headers: outside.headers(body, "0".repeat(64)), body })).toBe(
    401,
  );
  expect(await ask("/webhooks/plane", { method: "POST", headers: outside.headers("[", signed("[")), body: "[" })).toBe(
    400,
  );
  expect(await ask("/metrics", { headers: tick })).toBe(403);
  expect(await ask(`/metrics?token=${MARKED.ADMIN_TOKEN}`, { headers: admin })).toBe(400);
  expect(await ask("/metrics", { headers: { authorization: `Bearer ${MARKED.ADMIN_TOKEN}x` } })).toBe(401);
  expect(await ask("/metrics", { headers: admin })).toBe(200);
  expect([200, 503]).toContain(await ask("/ready", { headers: admin }));
  expect(await ask("/health")).toBe(200);
  expect(await ask("/dead-letters", { headers: admin })).toBe(200);
  await ask(`/nothing/${MARKED.TICK_TOKEN}`, { headers: admin });
  await ask("/ticks/poll", { method: "GET", headers: tick });
  await plane.down();
  await ask("/ready", { headers: admin });
  const ps = execFileSync("ps", ["-ww", "-o", "args", "-p", String(runtime.pid)], { encoding: "utf8" });
  await runtime.kill("SIGTERM");

  const telegramToken = env["TELEGRAM_BOT_TOKEN"] ?? "";
  // Telegram's own protocol carries the bot's token in the address.
  const toTelegram = wire.telegram.heard.map((text) => text.replace(`/bot${telegramToken}/`, "/bot/"));
  const places = {
    output: runtime.output.join("\n"),
    answers: said.join("\n"),
    store: bytesUnder(join(runtime.folder, "data")),
    plane: wire.plane.heard.join("\n"),
    telegram: toTelegram.join("\n"),
    messages: telegram
      .chat(CHAT)
      .messages.map(({ text }) => text)
      .join("\n"),
    ps,
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(0);
    for (const secret of [...Object.values(MARKED), telegramToken]) {
      for (const form of [secret, Buffer.from(secret).toString("base64").slice(0, -4), encodeURIComponent(secret)]) {
        expect(text.includes(form), `${place} holds ${secret}`).toBe(false);
      }
    }
  }
}, 120_000);
