import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { formatRequestHead, formatWebhookHead, openConnection, type RawConnection } from "../support/raw-connection.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, RUNTIME_ENV } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

const OPEN_FILES = 64;

/** Starts the product as a process that may open 64 files; returns its URL once it listens. */
async function startLimitedProcess(): Promise<string> {
  const cwd = mkdtempSync(join(tmpdir(), "groundcrew-limit-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const command = `ulimit -n ${OPEN_FILES}; exec "$0" --disable-warning=ExperimentalWarning "$1"`;
  const child: ChildProcessByStdio<null, Readable, null> = spawn(
    "bash",
    ["-c", command, process.execPath, resolve("runtime/main.ts")],
    { cwd, env: { ...RUNTIME_ENV, STORE_URL: "file:./kept" }, stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  });
  let out = "";
  child.stdout.on("data", (data: Buffer) => {
    out += data;
  });
  await expect.poll(() => out, { timeout: 20_000 }).toContain('"message":"listening"');
  return /"url":"([^"]+)"/.exec(out)?.[1] ?? "";
}

/** Opens connections that remain open until the other end closes them or the test ends; `head` is sent on each. */
async function openConnections(url: string, count: number, head = ""): Promise<RawConnection[]> {
  const opened: RawConnection[] = [];
  for (let i = 0; i < count; i += 1) {
    const raw = await openConnection(url);
    onTestFinished(() => void raw.socket.destroy());
    if (head !== "") raw.socket.write(head);
    opened.push(raw);
  }
  return opened;
}

/** Posts a signed webhook on a connection of its own, as Plane does; returns the status or the error's code. */
async function postOnNewConnection(url: string, id: number): Promise<number | string> {
  const body = JSON.stringify({ event: "issue", action: "updated", data: { id: `item-${id}` } });
  const headers = { ...createWebhookHeaders(body), "content-length": body.length };
  const posting = request(`${url}/webhooks/plane`, { method: "POST", headers, agent: false });
  posting.end(body);
  return Promise.race([
    once(posting, "response").then(([response]) => response.resume().statusCode),
    once(posting, "error").then(([error]) => error.code),
  ]).catch((error) => error.code);
}

async function postWebhooks(url: string): Promise<(number | string)[]> {
  const statuses: (number | string)[] = [];
  for (let id = 0; id < 20; id += 1) statuses.push(await postOnNewConnection(url, id));
  return statuses;
}

test("With a limit of 64 open files, webhooks arrive while 120 connections are open that send nothing", {
  timeout: 60_000,
}, async () => {
  const url = await startLimitedProcess();
  const { socket } = (await openConnections(url, 1))[0] ?? {};
  if (!socket) throw new Error("not connected");
  const streamHead = { ...createBearerHeaders(RUNTIME_ADMIN_TOKEN).headers, accept: "text/event-stream" };
  socket.write(formatRequestHead("GET", "/api/events", streamHead));
  expect(String((await once(socket, "data"))[0])).toContain("200 OK");
  await openConnections(url, 120);
  expect(await postWebhooks(url)).toEqual(Array(20).fill(200));
  expect(socket.closed).toBe(false);
});

test("With a limit of 64 open files, webhooks arrive while 120 connections are open that never finish their request", {
  timeout: 60_000,
}, async () => {
  const url = await startLimitedProcess();
  const head = formatWebhookHead({
    ...createWebhookHeaders("{}"),
    "content-length": "9000",
  });
  await openConnections(url, 120, `${head}{`);
  expect(await postWebhooks(url)).toEqual(Array(20).fill(200));
});
