import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  CREW,
  DOCKER_CLIENT,
  GRAFANA,
  hasCaddy,
  isCaddyWithHosts,
  OUTSIDE_CLIENT,
  startCaddy,
  VPN_CLIENT,
  validateCaddyfile,
  WORK,
} from "./start-caddy.ts";
import { startUpstream } from "./upstreams.ts";

const SERVICES = ["API", "ADMIN", "SPACE", "LIVE", "WEB", "STORAGE"] as const;

/** Starts Caddy in front of servers that answer with their names. */
async function startSites() {
  const groundcrew = await startUpstream("groundcrew");
  const services = await Promise.all(SERVICES.map((name) => startUpstream(name.toLowerCase())));
  const addresses = SERVICES.map((name, i) => [`PLANE_${name}_UPSTREAM`, services[i]?.address ?? ""]);
  const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: groundcrew.address, ...Object.fromEntries(addresses) });
  return { caddy, groundcrew, api: services[0] };
}

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

  test("routes each path of Plane to its service, and /api/health to the API server's root", async () => {
    const { caddy, api } = await startSites();
    const routes = {
      "/api/v1/users/me/": "api",
      "/auth/sign-in/": "api",
      "/static/x.css": "api",
      "/god-mode/": "admin",
      "/god-mode": "admin",
      "/spaces/x": "space",
      "/live/x": "live",
      "/uploads/a/b.png?X-Amz-Signature=1": "storage",
      "/uploads": "storage",
      "/uploadsx": "web",
      "/apix": "web",
      "/javisi/projects/": "web",
    };
    for (const [path, service] of Object.entries(routes))
      expect((await caddy.send({ host: WORK, path, from: VPN_CLIENT }))?.body, path).toBe(service);
    expect(await caddy.send({ host: WORK, path: "/api/health", from: VPN_CLIENT })).toMatchObject({ body: "api" });
    expect(api?.requests.at(-1)?.url).toBe("/");
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

  test("keeps tokens, cookies, signatures and queries out of its log", async () => {
    const { caddy } = await startSites();
    const secret = "do-not-log-me";
    await caddy.send({
      host: CREW,
      path: `/api/board?token=${secret}`,
      from: VPN_CLIENT,
      headers: {
        authorization: `Bearer ${secret}`,
        cookie: `session=${secret}`,
        "x-plane-signature": secret,
        "x-telegram-bot-api-secret-token": secret,
      },
    });
    await expect.poll(() => caddy.readLog()).toContain('"uri":"/api/board"');
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

  test.skipIf(!hasCaddy() || !isCaddyWithHosts())(
    "MONITOR-03 tells the hosts apart in its metrics, and counts names that anybody makes up together",
    async () => {
      const web = await startUpstream("web");
      const caddy = await startCaddy({
        PLANE_WEB_UPSTREAM: web.address,
        CADDY_METRICS_OPTION: "metrics {\n\tper_host\n}",
      });
      await caddy.send({ host: WORK, path: "/", from: VPN_CLIENT });
      await caddy.send({ host: CREW, path: "/", from: OUTSIDE_CLIENT });
      await caddy.send({ host: WORK, path: "/", from: OUTSIDE_CLIENT, headers: { host: "made-up.test" } });
      const metrics = (await caddy.sendPlain("metrics", "/metrics", DOCKER_CLIENT))?.body ?? "";
      expect(metrics).toContain(`handler="subroute",host="${WORK}"`);
      expect(metrics).toContain(`handler="subroute",host="${CREW}"`);
      expect(metrics).not.toContain("made-up");
    },
  );
});
