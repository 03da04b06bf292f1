import { describe, expect, test } from "vitest";
import { updateJob } from "../../../../shared/telegram/update-job.ts";
import { ADA, CHAT, createCommandsRig, STRANGER } from "./rig.ts";

const PRIVATE = 4711;

describe("who may steer (reliability 17)", () => {
  test("a user who is not on the list gets no answer at all, and one log line", async () => {
    const rig = await createCommandsRig();
    await rig.begin();
    const before = rig.logged.length;
    expect(await rig.say("/plane status", { from: STRANGER })).toEqual([]);
    const lines = rig.logged.slice(before).filter(({ message }) => message === "telegram update not answered");
    expect(lines).toMatchObject([{ user: STRANGER, chat: CHAT }]);
    expect(rig.telegram.calls).toEqual([]);
  });

  test("a press by a user who is not on the list is not answered either, and does nothing", async () => {
    const rig = await createCommandsRig();
    const item = rig.task("Send the welcome mail");
    await rig.begin();
    const [question] = await rig.say("/plane cancel welcome");
    expect(await rig.press(question, /ONB-1/, STRANGER)).toEqual([]);
    expect(rig.inPlane(item).state).toBe("Backlog");
    expect(rig.shown()).toHaveLength(1);
  });

  test("an empty list means nobody", async () => {
    const rig = await createCommandsRig({ env: { TELEGRAM_ALLOWED_USERS: "" } });
    expect(await rig.say("/plane status")).toEqual([]);
  });

  test("in another chat than TELEGRAM_CHAT_ID nobody is answered", async () => {
    const rig = await createCommandsRig({ chats: [CHAT, PRIVATE] });
    expect(await rig.say("/plane status", { chat: PRIVATE })).toEqual([]);
    expect(rig.shown(PRIVATE)).toEqual([]);
  });

  test("a chat set as @name is known by its name", async () => {
    const rig = await createCommandsRig({ env: { TELEGRAM_CHAT_ID: "@Crew_Room" }, chats: ["@Crew_Room"] });
    const message = { message_id: 5, from: { id: ADA }, text: "/plane help" };
    const update = (id: number, username: string) => ({
      ...{ update_id: id, message: { ...message, chat: { id: -1, type: "supergroup", username } } },
    });
    for (const [id, name] of [
      [1, "other_room"],
      [2, "crew_room"],
    ] as const) {
      const job = updateJob(update(id, name), `c${id}`);
      if (job) await rig.store.commit({ jobs: [job] });
    }
    await rig.settle();
    expect(rig.shown("@Crew_Room")).toHaveLength(1);
  });

  test("what is said to others in a group is not answered, nor is a command for another bot", async () => {
    const rig = await createCommandsRig();
    for (const text of [
      "hello",
      "status",
      "/status",
      "/plane@other_bot status",
      "see /plane status",
      "/planes",
      "/start",
    ])
      expect(await rig.say(text), text).toEqual([]);
    expect(await rig.ask("/plane@Groundcrew_Bot help")).toContain("/plane status");
  });

  test("what is only passed on is not said by who passes it on", async () => {
    const rig = await createCommandsRig();
    const item = rig.task("Mail");
    await rig.begin();
    const as = { forward_origin: { type: "user", date: 1, sender_user: { id: STRANGER } } };
    await rig.telegram.say(CHAT, ADA, "/plane cancel ONB-1", { as });
    await rig.hear();
    expect(rig.shown()).toEqual([]);
    expect(rig.inPlane(item).state).toBe("Backlog");
  });

  test("somebody on the list is heard though the server writes null for what is not there", async () => {
    const rig = await createCommandsRig();
    await rig.begin();
    const as = { reply_to_message: null, message_thread_id: null, forward_origin: null, caption: null };
    await rig.telegram.say(CHAT, ADA, "/plane help", { as });
    await rig.hear();
    expect(rig.shown()).toHaveLength(1);
  });

  test("in a private chat the slash may be left out, and /start is help", async () => {
    const rig = await createCommandsRig({ env: { TELEGRAM_CHAT_ID: String(PRIVATE) }, chats: [PRIVATE] });
    const help = await rig.ask("/start", { chat: PRIVATE });
    expect(help).toContain("/plane status");
    expect(await rig.ask("help", { chat: PRIVATE })).toBe(help);
  });
});

describe("once", () => {
  test("the same update_id 50 times has one effect and one answer (reliability 15)", async () => {
    const rig = await createCommandsRig();
    await rig.begin();
    const update = await rig.telegram.say(CHAT, ADA, "/plane new ONB Only once");
    for (let n = 0; n < 50; n += 1) {
      const job = updateJob(update, `again-${n}`);
      if (job) await rig.store.commit({ jobs: [job] });
      if (n === 10) await rig.hear();
      if (n % 10 === 5) await rig.settle();
    }
    await rig.settle();
    expect(rig.plane.items(rig.onb)).toHaveLength(1);
    expect(rig.shown()).toHaveLength(1);
  });

  test("a page that is turned twice by the same update is turned once", async () => {
    const rig = await createCommandsRig();
    for (let n = 1; n <= 40; n += 1) rig.task(`Task ${n}`, "Imhotep");
    await rig.begin();
    const [page] = await rig.say("/plane agent Imhotep");
    const button = page?.buttons.flat().at(-1);
    const { update } = await rig.telegram.press(CHAT, ADA, page?.id ?? 0, button?.callback_data ?? "");
    await rig.hear();
    const job = updateJob(update, "again");
    if (job) await rig.store.commit({ jobs: [job] });
    await rig.settle();
    expect(rig.telegram.calls.filter(({ method }) => method === "editMessageText")).toHaveLength(1);
  });
});
