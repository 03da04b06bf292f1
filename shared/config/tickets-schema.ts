/**
 * The section `tickets` of the settings file: projects, triggers, repositories, approval rules, and the limits of
 * sessions.
 */

import { z } from "zod";
import { identifierSchema } from "../names.ts";
import { PRIORITIES, STATUSES } from "../task/snapshot.ts";
import { listSchema, shortTextSchema, textSchema, toggle, wholeSchema } from "./forms.ts";

/** What can request a ticket: a new work item, a change of its status, a comment, or a test. */
export const TICKET_TRIGGERS = ["created", "status", "comment", "test"] as const;

const pathSchema = textSchema(/^\/[^\p{Cc}]*$/u);

const maxSessionsSchema = wholeSchema(1, 100);

const identifiersSchema = z.array(identifierSchema).min(1).exactOptional();

const namesSchema = z.array(z.string().min(1)).min(1).exactOptional();

/** Names of variables that repositories may pass on: none of Groundcrew's own secrets. */
const VARIABLE_NAME = /^(?!(?:PLANE|TELEGRAM|GROUNDCREW|ADMIN|RUNNER|AGENT)_)[A-Za-z_]\w{0,99}$/;

/** Timeout for a set-up command of a session: 10 min, as an installation of dependencies without a cache takes. */
export const DEFAULT_HOOK_MINUTES = 10;

/** Whether sessions run in a box. */
const sandboxSchema = z.enum(["auto", "required", "off"]);

/** The CLI that works on tickets. */
const cliSchema = z
  .union([z.enum(["claude", "codex"]), z.strictObject({ command: listSchema(shortTextSchema(1_000), 50).min(1) })])
  .describe('"claude", "codex", or {"command": ["/path/of/a/program", "its arguments"]}');

/** Rules in Claude Code's own syntax: `Bash(npm test:*)`, `Read(./.env)`, `mcp__server__tool`. */
const rulesSchema = listSchema(textSchema(/^[A-Za-z_][\w*-]*(?:\([^\p{Cc}]+\))?$/u).max(200), 100)
  .exactOptional()
  .describe('a list of at most 100 rules in the syntax of Claude Code, for example ["Bash(npm test:*)"]');

const minutesSchema = (most: number) => wholeSchema(1, most).exactOptional().describe(`whole minutes, 1 to ${most}`);

const commandSchema = shortTextSchema(4_000);

