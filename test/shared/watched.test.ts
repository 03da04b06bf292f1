import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createHealth } from "../../shared/health.ts";
import type { Endpoint, Listed, PlaneClient } from "../../shared/plane/client.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneRateLimitedError,
  PlaneUnavailableError,
  PlaneUnexpectedError,
} from "../../shared/plane/errors.ts";
import type { Bot, Failure } from "../../shared/telegram/bot.ts";
import { watchBot, watchPlane } from "../../shared/watched.ts";

const about = { operation: "projects_list" };
const endpoint: Endpoint<unknown> = { operation: "x", method: "GET", path: "/x", answer: z.unknown() };
const list: Endpoint<Listed<unknown>> = { ...endpoint, answer: z.any() };

function health() {
  return createHealth(
    () => 0,
    (text) => text,
  );
}

function failing(thrown: unknown): PlaneClient {
  return {
    call: () => Promise.reject(thrown),
    capabilities: () => Promise.reject(thrown),
    // biome-ignore lint/correctness/useYield: a list that fails before its first page
    async *pages() {
      throw thrown;
    },
  };
}

describe("Plane's health", () => {
  it.each([
    ["no answer", new PlaneUnavailableError(about, "down"), false],
    ["a wrong key", new PlaneAuthError({ ...about, reason: "key" }, "403"), false],
    ["an answer nobody knows", new PlaneUnexpectedError(about, "HTML"), false],
    ["a store that fails", new Error("ECONNREFUSED"), false],
    [
      "nothing but 403, as for a mistyped workspace",
      new PlaneAuthError({ ...about, reason: "permission" }, "403"),
      false,
    ],
    ["a thing that is not there", new PlaneNotFoundError({ ...about, noRoute: false }, "404"), true],
    ["a thing that is there already", new PlaneConflictError({ ...about, id: undefined }, "409"), true],
    ["a refused field", new PlaneInvalidError({ ...about, fields: {} }, "400"), true],
    ["a used-up quota", new PlaneRateLimitedError({ ...about, retryAfter: 1 }, "429"), null],
  ])("after %s", async (_, thrown, ok) => {
    const kept = health();
    const client = watchPlane(failing(thrown), kept);
    await expect(client.call(endpoint)).rejects.toBe(thrown);
    expect(kept.of("plane").ok).toBe(ok);
  });

  it("stays good when one thing may not be done", async () => {
    const kept = health();
    kept.worked("plane");
    const client = watchPlane(failing(new PlaneAuthError({ ...about, reason: "permission" }, "403")), kept);
    await expect(client.call(endpoint)).rejects.toThrow("403");
    expect(kept.of("plane").ok).toBe(true);
  });

  it("is learned from each page of a list, and a list that is left early is ended", async () => {
    const kept = health();
    let ended = false;
    const client: PlaneClient = {
      ...failing(new Error("not asked")),
      async *pages() {
        try {
          for (;;) yield { data: { results: [], total_count: 0, next_cursor: "", next_page_results: true }, date: "" };
        } finally {
          ended = true;
        }
      },
    };
    for await (const page of watchPlane(client, kept).pages(list)) {
      expect(page.data.total_count).toBe(0);
      break;
    }
    expect([kept.of("plane").ok, ended]).toEqual([true, true]);
  });

  it("is bad after a page that failed", async () => {
    const kept = health();
    const pages = watchPlane(failing(new PlaneUnavailableError(about, "down")), kept).pages(list);
    await expect(pages[Symbol.asyncIterator]().next()).rejects.toThrow("down");
    expect(kept.of("plane")).toMatchObject({ ok: false, error: "down" });
  });
});

describe("Telegram's health", () => {
  function bot(outcome: Failure | { kind: "sent"; messageId: number }): Bot {
    const failure: Failure = outcome.kind === "sent" ? { kind: "unknown", reason: "not asked" } : outcome;
    return {
      me: async () => failure,
      send: async () => outcome,
      edit: async () => failure,
      answer: async () => failure,
      updates: async () => failure,
      webhook: async () => failure,
      setWebhook: async () => failure,
      commands: async () => failure,
      setCommands: async () => failure,
    };
  }

  it.each<[string, Parameters<typeof bot>[0], boolean | null]>([
    ["a message that was sent", { kind: "sent", messageId: 1 }, true],
    ["a message that is wrong in itself", { kind: "refused", reason: "400", lasting: true }, true],
    ["a token that is not valid", { kind: "refused", reason: "401", lasting: false }, false],
    ["no connection", { kind: "not_sent", reason: "ECONNREFUSED" }, false],
    ["no answer", { kind: "unknown", reason: "no answer" }, false],
    ["too many messages", { kind: "wait", ms: 1000 }, null],
  ])("after %s", async (_, outcome, ok) => {
    const kept = health();
    expect(await watchBot(bot(outcome), kept).send(1, { text: "x", entities: [] })).toEqual(outcome);
    expect(kept.of("telegram").ok).toBe(ok);
  });
});
