import { expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
import { createPrivateChatApp, PRIVATE_CHAT } from "./private-chat-app.ts";

const NO_TEXT = "ℹ️ Only text is read. Write what you need as a message.";

test("in a private chat, a message without text, a forwarded one and one of an album are answered: only text is read", async () => {
  const app = await createPrivateChatApp();
  for (const kind of ["voice", "photo", "sticker", "document", "location", "video_note", "poll"]) {
    const as = { text: undefined, [kind]: kind === "photo" ? [{ file_id: "x" }] : { file_id: "x" } };
    expect(await app.ask("", { as }), kind).toEqual([NO_TEXT]);
  }
  const album = { text: undefined, photo: [{ file_id: "x" }], media_group_id: "77" };
  expect(await app.ask("", { as: album })).toEqual([NO_TEXT]);
  expect(await app.ask("", { as: album })).toEqual([]);
  const forwarded = { forward_origin: { type: "hidden_user", date: 1, sender_user_name: "Mallory" } };
  expect(await app.ask("Pay this bill", { as: forwarded })).toEqual([
    expect.stringMatching(/^ℹ️ Forwarded messages are not read/),
  ]);
  expect(app.getWakes()).toEqual([]);
});

test("in a private chat, the text under a picture is sent, and the receipt says that only the text is read", async () => {
  const app = await createPrivateChatApp();
  const as = { text: undefined, caption: "Make the logo like this", photo: [{ file_id: "x" }] };
  expect(await app.ask("", { as })).toEqual(["📨 Sent to Concierge.\nℹ️ Only the text is read, not the attachment."]);
  expect(app.readLastWake()).toMatchObject([{ text: "Make the logo like this" }]);
});

test("an edited message, a report of Telegram and a text without visible characters have no effect", async () => {
  const app = await createPrivateChatApp();
  expect(await app.ask("", { as: { text: undefined, pinned_message: { message_id: 1 } } })).toEqual([]);
  expect(await app.ask("\u200b\u202e")).toEqual([]);
  const message = { message_id: 1, from: { id: PRIVATE_CHAT }, chat: { id: PRIVATE_CHAT, type: "private" } };
  const job = createUpdateJob({ update_id: 900, edited_message: { ...message, text: "Add a dark mode" } }, "c1");
  await app.store.commit({ jobs: job ? [job] : [] });
  await app.advanceAndDrain();
  expect(await app.store.listDeadJobs("updates")).toEqual([]);
  expect(app.getMessages()).toEqual([]);
  expect(app.getWakes()).toEqual([]);
});
