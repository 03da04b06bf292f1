import fc from "fast-check";
import { expect, test } from "vitest";
import { pickSize } from "../reliability/random-source.ts";
import {
  askBySession,
  createRequestsApp,
  getOnlyItem,
  type RequestsApp,
  requestTicket,
  startSession,
} from "./requests-app.ts";
import { toPlainText } from "./telegram/commands/commands-app.ts";

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
    ask: (app, text) => requestTicket(app, { description_html: toHtml(text) }),
    change: (app, text) => void app.plane.editItem(getOnlyItem(app), { description_html: toHtml(text) }),
    title: "Ticket to approve",
  },
  result: { ask: (app, text) => startSession(app).then(() => app.complete(text)), title: "Result to approve" },
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
      const app = await createRequestsApp(
        isTicket ? { config: { tickets: { repositories: { ONB: repository } } }, hasTickets: true } : {},
      );
      await asked.ask(app, text);
      await app.advanceAndDrain(8_000);
      const seen: { id: string; hash: string; text: string }[] = [];
      const look = async () => {
        for (const { id } of await app.list()) {
          const { json } = await app.call(`/${id}`);
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
        if (act === "api") await app.call(`/${target.id}`, { answer: "approve", hash: target.hash });
        for (const id of open) {
          const { verdict, ...approved } = (await app.call(`/${id}`)).json as (typeof seen)[number] & {
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
