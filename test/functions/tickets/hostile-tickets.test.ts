import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

const HOSTILE = "\u202e<script>alert(1)</script> $(id) `id`; --flag\u001b[31m @/etc/passwd /exit";
const CONTROLS = ["\u202e", "\u001b"];

test("reliability 18: hostile titles, screens, branches, commits and summaries reach sessions, people and Plane as text only", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket(HOSTILE, {
    description_html: "<p>doctor</p><script>x</script><p>/clear ‮ $(id)</p>",
  });
  await app.call("/api/approve/ONB-1");
  const [desired] = (await app.exchange()).sessions;
  const { ticket_file = "", ...rest } = desired ?? {};
  expect(ticket_file).toContain("$(id)");
  for (const character of CONTROLS) expect(ticket_file).not.toContain(character);
  expect(JSON.stringify(rest)).not.toContain("$(id)");

  const commits = [{ id: "<img src=x>", subject: HOSTILE }];
  const hostile = { branch: HOSTILE, commits, screen: HOSTILE, attention: HOSTILE };
  await app.exchange([createSession(hostile)]);
  const text = JSON.stringify(await app.read("/api/sessions"));
  expect(text).toContain("$(id)");
  expect(text).not.toMatch(/\u202e|\\u001b/);

  const completion = { summary: `${HOSTILE} [x](javascript:alert(1))`, source: "file" } as const;
  await app.exchange([createSession({ ...hostile, completion })]);
  await app.call("/api/update-plane/ONB-1");
  const comment = app.readComments(item).at(-1) ?? "";
  expect(comment).toContain("$(id)");
  for (const part of ["<script", "<img", 'href="javascript', ...CONTROLS]) expect(comment).not.toContain(part);
});

test("reliability 18: a summary that is given with the approval of the update is cleaned as well, and not empty", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  await app.runSession();
  await app.complete("Of the session");
  for (const summary of ["", " \n", "\u200b\0"])
    expect((await app.call("/api/update-plane/ONB-1", { summary })).status).toBe(400);
  const answer = await app.call("/api/update-plane/ONB-1", { summary: `Line\0\n\n${HOSTILE}` });
  expect(answer.json).toMatchObject({ status: "updated" });
  const comment = app.readComments(item).at(-1) ?? "";
  expect(comment).toContain("$(id)");
  for (const part of ["<script", "\0", "Of the session", ...CONTROLS]) expect(comment).not.toContain(part);
  const [completed] = (await app.read("/api/completed-tickets")).updated;
  for (const part of ["\0", ...CONTROLS]) expect(completed.summary).not.toContain(part);
});
