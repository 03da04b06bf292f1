import type { CheckedCommit } from "../../../shared/store/checked.ts";
import { commitArguments, lengthOf } from "./commit.ts";
import type { Arguments, ScriptName } from "./scripts.ts";

/** At most so many commits, with at most so many characters of text, are one call: meanwhile the server does nothing else. */
const MOST = 100;
const LONGEST = 1024 * 1024;

export interface Call {
  name: ScriptName;
  args: Arguments;
}

/** One for each call, in order. */
export type Answer = { value: unknown } | { error: unknown };

interface Waiting {
  callOf(): Call;
  settle(answer: Answer): void;
}

interface Group {
  commits: CheckedCommit[];
  length: number;
  told: ((answer: Answer) => void)[];
}

/**
 * Sends what comes in one turn of the event loop, or while the server has not answered yet, with one write, in order.
 * Commits that follow one another there are one call (group commit), each judged for itself on what those before it
 * have left. A call that fails fails all of its commits: each may or may not have been kept.
 */
export function callQueue(send: (calls: readonly Call[]) => Promise<readonly Answer[]>) {
  let waiting: Waiting[] = [];
  /** The last that waits, when it is a group that may take one more commit. */
  let open: Group | undefined;
  let isBusy = false;
  let idle: PromiseWithResolvers<void> | undefined;

  async function flush() {
    const sent = waiting;
    waiting = [];
    open = undefined;
    const answers = await answersOf(sent);
    for (const [i, one] of sent.entries()) one.settle(answers[i] ?? { error: new Error("The server said nothing.") });
    isBusy = waiting.length > 0;
    if (isBusy) void flush();
    else idle?.resolve();
  }

  async function answersOf(sent: readonly Waiting[]): Promise<readonly Answer[]> {
    try {
      return await send(sent.map((one) => one.callOf()));
    } catch (error) {
      return sent.map(() => ({ error }));
    }
  }

  function push(one: Waiting) {
    waiting.push(one);
    if (isBusy) return;
    isBusy = true;
    idle = undefined;
    setImmediate(flush);
  }

  function groupFor(length: number): Group {
    if (open && open.commits.length < MOST && open.length + length <= LONGEST) return open;
    const group: Group = { commits: [], length: 0, told: [] };
    push({
      callOf: () => ({ name: "commit", args: commitArguments(group.commits) }),
      settle(answer) {
        for (const tell of group.told) tell(answer);
      },
    });
    open = group;
    return group;
  }

  return {
    call(name: ScriptName, ...args: Arguments): Promise<unknown> {
      return new Promise((resolve, reject) => {
        push({ callOf: () => ({ name, args }), settle: (answer) => settle(answer, resolve, reject) });
        open = undefined;
      });
    },

    /** Resolves with the outcome of this commit. */
    commit(commit: CheckedCommit): Promise<unknown> {
      return new Promise((resolve, reject) => {
        const length = lengthOf(commit);
        const group = groupFor(length);
        const place = group.commits.push(commit) - 1;
        group.length += length;
        group.told.push((answer) =>
          settle(answer, (outcomes) => resolve(Array.isArray(outcomes) ? outcomes[place] : undefined), reject),
        );
      });
    },

    /** Resolves when everything that was asked is answered. */
    async idle(): Promise<void> {
      if (!isBusy) return;
      idle ??= Promise.withResolvers();
      await idle.promise;
    },
  };
}

function settle(answer: Answer, resolve: (value: unknown) => void, reject: (reason: unknown) => void) {
  if ("error" in answer) reject(answer.error);
  else resolve(answer.value);
}
