import { expect, test } from "vitest";
import { createAppWithSession } from "./tickets-app.ts";

test("An input that is kept whole is allowed through the API; a longer, wider or deeper one only in the terminal", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const decide = async (input: string) => {
    let allowed: unknown;
    app.deps.wait = async () => {
      const [question] = (await readSession()).questions;
      if (!question || question.answer !== undefined) return;
      const answer = async (given: string) =>
        (await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: given })).status;
      allowed = [question.complete, await answer("allow")];
      await answer("deny");
    };
    const body = `{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":${input}}`;
    const response = await app.request("/api/runner/sessions/ONB-1/hooks", token, { method: "POST", body });
    return [allowed, await response.json()];
  };
  const toDecision = (behavior: string) => ({ hookSpecificOutput: { decision: { behavior } } });
  const toCommand = (length: number) => JSON.stringify({ command: "x".repeat(length) });
  expect(await decide(toCommand(40_000))).toMatchObject([[true, 200], toDecision("allow")]);
  const manyFields = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i])));
  const deep = `{"command":"ls","args":${"[".repeat(100_000)}"rm"${"]".repeat(100_000)}}`;
  for (const input of [toCommand(60_000), manyFields, JSON.stringify({ ["x".repeat(100)]: 1 }), deep])
    expect(await decide(input), input.slice(0, 40)).toMatchObject([[false, 400], toDecision("deny")]);
});

test("Of 60 requests at once five are asked, and the others are denied at once with the reason for the model", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const release = Promise.withResolvers<void>();
  app.deps.wait = () => release.promise;
  const hook = { hook_event_name: "PermissionRequest", tool_name: "Bash" };
  let denied = 0;
  const isDenied = Promise.withResolvers<void>();
  const requests = Array.from({ length: 60 }, async (_, i) => {
    const answer = await app.hook(token, { ...hook, tool_input: { command: `touch ${i}` } });
    if (answer.status === 200) denied += 1;
    if (denied === 55) isDenied.resolve();
    return answer;
  });
  await isDenied.promise;
  const { questions } = await readSession();
  expect(questions).toHaveLength(5);
  for (const { id } of questions) await app.call("/api/sessions/ONB-1/answer", { question: id, answer: "allow" });
  release.resolve();
  const answers = (await Promise.all(requests)).map(({ json }) => JSON.stringify(json));
  expect(answers.filter((answer) => answer.includes('"allow"'))).toHaveLength(5);
  const refused = answers.filter((answer) => answer.includes('"deny"'));
  expect(refused).toHaveLength(55);
  expect(refused[0]).toContain("5 requests of this session wait for a person already");
});
