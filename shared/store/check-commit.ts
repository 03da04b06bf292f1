import type { Json } from "../json.ts";
import type { Ms } from "../time.ts";
import type { BucketSpend } from "./bucket-operations.ts";
import type { Queue } from "./job-operations.ts";
import type { Commit, Revision, SetName, StoreKey } from "./port.ts";

/** A commit with checked names and serialized values, so that invalid input cannot make an engine fail half-way. */
export interface CheckedCommit {
  expect: [StoreKey, Revision][];
  fence: [StoreKey, number] | undefined;
  puts: CheckedPut[];
  jobs: CheckedJob[];
}

export interface CheckedPut {
  key: StoreKey;
  /** The value as JSON text; absent: delete the key. */
  text: string | undefined;
  sets: SetName[];
  expires: Ms | undefined;
}

export interface CheckedJob {
  id: string;
  queue: Queue;
  lane: string;
  at: Ms | undefined;
  text: string;
}

const INVALID_IN_KEY = /[\s\p{Cc}\p{Cs}]/u;
const INVALID_IN_NAME = /[\p{Cc}\p{Cs}]/u;

/** Checks a commit in the same way for every engine; throws a TypeError that names the invalid part. */
export function checkCommit(commit: Commit): CheckedCommit {
  return {
    expect: (commit.expect ?? []).map(([key, rev]) => [checkKey(key), rev]),
    fence: commit.fence && [checkKey(commit.fence[0]), commit.fence[1]],
    puts: (commit.put ?? []).map((put) => ({
      key: checkKey(put.key),
      text: put.value === undefined ? undefined : toJsonText(`the value of ${put.key}`, put.value),
      sets: [...new Set((put.sets ?? []).map(checkKey))],
      expires: put.expires === undefined ? undefined : checkMs("expires", put.expires),
    })),
    jobs: (commit.jobs ?? []).map((job) => ({
      id: checkName("job id", job.id),
      queue: job.queue,
      lane: checkName("lane", job.lane),
      at: job.at === undefined ? undefined : checkMs("at", job.at),
      text: toJsonText(`the body of job ${job.id}`, job.body),
    })),
  };
}

/** Checks a key or set name: printable, without white space. Returns it. */
export function checkKey(key: StoreKey): StoreKey {
  if (key === "" || INVALID_IN_KEY.test(key)) {
    throw new TypeError(`A store key must be printable and without white space, not ${JSON.stringify(key)}.`);
  }
  return key;
}

/** Checks a job id, lane, owner or bucket: not empty, no control characters. Returns it. */
export function checkName(label: string, name: string): string {
  if (name === "" || INVALID_IN_NAME.test(name)) {
    throw new TypeError(`A ${label} must not be empty or hold control characters, not ${JSON.stringify(name)}.`);
  }
  return name;
}

/** Rounds to whole milliseconds, upwards so that nothing happens too early. */
export function checkMs(label: string, ms: Ms): Ms {
  if (!Number.isFinite(ms)) throw new TypeError(`${label} must be a number of milliseconds, not ${ms}.`);
  return Math.ceil(ms);
}

export function checkSpend({ bucket, window, ...rest }: BucketSpend): BucketSpend {
  return { ...rest, bucket: checkName("bucket", bucket), window: checkMs("window", window) };
}

/** Serializes with `JSON.stringify`: NaN becomes null, -0 becomes 0, lone surrogates are escaped. */
function toJsonText(label: string, value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${label} is not JSON.`);
  return text;
}

/**
 * Parses the text of a job that an engine has stored. Text that is not JSON is returned as it is, so that one damaged
 * job does not keep its queue from being taken; no job handler accepts it.
 */
export function parseJobText(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
