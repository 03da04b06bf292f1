/**
 * The driver of a session: what the runner asks of the CLI that works on a ticket, whichever it is. Worktree, record,
 * terminal and end belong to the runner; arguments, dialogs, conversation and answers belong to the CLI.
 */

import type { Cli } from "../../shared/tickets/cli.ts";
import type { PolicyValues } from "../../shared/tickets/policy.ts";
import type { Ms } from "../../shared/time.ts";
import type { Box, BoxCheck, Command } from "./box.ts";
import type { DesiredSession } from "./plan-actions.ts";
import type { RecordStore, SessionPaths, SessionRecord } from "./session-folder.ts";
import type { Tmux } from "./tmux.ts";

export type Input = DesiredSession["inputs"][number];

/** What a driver uses of its runner. */
export interface DriverContext {
  settings: {
    claudeBin: string;
    codexBin: string;
    folder: string;
    repositories: ReadonlyMap<string, { cli: Cli; readable: readonly string[]; policy: PolicyValues }>;
    /** CLIs by the labels that choose them. */
    cliByLabel: ReadonlyMap<string, Cli>;
  };
  /** The runner's own environment, of which sessions and hooks receive a part. */
  env: Record<string, string | undefined>;
  records: RecordStore;
  tmux: Tmux;
  clock: () => Ms;
}

/** A session that is about to be started, or resumed with the conversation of its record. */
export interface Launch {
  program: string;
  record: SessionRecord;
  paths: SessionPaths;
  desired: Pick<DesiredSession, "token" | "plans">;
  /** What a person has sent back is the prompt; it is sent once the session has begun. */
  hasText: boolean;
  /** Name of the session in tmux. */
  name: string;
  groundcrewUrl: string;
  /** Absent where the settings have the repository no more. */
  policy: PolicyValues | undefined;
  /** What each session's program finds in its environment: of the runner's, and of Groundcrew. */
  env: Record<string, string>;
}

/** What a CLI tells of its session. */
export interface SessionState {
  /** Time of the last message of a person or the model. A request that is repeated is no progress. */
  progressAt?: Ms;
  /** Sums over all requests; the input counts what was read from the model's cache, too. */
  tokens?: { input: number; output: number };
  /** The interruption with which the conversation ends: the session waits for text. */
  interruption?: { id: string; at: Ms };
  /** US dollars since the last launch; absent where the CLI does not count money. */
  cost?: number;
  /** What a person should look at. */
  attention?: string;
}

/** What a CLI has of its own in a box, where the home of the runner's user is empty. */
export interface BoxedHome {
  /** Folder of the session, for what the CLI stores. */
  folder: string;
  env: Record<string, string>;
  /** What a person has set up for the CLI: paths outside, and where the session reads them. */
  placed: readonly (readonly [outside: string, inside: string])[];
  /** Such files that the CLI also writes. */
  shared: readonly (readonly [outside: string, inside: string])[];
  /** Hosts with ports of its model, for sessions that reach nothing else. */
  hosts: readonly string[];
}

/** Puts the terminal of a CLI into a box: with its home, and what appears there at another place. */
export type TerminalWrapper = (command: Command, home: Pick<BoxedHome, "folder" | "placed">) => Command;

/** A kind of CLI. */
export interface SessionDriver {
  /** Name under which people know it. */
  name: string;
  /** Kind of the variables of the runner that its program receives. */
  environment: "base" | "claude" | "codex";
  /** Finds its program. Throws with what a person has to do when there is none. */
  findProgram(context: DriverContext, record: SessionRecord): string;
  /**
   * The conversation before a launch: the one that the last launch has begun, or else resumed; `is_lost` where it cannot
   * be resumed any more, undefined where there is none.
   */
  findConversation(record: SessionRecord, paths: SessionPaths): SessionRecord["conversation"];
  /** Finds processes that have a conversation open, and would write into it beside the session. */
  findConversationProcesses(conversation: string): number[];
  /** Writes what its program reads at its start, and returns what is to be started. Throws when it cannot do that. */
  prepare(launch: Launch, context: DriverContext): Command;
  /** Makes a box one in which its program can work, or says why that cannot be had. Default: the box as it is. */
  adaptBox?(box: Box, context: DriverContext): Promise<BoxCheck>;
  /**
   * Starts the program, boxed or not, from another one that stays outside: for a CLI with a server, which reports and
   * asks, and a terminal of its own. `wrapTerminal` puts that into a box with nothing but its home. Default: the program
   * is what tmux starts.
   */
  host?(program: Command, launch: Launch, context: DriverContext, wrapTerminal?: TerminalWrapper): Command;
  /** Makes the home of a boxed session; a CLI without this has an empty one. */
  createHome?(env: DriverContext["env"], record: SessionRecord, paths: SessionPaths): BoxedHome;
  /** US dollars with which a resumed conversation begins to count. */
  readStoredCost(ticket: string, paths: SessionPaths): number;
  /** Whether the CLI has begun to work, so that it takes texts. */
  hasBegun(paths: SessionPaths): boolean;
  /** Attends to a session that Groundcrew wants and tmux has, where the CLI needs that. It may be repeated. */
  attend?(context: DriverContext, record: SessionRecord, desired: DesiredSession): void;
  /** Whether a session that has begun takes texts now. Default: yes. */
  isReady?(context: DriverContext, ticket: string): boolean;
  /** Whether the CLI itself has reported its end; it does not when it is killed. */
  hasEnded(paths: SessionPaths): boolean;
  /** Reads how a session is; `isLive`: its program runs, and `screen` is what its terminal shows. */
  observe(context: DriverContext, record: SessionRecord, screen: string, isLive: boolean): SessionState;
  /** Sends an input; `mark` is stored in tmux together with it. */
  send(context: DriverContext, ticket: string, input: Input, mark: readonly string[]): Promise<void>;
  /** Asks the program to end. It may still run afterwards. */
  requestExit(context: DriverContext, ticket: string): Promise<void>;
  /** Whether the program has ended because it does not know the conversation that it was to resume. */
  isUnknownConversation(status: number | undefined, screen: string): boolean;
  /** Forgets what it remembers of a ticket that was removed. */
  forget(ticket: string): void;
}

/** The CLI of a session as the settings name it: by the label that has chosen it, or else by its repository. */
export function findSessionCli(
  { cliByLabel, repositories }: DriverContext["settings"],
  { project, cli_label }: { project: string; cli_label?: string },
): Cli | undefined {
  return cli_label === undefined ? repositories.get(project)?.cli : cliByLabel.get(cli_label);
}

/** The drivers of all kinds. */
export type Drivers = Record<SessionRecord["cli"], SessionDriver>;

/** The driver of a session; of one without a record, Claude Code's. */
export function getDriver(
  { drivers, records }: { drivers: Drivers; records: Pick<RecordStore, "get"> },
  ticket: string,
): SessionDriver {
  return drivers[records.get(ticket)?.cli ?? "claude"];
}
