import { createServer, type IncomingHttpHeaders } from "node:http";
import { onTestFinished } from "vitest";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulator } from "../../../simulators/plane/plane-simulator.ts";
import type { JsonObject } from "../../../simulators/plane/rows.ts";
import type { PlaneSimulatorOptions, Project, User } from "../../../simulators/plane/types.ts";

/** 2026-11-21T04:33:08Z. */
export const EPOCH = Date.UTC(2026, 10, 21, 4, 33, 8);

export interface PlaneFixture {
  plane: PlaneSimulator;
  ada: User;
  imhotep: User;
  project: Project;
  /** Advances Plane's clock. */
  advanceClock(ms: number): void;
  /** Calls the public API, below `/api/v1/workspaces/javisi`, as Ada unless another key is given. */
  api(method: string, path: string, json?: JsonObject, key?: string): Promise<Reply>;
  /** The project's path for `api`. */
  root: string;
  key: string;
  imhotepKey: string;
}
interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape of the answers it reads
  body: any;
}

/** Starts a simulated Plane with an admin, an agent and a project. Its clock moves only with `advanceClock`. */
export async function createPlaneFixture(options: PlaneSimulatorOptions = {}): Promise<PlaneFixture> {
  let now = EPOCH;
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
    plane,
    ada,
    imhotep,
    project,
    root,
    key,
    imhotepKey: plane.createApiKey(imhotep),
    advanceClock: (ms) => {
      now += ms;
    },
    async api(method, path, json, as = key) {
      const url = path.startsWith("/api/") ? plane.url + path : `${plane.url}/api/v1/workspaces/javisi${path}`;
      const response = await fetch(url, {
        method,
        redirect: "manual",
        headers: { "x-api-key": as, "content-type": "application/json" },
        ...omitUndefined({ body: json ? JSON.stringify(json) : undefined }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
    },
  };
}

export interface ReceivedWebhook {
  headers: IncomingHttpHeaders;
  body: string;
}

/** Starts a receiver of webhooks. It answers with `status`, or breaks the connection when that is 0. */
export async function createWebhookReceiver(
  status = 200,
): Promise<{ url: string; received: ReceivedWebhook[]; setStatus(status: number): void }> {
  const received: ReceivedWebhook[] = [];
  let currentStatus = status;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
    if (currentStatus === 0) request.socket.destroy();
    else response.writeHead(currentStatus).end();
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/webhooks/plane`,
    received,
    setStatus: (nextStatus) => {
      currentStatus = nextStatus;
    },
  };
}
