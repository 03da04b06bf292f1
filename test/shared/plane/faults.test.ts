import { createServer } from "node:net";
import { expect, test } from "vitest";
import { PlaneUnavailableError, PlaneUnexpectedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/users-members.ts";
import type { ScriptedStep } from "../../support/scripted-server.ts";
import {
  captureError,
  controlTimeLimits,
  createPlaneClientHarness,
  createScriptedClient,
  PLANE_USER,
} from "./plane-client-harness.ts";

const NO_RETRIES = { retryDelays: [] };

async function captureFault(step: ScriptedStep, options = {}) {
  const { client } = await createScriptedClient([step], { ...NO_RETRIES, ...options });
  return captureError(client.call(usersApi.me));
}

test("a server that takes the connection and stays silent ends in time", async () => {
  const error = await captureFault(() => {}, { timeout: 60 });
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(error).toMatchObject({ message: expect.stringContaining("no whole answer within 0.06 s") });
});

test("a half-open socket in the middle of the body ends in time", async () => {
  const half: ScriptedStep = (_request, response) =>
    void response.writeHead(200, { "content-type": "application/json" }).write('{"id":');
  const error = await captureFault(half, { timeout: 60 });
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("no whole answer") });
});

test("a body that trickles in, byte by byte, does not outlive the limit", async () => {
  const drip: ScriptedStep = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const timer = setInterval(() => response.write(" "), 10);
    response.on("close", () => clearInterval(timer));
  };
  expect(await captureFault(drip, { timeout: 100 })).toBeInstanceOf(PlaneUnavailableError);
});

test("a connection cut in the middle of the body is no answer", async () => {
  const cut: ScriptedStep = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
    response.write('{"id":', () => response.destroy());
  };
  expect(await captureFault(cut)).toBeInstanceOf(PlaneUnavailableError);
});

test("JSON that breaks off, though the connection ended well, is no answer", async () => {
  const error = await captureFault({ status: 200, body: JSON.stringify(PLANE_USER).slice(0, 40) });
  expect(error).toMatchObject({
    code: "unavailable",
    status: 200,
    message: expect.stringContaining("broken or cut off"),
  });
});

test("a page instead of JSON is no answer", async () => {
  const error = await captureFault({
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<!doctype html><p>hi",
  });
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("a page instead of JSON") });
});

test("an empty answer where one is due is no answer", async () => {
  expect(await captureFault({ status: 200, body: "" })).toBeInstanceOf(PlaneUnavailableError);
});

test("nobody listening is said with the network's own code", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  await new Promise((resolve) => server.close(resolve));
  const { client } = createPlaneClientHarness({ url: `http://127.0.0.1:${port}`, ...NO_RETRIES });
  expect(await captureError(client.call(usersApi.me))).toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("ECONNREFUSED"),
  });
});

test("an answer over the size limit is refused while it is being read, and not asked for again", async () => {
  let written = 0;
  const endless: ScriptedStep = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536))) written += 65_536;
    };
    response.on("drain", more);
    more();
  };
  const { client, server } = await createScriptedClient([endless], { answerLimit: 1_000_000 });
  const error = await captureError(client.call(usersApi.me));
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringContaining("larger than 1000000 bytes") });
  expect(server.requests).toHaveLength(1);
  expect(written).toBeLessThan(50_000_000);
});

test("an answer in another form says where, without repeating what was there", async () => {
  const error = await captureFault({ status: 200, body: { ...PLANE_USER, id: "hunter2-not-an-id", display_name: 7 } });
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringMatching(/id: .*; display_name: /) });
  expect(String(error)).not.toContain("hunter2");
});

test("a redirect is not followed: it says where Plane really is, without the query", async () => {
  const error = await captureFault({
    status: 301,
    headers: { location: "https://plane.example.test/x?signature=hunter2" },
  });
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringContaining("https://plane.example.test (301)") });
  expect(String(error)).not.toContain("hunter2");
});

test("the answer carries Plane's own date, not ours", async () => {
  const date = "Fri, 20 Nov 2026 23:59:58 GMT";
  const { client } = await createScriptedClient([{ status: 200, headers: { date }, body: PLANE_USER }]);
  expect((await client.call(usersApi.me)).date).toBe("2026-11-20T23:59:58.000Z");
});

test("without a Date header the time of receipt stands in", async () => {
  const undated: ScriptedStep = (_request, response) => {
    response.sendDate = false;
    response.end(JSON.stringify(PLANE_USER));
  };
  const { client, clock } = await createScriptedClient([undated]);
  expect((await client.call(usersApi.me)).date).toBe(new Date(clock()).toISOString());
});

test("after every fault the next call works", async () => {
  const reachTimeLimit = controlTimeLimits();
  const { client, server } = await createScriptedClient(
    [reachTimeLimit, { status: 200, body: "<html>" }, { status: 500, body: "" }, { status: 200, body: PLANE_USER }],
    NO_RETRIES,
  );
  for (let nth = 0; nth < 3; nth += 1)
    expect(await captureError(client.call(usersApi.me))).toBeInstanceOf(PlaneUnavailableError);
  expect((await client.call(usersApi.me)).data).toEqual(PLANE_USER);
  expect(server.requests).toHaveLength(4);
});
