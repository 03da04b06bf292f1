import { expect, test } from "vitest";
import { createSession } from "../../tickets/tickets-app.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";
const PERMISSION = {
  hook_event_name: "PermissionRequest",
  tool_name: "Bash",
  tool_input: { command: "rm <b>x</b> @all \u202e /start" },
};
const END_OF_TURN = { hook_event_name: "Stop", last_assistant_message: "Which *colour*?" };
const ENDED = { state: "ended", exit: { reason: "exited", status: 0, text: "bye" } } as const;

async function createRunningApp(settings: Record<string, unknown> = {}) {
  const app = await createTicketMessagesApp(settings);
  await app.requestTicketMessage();
  return { app, token: await app.startSession() };
}

test.each([
  ["✅ Allow", { behavior: "allow" }, `✅ Allowed by ${ADA}`],
  ["⛔ Deny", { behavior: "deny", message: "A person denied it." }, `⛔ Denied by ${ADA}`],
])(
  "a permission is sent with tool and input as text, and %s reaches the held request",
  async (label, decision, line) => {
    const { app, token } = await createRunningApp();
    const { json } = await app.holdHook(token, PERMISSION, async () => {
      await app.advanceAndDrain();
      const message = app.findMessage("asks for permission");
      expect(message?.silent).toBeFalsy();
      expect(toPlainText(message).split("\n")).toEqual([
        "🎫 Claude Code asks for permission: ONB-1 Write it down",
        "Bash",
        "{",
        '"command": "rm <b>x</b> @all /start"',
        "}",
        "The session waits until you allow or deny it.",
      ]);
      expect(await app.tapButton(message, label)).toBe(line.slice(2).trim());
    });
    expect(json).toMatchObject({ hookSpecificOutput: { decision } });
    await app.advanceAndDrain();
    expect(app.readLines("asks for permission").at(-1)).toBe(line);
    expect(app.getButtonLabels(app.findMessage("asks for permission"))).toEqual([]);
  },
);

test("a permission is answered once: the first of two presses counts, and the second one says so", async () => {
  const { app, token } = await createRunningApp();
  const { json } = await app.holdHook(token, PERMISSION, async () => {
    await app.advanceAndDrain();
    const message = app.findMessage("asks for permission");
    const [allow, deny] = message?.buttons.flat() ?? [];
    const first = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, deny?.callback_data ?? "");
    const second = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, allow?.callback_data ?? "");
    await app.pollUpdates();
    expect([first.answers, second.answers]).toEqual([[`Denied by ${ADA}`], [`Denied by ${ADA}`]]);
  });
  expect(json).toMatchObject({ hookSpecificOutput: { decision: { behavior: "deny" } } });
});

test("a permission that the page or the terminal answers updates its message", async () => {
  const { app, token } = await createRunningApp();
  await app.holdHook(token, PERMISSION, async () => {
    await app.advanceAndDrain();
    const [question] = (await app.read("/api/sessions")).sessions[0].questions;
    await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: "allow" });
  });
  await app.advanceAndDrain();
  expect(app.readLines("asks for permission").at(-1)).toBe("✅ Allowed by API");

  await app.askBySession(token, PERMISSION);
  expect(app.getButtonLabels(app.findMessage("asks for permission"))).toEqual(["✅ Allow", "⛔ Deny"]);
  await app.askBySession(token, { ...PERMISSION, hook_event_name: "PostToolUse" });
  expect(app.readLines("asks for permission").at(-1)).toBe("ℹ️ No answer is needed any more.");
});

test("a permission takes yes and no as a reply, and explains itself after other words", async () => {
  const { app, token } = await createRunningApp();
  const { json } = await app.holdHook(token, PERMISSION, async () => {
    await app.advanceAndDrain();
    await app.replyTo(app.findMessage("asks for permission"), "hm, why?");
    expect(toPlainText(app.getBotMessages().at(-1))).toBe("The session waits until you allow or deny it.");
    await app.replyTo(app.findMessage("asks for permission"), "Yes");
  });
  expect(json).toMatchObject({ hookSpecificOutput: { decision: { behavior: "allow" } } });
});

