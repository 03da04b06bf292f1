import { expect, test } from "vitest";
import { z } from "zod";
import { HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "./telegram/commands/commands-app.ts";
import { createMessagesApp } from "./telegram/messages-app.ts";

type App = Awaited<ReturnType<typeof createTeam>>;

const BOB_USER = 4712;
const BOB = { email: "bob@javisi.local.test", telegram: BOB_USER };
const ADA = { email: "ada@javisi.local.test", telegram: ADA_USER };

const requestSchema = z.looseObject({ id: z.string(), hash: z.string() });

/** A team whose list names Ada and Bob, and their task ONB-1, about which Imhotep asks a question. */
async function createTeam() {
  const users: Record<string, { id: string }> = {};
  const app = await createMessagesApp({
    chats: [GROUP_CHAT],
    config: { people: [ADA, BOB] },
    env: { ADMIN_TOKEN: HTTP_ADMIN_TOKEN },
    setUpPlane(plane) {
      users["bob"] = plane.addUser({ name: "Bob" });
      return {};
    },
  });
  const key = await app.startTask("Imhotep", "Write the terms");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  const [item] = app.plane.items(app.onb.id);
  if (!item) throw new Error("no item");

  /** Signs in to the page as Bob, with his own API token of Plane; returns a function that sends what he asks for. */
  async function signInAsBob() {
    const token = app.plane.createApiKey(users["bob"] ?? "");
    const headers = { "content-type": "application/json", origin: app.url };
    const response = await fetch(`${app.url}/api/session`, {
      method: "POST",
      headers,
      body: JSON.stringify({ token }),
    });
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    return async (path: string, body?: object) => {
      const headers = { "content-type": "application/json", cookie, origin: app.url };
      const answer = await fetch(app.url + path, {
        headers,
        ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
      });
      const json: unknown = await answer.json();
      await app.advanceAndDrain();
      return { status: answer.status, json };
    };
  }
  return Object.assign(app, { item, signInAsBob });
}

async function readQuestion(app: App) {
  const response = await app.request("/api/requests", HTTP_ADMIN_TOKEN);
  const { requests } = z.object({ requests: z.array(requestSchema) }).parse(await response.json());
  const [question] = requests;
  if (!question) throw new Error("no request");
  return question;
}

async function readAudit(app: App, query = "") {
  const schema = z.object({ calls: z.array(z.looseObject({ person: z.string().optional() })) });
  const { calls } = schema.parse(await (await app.request(`/audit${query}`, HTTP_ADMIN_TOKEN)).json());
  return calls.filter(({ person }) => person !== undefined);
}

test("an answer on the page has the person's name: in the API, Telegram, Plane's comment, the decision log and the audit", async () => {
  const app = await createTeam();
  const { id, hash } = await readQuestion(app);
  const asBob = await app.signInAsBob();
  const answer = await asBob(`/api/requests/${id}`, { answer: "answer", comment: "Blue", hash });
  expect(answer).toMatchObject({ status: 200, json: { verdict: { by: "bob", where: "page" } } });
  expect(toPlainText(app.findMessage("Which colour?"))).toContain("Answered by bob");
  expect(app.readComments(app.item)).toContain("Ada: <p><strong>Answer</strong> (bob):</p><p>Blue</p>");
  const log = await (await app.request("/api/why?task=ONB-1", HTTP_ADMIN_TOKEN)).json();
  expect(log).toMatchObject({
    rows: expect.arrayContaining([
      expect.objectContaining({ event: expect.objectContaining({ kind: "answered", by: "bob" }) }),
    ]),
  });
  expect(await readAudit(app, "?person=bob")).toMatchObject([
    { person: "bob", tool: "POST /api/requests/:id", item: "ONB-1", outcome: "ok", via: "page" },
    { person: "bob", tool: "POST /api/session", outcome: "ok", via: "page" },
  ]);
});

test("of two who answer, the second learns whose answer stands", async () => {
  const app = await createTeam();
  const { id, hash } = await readQuestion(app);
  const asBob = await app.signInAsBob();
  await app.tapButton(app.findMessage("Which colour?"), "Red");
  const refused = await asBob(`/api/requests/${id}`, { answer: "answer", comment: "Blue", hash });
  expect(refused).toMatchObject({ status: 409, json: { request: { verdict: { by: "ada", comment: "Red" } } } });
  expect(await readAudit(app, "?person=bob")).toMatchObject([{ outcome: "conflict" }, {}]);
});

test("a stop, an edit and a wish in Telegram have the person's name in Plane and in the audit", async () => {
  const app = await createTeam();
  await app.sendMessage("/plane stop ONB-1 wrong customer", { from: BOB_USER });
  await app.sendMessage("/plane priority ONB-1 high", { from: BOB_USER });
  await app.sendMessage("/plane new add a dark mode to the site", { from: BOB_USER });
  await app.advanceAndDrain();
  expect(app.readComments(app.item).join("\n")).toContain("<strong>bob</strong> wrote:</p><p>stop: wrong customer</p>");
  expect(app.readPlaneItem(app.item)).toMatchObject({ priority: "high" });
  expect(await readAudit(app, "?person=bob")).toMatchObject([
    { tool: "wish", via: "telegram" },
    { tool: "priority", item: "ONB-1", via: "telegram" },
    { tool: "stop", item: "ONB-1", via: "telegram" },
  ]);
  expect(await readAudit(app, "?task=ONB-1")).toHaveLength(2);
});

test("a button and the holder of ADMIN_TOKEN are in the audit too, and reading is not", async () => {
  const app = await createTeam();
  await app.sendMessage("/plane status", { from: BOB_USER });
  const { id, hash } = await readQuestion(app);
  const body = JSON.stringify({ answer: "answer", comment: "Blue", hash });
  await app.request(`/api/requests/${id}`, HTTP_ADMIN_TOKEN, { method: "POST", body });
  const key = await app.startTask("Thot", "Write the mail");
  await app.askQuestion("Thot", key, { text: "Which size?", choices: ["Big", "Small"] });
  await app.tapButton(app.findMessage("Which size?"), "Big", BOB_USER);
  expect(await readAudit(app)).toMatchObject([
    { person: "bob", tool: "answer", item: "ONB-2", via: "telegram" },
    { person: "admin", tool: "POST /api/requests/:id", item: "ONB-1", via: "api" },
  ]);
});
