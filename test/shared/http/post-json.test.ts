import { expect, onTestFinished, test } from "vitest";
import { postJson } from "../../../shared/http/outgoing.ts";
import { type ScriptedStep, startScriptedServer } from "../../support/scripted-server.ts";

async function postTo(step: ScriptedStep) {
  const server = await startScriptedServer(step);
  onTestFinished(() => server.close());
  return { answer: await postJson({ fetch: globalThis.fetch }, server.url, { "x-a": "b" }, "hello"), server };
}

test("a post follows no redirect", async () => {
  const { answer, server } = await postTo({ status: 302, headers: { location: "/elsewhere" }, body: "" });
  expect(answer).toMatchObject({ ok: false, outcome: "answered 302" });
  expect(server.requests).toHaveLength(1);
});

test("a Retry-After of whole seconds is returned, a day at most, and no other", async () => {
  const headers: [string, number | undefined][] = [
    ["7", 7_000],
    ["99999999999", 86_400_000],
    ["9".repeat(400), 86_400_000],
    ["0", undefined],
    ["Infinity", undefined],
    ["1e400", undefined],
    ["0x10", undefined],
    ["-1", undefined],
    ["soon", undefined],
  ];
  for (const [header, retryAfter] of headers) {
    const { answer } = await postTo({ status: 503, headers: { "retry-after": header }, body: "" });
    expect(answer.retryAfter, header).toBe(retryAfter);
  }
});

test("a post without a connection was certainly not sent", async () => {
  const codes = ["ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT", "CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT"];
  for (const code of [...codes, "ERR_TLS_CERT_ALTNAME_INVALID"]) {
    const cause = Object.assign(new Error("no connection"), { code });
    const fetch = () => Promise.reject(new TypeError("fetch failed", { cause }));
    const answer = await postJson({ fetch }, "https://agents.example.com", {}, "hello");
    expect(answer).toEqual({ ok: false, outcome: code, notSent: true });
  }
});

test("a post whose connection broke may have arrived", async () => {
  const { answer } = await postTo((_request, response) => void response.destroy());
  expect(answer.ok).toBe(false);
  expect(answer.notSent).toBeUndefined();
});

test("the outcome of a failed post does not contain the URL", async () => {
  const url = "https://hooks.example.com/secret-path";
  const timeout = () => Promise.reject(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  expect(await postJson({ fetch: timeout }, url, {}, "hello")).toEqual({
    ok: false,
    outcome: "The operation was aborted due to timeout",
  });
});
