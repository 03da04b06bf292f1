import { expect, test } from "vitest";
import { pickSize } from "./random-source.ts";
import { toItemKey } from "./simulators.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

const AGENTS = Array.from({ length: 50 }, (_, n) => `Agent${n + 1}`);
const NOTIFICATIONS = pickSize(500, 100);
/** A group has the stricter limits. */
const GROUP = -4_711;

const toToken = (agent: string) => `bridge-token-of-${agent}-in-the-test-of-requests`;

test("reliability 43: in a group a request is sent within 5 s while 50 agents start and hundreds of notifications wait", async () => {
  const tokens = AGENTS.map((name) => [`AGENT_TOKEN_${name.toUpperCase()}`, toToken(name)]);
  const app = await createVirtualTimeApp({
    chats: [GROUP],
    // Each notification is a message of its own.
    outbox: { burstWindow: 0 },
    env: { TELEGRAM_CHAT_ID: String(GROUP), ...Object.fromEntries(tokens) },
    config: {
      agents: AGENTS.map((name) => ({ name, email: `${name}@javisi.test`, role: "worker" })),
      notifications: [{ events: ["completed", "asked"] }],
    },
  });
  const { plane, telegram, time, store } = app;
  const users = AGENTS.map((name) => ({ name, user: plane.addUser({ name, email: `${name}@javisi.test` }) }));
  const project = app.addProject();
  const [, ...others] = app.addItems(project, NOTIFICATIONS + 1, "Other task");
  const tasks = users.map(({ name, user }) => {
    const item = plane.addItem(project, { name: `Task of ${name}`, assignees: [user] });
    return { name, key: toItemKey(project, item) };
  });
  await app.runFirstPoll();
  const call = (agent: string, tool: string, input: object) =>
    app.request(`/agent/${tool}`, {
      method: "POST",
      headers: { authorization: `Bearer ${toToken(agent)}`, "content-type": "application/json" },
      body: JSON.stringify(input),
    });
  for (const item of others) plane.editItem(item, { state: "Done" });
  for (const body of app.takeWebhookBodies()) await app.sendWebhook(body);
  await time.advanceUntil(async () => (await store.stats()).queues.outbox.pending >= NOTIFICATIONS - 5);
  const starts = tasks.map(({ name, key }) => call(name, "update_task_status", { task: key, status: "in_progress" }));
  await time.advance(3_000);
  const delays: number[] = [];
  for (const [n, { name, key }] of tasks.slice(0, 6).entries()) {
    const asking = call(name, "ask_human", { task: key, text: `Which colour is number ${n}?` });
    expect((await time.advanceUntilSettled(asking)).status).toBe(200);
    const askedAt = time.clock();
    const findMessage = () => telegram.chat(GROUP).messages.find(({ text }) => text.includes(`number ${n}?`));
    await time.advanceUntil(() => findMessage() !== undefined, 120_000);
    delays.push((findMessage()?.at ?? Number.POSITIVE_INFINITY) - askedAt);
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(5_000);
  expect((await store.stats()).queues.outbox.pending).toBeGreaterThan(NOTIFICATIONS / 2);
  await time.advanceUntilSettled(Promise.all(starts));
  expect(telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
}, 120_000);
