import { readFileSync } from "node:fs";
import type { Json, JsonObject } from "../../../simulators/plane/rows.ts";
import { type RecordedExchange as Exchange, readRecordedExchanges } from "../../support/plane-replay-server.ts";

/** One recorded exchange with a real Plane. */
export type RecordedExchange = Exchange & { file: string; response: { body: Json } };

const recorded = readRecordedExchanges();

export const readExchanges = (file: string): RecordedExchange[] =>
  (recorded.get(`${file}.json`) ?? []).map((each) => ({ ...each, file }) as RecordedExchange);

/** The rest of the key's rate limit, which shows the order in which the exchanges of one key were made. */
const getRemaining = ({ response }: RecordedExchange) =>
  Number(response.headers["x-ratelimit-remaining"] ?? Number.NaN);

/**
 * Merges files that were recorded at the same time into the order of the recording. It keeps the order within each file
 * and the order in which a key's remaining requests decreased.
 */
export function mergeInRecordedOrder(files: readonly (readonly RecordedExchange[])[]): RecordedExchange[] {
  const queues = files.map((each) => [...each]);
  const isNext = (candidate: RecordedExchange): boolean =>
    queues.flat().every((other) => other.as !== candidate.as || !(getRemaining(other) > getRemaining(candidate)));
  const merged: RecordedExchange[] = [];
  for (;;) {
    const queue = queues.find(([first]) => first && isNext(first)) ?? queues.find((each) => each.length > 0);
    const next = queue?.shift();
    if (!next) return merged;
    merged.push(next);
  }
}

interface RecordedDeliveries {
  secret: string;
  deliveries: { name: string; headers: Record<string, string>; raw_body: string }[];
}
export const readRecordedDeliveries = (): RecordedDeliveries =>
  JSON.parse(readFileSync("test/fixtures/plane-contract/webhook-deliveries.json", "utf8"));

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
