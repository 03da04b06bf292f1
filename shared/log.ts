import { createRedactor } from "./redact.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** What may stand in a line: names, ids, counts, durations. Never a secret, never the text of a message. */
export type LogFields = Record<string, string | number | boolean | null | undefined | readonly string[]>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line also carries these fields, for example `{ correlation }`. */
  with(fields: LogFields): Log;
}

interface LogOptions {
  level: LogLevel;
  /** Takes one finished JSON line, without a line end. */
  write: (line: string) => void;
  clock: () => number;
  /** Every occurrence of one of these is replaced by `[secret]` in what is written. */
  secrets?: readonly string[];
}

/**
 * One JSON line per event: `{time (ISO 8601), level, message, …fields}`.
 * The redaction of `secrets` is a second fence: no caller should hand one in.
 */
export function createLog(options: LogOptions): Log {
  const { write, clock } = options;
  const minLevel = LEVELS.indexOf(options.level);
  const formatTime = createTimeFormatter();
  const redact = createRedactor((options.secrets ?? []).map((secret) => JSON.stringify(secret).slice(1, -1)));

  function bindFields(bound: LogFields): Log {
    const createWriter = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (LEVELS.indexOf(level) < minLevel) return;
      write(redact(JSON.stringify({ time: formatTime(clock()), level, message, ...bound, ...fields })));
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

/** ISO 8601 of a time; lines of the same millisecond, of which a busy runtime writes many, share the text. */
function createTimeFormatter(): (ms: number) => string {
  let last = Number.NaN;
  let text = "";
  return (ms) => {
    if (ms !== last) text = new Date(ms).toISOString();
    last = ms;
    return text;
  };
}
