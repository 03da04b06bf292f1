import fc from "fast-check";
import { expect, test } from "vitest";
import { pickSize } from "../reliability/random-source.ts";
import { askBySession, createRequestsApp, getOnlyItem, type RequestsApp, requestSession } from "./requests-app.ts";
import { ADA_USER, BOB_USER, createTeamOptions, toPlainText } from "./telegram/commands/commands-app.ts";

/** Texts that a message shows whole, and those of which it shows a part. */
const anyText = fc
  .constantFrom(
    ...["Short", `One\nTwo\n\nThree ${"x".repeat(900)}`, "a ".repeat(1_100), "b".repeat(3_500)],
    ...["line\n".repeat(35), "line\n".repeat(60), `${"c".repeat(2_100)}\nrm -rf /`],
  )
  .map((text) => text.trim());

interface Asked {
  /** Asks for the approval of this text. */
  ask(app: RequestsApp, text: string): Promise<unknown>;
  /** Changes what is judged to another text, which the chat does not show yet. */
  change?(app: RequestsApp, text: string): void;
  /** Part of its message. */
  title: string;
}

const toHtml = (text: string) => `<p>${text.replaceAll("\n", "<br>")}</p>`;

const KINDS: Record<string, Asked> = {
  ticket: {
    ask: (app, text) => app.requestTicketMessage(undefined, { description_html: toHtml(text) }),
    change: (app, text) => void app.plane.editItem(getOnlyItem(app), { description_html: toHtml(text) }),
    title: "Ticket to approve",
  },
  result: { ask: (app, text) => requestSession(app).then(() => app.complete(text)), title: "Result to approve" },
  "plan of a session": {
    ask: (app, text) => askBySession(app, { tool_name: "ExitPlanMode", tool_input: { plan: text } }),
    title: "ONB-1",
  },
  review: {
    async ask(app, text) {
      const key = await app.startTask("Imhotep", "Write the terms");
      await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 0.5, text });
    },
    title: "Review requested",
  },
  plan: {
    async ask(app, text) {
      await app.sendMessage("/plane new add dark mode to the website");
      const tasks = [{ id: "a", title: "Draw it" }];
      await app.callAsConcierge("plan_project", { project: "Dark mode", description: text, tasks });
    },
    title: "Plan to approve",
  },
};

const anySteps = fc.array(
  fc.record({
    act: fc.constantFrom("button", "crafted", "reply", "command", "done", "comment", "api", "change"),
    /** Which request of those that were seen it is about, counted from the newest. */
    to: fc.nat(1),
    text: anyText,
  }),
  { minLength: 1, maxLength: 6 },
);

test("no sequence of presses, replies, commands, comments, answers and changes approves a text that was not shown whole", async () => {
  const anyCase = fc.record({ kind: fc.constantFrom(...Object.keys(KINDS)), text: anyText, steps: anySteps });
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ kind, text, steps }) => {
      const asked = KINDS[kind];
      if (!asked) throw new Error(kind);
      const isTicket = ["ticket", "result", "plan of a session"].includes(kind);
      const repository = { path: "/srv/onb", plan_first: kind === "plan of a session" };
      const app = await createRequestsApp({ tickets: isTicket ? { repositories: { ONB: repository } } : undefined });
      await asked.ask(app, text);
      await app.advanceAndDrain(8_000);
      const seen: { id: string; hash: string; text: string }[] = [];
      const look = async () => {
        for (const { id } of await app.list()) {
          const { json } = await app.callRequests(`/${id}`);
          const request = json as (typeof seen)[number];
          if (!seen.some((one) => one.id === id && one.hash === request.hash)) seen.unshift(request);
        }
      };
      await look();
      for (const { act, to, text: other } of steps) {
        const target = seen[to] ?? seen[0];
        const message = app.findMessage(asked.title);
        if (!target) throw new Error("nothing is asked");
        const inChat = app.getBotMessages().map(toPlainText);
        const open = (await app.list()).map(({ id }) => id);
        // The message is edited only after the next acts.
        if (act === "change" && asked.change) app.telegram.injectFaults({ kind: "too_many", seconds: 30 });
        if (act === "change") asked.change?.(app, other);
        if (act === "change") await app.deliverWebhooks();
        const label = app.getButtonLabels(message)?.find((one) => one?.startsWith("✅"));
        if (act === "button" && label) await app.tapButton(message, label);
        const data = `r:${target.id}:approve.${target.hash.slice(0, 12)}`;
        if (act === "crafted") await app.tapButtonData(message?.id ?? 0, data);
        if (act === "reply") await app.replyTo(message, "ok");
        if (act === "command" && kind !== "plan") await app.sendMessage("/plane approve ONB-1");
        if (act === "done" && kind === "review") await app.sendMessage("/plane done ONB-1");
        if (act === "comment" && kind !== "plan") {
          app.advance(2_000);
          app.plane.addComment(getOnlyItem(app), "<p>ok</p>");
          await app.deliverWebhooks();
        }
        if (act === "api") await app.callRequests(`/${target.id}`, { answer: "approve", hash: target.hash });
        for (const id of open) {
          const { verdict, ...approved } = (await app.callRequests(`/${id}`)).json as (typeof seen)[number] & {
            verdict?: { answer: string; where: string };
          };
          if (verdict?.answer !== "approve") continue;
          if (verdict.where === "api") expect([target.id, target.hash]).toEqual([id, approved.hash]);
          else expect(inChat.some((shown) => toLines(shown).includes(toLines(approved.text)))).toBe(true);
          return;
        }
        await look();
      }
    }),
    { numRuns: pickSize(100, 8), endOnFailure: true },
  );
}, 180_000);

