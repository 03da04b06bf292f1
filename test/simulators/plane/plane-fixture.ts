import type { IncomingHttpHeaders } from "node:http";
import { onTestFinished } from "vitest";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import type { JsonObject } from "../../../simulators/plane/rows.ts";
import type { PlaneSimulatorOptions } from "../../../simulators/plane/types.ts";
import { startServer } from "../../support/test-server.ts";

/** Starts a simulated Plane with an admin, an agent and a project. Its clock moves only with `advanceClock`. */
export async function createPlaneFixture(options: PlaneSimulatorOptions = {}) {
  let now = Date.parse("2026-11-21T04:33:08Z");
  const plane = createPlaneSimulator({ clock: () => now, rateLimit: Number.POSITIVE_INFINITY, ...options });
  onTestFinished(() => plane.stop());
  await plane.start();
  const ada = plane.addUser({ name: "Ada", lastName: "Admin" });
  const imhotep = plane.addUser({ name: "Imhotep" });
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB", by: ada });
  plane.runWorker();
  const key = plane.createApiKey(ada);
  const root = `/projects/${project.id}`;
  return {
    ...{ plane, ada, imhotep, project },
    /** The project's path for `api`. */
    root,
    imhotepKey: plane.createApiKey(imhotep),
    advanceClock: (ms: number) => {
      now += ms;
    },
    /** Calls the public API, below `/api/v1/workspaces/javisi`, as Ada unless another key is given. */
    async api(method: string, path: string, json?: JsonObject, as = key) {
      const url = path.startsWith("/api/") ? plane.url + path : `${plane.url}/api/v1/workspaces/javisi${path}`;
      const response = await fetch(url, {
        method,
        redirect: "manual",
        headers: { "x-api-key": as, "content-type": "application/json" },
        ...omitUndefined({ body: json ? JSON.stringify(json) : undefined }),
      });
      const text = await response.text();
      return { status: response.status, body: text ? JSON.parse(text) : null };
    },
  };
}

/** Starts a receiver of webhooks. It answers with `status`, or breaks the connection when that is 0. */
export async function createWebhookReceiver(status = 200) {
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  const url = await startServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
    if (status === 0) request.socket.destroy();
    else response.writeHead(status).end();
  });
  return { url: `${url}/webhooks/plane`, received };
}
