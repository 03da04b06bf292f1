import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { findChoice, prepareChoice } from "./choices.ts";

/**
 * What the images of Plane v1.2.2 and v1.3.1 answer with 200, read in their sources, and the programs that both have:
 * nginx' image brings curl; those of Node and Python on Alpine have BusyBox' wget alone (v1.2.2 of space has no curl).
 */
const IMAGES = {
  web: { path: "/", program: "curl" },
  admin: { path: "/", program: "curl" },
  space: { path: "/spaces/", program: "wget" },
  live: { path: "/live/health", program: "wget" },
  api: { path: "/", program: "wget" },
};

/** A server that answers one path with 200 and every other one with 404. */
async function startAt(path: string) {
  const server = createServer((request, response) => {
    response.writeHead(request.url === path ? 200 : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Runs the command of a health check against another port; the exit code. */
async function runCheck(service: string, port: number): Promise<number> {
  const { services } = prepareChoice(findChoice("plane,embedded-data,caddy")).project;
  const [kind, program = "", ...args] = services[service]?.healthcheck?.test ?? [];
  expect(kind, service).toBe("CMD");
  const words = args.map((word) => word.replace(/^(http:\/\/127\.0\.0\.1):\d+/, `$1:${port}`));
  return new Promise((resolve) => {
    execFile(program, words, (error) => resolve(error ? Number(error.code) : 0));
  });
}

describe("INFRA-06: the health checks of Plane's containers", () => {
  test.each(Object.entries(IMAGES))(
    "%s: asks a path that its image answers, with a program that it has",
    async (service, { path, program }) => {
      const { services } = prepareChoice(findChoice("plane,embedded-data,caddy")).project;
      expect(services[service]?.healthcheck?.test[1]).toBe(program);
      expect(await runCheck(service, await startAt(path))).toBe(0);
      expect(await runCheck(service, await startAt("/elsewhere"))).not.toBe(0);
    },
  );
});