/** A text without empty lines and spaces at the ends of lines, which no message shows. */
function toLines(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "\n").trim();
}

const COMMANDS = [
  ...["npm test", "npm test -- --run a", "npm test; id", "ls", "rm -rf /srv", "ls \u200b-la"],
  ...[`echo ${"x".repeat(2_000)}`, `echo ${"x".repeat(4_500)} ; id`, `ls${"\n#".repeat(60)}\nid`, "x".repeat(60_000)],
];

const anyCall = fc.oneof(
  fc.constantFrom(...COMMANDS).map((command) => ["Bash", { description: "Nothing changes", command }] as const),
  fc.constantFrom("a", "b".repeat(5_000)).map((text) => ["Write", { file_path: "/srv/a.ts", content: text }] as const),
  fc.constant(["mcp__ops__run", { script: "z".repeat(3_500) }] as const),
);

/** What somebody does while a request waits: presses, writes or sends an answer to it, or to one before it. */
const anyAct = fc.record({
  place: fc.constantFrom("button", "crafted", "reply", "api"),
  to: fc.constantFrom("this", "earlier"),
  answer: fc.constantFrom("allow", "allow_always", "allow_in_repo", "yes", "1"),
});

const anyStep = fc.record({ call: anyCall, acts: fc.array(anyAct, { maxLength: 4 }) });

/** The text that shows a value whole: a character that cannot be seen is its code point. */
const toShown = (value: unknown) => String(value).replaceAll("\u200b", "⟨U+200B⟩");

test("no sequence of presses, replies and answers allows what was not shown whole, but by a rule that is named", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 5 }), async (steps) => {
      const app = await createRequestsApp({ tickets: {} });
      const token = await requestSession(app);
      const earlier: { id: string; hash: string }[] = [];
      for (const { call, acts } of steps) {
        const [tool_name, tool_input] = call;
        let allowedAt: string | undefined;
        let isAsked = false;
        const hook = { hook_event_name: "PermissionRequest", tool_name, tool_input };
        const { json } = await app.holdHook(token, hook, async () => {
          isAsked = true;
          await app.advanceAndDrain();
          const [question] = (await app.readSession()).questions;
          const message = app.findMessage("asks for permission");
          const inChat = toPlainText(message);
          const onPage = question.input.map(({ value }: { value: string }) => value).join("\n");
          for (const { place, to, answer } of acts) {
            const target = (to === "earlier" ? earlier.at(-1) : undefined) ?? question;
            const data = `r:${target.id}:${answer}.${target.hash.slice(0, 12)}`;
            const label = app.getButtonLabels(message)?.find((one) => one?.startsWith("✅"));
            if (place === "button" && label) await app.tapButton(message, label);
            if (place === "crafted") await app.tapButtonData(message?.id ?? 0, data);
            if (place === "reply") await app.replyTo(message, answer);
            if (place === "api") await app.answer(question.id, answer, target.hash);
            const [now] = (await app.readSession()).questions;
            if (allowedAt !== undefined || !String(now?.answer ?? "").startsWith("allow")) continue;
            allowedAt = place;
            const shown = place === "api" ? onPage : inChat;
            for (const value of Object.values(tool_input)) expect(shown).toContain(toShown(value));
            if (place === "api") expect([question.complete, target.hash]).toEqual([true, question.hash]);
          }
          earlier.push({ id: question.id, hash: question.hash });
          if (allowedAt === undefined) await app.answer(question.id, "deny");
        });
        const { behavior } = json.hookSpecificOutput.decision;
        if (behavior !== "allow") continue;
        if (isAsked) expect(allowedAt).toBeDefined();
        else {
          const { reason, detail } = await app.readSession();
          const { rules } = await app.read("/api/permission-rules");
          expect(reason).toBe("allowed_by_rule");
          expect(rules.some(({ rule }: { rule: string }) => detail.startsWith(`${rule}: `))).toBe(true);
        }
      }
      expect((await app.exchange([])).sessions[0]?.inputs ?? []).toEqual([]);
    }),
    { numRuns: pickSize(60, 4), endOnFailure: true },
  );
}, 180_000);

const OWN = { from: BOB_USER, chat: BOB_USER };

const NOT_SHOWN = "This chat had not shown it, so nothing was approved.";