test("the end of a turn is answered by a reply, which is typed into the session, and the message shows it", async () => {
  const { app, token } = await createRunningApp();
  await app.askBySession(token, END_OF_TURN);
  expect(app.readLines("waits for you").slice(1)).toEqual([
    "Which *colour*?",
    "Reply to this message: your text is typed into the session.",
  ]);
  const before = app.getBotMessages().length;
  await app.replyTo(app.findMessage("waits for you"), "Blue <b>");
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toMatchObject([
    { kind: "text", text: "Blue <b>" },
  ]);
  expect(app.readLines("waits for you").slice(-2)).toEqual([`💡 Answered by ${ADA}: `, "Blue <b>"]);
  await app.replyTo(app.findMessage("waits for you"), "Red");
  expect(toPlainText(app.getBotMessages().at(-1))).toBe(`Answered by ${ADA}: Blue <b>`);
  expect(app.getBotMessages()).toHaveLength(before + 1);
});

test("the end of a turn in which the result was written asks nobody", async () => {
  const { app, token } = await createRunningApp();
  await app.hook(token, END_OF_TURN);
  await app.advanceAndDrain(2_000);
  await app.exchangeAndSend({ completion: { summary: "All is done", source: "file" } });
  expect(app.findMessage("waits for you")).toBeUndefined();
  expect(app.findMessage("Result to approve")).toBeDefined();
});

test("a question with options has them as buttons, and its answer reaches the held request", async () => {
  const { app, token } = await createRunningApp();
  const options = ["Blue", "Red with a label that is much too long for a button"].map((label) => ({ label }));
  const question = {
    hook_event_name: "PermissionRequest",
    tool_name: "AskUserQuestion",
    tool_input: { questions: [{ question: "Which colour?", options }] },
  };
  const { json } = await app.holdHook(token, question, async () => {
    await app.advanceAndDrain();
    const message = app.findMessage("Which colour?");
    expect(app.getButtonLabels(message)).toEqual(["Blue", "Red with a label that is much too long…", "🏁 Complete"]);
    expect(await app.tapButton(message, "Blue")).toBe(`Answered by ${ADA}: Blue`);
  });
  expect(json).toMatchObject({
    hookSpecificOutput: { decision: { behavior: "deny", message: "A person answered: Blue" } },
  });
});

test("a ticket is completed from its question: the button asks for the summary, and the reply is the result", async () => {
  const { app, token } = await createRunningApp();
  await app.askBySession(token, END_OF_TURN);
  expect(await app.tapButton(app.findMessage("waits for you"), "🏁 Complete")).toBe("Reply with the summary.");
  expect(app.readLines("waits for you").at(-1)).toBe("Reply to this message with the summary of what was done.");
  await app.replyTo(app.findMessage("waits for you"), "All is done");
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([
    { summary: "All is done", state: "completed" },
  ]);
  expect(app.readLines("waits for you").at(-1)).toBe("🏁 The ticket is completed.");
  expect(app.readLines("Result to approve")).toContain("All is done");
});

test("a session that ended without a result is resumed by a button, once", async () => {
  const { app } = await createRunningApp();
  await app.exchangeAndSend(ENDED);
  const message = app.findMessage("ended without a result");
  expect(app.getButtonLabels(message)).toEqual(["▶️ Resume", "🏁 Complete", "✖️ Cancel"]);
  const [resume, , cancel] = message?.buttons.flat() ?? [];
  expect(await app.tapButtonData(message?.id ?? 0, resume?.callback_data ?? "")).toBe(`Resumed by ${ADA}`);
  expect(await app.tapButtonData(message?.id ?? 0, cancel?.callback_data ?? "")).toBe(`Resumed by ${ADA}`);
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", resume: true }]);
  expect(app.readLines("ended without a result").at(-1)).toBe(`▶️ Resumed by ${ADA}`);
});

test("a ticket whose session ended is cancelled by a button", async () => {
  const { app } = await createRunningApp();
  await app.exchangeAndSend(ENDED);
  expect(await app.tapButton(app.findMessage("ended without a result"), "✖️ Cancel")).toBe(`Cancelled by ${ADA}`);
  expect((await app.exchange()).sessions).toEqual([]);
});

