import fc from "fast-check";
import { expect, test } from "vitest";
import { pickSize } from "../../../reliability/random-source.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

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
const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 5 });

/** The text that shows a value whole: a character that cannot be seen is its code point. */
const toShown = (value: unknown) => String(value).replaceAll("\u200b", "⟨U+200B⟩");

test("no sequence of presses, replies and answers allows what was not shown whole, but by a rule that is named", async () => {
  await fc.assert(
    fc.asyncProperty(anySteps, async (steps) => {
      const app = await createTicketMessagesApp();
      await app.requestTicketMessage();
      const token = await app.startSession();
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
