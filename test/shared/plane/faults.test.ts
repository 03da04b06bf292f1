import { expect, test } from "vitest";
import { PlaneUnavailableError, PlaneUnexpectedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import type { ScriptedStep } from "../../support/scripted-server.ts";
import { captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

const NO_RETRIES = { retryDelays: [] };

async function captureFault(step: ScriptedStep, options = {}) {
  const { client } = await createScriptedClient([step], { ...NO_RETRIES, ...options });
  return captureError(client.call(usersApi.me));
}

const FAULTS: [string, ScriptedStep, string][] = [
  ["a server that stays silent", () => {}, "no complete answer within 0.06 s"],
  [
    "a body that stops in the middle",
    (_request, response) => void response.writeHead(200, { "content-type": "application/json" }).write('{"id":'),
    "no complete answer",
  ],
  [
    "a body that arrives byte by byte",
    (_request, response) => {
      const timer = setInterval(() => response.write(" "), 10);
      response.on("close", () => clearInterval(timer));
    },
    "no complete answer",
  ],
  [
    "a connection that breaks in the middle of the body",
    (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
      response.write('{"id":', () => response.destroy());
    },
    "",
  ],
  ["truncated JSON", { status: 200, body: JSON.stringify(PLANE_USER).slice(0, 40) }, "broken or truncated"],
  [
    "a page instead of JSON",
    { status: 200, headers: { "content-type": "text/html" }, body: "<!doctype html><p>hi" },
    "a page instead of JSON",
  ],
  ["an empty answer", { status: 200, body: "" }, ""],
];

test.each(FAULTS)("%s fails the call as unavailable", async (_, step, message) => {
  const error = await captureFault(step, { timeout: 60 });
  expect(error).toBeInstanceOf(PlaneUnavailableError);
  expect(error).toMatchObject({ message: expect.stringContaining(message) });
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

test("an answer has Plane's date, not ours", async () => {
  const date = "Fri, 20 Nov 2026 23:59:58 GMT";
  const { client } = await createScriptedClient([{ status: 200, headers: { date }, body: PLANE_USER }]);
  expect((await client.call(usersApi.me)).date).toBe("2026-11-20T23:59:58.000Z");
});
