import { expect, test } from "vitest";
import { createAppWithSession } from "./tickets-app.ts";

const toHook = (tool_input: unknown, tool_name = "Bash") => ({
  hook_event_name: "PermissionRequest",
  tool_name,
  tool_input,
});

type App = Awaited<ReturnType<typeof createAppWithSession>>["app"];

/** Sends a hook, and runs `act` while its request waits. */
async function hold<Answer>(app: App, send: () => Promise<Answer>, act: () => Promise<void>): Promise<Answer> {
  const { wait } = app.deps;
  // The product answers an error of its own deps with 500; a failed assertion has to reach the test.
  const failures: unknown[] = [];
  app.deps.wait = async () => {
    app.deps.wait = wait;
    await act().catch((thrown: unknown) => failures.push(thrown));
  };
  const answer = await send();
  if (failures.length > 0) throw failures[0];
  return answer;
}

test("An input that is kept whole is allowed through the API; a longer one only in the terminal", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const answers: unknown[] = [];
  const answerAll = async () => {
    const [{ id, complete }] = (await readSession()).questions;
    const allowed = await app.call("/api/sessions/ONB-1/answer", { question: id, answer: "allow" });
    answers.push([complete, allowed.status]);
    if (allowed.status !== 200) await app.call("/api/sessions/ONB-1/answer", { question: id, answer: "deny" });
  };
  const decide = async (input: unknown) => (await hold(app, () => app.hook(token, toHook(input)), answerAll)).json;
  const toDecision = (behavior: string) => ({ hookSpecificOutput: { decision: { behavior } } });
  expect(await decide({ command: "x".repeat(40_000) })).toMatchObject(toDecision("allow"));
  expect(await decide({ command: "x".repeat(60_000) })).toMatchObject(toDecision("deny"));
  const manyFields = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]));
  expect(await decide(manyFields)).toMatchObject(toDecision("deny"));
  expect(await decide({ ["x".repeat(100)]: 1 })).toMatchObject(toDecision("deny"));
  expect(answers).toEqual([[true, 200], ...[1, 2, 3].map(() => [false, 400])]);
});

test("An input that is nested 100,000 levels deep is asked without its depth, and only the terminal allows it", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const body = JSON.stringify(toHook({ command: "ls", args: "DEEP" })).replace(
    '"DEEP"',
    `${"[".repeat(100_000)}"rm"${"]".repeat(100_000)}`,
  );
  const send = () => app.request("/api/runner/sessions/ONB-1/hooks", token, { method: "POST", body });
  const response = await hold(app, send, async () => {
    const [question] = (await readSession()).questions;
    expect(question).toMatchObject({ input: [{ label: "command" }, { label: "args", left_out: 2 }], complete: false });
    await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: "deny" });
  });
  expect(await response.json()).toMatchObject({ hookSpecificOutput: { decision: { behavior: "deny" } } });
});

test("Of 300 requests at once five are asked, and the others are denied at once with the reason for the model", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const release = Promise.withResolvers<void>();
  app.deps.wait = () => release.promise;
  let denied = 0;
  const isDenied = Promise.withResolvers<void>();
  const requests = Array.from({ length: 300 }, async (_, i) => {
    const answer = await app.hook(token, toHook({ command: `touch ${i}` }));
    if (answer.status === 200) denied += 1;
    if (denied === 295) isDenied.resolve();
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
  expect(refused).toHaveLength(295);
  expect(refused[0]).toContain("5 requests of this session wait for a person already");
});
