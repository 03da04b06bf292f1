import { once } from "node:events";
import { createServer, request } from "node:http";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { closeLocalServer } from "../../../simulators/local-server.ts";
import { hasCaddy, PROGRAM } from "../../caddy/start-caddy.ts";
import { startProgram } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { MONITORING } from "./queries.ts";

const ID = "3f4e".repeat(16);

const REFUSED_REQUESTS = [
  ["POST", "/v1.51/containers/create"],
  ["POST", `/v1.51/containers/${ID}/exec`],
  ["DELETE", `/v1.51/containers/${ID}`],
  ["GET", `/v1.51/containers/${ID}/archive?path=/etc/shadow`],
  ["GET", `/v1.51/containers/${ID}/export`],
  ["GET", `/v1.51/containers/${ID}/archive/../json?path=/`],
  ["GET", `/v1.51/containers/${ID}/archive%2f..%2fjson?path=/`],
  ["GET", "/v1.51/containers/a..b/json"],
  ["GET", `//v1.51/containers/${ID}/archive`],
  ["GET", "/v1.51/secrets"],
  ["GET", "/"],
] as const;

/** Starts the real Caddy with docker-reader's configuration in front of a server on a socket that stands for Docker's. */
async function startDockerReader() {
  const folder = createTestFolder("docker");
  const requests: string[] = [];
  const docker = createServer((received, response) => {
    requests.push(`${received.method} ${received.url}`);
    // A followed log ends only when the container does.
    if (received.url?.includes("follow=1")) response.write("first line\n");
    else response.end("docker");
  }).listen(join(folder, "docker.sock"));
  await once(docker, "listening");
  const port = await findFreePort();
  onTestFinished(() => closeLocalServer(docker));
  const env = { HOME: folder, DOCKER_READER_PORT: String(port), DOCKER_SOCKET: join(folder, "docker.sock") };
  const config = resolve(MONITORING, "docker-reader.caddy");
  startProgram([PROGRAM, "run", "--config", config, "--adapter", "caddyfile"], { env });
  // Unlike fetch this sends a path as it is, also with `..`.
  const send = (method: string, path: string) =>
    new Promise<number>((done, fail) => {
      const sent = request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      });
      sent.on("error", fail);
      sent.end();
    });
  await expect.poll(() => send("GET", "/_ping").catch(() => 0), { timeout: 20_000, interval: 50 }).toBe(200);
  requests.length = 0;
  return { send, requests };
}

test.skipIf(!hasCaddy())(
  "MONITOR-03 the access to Docker's socket passes on what Alloy and cAdvisor read, and refuses everything else, which never reaches Docker",
  async () => {
    const { send, requests } = await startDockerReader();
    const paths = [
      ...["/_ping", "/version", "/v1.47/info", "/v1.51/networks", "/v1.51/containers/json?limit=0"],
      ...[`/v1.51/containers/${ID}/json`, `/containers/${ID}/logs?stdout=1&stderr=1&tail=all`],
    ];
    for (const path of paths) expect(await send("GET", path), path).toBe(200);
    expect(await send("HEAD", "/_ping")).toBe(200);
    for (const [method, path] of REFUSED_REQUESTS) expect(await send(method, path), `${method} ${path}`).toBe(403);
    expect(requests).toEqual([...paths.map((path) => `GET ${path}`), "HEAD /_ping"]);
  },
);