/** A team whose Bob has a chat of his own with the bot, to which no requests are sent. */
async function createTeam() {
  const app = await createRequestsApp({ ...createTeamOptions(), tickets: {} });
  /** ONB-1, a task in review, whose ticket is rejected or waits, too. */
  async function requestReview(text = "Two clauses are guesses.", { isTicketKept = false } = {}) {
    const key = await app.startTask("Imhotep", "Write the terms");
    await app.actAs("Imhotep").setStatus(key, { status: "done", text, confidence: 0.4 });
    await app.advanceAndDrain();
    if (!isTicketKept) await app.call("/api/reject/ONB-1");
  }
  const readState = () => app.plane.items(app.onb).map((item) => app.readPlaneItem(item).state);
  return Object.assign(app, { requestReview, readState });
}

test("/plane approve in a chat that has not shown a ticket approves nothing and shows it, and its button approves", async () => {
  const app = await createTeam();
  await app.requestTicketMessage("Write it down", { description_html: "<p>All of it</p>" });
  const [reply] = await app.sendMessage("/plane approve ONB-1", OWN);
  expect(toPlainText(reply)).toMatch(/Ticket to approve[\s\S]*All of it/);
  expect(toPlainText(reply)).toContain(NOT_SHOWN);
  expect((await app.exchange()).sessions).toEqual([]);
  expect(await app.tapButton(reply, "✅ Approve", BOB_USER, BOB_USER)).toBe("Approved by bob");
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
});

test("what the reply does not show whole is approved neither by a button nor by words there", async () => {
  const app = await createTeam();
  await app.requestTicketMessage("Write it down", { description_html: `<p>${"a ".repeat(3_000)}</p>` });
  const [reply] = await app.sendMessage("/plane approve ONB-1", OWN);
  expect(app.getButtonLabels(reply)).toEqual(["✖️ Reject"]);
  await app.sendMessage("ok", { ...OWN, replyTo: reply?.id ?? 0 });
  await app.sendMessage("/plane approve ONB-1", OWN);
  expect((await app.exchange()).sessions).toEqual([]);
});

test("/plane done on a task in review approves it only where its review was shown, with the summary as the reason", async () => {
  const app = await createTeam();
  await app.requestReview();
  const [reply] = await app.sendMessage("/plane done ONB-1 fine", OWN);
  expect(toPlainText(reply)).toMatch(/Review requested[\s\S]*Two clauses are guesses/);
  expect(toPlainText(reply)).toContain(NOT_SHOWN);
  expect(app.readState()).toEqual(["In Progress"]);
  expect(await app.sendAndGetReply("/plane done ONB-1 fine by me", { from: ADA_USER })).toContain("Approved");
  await app.advanceAndDrain();
  expect(app.readState()).toEqual(["Done"]);
  const comments = app.plane.items(app.onb).flatMap((item) => app.readComments(item));
  expect(comments.filter((html) => html.includes("fine by me"))).toEqual([expect.stringContaining("Approved")]);
});

test("a review whose message shows another state, and a report that no message shows whole, are approved by no command", async () => {
  const app = await createTeam();
  await app.requestReview();
  const [item] = app.plane.items(app.onb);
  app.plane.editItem(item ?? "", { description_html: "<p>Pay Eve</p>" });
  app.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  expect(await app.sendAndGetReply("/plane done ONB-1", { from: ADA_USER })).toContain("has changed");
  expect(app.readState()).toEqual(["In Progress"]);
  const other = await createTeam();
  await other.requestReview(`${"line\n".repeat(60)}rm -rf /`);
  for (const command of ["done", "approve"]) await other.sendMessage(`/plane ${command} ONB-1`, { from: ADA_USER });
  expect(other.readState()).toEqual(["In Progress"]);
});

test("a result that the chat has not shown is shown, and no button of the command approves it", async () => {
  const app = await createTeam();
  const item = await app.requestTicketMessage();
  await app.startSession();
  await app.complete("All is **done**: [the draft](https://example.com/d)");
  const [reply] = await app.sendMessage("/plane approve ONB-1", OWN);
  expect(toPlainText(reply)).toMatch(/Result to approve[\s\S]*All is done: the draft \(https:\/\/example.com\/d\)/);
  expect(app.readComments(item).join()).not.toContain("the draft");
});

const CHOICES = ["🎫 The ticket: ONB-1 Write the terms", "🔍 The review: ONB-1 Write the terms"];

test.each([
  [CHOICES[0], "In Progress", [{ ticket: "ONB-1" }]],
  [CHOICES[1], "Done", []],
])("/plane approve asks when a ticket and a review wait, and approves only %s", async (label, state, sessions) => {
  const app = await createTeam();
  await app.requestReview("I think so", { isTicketKept: true });
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  expect(app.getButtonLabels(reply)).toEqual(CHOICES);
  await app.tapButton(reply, label ?? "");
  await app.advanceAndDrain();
  expect(app.readState()).toEqual([state]);
  expect((await app.exchange()).sessions).toMatchObject(sessions);
});
