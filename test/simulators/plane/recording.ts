import { readFileSync } from "node:fs";
import type { Json, JsonObject } from "../../../simulators/plane/rows.ts";

/** One recorded exchange with a real Plane. */
export interface RecordedExchange {
  file: string;
  name: string;
  as: string;
  auth: "none" | "session" | "api_key";
  request: {
    method: string;
    path: string;
    query?: Record<string, string | number>;
    json?: Json;
    /** The fields of a form, or a body as it was sent. */
    form?: Record<string, string> | string;
  };
  response: { status: number; headers: Record<string, string>; body: Json };
}

const folder = new URL("../../fixtures/plane-contract/", import.meta.url);
const readRecording = (file: string): string => readFileSync(new URL(file, folder), "utf8");

export const readExchanges = (file: string): RecordedExchange[] =>
  JSON.parse(readRecording(`${file}.json`)).map((each: RecordedExchange) => ({ ...each, file }));

/** The rest of the key's rate limit, which shows the order in which the exchanges of one key were made. */
const getRemaining = (each: RecordedExchange): number | undefined => {
  const remaining = each.response.headers["x-ratelimit-remaining"];
  return remaining === undefined ? undefined : Number(remaining);
};

/**
 * Merges files that were recorded at the same time into the order of the recording. It keeps the order within each file
 * and the order in which a key's remaining requests decreased.
 */
export function mergeInRecordedOrder(files: readonly (readonly RecordedExchange[])[]): RecordedExchange[] {
  const queues = files.map((each) => [...each]);
  const isNext = (candidate: RecordedExchange): boolean =>
    queues.every((queue) =>
      queue.every(
        (other) => other.as !== candidate.as || (getRemaining(other) ?? 0) <= (getRemaining(candidate) ?? Infinity),
      ),
    );
  const merged: RecordedExchange[] = [];
  for (;;) {
    const queue = queues.find(([first]) => first && isNext(first)) ?? queues.find((each) => each.length > 0);
    const next = queue?.shift();
    if (!next) return merged;
    merged.push(next);
  }
}

export interface RecordedDelivery {
  name: string;
  headers: Record<string, string>;
  raw_body: string;
}
export const readRecordedDeliveries = (): { secret: string; deliveries: RecordedDelivery[] } =>
  JSON.parse(readRecording("webhook-deliveries.json"));

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
