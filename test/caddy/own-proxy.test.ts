import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCertificate } from "../support/certificate.ts";
import { hasProgram } from "../support/has-program.ts";
import { startProgram } from "../support/program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";
import { CREW, createSender, hasCaddy, OUTSIDE_CLIENT, startCaddy, startUpstream, VPN_CLIENT } from "./start-caddy.ts";

/** Starts the Caddy of caddy/bare.caddy with these upstreams in place of its own. */
async function startBareCaddy(upstreams: readonly string[]) {
  const file = join(createTestFolder("bare"), "Caddyfile");
  const text = readFileSync("caddy/bare.caddy", "utf8")
    .replaceAll("crew.example.com", CREW)
    .replaceAll("groundcrew:8787", upstreams.join(" "));
  const options =
    "{\n\tadmin off\n\thttp_port {$HTTP_PORT}\n\thttps_port {$HTTPS_PORT}\n\t{$CADDY_GLOBAL_OPTIONS}\n}\n";
  writeFileSync(file, options + text);
  return (await startCaddy({}, { config: file })).send;
}

/** Starts nginx with caddy/nginx.conf, with these upstreams, a certificate and a port of its own. */
async function startNginx(upstreams: readonly string[]) {
  const folder = createTestFolder("nginx");
  const port = await findFreePort();
  const files = { key: join(folder, "crew.key"), cert: join(folder, "crew.pem") };
  createCertificate(`DNS:${CREW}`, files);
  const site = readFileSync("caddy/nginx.conf", "utf8")
    .replace("server 127.0.0.1:8787 max_fails=1 fail_timeout=2s;", upstreams.map((one) => `server ${one};`).join("\n"))
    .replace("10.8.0.0/24", `${VPN_CLIENT}/32`)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replaceAll("crew.example.com", CREW)
    .replace("/etc/ssl/crew.pem", files.cert)
    .replace("/etc/ssl/crew.key", files.key);
  for (const upstream of upstreams) expect(site).toContain(upstream);
  mkdirSync(join(folder, "temp"));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/temp/${name};`)
    .join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http { access_log off; ${temporary}
${site}
}\n`,
  );
  startProgram(["nginx", "-c", join(folder, "nginx.conf"), "-p", folder]);
  const send = createSender(port, readFileSync(files.cert));
  const ask = () => send({ host: CREW, path: "/webhooks/x" });
  await expect.poll(ask, { timeout: 10_000, interval: 50 }).toMatchObject({ status: 404 });
  return send;
}

const deliver = (body: string) => ({
  ...{ host: CREW, path: "/webhooks/plane", method: "POST", body, headers: createWebhookHeaders(body) },
});

/** Other spellings of the path; a bare proxy leaves some of them to Groundcrew, which checks the signature all the same. */
const REFUSED = ["/webhooks%2fplane", "/x/../webhooks/plane", "/webhooks/%70lane", "/WEBHOOKS/plane"];

describe.each([
  ["caddy/bare.caddy", hasCaddy(), startBareCaddy, 52_000_000, ["/webhooks%2fplane"]],
  ["caddy/nginx.conf", hasProgram("nginx"), startNginx, 2_200_000, REFUSED],
] as const)("INFRA-04 %s", (_, isThere, start, limit, refused) => {
  test.skipIf(!isThere)(
    "passes signed webhooks and the page on, and refuses a body that is too large with 413",
    async () => {
      const env = { TRUSTED_PROXIES: "127.0.0.1/32", PUBLIC_URL: `https://${CREW}` };
      const runtime = await startTestRuntime({ env });
      // The product makes a dead letter of what it cannot read, sooner or later.
      const countStored = async () => {
        const { pending, dead } = (await runtime.store.stats()).queues.inbox;
        return pending + dead;
      };
      const send = await start([new URL(runtime.url).host]);
      expect(await send(deliver('{"n":1}'))).toMatchObject({ status: 200 });
      expect(await countStored()).toBe(1);
      expect(await send({ host: CREW, path: "/", from: VPN_CLIENT })).toMatchObject({ status: 200 });
      expect((await send({ host: CREW, path: "/" }))?.status).toBe(refused === REFUSED ? 403 : 200);
      const large = deliver(JSON.stringify({ text: "x".repeat(limit) }));
      const headers = { ...large.headers, "content-length": String(large.body.length) };
      // The end of a connection whose body is still being sent can overtake the answer: then it is sent again.
      const sendLarge = async () => (await send({ ...large, headers }))?.status;
      await expect.poll(sendLarge, { timeout: 10_000, interval: 50 }).toBe(413);
      for (const path of refused) expect((await send({ ...deliver('{"n":2}'), path }))?.status, path).not.toBe(200);
      expect(await countStored()).toBe(1);
    },
  );

  test.skipIf(!isThere)(
    "replaces what a client says about its address, and breaks the connection of a webhook that Groundcrew cannot take, so that Plane repeats it",
    async () => {
      const groundcrew = await startUpstream("groundcrew", (_, response) => void response.writeHead(503).end("busy"));
      const send = await start([groundcrew.address]);
      const forged = { "x-real-ip": "10.0.0.1", forwarded: "for=10.0.0.1", "x-forwarded-for": "10.0.0.1" };
      expect(await send({ ...deliver("{}"), headers: forged })).toBeUndefined();
      expect(groundcrew.requests).toHaveLength(1);
      const own = { "x-real-ip": OUTSIDE_CLIENT, "x-forwarded-for": OUTSIDE_CLIENT, host: CREW };
      expect(groundcrew.requests[0]?.headers).toMatchObject(own);
      expect(groundcrew.requests[0]?.headers).not.toHaveProperty("forwarded");
      expect((await send({ host: CREW, path: "/api/x", from: VPN_CLIENT }))?.status).toBe(503);
      await groundcrew.stop();
      expect(await send(deliver("{}"))).toBeUndefined();
      expect((await send({ host: CREW, path: "/api/x", from: VPN_CLIENT }))?.status).toBe(502);
    },
  );
});
