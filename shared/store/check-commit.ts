import type { Ms } from "../time.ts";
import type { BucketSpend, Commit, Json, Queue, Revision, SetName, StoreKey } from "./port.ts";

/** A commit whose names are checked and whose values are JSON text, so that an engine can no longer fail half-way. */
export interface CheckedCommit {
  expect: [StoreKey, Revision][];
  fence: [StoreKey, number] | undefined;
  puts: CheckedPut[];
  jobs: CheckedJob[];
}

export interface CheckedPut {
  key: StoreKey;
  /** Absent: forget the key. */
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

/** The same refusals for every engine; throws a TypeError that names what is wrong. */
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

/** A key or set name: printable, without blanks. */
export function checkKey(key: StoreKey): StoreKey {
  if (key === "" || INVALID_IN_KEY.test(key)) {
    throw new TypeError(`A store key must be printable and without blanks, not ${JSON.stringify(key)}.`);
  }
  return key;
}

/** A job id, lane, owner or bucket: not empty, no control characters. */
export function checkName(label: string, name: string): string {
  if (name === "" || INVALID_IN_NAME.test(name)) {
    throw new TypeError(`A ${label} must not be empty or hold control characters, not ${JSON.stringify(name)}.`);
  }
  return name;
}

/** Whole milliseconds, rounded up so that nothing comes early. */
export function checkMs(label: string, ms: Ms): Ms {
  if (!Number.isFinite(ms)) throw new TypeError(`${label} must be a number of milliseconds, not ${ms}.`);
  return Math.ceil(ms);
}

export function checkSpend({ bucket, window, ...rest }: BucketSpend): BucketSpend {
  return { ...rest, bucket: checkName("bucket", bucket), window: checkMs("window", window) };
}

/** JSON text as `JSON.stringify` makes it: NaN becomes null, -0 becomes 0, lone surrogates are escaped. */
function toJsonText(label: string, value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${label} is not JSON.`);
  return text;
}

/** Text that an engine kept, as the plain JSON it was. */
export function parseJson(text: string): Json {
  return JSON.parse(text);
}
