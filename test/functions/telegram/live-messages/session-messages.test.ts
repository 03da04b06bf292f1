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

async function createRunningApp() {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  return { app, token: await app.startSession() };
}

test("a permission is sent with tool and input as text, and the first of two presses reaches the held request", async () => {
  const { app, token } = await createRunningApp();
  const { json } = await app.holdHook(token, PERMISSION, async () => {
    await app.advanceAndDrain();
    const message = app.findMessage("asks for permission");
    expect(message?.silent).toBeFalsy();
    expect(toPlainText(message).split("\n")).toEqual([
      "🎫 Claude Code asks for permission: ONB-1 Write it down",
      "Bash",
      "Command: rm <b>x</b> @all ⟨U+202E⟩ /start",
      "The session waits until you allow or deny it.",
    ]);
    const [allow, deny] = message?.buttons.flat() ?? [];
    const first = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, deny?.callback_data ?? "");
    const second = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, allow?.callback_data ?? "");
    await app.pollUpdates();
    expect([first.answers, second.answers]).toEqual([[`Denied by ${ADA}`], [`Denied by ${ADA}`]]);
  });
  const decision = { behavior: "deny", message: "A person denied it." };
  expect(json).toMatchObject({ hookSpecificOutput: { decision } });
  await app.advanceAndDrain();
  expect(app.readLines("asks for permission").at(-1)).toBe(`⛔ Denied by ${ADA}`);
  expect(app.getButtonLabels(app.findMessage("asks for permission"))).toEqual([]);
});

test("a permission that the page or the terminal answers updates its message", async () => {
  const { app, token } = await createRunningApp();
  await app.holdHook(token, PERMISSION, async () => {
    await app.advanceAndDrain();
    const [question] = (await app.read("/api/sessions")).sessions[0].questions;
    await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: "allow" });
  });
  await app.advanceAndDrain();
  expect(app.readLines("asks for permission").at(-1)).toBe("✅ Allowed by admin");

  await app.askBySession(token, PERMISSION);
  expect(app.getButtonLabels(app.findMessage("asks for permission"))).toEqual(["✅ Allow", "⛔ Deny"]);
  await app.askBySession(token, { ...PERMISSION, hook_event_name: "PostToolUse" });
  expect(app.readLines("asks for permission").at(-1)).toBe("ℹ️ No answer is needed any more.");
});

test("words in a late reply to what a session had asked become a comment on its task, and who answered is said", async () => {
  const { app, token } = await createRunningApp();
  await app.askBySession(token, END_OF_TURN);
  const [request] = (await app.read("/api/requests")).requests;
  await app.call(`/api/requests/${request.id}`, { answer: "answer", comment: "Red", hash: request.hash });
  await app.replyTo(app.findMessage("waits for you"), "Blue, please");
  await app.advanceAndDrain(10_000);
  const [item] = app.plane.items(app.onb);
  expect(app.readComments(item ?? { id: "" }).join()).toContain("Blue, please");
  expect(toPlainText(app.getBotMessages().at(-1))).toContain("Answered by admin: Red");
});

test("OPENCLAW-18 a reply that completes a ticket too early is answered with what each criterion lacks, and with that the tests run first", async () => {
  const commits = [{ id: "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", subject: "feat: it" }];
  const app = await createTicketMessagesApp({ repositories: { ONB: { path: "/srv/onb", test_command: "npm test" } } });
  await app.requestTicketMessage("Build it", { description_html: "<p>Done when: commit, tests</p>" });
  const token = await app.startSession();
  await app.askBySession(token, END_OF_TURN);
  expect(await app.tapButton(app.findMessage("waits for you"), "🏁 Complete")).toBe("Reply with the summary.");
  await app.replyTo(app.findMessage("waits for you"), "All is done");
  expect(toPlainText(app.getBotMessages().at(-1))).toBe(
    "ONB-1 is not done yet: it requires a commit, and the runner sees none on the branch",
  );
  await app.exchangeAndSend({ commits });
  await app.replyTo(app.findMessage("waits for you"), "All is done");
  expect(app.readLines("waits for you").at(-1)).toBe(
    "⏳ The test command runs now. The ticket is completed when it passes.",
  );
  const id = (await app.exchange([createSession({ commits })])).test[0]?.id ?? "";
  await app.exchangeAndSend({ commits, tests: { id, problem: "Test command: exit code 1" } });
  expect(app.readLines("waits for you").join()).toContain("npm test did not pass");
  await app.tapButton(app.findMessage("waits for you"), "🏁 Complete");
  await app.replyTo(app.findMessage("waits for you"), "All is done");
  const next = (await app.exchange([createSession({ commits })])).test[0]?.id ?? "";
  await app.exchangeAndSend({ commits, tests: { id: next } });
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ source: "person" }]);
  expect(app.readLines("waits for you").at(-1)).toBe(`🏁 Completed by ${ADA}`);
  expect(app.readLines("Result to approve")).toContain("All is done");
});

