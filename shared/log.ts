/** One JSON line per event, without secrets and without the texts of messages. */

import { cleanLogLine, createRedactor } from "./text.ts";
import { MINUTE, type Ms } from "./time.ts";

/** Fields of a log line: names, ids, counts, durations. They must not contain secrets or message texts. */
export type LogFields = Record<string, string | number | boolean | null | undefined | readonly string[]>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Returns a log that adds these fields to every line, for example `{ correlation }`. */
  with(fields: LogFields): Log;
}

interface LogOptions {
  level: LogLevel;
  /** Receives one complete JSON line, without a line end. */
  write: (line: string) => void;
  clock: () => number;
  /** Every occurrence of these strings is replaced by `[secret]`. */
  secrets?: readonly string[];
  /** Outages whose lines are counted instead of written. */
  outages?: Outages;
}

/**
 * What the failures of a part of the system say while it is broken. Of the lines with such an error only the first is
 * written, and one a minute with the number of those left out: a minute without the store causes a thousand.
 */
export interface Outages {
  record(part: OutagePart, error: string): void;
  end(part: OutagePart): void;
  /** How a line with this error is written; `repeated`: the number of lines left out before it. */
  find(error: string, now: Ms): { isLeftOut: boolean; repeated?: number };
}

type OutagePart = "store" | "plane";

interface Outage {
  errors: Set<string>;
  /** Time of the last line that was written, and the number of lines left out since. */
  writtenAt?: Ms;
  count: number;
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

type LogLevel = (typeof LEVELS)[number];

/**
 * Creates a log that writes one JSON line per event: `{time (ISO 8601), level, message, …fields}`.
 * A line contains no invisible characters, which
 * texts of others may bring. Callers must not log secrets; the redaction of `secrets` is an additional safeguard.
 */
export function createLog(options: LogOptions): Log {
  const { write, clock } = options;
  const { outages } = options;
  const minLevel = LEVELS.indexOf(options.level);
  const formatTime = createTimeFormatter();
  const redact = createRedactor((options.secrets ?? []).map((secret) => JSON.stringify(secret).slice(1, -1)));

  function bindFields(bound: LogFields): Log {
    const createWriter = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (LEVELS.indexOf(level) < minLevel) return;
      const error = level === "warn" || level === "error" ? fields?.["error"] : undefined;
      const { isLeftOut = false, ...counts } = typeof error === "string" ? (outages?.find(error, clock()) ?? {}) : {};
      if (isLeftOut) return;
      const line = JSON.stringify({ time: formatTime(clock()), level, message, ...bound, ...fields, ...counts });
      write(redact(cleanLogLine(line)));
    };
    return {
      debug: createWriter("debug"),
      info: createWriter("info"),
      warn: createWriter("warn"),
      error: createWriter("error"),
      with: (fields) => bindFields({ ...bound, ...fields }),
    };
  }
  return bindFields({});
}

/** Limit of different errors of one outage. */
const MAX_OUTAGE_ERRORS = 200;

export function createOutages(): Outages {
  const parts = new Map<OutagePart, Outage>();
  return {
    record(part, error) {
      const outage = parts.get(part) ?? { errors: new Set(), count: 0 };
      if (outage.errors.size < MAX_OUTAGE_ERRORS) outage.errors.add(error);
      parts.set(part, outage);
    },
    end: (part) => void parts.delete(part),
    find(error, now) {
      const outage = [...parts.values()].find(({ errors }) => errors.has(error));
      if (!outage) return { isLeftOut: false };
      const { writtenAt, count } = outage;
      if (writtenAt !== undefined && now - writtenAt < MINUTE) {
        outage.count += 1;
        return { isLeftOut: true };
      }
      Object.assign(outage, { writtenAt: now, count: 0 });
      return { isLeftOut: false, ...(count > 0 ? { repeated: count } : {}) };
    },
  };
}

/** Formats times as ISO 8601. The last result is cached, because a busy runtime writes many lines per millisecond. */
function createTimeFormatter(): (ms: number) => string {
  let last = Number.NaN;
  let text = "";
  return (ms) => {
    if (ms !== last) text = new Date(ms).toISOString();
    last = ms;
    return text;
  };
}
