import { describe, expect, test } from "vitest";
import { type DesiredSession, planActions } from "../../../runtime/runner/plan-actions.ts";
import { NO_DETAILS, type SessionRecord } from "../../../runtime/runner/session-folder.ts";
import type { Pane } from "../../../runtime/runner/tmux.ts";

const SESSION_ID = "11111111-2222-4333-8444-000000000001";
const NOW = Date.parse("2026-11-21T08:00:10.000Z");

const DESIRED: DesiredSession = {
  ...{ ticket: "ONB-1", run: 1, session_id: SESSION_ID, resume: false, project: "ONB", ticket_file: "", token: "t" },
  ...{ minutes: 30, inputs: [], watched: false },
};
const RECORD: SessionRecord = {
  ...{ ticket: "ONB-1", run: 1, session_id: SESSION_ID, project: "ONB", repository: "/r", worktree: "/w" },
  ...{ branch: "groundcrew/onb-1", main: "main", phase: "launched", started_at: "2026-11-21T08:00:00.000Z" },
  ...{ attempts: 1, hooks: [], applied: [], is_reported: false, is_acknowledged: false, details: NO_DETAILS },
};
const ENDED = { ...RECORD, phase: "ended", ended_at: "2026-11-21T08:00:05.000Z" } as const;
const PANE: Pane = {
  ...{ ticket: "ONB-1", isDead: false, lastOutputAt: NOW, run: 1, sessionId: SESSION_ID, applied: [] },
};

function plan(state: {
  desired?: DesiredSession[];
  stop?: { ticket: string; run: number; how: "kindly" | "now"; reason: string }[];
  test?: { ticket: string; run: number; id: string }[];
  records?: SessionRecord[];
  panes?: Pane[];
  now?: number;
}) {
  const { desired = [], stop = [], test = [], records = [], panes = [], now = NOW } = state;
  const answer = { revision: "1", server_time: "", sessions: desired, stop, test, remove: [] };
  return planActions({ answer, records, panes, now }).map(({ kind }) => kind);
}

describe("The plan of a runner", () => {
  test("starts a session that it does not have", () => expect(plan({ desired: [DESIRED] })).toEqual(["start"]));

  test("runs the tests of a session that runs or has ended, once for each wish", () => {
    const test = [{ ticket: "ONB-1", run: 1, id: "wish" }];
    const records = [{ ...RECORD, phase: "ended" as const }];
    expect(plan({ test, records })).toEqual(["test"]);
    expect(plan({ test, records: [{ ...RECORD, tests: { id: "earlier" } }], panes: [PANE] })).toEqual(["test"]);
    expect(plan({ test, records: [{ ...RECORD, tests: { id: "wish" } }], panes: [PANE] })).toEqual([]);
    expect(plan({ test: [{ ticket: "ONB-1", run: 2, id: "wish" }], records })).toEqual([]);
  });

  test("continues a start that was interrupted", () => {
    for (const phase of ["preparing", "launching"] as const)
      expect(plan({ desired: [DESIRED], records: [{ ...RECORD, phase }] })).toEqual(["start"]);
  });

  test("starts nothing that runs", () =>
    expect(plan({ desired: [DESIRED], records: [RECORD], panes: [PANE] })).toEqual(["send"]));

  test("takes over a session without a record only if it is the same run", () => {
    expect(plan({ desired: [DESIRED], panes: [PANE] })).toEqual(["adopt"]);
    expect(plan({ desired: [{ ...DESIRED, run: 2 }], panes: [PANE] })).toEqual(["end_orphan"]);
  });

  test("does not start an ended session before Groundcrew knows its end", () => {
    expect(plan({ desired: [DESIRED], records: [ENDED] })).toEqual([]);
    expect(plan({ desired: [DESIRED], records: [{ ...ENDED, is_reported: true }] })).toEqual(["start"]);
  });

  test("does not start an ended session within two seconds", () =>
    expect(plan({ desired: [DESIRED], records: [{ ...ENDED, is_reported: true }], now: NOW - 4_000 })).toEqual([]));

  test("ends an earlier run before it starts a later one, and ignores an earlier one", () => {
    const later = { ...DESIRED, run: 2 };
    expect(plan({ desired: [later], records: [RECORD], panes: [PANE] })).toEqual(["stop"]);
    expect(plan({ desired: [later], records: [ENDED], panes: [PANE] })).toEqual(["end_orphan"]);
    expect(plan({ desired: [later], records: [ENDED] })).toEqual(["start"]);
    expect(plan({ desired: [DESIRED], records: [{ ...ENDED, run: 2 }] })).toEqual([]);
  });

  test("leaves alone what Groundcrew does not name, and ends what is left of an ended session", () => {
    for (const phase of ["preparing", "launching", "launched"] as const)
      expect(plan({ records: [{ ...RECORD, phase }], panes: [PANE] })).toEqual([]);
    expect(plan({ panes: [PANE] })).toEqual([]);
    expect(plan({ records: [ENDED], panes: [PANE] })).toEqual(["end_orphan"]);
  });

  test("starts another session of the same or an earlier run when the end of the last one is acknowledged", () => {
    const desired = [{ ...DESIRED, session_id: "11111111-2222-4333-8444-000000000002" }];
    for (const run of [1, 3]) {
      expect(plan({ desired, records: [{ ...ENDED, run, is_acknowledged: true }] })).toEqual(["start"]);
      expect(plan({ desired, records: [{ ...ENDED, run }] })).toEqual([]);
    }
  });

  test("acknowledges ends", () => {
    const stop = [{ ticket: "ONB-1", run: 1, how: "now" as const, reason: "over" }];
    expect(plan({ stop, records: [{ ...ENDED, is_reported: true }] })).toEqual(["acknowledge"]);
    expect(plan({ stop, records: [ENDED] })).toEqual([]);
    expect(plan({ panes: [{ ...PANE, ticket: "mine" }] })).toEqual([]);
  });
});
