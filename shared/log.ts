/** One JSON line per event, without secrets and without the texts of messages. */

import { cleanLogLine, createRedactor } from "./text.ts";

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
  const minLevel = LEVELS.indexOf(options.level);
  const formatTime = createTimeFormatter();
  const redact = createRedactor((options.secrets ?? []).map((secret) => JSON.stringify(secret).slice(1, -1)));

  function bindFields(bound: LogFields): Log {
    const createWriter = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (LEVELS.indexOf(level) < minLevel) return;
      const line = JSON.stringify({ time: formatTime(clock()), level, message, ...bound, ...fields });
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