/** Lines of a policy, which a repository may also have in its own file on its base branch. */
const POLICY_LINES = {
  max_sessions: maxSessionsSchema
    .exactOptional()
    .describe("the number of sessions of this repository at once, 1 to 100")
    .meta({ meaning: "Sessions of this repository at once. Default: tickets.max_sessions." }),
  minutes: minutesSchema(1_440).meta({ meaning: "Time of a session of this repository. Default: tickets.minutes." }),
  budget_usd: z.number().min(0.01).max(100_000).exactOptional().describe("US dollars, 0.01 to 100000").meta({
    meaning:
      "What the sessions of a ticket may cost in all its runs and rounds, by what Claude Code reports. A person is asked at four fifths, and can grant the same again. Default: no limit.",
  }),
  setup: z
    .strictObject({
      command: commandSchema.describe("a shell command").meta({ meaning: "Prepares a new worktree." }),
      minutes: minutesSchema(120).meta({ meaning: `Time that it may take. Default: ${DEFAULT_HOOK_MINUTES}.` }),
    })
    .exactOptional()
    .describe('{"command": "npm ci", "minutes": 10}')
    .meta({ meaning: "A command that prepares a new worktree, after tickets.hooks.after_create." }),
  test_command: commandSchema.exactOptional().describe("a shell command that ends with 0 when the tests pass").meta({
    meaning:
      "Where a ticket requires tests, the runner runs this in the worktree, for 10 minutes at most, and its exit code counts. Default: what the summary says.",
  }),
  base: textSchema(/^(?!groundcrew\/)[\w][\w./+-]{0,199}$/)
    .exactOptional()
    .describe("the name of a branch")
    .meta({
      meaning:
        "Branch at which those of tickets begin, and into which results go. Default: the remote's, or the present one.",
    }),
  prompt: shortTextSchema(8_000).exactOptional().describe("a text of at most 8000 characters").meta({
    meaning:
      "What sessions read besides the ticket; {ticket} and {branch} are replaced. The texts of settings and file both count.",
  }),
  model: textSchema(/^[\w][\w.:@/[\]-]{0,99}$/)
    .exactOptional()
    .describe("the name of a model")
    .meta({ meaning: "Model of sessions. Default: the CLI's own." }),
  permission_mode: z
    .enum(["dontAsk", "manual", "acceptEdits", "bypassPermissions"])
    .exactOptional()
    .describe("dontAsk, manual, acceptEdits, or bypassPermissions (with sandbox required)")
    .meta({ meaning: "Claude Code's permission mode. Default: manual." }),
  allow: rulesSchema.meta({ meaning: "Tools that Claude Code runs without asking. Default: none." }),
  deny: rulesSchema.meta({
    meaning: "Tools that Claude Code refuses. A convenience: other commands read the same files. The box protects.",
  }),
  plan_first: z
    .boolean()
    .exactOptional()
    .describe("true or false: a session plans first, and a person approves its plan")
    .meta({
      meaning:
        "Sessions of this repository plan first; only an approved plan is carried out. The label plan-first has the same effect for one work item. Default: false.",
    }),
  publish: z.enum(["none", "push", "pull-request"]).exactOptional().describe("none, push, or pull-request").meta({
    meaning:
      "What the runner does with the branch of an approved result: nothing, push it, or also open a pull request with gh, glab or tea. With push and pull-request, branches begin at the freshly fetched base. Default: none.",
  }),
  sandbox: sandboxSchema
    .exactOptional()
    .describe("auto, required, or off")
    .meta({ meaning: "As tickets.sandbox, for this repository. Default: tickets.sandbox." }),
  network: z.enum(["all", "model"]).exactOptional().describe("all, or model").meta({
    meaning:
      "What boxed sessions reach: the machine's network, or only the model and Groundcrew. Commands of the settings then have no network, except after_create and setup. Default: all.",
  }),
  readable: listSchema(pathSchema, 100)
    .exactOptional()
    .describe("a list of at most 100 absolute paths")
    .meta({ meaning: "Files and folders that boxed sessions also read, for example an SDK in /opt. Default: none." }),
  cli: cliSchema.exactOptional().meta({
    meaning:
      "The CLI that works on this repository's tickets: Claude Code, Codex, or a command, which finds the ticket in GROUNDCREW_TICKET_FILE and ends the session when it exits. Default: claude.",
  }),
  env: listSchema(textSchema(VARIABLE_NAME), 100)
    .exactOptional()
    .describe("a list of at most 100 names of environment variables, none of Groundcrew's own")
    .meta({ meaning: "Variables of the runner that sessions and hooks of this repository also receive." }),
};

/** A repository's own policy: the file `.groundcrew.json` of its base branch. */
export const policyFileSchema = z.strictObject(POLICY_LINES);

export type PolicyFile = z.output<typeof policyFileSchema>;

const repositorySchema = z
  .union([
    pathSchema,
    z.strictObject({
      path: pathSchema
        .describe("the absolute path of a git repository on the runner's host")
        .meta({ meaning: "Path of the repository." }),
      hook_minutes: wholeSchema(1, 120)
        .exactOptional()
        .describe("whole minutes, 1 to 120, that each of tickets.hooks may take")
        .meta({ meaning: `Time of each of tickets.hooks in this repository. Default: ${DEFAULT_HOOK_MINUTES}.` }),
      trust_repository: z
        .boolean()
        .exactOptional()
        .describe("true or false: the base branch may loosen the policy")
        .meta({
          meaning:
            "The base branch may loosen what is not set here: with its .groundcrew.json, the allow rules of its .claude/settings.json and the servers of its .mcp.json. Default: false.",
        }),
      ...POLICY_LINES,
    }),
  ])
  .describe("an absolute path, or an object with path and the repository's policy");

export type RepositorySettings = Exclude<z.output<typeof repositorySchema>, string>;

const triggerSchema = (meaning: string) => toggle(true, "this requests a ticket", meaning);

/** A rule that approves tickets without a person. Every field that is set must match. */
const approvalRuleSchema = z.strictObject({
  projects: identifiersSchema.meta({ meaning: "Identifiers of projects. Default: all." }),
  labels: namesSchema.meta({ meaning: "Labels, of which the work item has at least one." }),
  priorities: z.array(z.enum(PRIORITIES)).min(1).exactOptional().meta({ meaning: "Priorities. Default: all." }),
  triggers: z
    .array(z.enum(TICKET_TRIGGERS))
    .min(1)
    .exactOptional()
    .meta({ meaning: "What requested the ticket. Default: everything." }),
  update: toggle(
    false,
    "the update of Plane is approved, too",
    "The result is written to Plane without a person's approval, too.",
  ),
});

