import type { CheckedCommit } from "../../../shared/store/check-commit.ts";
import { countCommitCharacters, toCommitArguments } from "./commit-arguments.ts";
import type { ScriptArguments, ScriptName } from "./scripts.ts";

/** Limit of commits in one call: 100, because the server does nothing else during a call. */
const MAX_GROUP_COMMITS = 100;
/** Limit of the text in one call of several commits: 1 Mi characters, for the same reason. */
const MAX_GROUP_CHARACTERS = 1024 * 1024;

export interface RedisCall {
  name: ScriptName;
  args: ScriptArguments;
}

/** The result of one call. */
export type RedisReply = { value: unknown } | { error: unknown };

interface WaitingCall {
  toCall(): RedisCall;
  settle(answer: RedisReply): void;
}

interface CommitGroup {
  commits: CheckedCommit[];
  length: number;
  callbacks: ((answer: RedisReply) => void)[];
}

/**
 * Creates a queue of calls. Calls of one turn of the event loop, and those that arrive before the server has answered,
 * are sent with one write, in order. Successive commits are combined into one call (group commit), each with its own
 * result based on the state after the previous one. When a call fails, all its commits fail: each may or may not have
 * been stored.
 */
export function createCallQueue(send: (calls: readonly RedisCall[]) => Promise<readonly RedisReply[]>) {
  let waiting: WaitingCall[] = [];
  /** The last waiting call, if it is a group to which a commit can be added. */
  let openGroup: CommitGroup | undefined;
  let isBusy = false;
  let idle: PromiseWithResolvers<void> | undefined;

  async function flush() {
    const batch = waiting;
    waiting = [];
    openGroup = undefined;
    const answers = await sendCalls(batch);
    for (const [i, call] of batch.entries())
      call.settle(answers[i] ?? { error: new Error("Redis returned no reply for a call.") });
    isBusy = waiting.length > 0;
    if (isBusy) void flush();
    else idle?.resolve();
  }

  async function sendCalls(batch: readonly WaitingCall[]): Promise<readonly RedisReply[]> {
    try {
      return await send(batch.map((call) => call.toCall()));
    } catch (error) {
      return batch.map(() => ({ error }));
    }
  }

  function enqueue(call: WaitingCall) {
    waiting.push(call);
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
      toCall: () => ({ name: "commit", args: toCommitArguments(group.commits) }),
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
        enqueue({ toCall: () => ({ name, args }), settle: (answer) => settlePromise(answer, resolve, reject) });
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

    /** Resolves when all calls are answered. */
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
