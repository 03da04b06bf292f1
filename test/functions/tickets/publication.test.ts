import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

type Publication = NonNullable<ReturnType<typeof createSession>["publication"]>;

const URL = "https://git.example.com/onb/app/pulls/1";
const COMMIT = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2";
const RED: NonNullable<Publication["checks"]> = {
  state: "failed",
  failed: ["build"],
  log: "expected 1, was 2\ntoken ghp_0123456789012345678901234567890123456789",
};

/** ONB-1 with a result whose update is approved, in a repository that opens pull requests. */
async function createPublishingApp() {
  const app = await createTicketsApp({ repositories: { ONB: { path: "/srv/onb", publish: "pull-request" } } });
  const item = await app.requestTicket("Write it down");
  await app.runSession();
  await app.complete("All is *done*");
  /** The runner reports the ended session, and what it has published; returns what it is to publish. */
  const report = async (publication?: Publication) => {
    const answer = await app.exchange([createSession({ state: "ended", ...(publication ? { publication } : {}) })]);
    await app.runUntilIdle();
    return answer.publish;
  };
  const readResult = async () => {
    const { tickets, updated } = await app.read("/api/completed-tickets");
    return [...tickets, ...updated][0];
  };
  const readComments = () => app.readComments(item).filter((comment) => comment.includes("Claude Code"));
  return { app, report, readResult, readRequests: app.readRequests, readComments };
}

test("TICKET-01 A result is published after its approval, and its pull request is linked in Plane's comment and with the ticket", async () => {
  const { app, report, readResult, readComments } = await createPublishingApp();
  expect(await report()).toEqual([]);
  const answer = await app.call("/api/update-plane/ONB-1");
  expect(answer.json).toMatchObject({ status: "publishing", comment_posted: false, state_updated: false });
  const [wish, ...others] = await report();
  expect(others).toEqual([]);
  expect(wish).toMatchObject({ ticket: "ONB-1", run: 1, title: "ONB-1: Write it down" });
  expect(wish?.body).toMatch(/^\[ONB-1\]\(http.*\)\n\nAll is \*done\*$/);
  expect(readComments()).toEqual([]);
  expect(await report({ id: wish?.id ?? "", state: "open", url: URL, commit: COMMIT })).toEqual([]);
  expect(readComments()).toMatchObject([expect.stringContaining(`Pull request: <a href="${URL}">`)]);
  expect(await readResult()).toMatchObject({ state: "done", publication: { state: "open", url: URL } });
});

test("TICKET-01 A publication that failed is reported, and tried again by a person, under an id of its own; nothing is written to Plane before", async () => {
  const { app, report, readResult, readRequests, readComments } = await createPublishingApp();
  await app.call("/api/update-plane/ONB-1");
  const [first] = await report();
  expect(await report({ id: first?.id ?? "", problem: "git push: protected branch" })).toEqual([]);
  expect(await readResult()).toMatchObject({ state: "updating", problem: "git push: protected branch" });
  const [request] = await readRequests();
  expect(request).toMatchObject({ kind: "result", input: [{ label: "problem", value: "git push: protected branch" }] });
  await app.decide("approve");
  const [second] = await report({ id: first?.id ?? "", problem: "git push: protected branch" });
  expect(second?.id).not.toBe(first?.id);
  await report({ id: second?.id ?? "", state: "pushed", commit: COMMIT });
  expect(await readResult()).toMatchObject({ state: "done", publication: { state: "pushed" } });
  expect(readComments()).toHaveLength(1);
});

test("TICKET-01 Red checks are asked about, with the end of their log and without keys, until they are green or left", async () => {
  const { app, report, readRequests } = await createPublishingApp();
  await app.call("/api/update-plane/ONB-1");
  const [wish] = await report();
  const open = { id: wish?.id ?? "", state: "open", url: URL, commit: COMMIT } as const;
  await report(open);
  await report({ ...open, checks: { state: "pending", failed: [] } });
  expect(await readRequests()).toEqual([]);
  await report({ ...open, checks: RED });
  const [request] = await readRequests();
  expect(request).toMatchObject({
    ...{ kind: "result", text: `Checks of ${URL} have failed: build.`, answers: ["send_back", "reject"] },
    input: [{ label: "log", value: expect.stringMatching(/^expected 1, was 2\ntoken ghp_•+$/) }],
  });
  await report({ ...open, checks: { state: "passed", failed: [] } });
  expect(await readRequests()).toEqual([]);
  app.advance(60_000);
  await report({ ...open, checks: RED });
  const [again] = await readRequests();
  expect(again.id).not.toBe(request.id);
  await app.decide("reject");
  expect(await readRequests()).toEqual([]);
  await report({ ...open, state: "merged", checks: RED });
  expect((await app.read("/api/completed-tickets")).updated).toMatchObject([{ reason: "pull_merged" }]);
});
