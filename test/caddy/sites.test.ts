import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  CREW,
  DOCKER_CLIENT,
  DOMAIN,
  GRAFANA,
  hasCaddy,
  OUTSIDE_CLIENT,
  startCaddy,
  VPN_CLIENT,
  validateCaddyfile,
  WORK,
} from "./start-caddy.ts";
import { startSites, startUpstream } from "./upstreams.ts";

describe.skipIf(!hasCaddy())("Caddy's configuration", () => {
  test.each(readdirSync("caddy").filter((name) => name.includes("Caddyfile")))(
    "INFRA-04 %s is valid with DOMAIN alone",
    (file) => {
      expect(() => validateCaddyfile(file, { DOMAIN: "example.com" })).not.toThrow();
      expect(() => validateCaddyfile(file, { DOMAIN: "example.com", VPN_CIDR: "10.0.0.0/8 fd00::/8" })).not.toThrow();
      expect(() => validateCaddyfile(file, { DOMAIN: "example.com", VPN_CIDR: "everyone" })).toThrow(/everyone/);
    },
  );

  test("INFRA-04 serves Plane and Groundcrew to the VPN and to Docker's network, and answers 403 to everyone else", async () => {
    const { caddy } = await startSites();
    for (const from of [VPN_CLIENT, DOCKER_CLIENT]) {
      expect(await caddy.send({ host: CREW, path: "/", from })).toMatchObject({ status: 200, body: "groundcrew" });
      expect(await caddy.send({ host: CREW, path: "/mcp", method: "POST", from })).toMatchObject({
        body: "groundcrew",
      });
      expect(await caddy.send({ host: WORK, path: "/", from })).toMatchObject({ status: 200, body: "web" });
    }
    for (const path of ["/", "/mcp", "/agent/tools", "/api/health", "/webhooks", "/uploads/a.png"]) {
      for (const host of [CREW, WORK]) {
        const forged = { "x-forwarded-for": VPN_CLIENT, forwarded: `for=${VPN_CLIENT}`, "x-real-ip": VPN_CLIENT };
        for (const headers of [{}, forged])
          expect(await caddy.send({ host, path, headers }), `${host}${path}`).toMatchObject({ status: 403 });
      }
    }
  });

  test("sends security headers, redirects HTTP to HTTPS, and shows its metrics to Docker's network alone", async () => {
    const { caddy } = await startSites();
    for (const request of [{ path: "/", from: VPN_CLIENT }, { path: "/" }]) {
      const answer = await caddy.send({ host: CREW, ...request });
      expect(answer?.headers).toMatchObject({
        "strict-transport-security": expect.stringContaining("max-age="),
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "strict-origin-when-cross-origin",
      });
      expect(answer?.headers).not.toHaveProperty("server");
    }
    const redirect = await caddy.sendPlain("http", "/x", OUTSIDE_CLIENT);
    expect(redirect).toMatchObject({ status: 308, headers: { location: expect.stringContaining(`https://${CREW}`) } });
    expect(await caddy.sendPlain("metrics", "/metrics", DOCKER_CLIENT)).toMatchObject({
      status: 200,
      body: expect.stringContaining("caddy_http_requests_total"),
    });
    for (const from of [VPN_CLIENT, OUTSIDE_CLIENT])
      expect(await caddy.sendPlain("metrics", "/metrics", from)).toMatchObject({ status: 403 });
  });

  test("keeps tokens, cookies, signatures and queries out of its log, also of requests that fail", async () => {
    const { caddy, groundcrew } = await startSites();
    const secret = "do-not-log-me";
    const headers = {
      authorization: `Bearer ${secret}`,
      cookie: `session=${secret}`,
      "x-plane-signature": secret,
      "x-telegram-bot-api-secret-token": secret,
      "x-api-key": secret,
    };
    const send = (path: string, method = "GET") =>
      caddy.send({ host: CREW, path: `${path}?token=${secret}`, method, from: VPN_CLIENT, headers });
    await send("/api/board");
    await groundcrew.stop();
    // Caddy answers the first with 502, and breaks the connection of the second.
    expect(await send("/api/tasks")).toMatchObject({ status: 502 });
    expect(await send("/webhooks/telegram", "POST")).toBeUndefined();
    for (const path of ["/api/board", "/api/tasks", "/webhooks/telegram"])
      await expect.poll(() => caddy.readLog()).toContain(`"uri":"${path}"`);
    expect(caddy.readLog()).not.toContain(secret);
  });

  test("MONITOR-03 serves Grafana inside the two ranges, at a host of its own, when its site is chosen", async () => {
    const grafana = await startUpstream("grafana");
    const caddy = await startCaddy({ CADDY_SITES: "sites*.caddy", GRAFANA_UPSTREAM: grafana.address });
    for (const from of [VPN_CLIENT, DOCKER_CLIENT])
      expect(await caddy.send({ host: GRAFANA, path: "/d/x", from })).toMatchObject({ status: 200, body: "grafana" });
    expect(await caddy.send({ host: GRAFANA, path: "/login", from: OUTSIDE_CLIENT })).toMatchObject({ status: 403 });
    expect(grafana.requests.map(({ url }) => url)).toEqual(["/d/x", "/d/x"]);
    // The other sites are there as well.
    expect(await caddy.send({ host: CREW, path: "/", from: OUTSIDE_CLIENT })).toMatchObject({ status: 403 });
  });

  test("INFRA-04 serves each site at the name that is set for it, and at its default name no longer", async () => {
    const [groundcrew, web, grafana] = await Promise.all(
      ["groundcrew", "web", "grafana"].map((name) => startUpstream(name)),
    );
    const caddy = await startCaddy({
      CADDY_SITES: "sites*.caddy",
      PLANE_SUBDOMAIN: "plane",
      GROUNDCREW_SUBDOMAIN: "agents.office",
      GRAFANA_SUBDOMAIN: "charts",
      GROUNDCREW_UPSTREAM: groundcrew?.address ?? "",
      PLANE_WEB_UPSTREAM: web?.address ?? "",
      GRAFANA_UPSTREAM: grafana?.address ?? "",
    });
    for (const [name, body] of [
      ["plane", "web"],
      ["agents.office", "groundcrew"],
      ["charts", "grafana"],
    ])
      expect(await caddy.send({ host: `${name}.${DOMAIN}`, path: "/", from: VPN_CLIENT })).toMatchObject({ body });
    const webhook = { host: `agents.office.${DOMAIN}`, path: "/webhooks/telegram", method: "POST" };
    expect(await caddy.send(webhook)).toMatchObject({ status: 200, body: "groundcrew" });
    for (const host of [WORK, CREW, GRAFANA]) await expect(caddy.open(host, VPN_CLIENT), host).rejects.toThrow(/alert/);
  });

  test("a host that is not served gets no success: neither by its name in TLS, nor by another one", async () => {
    const { caddy } = await startSites();
    for (const method of ["GET", "POST"])
      for (const other of ["made-up.test", CREW, `${CREW}:443`, "127.0.0.1"]) {
        const request = { host: WORK, path: "/webhooks/plane", method, from: OUTSIDE_CLIENT, headers: { host: other } };
        expect(await caddy.send(request), `${method} ${other}`).toMatchObject({ status: 421 });
      }
    await expect(caddy.open("made-up.test", OUTSIDE_CLIENT)).rejects.toThrow(/alert/);
    expect(await caddy.sendPlain("metrics", "/", DOCKER_CLIENT)).toMatchObject({ status: 404 });
  });

  test("MONITOR-03 names of hosts, ports and methods that anybody makes up add nothing to the metrics", async () => {
    const { caddy } = await startSites();
    const countSeries = async () => {
      const metrics = (await caddy.sendPlain("metrics", "/metrics", DOCKER_CLIENT))?.body ?? "";
      return metrics.match(/^caddy_http_/gm)?.length ?? 0;
    };
    const send = async (name: string) => {
      for (const host of [WORK, `${WORK}:${name}`, `${name}.test`, `${WORK.toUpperCase()}:${name}`])
        await caddy.send({ host: WORK, path: "/", from: OUTSIDE_CLIENT, headers: { host } });
      await caddy.send({ host: WORK, path: "/", method: `MADE-UP-${name}`, from: OUTSIDE_CLIENT });
      await caddy.sendPlain("http", `/${name}`, OUTSIDE_CLIENT);
    };
    await send("1");
    // Reading the metrics is counted as well.
    await countSeries();
    const before = await countSeries();
    expect(before).toBeGreaterThan(20);
    for (const name of ["2", "3", "b", "x-y"]) await send(name);
    expect(await countSeries()).toBe(before);
  });
});
