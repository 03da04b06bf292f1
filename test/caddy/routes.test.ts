import { describe, expect, test } from "vitest";
import { hasCaddy, VPN_CLIENT, WORK } from "./start-caddy.ts";
import { startSites } from "./upstreams.ts";

/** Paths of Plane as browsers send them, and who answers them. */
const PLAIN = {
  "/api/v1/users/me/": "api",
  "/auth/sign-in/": "api",
  "/static/x.css": "api",
  "/god-mode/": "admin",
  "/god-mode/general/": "admin",
  "/spaces/": "space",
  "/spaces/x": "space",
  "/live/x": "live",
  "/uploads/a/b.png?X-Amz-Signature=1": "storage",
  "/uploads/report..pdf": "storage",
  "/uploads": "storage",
  "/": "web",
  "/javisi/projects/": "web",
  "/javisi/a..b/.c/": "web",
};

/** Workspaces that begin like a path of a service. */
const WORKSPACES = [
  ...["apiary", "api-team", "authors", "statics", "god-modes", "god-mode-2", "spaceship", "spaces-team", "spaces2"],
  ...["liverpool", "live-team", "uploads2", "webhooks-team", "administrators"],
];

/** The same paths in other spellings, which the service decodes as Caddy does. */
const ENCODED = {
  "/%61pi/v1/": "api",
  "/api%2Fv1/": "api",
  "//api//v1/": "api",
  "/api/v1%252e%252e/": "api",
  "/liv%65/x": "live",
  "/live%2fx": "live",
  "/%6civerpool/": "web",
  "/god-mode%2F": "admin",
  "/%73paces/x": "space",
  "/uploads%2Fa": "storage",
};

/** Paths that a service could read otherwise than Caddy, which chooses it. */
const AMBIGUOUS = [
  ...["/x/../api/v1", "/x/%2e%2e/api/v1", "/x/.%2E/api", "/x%2F..%2Fapi", "/x%2f%2e%2e%2fapi", "/uploads/../api/x"],
  ...["/api/../javisi/", "/api/%2e%2e/javisi", "/god-mode/%2e%2e/api", "/api/./health", "/%2e/api/", "/api/.."],
  ...["/api\\v1", "/api%5cv1", "/api%5C..%5Cx", "/api%00/", "/api%0a/", "/live%7f/"],
];

describe.skipIf(!hasCaddy())("Plane's paths through Caddy", () => {
  test("INFRA-04 each path reaches its service, also in another spelling, and /api/health the API server's root", async () => {
    const { caddy, api } = await startSites();
    for (const [path, service] of Object.entries({ ...PLAIN, ...ENCODED }))
      expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({
        status: 200,
        body: service,
      });
    for (const path of ["/api/health", "/api/health/", "/api%2Fhealth"]) {
      expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({ body: "api" });
      expect(api?.requests.at(-1)?.url, path).toBe("/");
    }
  });

  test("a workspace that begins like a path of a service belongs to the web application", async () => {
    const { caddy } = await startSites();
    for (const workspace of WORKSPACES)
      for (const path of [`/${workspace}`, `/${workspace}/projects/`])
        expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({ body: "web" });
  });

  test("/god-mode and /spaces are redirected to their folders by Caddy, not by their servers to their own ports", async () => {
    const { caddy } = await startSites();
    for (const path of ["/god-mode", "/spaces"])
      expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({
        status: 301,
        headers: { location: `${path}/` },
      });
  });

  test("a path with dot segments, backslashes or control characters is refused, however it is encoded", async () => {
    const { caddy } = await startSites();
    for (const path of AMBIGUOUS) {
      expect(await caddy.send({ host: WORK, path, from: VPN_CLIENT }), path).toMatchObject({ status: 400 });
    }
  });
});
