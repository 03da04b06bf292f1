import type { CheckedCommit } from "../../../shared/store/check-commit.ts";
import { countCommitCharacters, toCommitArguments } from "./commit-arguments.ts";
import type { ScriptArguments, ScriptName } from "./scripts.ts";

/** At most so many commits, with at most so many characters of text, are one call: meanwhile the server does nothing else. */
const MAX_GROUP_COMMITS = 100;
const MAX_GROUP_CHARACTERS = 1024 * 1024;

export interface RedisCall {
  name: ScriptName;
  args: ScriptArguments;
}

/** One for each call, in order. */
export type RedisReply = { value: unknown } | { error: unknown };

interface WaitingCall {
  callOf(): RedisCall;
  settle(answer: RedisReply): void;
}

interface CommitGroup {
  commits: CheckedCommit[];
  length: number;
  callbacks: ((answer: RedisReply) => void)[];
}

/**
 * Sends what comes in one turn of the event loop, or while the server has not answered yet, with one write, in order.
 * Commits that follow one another there are one call (group commit), each judged for itself on what those before it
 * have left. A call that fails fails all of its commits: each may or may not have been kept.
 */
export function createCallQueue(send: (calls: readonly RedisCall[]) => Promise<readonly RedisReply[]>) {
  let waiting: WaitingCall[] = [];
  /** The last that waits, when it is a group that may take one more commit. */
  let openGroup: CommitGroup | undefined;
  let isBusy = false;
  let idle: PromiseWithResolvers<void> | undefined;

  async function flush() {
    const batch = waiting;
    waiting = [];
    openGroup = undefined;
    const answers = await sendCalls(batch);
    for (const [i, one] of batch.entries()) one.settle(answers[i] ?? { error: new Error("The server said nothing.") });
    isBusy = waiting.length > 0;
    if (isBusy) void flush();
    else idle?.resolve();
  }

  async function sendCalls(batch: readonly WaitingCall[]): Promise<readonly RedisReply[]> {
    try {
      return await send(batch.map((one) => one.callOf()));
    } catch (error) {
      return batch.map(() => ({ error }));
    }
  }

  function enqueue(one: WaitingCall) {
    waiting.push(one);
    if (isBusy) return;
    isBusy = true;
    idle = undefined;
    setImmediate(flush);
  }

  function findOrCreateGroup(length: number): CommitGroup {
    if (openGroup && openGroup.commits.length < MAX_GROUP_COMMITS && openGroup.length + length <= MAX_GROUP_CHARACTERS)
      return openGroup;
    const group: CommitGroup = { commits: [], length: 0, callbacks: [] };
    enqueue({
      callOf: () => ({ name: "commit", args: toCommitArguments(group.commits) }),
      settle(answer) {
        for (const callback of group.callbacks) callback(answer);
      },
    });
    openGroup = group;
    return group;
  }

  return {
    call(name: ScriptName, ...args: ScriptArguments): Promise<unknown> {
      return new Promise((resolve, reject) => {
        enqueue({ callOf: () => ({ name, args }), settle: (answer) => settlePromise(answer, resolve, reject) });
        openGroup = undefined;
      });
    },

    /** Resolves with the outcome of this commit. */
    commit(commit: CheckedCommit): Promise<unknown> {
      return new Promise((resolve, reject) => {
        const length = countCommitCharacters(commit);
        const group = findOrCreateGroup(length);
        const index = group.commits.push(commit) - 1;
        group.length += length;
        group.callbacks.push((answer) =>
          settlePromise(answer, (outcomes) => resolve(Array.isArray(outcomes) ? outcomes[index] : undefined), reject),
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

function settlePromise(answer: RedisReply, resolve: (value: unknown) => void, reject: (reason: unknown) => void) {
  if ("error" in answer) reject(answer.error);
  else resolve(answer.value);
}
