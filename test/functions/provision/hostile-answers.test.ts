import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { startScriptedServer, startServer } from "../../support/test-server.ts";
import { createProvisionSetup, NOTES_PATH, SECRETS_PATH } from "./provision-setup.ts";

test.each([
  ["POST", "/auth/sign-in/"],
  ["POST", "/api/users/api-tokens/"],
  ["POST", "/webhooks/"],
  ["POST", "/api/v1/"],
])("a redirect of %s %s to another host is not followed: it gets no cookie, password or key", async (method, path) => {
  for (const status of process.env["FULL"] ? [302, 307, 308] : [307]) {
    const setup = await createProvisionSetup();
    const other = await startScriptedServer({ status: 200, body: {} });
    const headers = { location: `${other.url}${path}` };
    setup.plane.faults.add({ method, path }, { kind: "status", status, headers, body: "" });
    const { exit, failed } = await setup.provisionWithReport();
    expect(other.requests).toEqual([]);
    expect(setup.plane.ledger.requests.some((request) => request.status === status)).toBe(true);
    expect(exit).toBe(1);
    expect(failed.length).toBeGreaterThan(0);
  }
});

const CHUNK = Buffer.alloc(2 ** 20, " ");

/** Sends white space, which may precede JSON, without an end. */
const sendEndlessly: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const send = () => {
    while (!response.destroyed && response.write(CHUNK));
  };
  response.on("drain", send).on("error", () => {});
  send();
};

test("an answer without an end is cut off at its size limit, with a message, and nothing is written", async () => {
  let sent = 0;
  const PLANE_URL = await startServer((request, response) => {
    response.on("close", () => {
      sent = Math.max(sent, request.socket.bytesWritten);
    });
    sendEndlessly(request, response);
  });
  const setup = await createProvisionSetup({ env: { PLANE_URL } });
  const { exit, detail } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("plane")).toContain("Plane's answer to instance_info is larger than 67108864 bytes");
  await expect.poll(() => sent).toBeGreaterThan(2 ** 26);
  expect(sent).toBeLessThan(2 ** 28);
  expect([...setup.files.keys()]).toEqual(["groundcrew.json"]);
});

test.each([
  ["POST", "/api/users/api-tokens/"],
  ["POST", "/api/v1/"],
])("a page, then half an answer to %s %s leaves whole files, with which the next run works", async (method, path) => {
  const setup = await createProvisionSetup();
  for (const kind of ["html", "truncated"] as const) {
    const remove = setup.plane.faults.add({ method, path }, { kind });
    expect((await setup.provisionWithReport()).exit).toBe(1);
    remove();
    for (const file of [SECRETS_PATH, NOTES_PATH]) JSON.parse(setup.files.get(file)?.text ?? "{}");
  }
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

/** Clears the screen, starts a line of its own, turns the reading direction and hides text. */
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\r\n  create  forged: line\u202eesrever\u2066\u200b\u0085\u009b31m";

/** Everything that a terminal may interpret, other than the line feed at the end of a line. */
const NOT_PRINTABLE = /[^\P{C}\n]|[\u2028\u2029]/u;

function expectHarmless({ out, err }: { out: string; err: string }) {
  for (const text of [out, err]) {
    expect(NOT_PRINTABLE.exec(text)).toBeNull();
    expect(text).not.toMatch(/^ {2}create {2}forged/m);
    expect(text.split("\n").every((line) => line.length <= 5_000)).toBe(true);
  }
}

test("an error message of Plane reaches the terminal as printable text", async () => {
  const setup = await createProvisionSetup();
  const body = JSON.stringify({ error: `${HOSTILE}${"x".repeat(100_000)}`, [HOSTILE]: [HOSTILE] });
  for (const path of ["/labels/", "/webhooks/"])
    setup.plane.faults.add({ method: "POST", path }, { kind: "status", status: 400, body });
  const result = await setup.provision();
  expect(result.exit).toBe(1);
  expect(result.out).toContain("failed  webhook: ");
  expectHarmless(result);
});

test("a key of Plane with line breaks is neither stored nor printed", async () => {
  const setup = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (!String(input).endsWith("/api/users/api-tokens/") || init?.method !== "POST") return answer;
    const token = "stolen\nNODE_OPTIONS=--import=evil\u001b[2J";
    return Response.json({ ...JSON.parse(await answer.text()), token });
  };
  const result = await setup.provision(["--yes", "--print-env"], { fetch });
  expect(result.exit).toBe(1);
  expect(result.out).toContain("ADMIN_TOKEN=");
  for (const text of [result.out, result.err, ...[...setup.files.values()].map((file) => file.text)])
    expect(text).not.toContain("NODE_OPTIONS");
  expectHarmless(result);
});
