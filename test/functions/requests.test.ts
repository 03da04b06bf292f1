import { expect, test } from "vitest";
import { z } from "zod";
import { createHttpTestApp, HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";

const listSchema = z.object({ requests: z.array(z.looseObject({ id: z.string(), hash: z.string() })) });

async function createRequestsApp() {
  const app = await createHttpTestApp();
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const ask = { task: "ONB-1", text: "Which **colour**?", choices: ["Red", "Blue"] };
  const { json } = await app.callTool("Thot", "ask_human", ask);
  async function call(path: string, body?: object) {
    const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const response = await app.request(`/api/requests${path}`, HTTP_ADMIN_TOKEN, init);
    return { status: response.status, json: await response.json() };
  }
  const list = async () => listSchema.parse((await call("")).json);
  return { app, id: String(Reflect.get(Object(json), "question")), call, list };
}

test("what waits for a person is listed with its hash and its answers, and answered once over HTTP", async () => {
  const { id, call, list } = await createRequestsApp();
  const { requests } = await list();
  expect(requests).toEqual([
    {
      id,
      kind: "question",
      subject: { key: "ONB-1", title: "Write it down" },
      from: "Thot",
      created_at: expect.stringMatching(/^2026-11-21T08:/),
      text: "Which **colour**?",
      hash: expect.stringMatching(/^[0-9a-f]{32}$/),
      answers: ["answer"],
      options: [{ label: "Red" }, { label: "Blue" }],
      state: "open",
    },
  ]);
  const hash = requests[0]?.hash;
  expect(await call(`/${id}`, { answer: "approve", hash })).toMatchObject({
    status: 400,
    json: { error: { message: "answer must be one of: answer." } },
  });
  expect((await call(`/${id}`, { answer: "answer", hash })).status).toBe(400);
  expect(await call(`/${id}`, { answer: "answer", hash: "other", comment: "Red" })).toMatchObject({
    status: 409,
    json: { error: { code: "conflict" }, request: { id, hash, state: "open" } },
  });
  expect(await call(`/${id}`, { answer: "answer", hash, comment: "Red" })).toMatchObject({
    status: 200,
    json: { state: "answered", verdict: { answer: "answer", comment: "Red", by: "Admin (API)", where: "api" } },
  });
  expect(await call(`/${id}`, { answer: "answer", hash, comment: "Blue" })).toMatchObject({
    status: 409,
    json: { request: { verdict: { comment: "Red" } } },
  });
  expect(await list()).toEqual({ requests: [] });
  expect((await call("/none")).status).toBe(404);
});