const hookSchema = (meaning: string) =>
  z.string().min(1).exactOptional().describe("a shell command, run in the worktree").meta({ meaning });

/** Tickets: which work items become Claude Code sessions, and where. */
export const ticketsSchema = z.strictObject({
  repositories: z
    .record(identifierSchema, repositorySchema)
    .refine((repositories) => Object.keys(repositories).length > 0)
    .describe('repositories by project identifier, for example {"ONB": "/srv/repo"}')
    .meta({
      meaning:
        "Git repositories on the runner's host, by the identifiers of their projects: the path, or {path, …} with the policy of the repository.",
    }),
  cli_by_label: z
    .record(shortTextSchema(255), cliSchema)
    .exactOptional()
    .describe('CLIs by labels of work items, for example {"codex": "codex"}')
    .meta({
      meaning:
        "The CLI that works on a ticket whose work item has this label, in place of that of its repository. The first one of this list counts; the approval names it.",
    }),
  sandbox: sandboxSchema.default("auto").describe("auto, required, or off").meta({
    meaning:
      "Sessions run in a box of bubblewrap: where that works, or else not at all (required). With auto, the doctor and the approval of a ticket say when there is none.",
  }),
  triggers: z
    .strictObject({
      created: triggerSchema(
        "A new work item requests a ticket; with people, also one that is assigned to them later.",
      ),
      status: triggerSchema("A change of status to one of states requests a ticket."),
      comment: triggerSchema("A person's comment requests a ticket."),
    })
    .prefault({})
    .meta({ meaning: "Which events request a ticket." }),
  projects: identifiersSchema.meta({ meaning: "Identifiers of projects. Default: those with a repository." }),
  labels: namesSchema.meta({ meaning: "Labels, of which the work item has at least one. Default: any." }),
  states: z
    .array(z.enum(STATUSES))
    .min(1)
    .default(["todo", "in_progress"])
    .describe(`some of ${STATUSES.join(", ")}`)
    .meta({ meaning: "Statuses in which a work item may become a ticket." }),
  people: namesSchema.meta({
    meaning:
      "Names in Plane, one of which the work item is assigned to. Default: anyone. A ticket that is assigned to nobody of them any more is cancelled.",
  }),
  max_sessions: maxSessionsSchema
    .default(5)
    .describe("the number of sessions at once, 1 to 100")
    .meta({ meaning: "Sessions at once; further approved tickets wait." }),
  minutes: wholeSchema(1, 1_440)
    .default(30)
    .describe("whole minutes, 1 to 1440, that a session may take")
    .meta({ meaning: "Time of a session. A person is asked before it ends, and can extend it." }),
  prefix: textSchema(/^[A-Za-z][\w-]{0,30}$/)
    .default("claude-")
    .describe("1 to 31 letters, digits, '_' or '-'")
    .meta({ meaning: "Prefix of the names of sessions, also in tmux: claude-ONB-12." }),
  poll_seconds: wholeSchema(10, 1_800)
    .refine((seconds) => (seconds < 60 ? 60 % seconds === 0 : seconds % 60 === 0 && 60 % (seconds / 60) === 0))
    .default(60)
    .describe("seconds that divide a minute or an hour, 10 to 1800")
    .meta({
      meaning:
        "Plane is polled at least this often, where POLL_CRON is not set. A poll takes one request, and one for each project.",
    }),
  approve: z
    .array(approvalRuleSchema)
    .default([])
    .describe("a list of rules")
    .meta({ meaning: "Tickets that are approved without a person. Default: none." }),
  status: z
    .enum(STATUSES)
    .default("done")
    .describe(`one of ${STATUSES.join(", ")}`)
    .meta({ meaning: "Status of the work item after the update." }),
  legacy_files: toggle(
    false,
    "/tmp/completion-<KEY>.txt also completes a ticket",
    "The runner also reads /tmp/completion-<KEY>.txt.",
  ),
  hooks: z
    .strictObject({
      after_create: hookSchema("Runs after the worktree was created; a failure ends the start."),
      before_run: hookSchema("Runs before the session starts; a failure ends the start."),
      after_run: hookSchema("Runs after the session has ended, for example to push the branch."),
      before_remove: hookSchema("Runs before the worktree is removed."),
    })
    .prefault({})
    .meta({ meaning: "Commands that the runner runs, each for at most hook_minutes of the repository." }),
});

export type TicketSettings = z.output<typeof ticketsSchema>;
