import type { PendingTicketsAnswer, SessionsAnswer } from "../../shared/tickets/ticket-views.ts";
import { createSession, type TicketsPageApp } from "./tickets-page-app.ts";

const TASKS = [
  ["Write the mail that welcomes new colleagues", "<p>In English and French.</p>"],
  ["Fix the sign-in of the sales page after the change of hosts", "<p>It sends people to the old host.</p>"],
  ["Sketch the start page", "<p>With the new colours.</p>"],
  ["Check the links of the handbook", ""],
  [
    "Show the opening hours in the local time of the reader",
    "<p>Today they are in the time of the office.</p><ul><li>Name the time zone</li><li>Add a test for summer time</li></ul>",
  ],
] as const;
const COMMITS: Readonly<Record<string, string>> = {
  "ONB-1": "feat: the mail for new colleagues",
  "ONB-2": "fix: sign-in follows the host of the page",
  "ONB-3": "feat: first sketch of the start page",
};
const SCREEN =
  "● Read(src/sign-in.ts)\n    120 lines\n\n● Update(src/sign-in.ts)\n    Added 12 lines, removed 3\n\n● Bash(npm test)\n    Running…";

const TRUST = {
  ...{ attention: "Do you trust this folder?", conflicts: ["src/start-page.ts"] },
  screen: "Do you trust this folder?\n❯ 1. Yes\n  2. No",
};
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

/**
 * Plays tickets up to a state of each kind: ONB-1 has a result, ONB-2 asks for a permission, ONB-3 runs and needs a
 * look, ONB-4 waits in the queue, ONB-5 waits for an approval.
 */
export async function playTicketScene(app: TicketsPageApp): Promise<void> {
  for (const [i, [title, description_html]] of TASKS.entries())
    app.requestTicket(title, { priority: i === 1 ? "high" : "medium", description_html });
  while ((await app.read<PendingTicketsAnswer>("/api/pending-tickets")).count < TASKS.length) await pause();
  await app.call("/api/approve/ONB-1");
  await app.startSessions();
  await app.call("/api/sessions/ONB-1/complete", {
    summary: "The mail is written in **both** languages and tested with the three usual clients.",
  });
  const toCommits = (key: string) => [{ id: "4f1c2d7a9be0", subject: COMMITS[key] ?? "" }];
  const diff = { files: 3, insertions: 120, deletions: 8 };
  const tokens = { input: 184_200, output: 9_310 };
  const exit = { reason: "exited", status: 0 } as const;
  await app.exchange([
    createSession("ONB-1", { state: "ended", exit, commits: toCommits("ONB-1"), diff, tokens, cost_usd: 0.84 }),
  ]);
  for (const key of ["ONB-2", "ONB-3", "ONB-4"]) await app.call(`/api/approve/${key}`);
  const { sessions } = await app.exchange();
  const working = { screen: SCREEN, diff, tokens, cost_usd: 1.3 };
  await app.exchange(
    sessions.map(({ ticket, run }) =>
      createSession(ticket, {
        ...{ run, ...working, commits: toCommits(ticket) },
        ...(ticket === "ONB-3" ? TRUST : {}),
      }),
    ),
  );
  const token = sessions.find(({ ticket }) => ticket === "ONB-2")?.token ?? "";
  const permission = { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: { command: "npm test" } };
  void app.hook("ONB-2", token, permission).catch(() => {});
  while ((await app.read<SessionsAnswer>("/api/sessions")).sessions.every((session) => session.questions.length === 0))
    await pause();
}
