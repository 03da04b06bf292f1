import type { PendingTicketsAnswer, SessionsAnswer } from "../../shared/tickets/ticket-views.ts";
import { createSession, type TicketsPageApp } from "./tickets-page-app.ts";

const TITLES = [
  "Write the mail that welcomes new colleagues",
  "Fix the sign-in of the sales page after the change of hosts",
  "Sketch the start page",
  "Check the texts with the sales team",
  "Renew the domain before it expires",
];
const DESCRIPTION =
  "<p>The old page sends people to the wrong host.</p><ul><li>Keep the present sessions</li><li>Add a test</li></ul>";
const SCREEN =
  "● Read(src/sign-in.ts)\n    120 lines\n\n● Update(src/sign-in.ts)\n    Added 12 lines, removed 3\n\n● Bash(npm test)\n    Running…";

/**
 * Plays tickets up to a state of each kind: ONB-1 has a result, ONB-2 asks for a permission, ONB-3 runs and needs a
 * look, ONB-4 waits in the queue, ONB-5 waits for an approval.
 */
export async function playTicketScene(app: TicketsPageApp): Promise<void> {
  for (const [i, title] of TITLES.entries())
    app.requestTicket(title, { priority: i === 1 ? "high" : "medium", description_html: DESCRIPTION });
  while ((await app.read<PendingTicketsAnswer>("/api/pending-tickets")).count < TITLES.length)
    await new Promise((resolve) => setTimeout(resolve, 100));
  await app.call("/api/approve/ONB-1");
  await app.startSessions();
  await app.call("/api/sessions/ONB-1/complete", {
    summary: "The mail is written in **both** languages and tested with the three usual clients.",
  });
  const commits = [{ id: "4f1c2d7a9be0", subject: "feat: the mail for new colleagues" }];
  const diff = { files: 3, insertions: 120, deletions: 8 };
  const tokens = { input: 184_200, output: 9_310 };
  const exit = { reason: "exited", status: 0 } as const;
  await app.exchange([createSession("ONB-1", { state: "ended", exit, commits, diff, tokens, cost_usd: 0.84 })]);
  for (const key of ["ONB-2", "ONB-3", "ONB-4"]) await app.call(`/api/approve/${key}`);
  const { sessions } = await app.exchange();
  const working = { screen: SCREEN, commits, diff, tokens, cost_usd: 1.3 };
  await app.exchange(
    sessions.map(({ ticket, run }) =>
      createSession(ticket, {
        run,
        ...working,
        ...(ticket === "ONB-3" ? { attention: "Do you trust this folder?", conflicts: ["src/start-page.ts"] } : {}),
      }),
    ),
  );
  const token = sessions.find(({ ticket }) => ticket === "ONB-2")?.token ?? "";
  const permission = { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: { command: "npm test" } };
  void app.hook("ONB-2", token, permission).catch(() => {});
  while ((await app.read<SessionsAnswer>("/api/sessions")).sessions.every((session) => session.questions.length === 0))
    await new Promise((resolve) => setTimeout(resolve, 100));
}
