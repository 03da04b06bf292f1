import { createServer } from "node:net";
import { expect, test } from "vitest";
import { PlaneUnavailableError, PlaneUnexpectedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
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

test("a request to a server that accepts the connection but stays silent ends at its timeout", async () => {
  const error = await captureFault(() => {}, { timeout: 60 });
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(error).toMatchObject({ message: expect.stringContaining("no complete answer within 0.06 s") });
});

test("a request ends at its timeout when the body stops in the middle", async () => {
  const half: ScriptedStep = (_request, response) =>
    void response.writeHead(200, { "content-type": "application/json" }).write('{"id":');
  const error = await captureFault(half, { timeout: 60 });
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("no complete answer") });
});

test("a request ends at its timeout even while the body arrives byte by byte", async () => {
  const drip: ScriptedStep = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const timer = setInterval(() => response.write(" "), 10);
    response.on("close", () => clearInterval(timer));
  };
  expect(await captureFault(drip, { timeout: 100 })).toBeInstanceOf(PlaneUnavailableError);
});

test("a connection that breaks in the middle of the body fails the call as unavailable", async () => {
  const cut: ScriptedStep = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
    response.write('{"id":', () => response.destroy());
  };
  expect(await captureFault(cut)).toBeInstanceOf(PlaneUnavailableError);
});

test("truncated JSON fails the call as unavailable although the connection ended normally", async () => {
  const error = await captureFault({ status: 200, body: JSON.stringify(PLANE_USER).slice(0, 40) });
  expect(error).toMatchObject({
    code: "unavailable",
    status: 200,
    message: expect.stringContaining("broken or truncated"),
  });
});

test("a page instead of JSON fails the call as unavailable", async () => {
  const error = await captureFault({
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<!doctype html><p>hi",
  });
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("a page instead of JSON") });
});

test("an empty answer to a call that needs one fails the call as unavailable", async () => {
  expect(await captureFault({ status: 200, body: "" })).toBeInstanceOf(PlaneUnavailableError);
});

test("a refused connection is reported with the network's error code", async () => {
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

test("an answer over the size limit is refused while it is read, and not requested again", async () => {
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

test("an answer of an unknown form is reported with the fields, but not with their values", async () => {
  const error = await captureFault({ status: 200, body: { ...PLANE_USER, id: "hunter2-not-an-id", display_name: 7 } });
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringMatching(/id: .*; display_name: /) });
  expect(String(error)).not.toContain("hunter2");
});

test("a redirect is not followed, and reported with its target but without the query", async () => {
  const error = await captureFault({
    status: 301,
    headers: { location: "https://plane.example.test/x?signature=hunter2" },
  });
  expect(error).toBeInstanceOf(PlaneUnexpectedError);
  expect(error).toMatchObject({ message: expect.stringContaining("https://plane.example.test (301)") });
  expect(String(error)).not.toContain("hunter2");
});

test("an answer has Plane's date, not ours", async () => {
  const date = "Fri, 20 Nov 2026 23:59:58 GMT";
  const { client } = await createScriptedClient([{ status: 200, headers: { date }, body: PLANE_USER }]);
  expect((await client.call(usersApi.me)).date).toBe("2026-11-20T23:59:58.000Z");
});

test("an answer without a Date header has the time of receipt", async () => {
  const undated: ScriptedStep = (_request, response) => {
    response.sendDate = false;
    response.end(JSON.stringify(PLANE_USER));
  };
  const { client, clock } = await createScriptedClient([undated]);
  expect((await client.call(usersApi.me)).date).toBe(new Date(clock()).toISOString());
});

test("the next call succeeds after every fault", async () => {
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
