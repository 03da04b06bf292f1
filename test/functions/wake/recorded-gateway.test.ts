import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { postJson } from "../../../shared/http/outgoing.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { OpenClawVersion } from "../../../simulators/openclaw/answer-hook.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";

const exchangeSchema = z.looseObject({
  name: z.string(),
  version: z.enum(["2026.9.6", "2026.2.26"]),
  request: z.looseObject({
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.union([z.string(), z.number()])),
    body: z.unknown(),
  }),
  response: z.looseObject({
    status: z.number().nullable(),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.unknown(),
  }),
});

const recordingsUrl = new URL("../../fixtures/openclaw-contract/recordings.json", import.meta.url);
const recordings = z
  .array(z.unknown())
  .parse(JSON.parse(readFileSync(recordingsUrl, "utf8")))
  .flatMap((one) => exchangeSchema.safeParse(one).data ?? [])
  .filter(({ request }) => request.path.startsWith("/hooks/"));

/** Recorded answers of another configuration of the gateway; not used here. */
const OTHER_CONFIGURATIONS =
  /^(agent not in allowedAgentIds|legacy |sessionKey allowed|sessionKey prefix|channel last|no model)/;
const ourRecordings = recordings.filter(({ name }) => !OTHER_CONFIGURATIONS.test(name));

function toRequestBody({ body }: (typeof recordings)[number]["request"]): string {
  const size = typeof body === "string" ? /^<(\d+) bytes>$/.exec(body)?.[1] : undefined;
  if (size !== undefined) {
    const frame = JSON.stringify({ message: "", agentId: "imhotep", deliver: false });
    return frame.replace('""', `"${"x".repeat(Number(size) - frame.length)}"`);
  }
  return typeof body === "string" ? body : JSON.stringify(body);
}

/** Ids differ from run to run, and the engine reports the two kinds of text differently. */
function toComparable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return {
    ...value,
    ...omitUndefined({
      runId: "runId" in value ? "…" : undefined,
      eventOutcome: "eventOutcome" in value ? "…" : undefined,
    }),
  };
}

test("the recordings of the gateway contain the hooks of both versions", () => {
  expect(ourRecordings.filter(({ version }) => version === "2026.9.6").length).toBeGreaterThan(25);
  expect(ourRecordings.filter(({ version }) => version === "2026.2.26").length).toBeGreaterThan(25);
});

describe.each<OpenClawVersion>(["2026.9.6", "2026.2.26"])("OpenClaw %s", (version) => {
  test.each(ourRecordings.filter((one) => one.version === version).map((one) => [one.name, one] as const))(
    "answers %s as recorded",
    async (name, { request, response }) => {
      const gateway = await startGateway({ version });
      if (name.includes("throttle")) {
        const headers = { authorization: "Bearer nope" };
        for (let i = 0; i < 20; i++) await fetch(`${gateway.url}/hooks/wake`, { method: "POST", headers });
      }
      const headers = Object.entries(request.headers).filter(([one]) => !["host", "content-length"].includes(one));
      const asked = fetch(gateway.url + request.path, {
        method: request.method,
        headers: Object.fromEntries(headers.map(([one, value]) => [one, String(value)])),
        ...omitUndefined({ body: request.method === "POST" ? toRequestBody(request) : undefined }),
      });
      if (response.status === null) return expect(asked).rejects.toThrow();
      const answer = await asked;
      expect(answer.status).toBe(response.status);
      expect(answer.headers.get("retry-after")).toBe(response.headers?.["retry-after"] ?? null);
      const text = await answer.text();
      const body: unknown = typeof response.body === "string" ? text : JSON.parse(text);
      expect(toComparable(body)).toEqual(toComparable(response.body));
    },
  );

  test("OPENCLAW-16: the recorded gateway's responses to a wake are classified correctly", async () => {
    const gateway = await startGateway({ version });
    const wake = (token: string, body: object) =>
      postJson({ fetch }, `${gateway.url}/hooks/agent`, { authorization: `Bearer ${token}` }, JSON.stringify(body));
    const work = { message: "work", agentId: "imhotep", deliver: false };
    expect(await wake(gateway.token, work)).toMatchObject({ ok: true });
    expect(await wake("wrong", work)).toMatchObject({ ok: false, status: 401 });
    gateway.faults.push(429);
    expect(await wake(gateway.token, work)).toMatchObject({ ok: false, status: 429, retryAfter: 7000 });
    gateway.faults.push("reset");
    const lost = await wake(gateway.token, work);
    expect(lost).toMatchObject({ ok: false });
    expect(lost).not.toHaveProperty("notSent");
  });
});