test("a session is extended once before its time ends, however often the button is pressed", async () => {
  const { app } = await createRunningApp({ minutes: 30 });
  const [{ ends_at: end }] = (await app.read("/api/sessions")).sessions;
  app.advance(26 * 60_000);
  await app.tick();
  await app.advanceAndDrain();
  const message = app.findMessage("time is almost over");
  expect(app.getButtonLabels(message)).toEqual(["⏱️ 30 more minutes", "⏹️ Stop and cancel"]);
  const [extend] = message?.buttons.flat() ?? [];
  for (let n = 0; n < 10; n += 1)
    await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, extend?.callback_data ?? "");
  await app.pollUpdates();
  const [{ ends_at: later }] = (await app.read("/api/sessions")).sessions;
  expect(Date.parse(later) - Date.parse(end)).toBe(30 * 60_000);
  expect(app.readLines("time is almost over").at(-1)).toBe(`⏱️ Extended by 30 minutes by ${ADA}`);
});

test("a session that is stopped before its time ends, and one whose time is over", async () => {
  const { app } = await createRunningApp();
  app.advance(26 * 60_000);
  await app.tick();
  await app.advanceAndDrain();
  app.advance(5 * 60_000);
  await app.tick();
  await app.advanceAndDrain();
  expect(app.readLines("time is almost over").at(-1)).toBe("ℹ️ No answer is needed any more.");
  expect(await app.tapButton(app.findMessage("session’s time is over"), "✖️ Cancel")).toBe(`Cancelled by ${ADA}`);

  const other = await createRunningApp();
  other.app.advance(26 * 60_000);
  await other.app.tick();
  await other.app.advanceAndDrain();
  await other.app.tapButton(other.app.findMessage("time is almost over"), "⏹️ Stop and cancel");
  expect((await other.app.exchange()).sessions).toEqual([]);
});

test("a silent session is reported once; a reply is typed into it, and its output ends the report", async () => {
  const { app } = await createRunningApp();
  const last_output_at = new Date(app.time.now).toISOString();
  app.advance(5 * 60_000 + 1_000);
  await app.exchangeAndSend({ last_output_at });
  await app.exchangeAndSend({ last_output_at });
  const messages = app.getBotMessages().filter((message) => toPlainText(message).includes("needs a look"));
  expect(messages).toHaveLength(1);
  expect(messages[0]?.silent).toBeFalsy();
  expect(app.readLines("needs a look")[1]).toMatch(/^No output since \d\d:\d\d\.$/);
  await app.replyTo(messages[0], "continue");
  expect((await app.exchangeAndSend({ last_output_at })).sessions[0]?.inputs).toMatchObject([
    { kind: "text", text: "continue" },
  ]);
  await app.exchangeAndSend({ last_output_at: new Date(app.time.now).toISOString() });
  expect(app.readLines("needs a look").at(-1)).toBe("ℹ️ No answer is needed any more.");
});

test("a session that waits for an answer is not reported as silent", async () => {
  const { app, token } = await createRunningApp();
  const last_output_at = new Date(app.time.now).toISOString();
  await app.askBySession(token, END_OF_TURN);
  app.advance(6 * 60_000);
  await app.exchangeAndSend({ last_output_at });
  expect(app.findMessage("needs a look")).toBeUndefined();
});

test("a start dialog is shown as text, and a changed screen edits the message", async () => {
  const { app } = await createRunningApp();
  await app.exchangeAndSend({ attention: "Do you trust\n<b>@all</b>?\u001b[1m" });
  expect(app.readLines("needs a look").slice(1, 3)).toEqual(["Do you trust", "<b>@all</b>?[1m"]);
  await app.exchangeAndSend({ attention: "Do you really?" });
  expect(app.getBotMessages().filter((message) => toPlainText(message).includes("needs a look"))).toHaveLength(1);
  expect(app.readLines("needs a look")[1]).toBe("Do you really?");
});

test("a session that failed after all tries is reported with the reason", async () => {
  const { app } = await createRunningApp();
  for (let n = 0; n < 8; n += 1) {
    const started_at = new Date(app.time.now).toISOString();
    await app.exchange();
    await app.exchange([]);
    await app.exchangeAndSend({ started_at });
    await app.exchangeAndSend({ started_at, state: "ended", exit: { reason: "killed", text: "out of memory" } });
    app.advance(6 * 60_000);
  }
  expect(app.readLines("The session failed").slice(1)).toEqual([
    "out of memory",
    "It is not started again. A change of the task requests a new ticket.",
  ]);
});

test("messages of a session are replies to the first message of its ticket", async () => {
  const { app, token } = await createRunningApp();
  await app.askBySession(token, END_OF_TURN);
  expect(app.findMessage("waits for you")?.replyTo).toBe(app.findMessage("Ticket to approve")?.id);
});
