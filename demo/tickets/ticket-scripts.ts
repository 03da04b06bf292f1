import type { Ms } from "../../shared/time.ts";
import type { SessionScript, SessionStep } from "../../simulators/runner/session-script.ts";

/** Label of the work items that become tickets in the demo. */
export const TICKET_LABEL = "claude";
/** The project that has a repository. */
export const TICKET_PROJECT = "PLAT";

/** A work item that becomes a ticket, and what its session does. */
export interface DemoTicket {
  title: string;
  description: string;
  file: string;
  command: string;
  result: string;
  commit: string;
  summary: string;
  /** What the session asks before it begins. */
  question?: string;
}

/** The ticket of the story. */
export const STORY_TICKET: DemoTicket = {
  title: "Add a health check to the deploy script",
  description: "The old version shall only stop when the new one answers. See <code>deploy/run.sh</code>.",
  file: "deploy/run.sh",
  command: "npm test -- deploy",
  result: "14 tests passed",
  commit: "feat: wait for /health before the old version stops",
  summary: "The deploy script waits up to 60 s until the new version answers on `/health`; else the old one stays.",
};

/** The tickets that the console adds, in turn. */
export const CONSOLE_TICKETS: readonly [DemoTicket, ...DemoTicket[]] = [
  {
    title: "Delete log files after 30 days",
    description: "The disk of the server is full every few months.",
    file: "deploy/logrotate.conf",
    command: "logrotate --debug deploy/logrotate.conf",
    result: "no errors",
    commit: "feat: delete log files after 30 days",
    summary: "Log files are compressed every day and deleted after 30 days.",
    question: "Shall the log of errors be deleted as well?",
  },
  {
    title: "Show the version on the status page",
    description: "Support asks for it in every call.",
    file: "web/status.html",
    command: "npm test -- status",
    result: "6 tests passed",
    commit: "feat: show the version on the status page",
    summary: "The status page shows the version and the time of the last deployment.",
  },
];

/** Returns the ticket that the console adds next. */
export function getConsoleTicket(added: number): DemoTicket {
  return CONSOLE_TICKETS[added % CONSOLE_TICKETS.length] ?? CONSOLE_TICKETS[0];
}

/** Finds the script of a ticket by its file, whose first line has the title. Other work items get the first script. */
export function findDemoTicketScript(file: string, pace: Ms): SessionScript {
  const [heading = ""] = file.split("\n");
  const ticket = CONSOLE_TICKETS.find(({ title }) => heading.includes(title)) ?? STORY_TICKET;
  return { startMs: pace / 2, steps: createSteps(ticket, pace) };
}

function createSteps({ file, command, result, commit, summary, question }: DemoTicket, pace: Ms): SessionStep[] {
  const ms = pace / 4;
  return [
    { do: "print", ms, text: `● I read the ticket.\n● \u001b[1mRead\u001b[0m(${file})\n  ⎿  Read 48 lines` },
    { do: "spend", usd: 0.04, input: 9_300, output: 420 },
    ...(question === undefined ? [] : [{ do: "ask_person", text: question } as const]),
    {
      do: "print",
      ms,
      text: `● \u001b[1mUpdate\u001b[0m(${file})\n\u001b[32m  +  12 lines\u001b[0m\n\u001b[31m  -   1 line\u001b[0m`,
    },
    { do: "edit" },
    { do: "spend", usd: 0.07, input: 12_100, output: 1_850 },
    { do: "print", ms, text: "● I run the tests." },
    {
      do: "ask_permission",
      tool: "Bash",
      input: { command },
      allowed: [{ do: "print", ms, text: `  ⎿  \u001b[32m${result}\u001b[0m` }],
      denied: [{ do: "print", ms, text: "  ⎿  Denied: I commit without the tests." }],
    },
    { do: "commit", subject: commit, files: 1, insertions: 12, deletions: 1 },
    { do: "spend", usd: 0.02, input: 4_200, output: 310 },
    {
      do: "print",
      ms,
      text: `● \u001b[1mBash\u001b[0m(git commit -m "${commit}")\n  ⎿  1 file changed, 12 insertions(+), 1 deletion(-)`,
    },
    { do: "complete", summary },
  ];
}