const toOptions = (...labels: string[]) => labels.map((label) => ({ label }));
const COLOUR = {
  question: "Which colour?",
  options: toOptions("Red", "Blue", `Grey ${"with a long label ".repeat(3)}`),
};
const TOOLS = { question: "Which tools?", multiSelect: true, options: toOptions("ky", "zod, v4", "tsx") };
const toChoiceHook = (...questions: object[]) => ({
  hook_event_name: "PermissionRequest",
  tool_name: "AskUserQuestion",
  tool_input: { questions },
});
const toAnswers = (answers: Record<string, string>) => ({
  hookSpecificOutput: { decision: { behavior: "allow", updatedInput: { answers } } },
});

test("the questions of one call are messages one after the other, and an old button does not answer the next one", async () => {
  const { app, token } = await createRunningApp();
  const { json } = await app.holdHook(token, toChoiceHook(COLOUR, { ...COLOUR, question: "Which size?" }), async () => {
    await app.advanceAndDrain();
    const first = app.findMessage("Which colour?");
    const red = first?.buttons[0]?.[0]?.callback_data ?? "";
    expect(app.readLines("Which colour?").slice(1, 3)).toEqual(["Question 1 of 2", "Which colour?"]);
    expect(await app.tapButton(first, "Blue")).toBe(`Answered by ${ADA}: Blue`);
    await app.advanceAndDrain();
    expect(app.readLines("Which colour?").slice(-2)).toEqual([`💡 Answered by ${ADA}: `, "Blue"]);
    expect(app.readLines("Which size?").slice(1, 3)).toEqual(["Question 2 of 2", "Which size?"]);
    expect(await app.tapButtonData(first?.id ?? 0, red)).toBe(`Answered by ${ADA}: Blue`);
    await app.replyTo(app.findMessage("Which colour?"), "Red");
    expect(app.getButtonLabels(app.findMessage("Which size?"))).toHaveLength(4);
    expect(await app.tapButton(app.findMessage("Which size?"), "Red")).toBe(`Answered by ${ADA}: Red`);
  });
  expect(json).toMatchObject(toAnswers({ "Which colour?": "Blue", "Which size?": "Red" }));
});

test("a question that takes several options marks what is pressed, and Done answers with all of it", async () => {
  const { app, token } = await createRunningApp();
  const readLabels = () => app.getButtonLabels(app.findMessage("Which tools?"));
  const tap = async (label: string) => {
    const toast = await app.tapButton(app.findMessage("Which tools?"), label);
    await app.advanceAndDrain();
    return toast;
  };
  const { json } = await app.holdHook(token, toChoiceHook(TOOLS), async () => {
    await app.advanceAndDrain();
    expect(readLabels()).toEqual(["☐ ky", "☐ zod, v4", "☐ tsx", "🏁 Complete"]);
    expect(await tap("☐ tsx")).toBe("tsx");
    expect(await tap("☐ ky")).toBe("ky, tsx");
    expect(readLabels()).toEqual(["☑ ky", "☐ zod, v4", "☑ tsx", "✅ Done", "🏁 Complete"]);
    expect(await tap("☑ ky")).toBe("tsx");
    await tap("☐ zod, v4");
    expect(await tap("✅ Done")).toBe(`Answered by ${ADA}: "zod, v4", tsx`);
  });
  expect(json).toMatchObject(toAnswers({ "Which tools?": '"zod, v4", tsx' }));
  expect(readLabels()).toEqual([]);
});
