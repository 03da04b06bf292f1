import { expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { ADA_USER, createCommandsApp, GROUP_CHAT, STRANGER_USER } from "../commands/commands-app.ts";

test("authorized users (reliability 17): a user who is not on the list gets no reply, and one log line is written", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const before = app.logged.length;
  expect(await app.sendMessage("/plane status", { from: STRANGER_USER })).toEqual([]);
  const lines = app.logged.slice(before).filter(({ message }) => message === "telegram update not answered");
  expect(lines).toMatchObject([{ user: STRANGER_USER, chat: GROUP_CHAT }]);
  expect(app.telegram.calls).toEqual([]);
});

test("authorized users (reliability 17): a press by a user who is not on the list has no effect and gets no reply", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Send the welcome mail");
  await app.runFirstPoll();
  const [question] = await app.sendMessage("/plane cancel welcome");
  expect(await app.pressButton(question, /ONB-1/, STRANGER_USER)).toEqual([]);
  expect(app.readPlaneItem(item).state).toBe("Backlog");
  expect(app.getBotMessages()).toHaveLength(1);
});

test("authorized users (reliability 17): messages to others in a group and commands for another bot get no reply", async () => {
  const app = await createCommandsApp();
  for (const text of [
    "hello",
    "status",
    "/status",
    "/plane@other_bot status",
    "see /plane status",
    "/planes",
    "/start",
  ])
    expect(await app.sendMessage(text), text).toEqual([]);
  expect(await app.sendAndGetReply("/plane@Groundcrew_Bot help")).toContain("/plane status");
});

test("authorized users (reliability 17): a forwarded message is not a command of the user who forwards it", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail");
  await app.runFirstPoll();
  const as = { forward_origin: { type: "user", date: 1, sender_user: { id: STRANGER_USER } } };
  await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "/plane cancel ONB-1", { as });
  await app.pollUpdates();
  expect(app.getBotMessages()).toEqual([]);
  expect(app.readPlaneItem(item).state).toBe("Backlog");
});

test("repeated updates: the same update_id again and again has one effect and one reply (reliability 15)", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const update = await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "/plane new ONB Only once");
  for (let n = 0; n < 50; n += pickSize(1, 5)) {
    const job = createUpdateJob(update, `again-${n}`);
    if (job) await app.store.commit({ jobs: [job] });
    if (n === 10) await app.pollUpdates();
    if (n % 10 === 5) await app.runUntilIdle();
  }
  await app.runUntilIdle();
  expect(app.plane.items(app.onb)).toHaveLength(1);
  expect(app.getBotMessages()).toHaveLength(1);
});

test("authorized users (reliability 17): a chat configured as @name is recognized by its name", async () => {
  const app = await createCommandsApp({ env: { TELEGRAM_CHAT_ID: "@Crew_Room" }, chats: ["@Crew_Room"] });
  const message = { message_id: 5, from: { id: ADA_USER }, text: "/plane help" };
  const update = (id: number, username: string) => ({
    update_id: id,
    message: { ...message, chat: { id: -1, type: "supergroup", username } },
  });
  for (const [id, name] of [
    [1, "other_room"],
    [2, "crew_room"],
  ] as const) {
    const job = createUpdateJob(update(id, name), `c${id}`);
    if (job) await app.store.commit({ jobs: [job] });
  }
  await app.runUntilIdle();
  expect(app.getBotMessages("@Crew_Room")).toHaveLength(1);
});
