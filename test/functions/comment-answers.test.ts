import { expect, test } from "vitest";
import {
  askByHook,
  createRequestsApp,
  getOnlyItem,
  type RequestsApp,
  readRefusals,
  startSession,
  writeComment,
} from "./requests-app.ts";
import { createSession } from "./tickets/tickets-app.ts";

/** Lets a session ask whether it may run these commands, one request each. */
async function askForCommands(app: RequestsApp, ...commands: string[]) {
  const token = await startSession(app);
  for (const command of commands) await askByHook(app, token, { tool_name: "Bash", tool_input: { command } });
  await app.advanceAndDrain(5_000);
  return token;
}

test("a comment that could answer two permissions answers none, says so, and is read by the session", async () => {
  const app = await createRequestsApp({ hasTickets: true });
  const token = await askForCommands(app, "rm -rf build", "ls");
  await writeComment(app, "no");
  expect(await app.list()).toHaveLength(2);
  expect(readRefusals(app)).toEqual([expect.stringContaining("may answer several requests")]);
  await app.decide("deny");
  await writeComment(app, "non");
  expect(await app.list()).toEqual([]);
  expect((await app.callAsSession(token, "get_task_details", { task: "ONB-1" })).text).toContain('"text":"no"');
});

test("a comment that answers its session is neither a remark for it nor a ticket of its own", async () => {
  const app = await createRequestsApp({ hasTickets: true });
  const token = await startSession(app);
  await app.hook(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
  await app.advanceAndDrain(5_000);
  await writeComment(app, "Blue, please");
  const [session] = (await app.exchange([createSession()])).sessions;
  expect(session?.inputs).toMatchObject([{ kind: "text", text: "Blue, please" }]);
  const done = { task: "ONB-1", status: "done", text: "It is blue" };
  expect((await app.callAsSession(token, "update_task_status", done)).status).toBe(200);
  await app.decide("approve");
  await app.exchange([createSession({ state: "ended" })]);
  await app.advanceAndDrain(30_000);
  expect(await app.list()).toEqual([]);
});

test("a comment from before a request, an edited one and one of a program answer nothing", async () => {
  const app = await createRequestsApp({ hasTickets: true });
  const token = await startSession(app);
  app.plane.addComment(getOnlyItem(app), "<p>no</p>");
  const edited = app.plane.addComment(getOnlyItem(app), "<p>Well</p>");
  app.advance(2_000);
  await askByHook(app, token, { tool_name: "Bash", tool_input: { command: "ls" } });
  await app.poll();
  await app.advanceAndDrain(10_000);
  app.plane.editComment(edited, "<p>no</p>");
  await app.poll();
  await writeComment(app, "no", { external: { source: "a-program", id: "1" } });
  expect(await app.list()).toMatchObject([{ kind: "permission" }]);
});
