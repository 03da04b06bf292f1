import { expect, test } from "vitest";
import {
  EXCHANGE_LIMIT_BYTES,
  type ExchangeRequest,
  exchangeRequestSchema,
  MAX_SUMMARY_LENGTH,
} from "../../../shared/tickets/exchange.ts";

const SESSION: ExchangeRequest["sessions"][number] = {
  ticket: "ONB-12",
  run: 1,
  round: 1,
  session_id: "11111111-2222-4333-8444-000000000001",
  name: "claude-ONB-12",
  state: "ended",
  started_at: "2026-11-21T08:00:00.000Z",
  exit: { reason: "killed", signal: "KILL" },
  screen: "> hello",
  branch: "groundcrew/onb-12",
  commits: [{ id: "abc1234", subject: "feat: something" }],
  dirty: false,
  applied: [],
};
const REQUEST: ExchangeRequest = {
  runner: "vps",
  instance: "11111111-2222-4333-8444-000000000002",
  version: "0.2.0",
  repositories: ["ONB"],
  seen: "",
  wait_ms: 20_000,
  sessions: [SESSION],
};

test("a screen of more than 8 KB and a summary longer than its limit are refused", () => {
  const sessions = [{ ...SESSION, screen: "x".repeat(8_193) }];
  expect(exchangeRequestSchema.safeParse({ ...REQUEST, sessions }).success).toBe(false);
  const completion = { summary: "x".repeat(MAX_SUMMARY_LENGTH + 1), source: "file" };
  expect(exchangeRequestSchema.safeParse({ ...REQUEST, sessions: [{ ...SESSION, completion }] }).success).toBe(false);
});

test("sixty sessions with full screens fit into the limit of a body", () => {
  const sessions = Array.from({ length: 60 }, () => ({ ...SESSION, screen: "x".repeat(8_192) }));
  expect(JSON.stringify({ ...REQUEST, sessions }).length).toBeLessThan(EXCHANGE_LIMIT_BYTES);
});
