import type { Ms } from "../../shared/time.ts";
import type { SessionScript, SessionStep } from "../../simulators/runner/session-script.ts";
import type { TicketWords, WorkspaceTexts } from "../workspace-texts.ts";

/** Label of the work items that become tickets in the demo. */
export const TICKET_LABEL = "claude";
/** The project that has a repository. */
export const TICKET_PROJECT = "PLAT";

/** A work item that becomes a ticket, and what its session does. */
export interface DemoTicket extends TicketWords {
  file: string;
  command: string;
  result: string;
  commit: string;
}

/** What the sessions of the demo's tickets do; what they say to people is in the language of the settings. */
const SESSIONS = {
  story: {
    file: "deploy/run.sh",
    command: "npm test -- deploy",
    result: "14 tests passed",
    commit: "feat: wait for /health before the old version stops",
  },
  logs: {
    file: "deploy/logrotate.conf",
    command: "logrotate --debug deploy/logrotate.conf",
    result: "no errors",
    commit: "feat: delete log files after 30 days",
  },
  version: {
    file: "web/status.html",
    command: "npm test -- status",
    result: "6 tests passed",
    commit: "feat: show the version on the status page",
  },
} as const;

/** The tickets of the demo: that of the story, and those that the console adds, in turn. */
export function createDemoTickets({ tickets: words }: Pick<WorkspaceTexts, "tickets">) {
  const create = (name: keyof typeof SESSIONS): DemoTicket => ({ ...SESSIONS[name], ...words[name] });
  const [story, first, second] = [create("story"), create("logs"), create("version")];
  return { story, forConsole: (added: number) => (added % 2 === 0 ? first : second), all: [story, first, second] };
}

/** Finds the script of a ticket by its file, whose first line has the title. Other work items get that of the story. */
export function findDemoTicketScript(
  { story, all }: ReturnType<typeof createDemoTickets>,
  file: string,
  pace: Ms,
): SessionScript {
  const [heading = ""] = file.split("\n");
  const ticket = all.find(({ title }) => heading.includes(title)) ?? story;
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
