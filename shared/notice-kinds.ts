/**
 * The kinds of operational notices: what is broken in Groundcrew, in what it needs or in what it watches. Their words
 * are in the texts of each language; docs/operations.md has a table of them.
 */

import { MINUTE, type Ms, SECOND } from "./time.ts";

/** What a notice can be about. */
export type NoticeKind = keyof typeof NOTICE_KINDS;

interface NoticeKindRules {
  /** For operators: what begins the notice, and how fast it is noticed. */
  observed: string;
  /** How long it must last before people are told; 0: at once. */
  after: Ms;
  /**
   * The store itself is broken: the notice is kept in the process's memory and in a small file beside the store, and
   * is sent to Telegram without the outbox.
   */
  isLocal?: true;
  /** It needs nobody at once, so the message makes no sound. */
  isSilent?: true;
}

/** Two failed checks of a tick that runs every 15 s: what ends by itself within seconds is no notice. */
const TWO_CHECKS: Ms = 15 * SECOND;

export const NOTICE_KINDS = {
  plane_refused: {
    observed: "Plane answers 401 or 403 to Groundcrew's key in two checks, 15 s apart",
    after: TWO_CHECKS,
  },
  plane_unreachable: { observed: "Plane gives no usable answer for 2 minutes", after: 2 * MINUTE },
  polls_failing: {
    observed: "Plane answers a poll, but refuses the list of projects, or all lists of tasks",
    after: 0,
  },
  plane_list_wrong: {
    observed:
      "Plane shows a task that its list lacks, refuses the list of one project, or has not confirmed yet that most of it is gone",
    after: 0,
  },
  plane_untested: { observed: "Plane reports a version that Groundcrew is not tested with", after: 0, isSilent: true },
  agent_key_refused: { observed: "Plane answers 401 to the key of an agent", after: 0 },
  token_shared: {
    observed: "calls with the bridge token of an agent come from two addresses within an hour, every minute",
    after: 0,
  },
  token_pace: {
    observed: "an agent makes 200 calls in an hour, and five times as many as in its busiest one, every minute",
    after: 0,
  },
  webhook_off: { observed: "an edit of the canary produces no webhook within a minute", after: 0 },
  store_unreachable: { observed: "the store does not answer a probe, every 15 s", after: TWO_CHECKS, isLocal: true },
  store_damaged: {
    observed: "a call finds damaged data, or the check at the start and once a day does",
    after: 0,
    isLocal: true,
  },
  store_full: { observed: "the disk or Redis' memory takes no write, every 15 s", after: TWO_CHECKS, isLocal: true },
  store_read_only: { observed: "the store refuses writes, every 15 s", after: TWO_CHECKS, isLocal: true },
  store_lost: { observed: "the store's file was moved or deleted, every 15 s", after: 0, isLocal: true },
  store_emptied: { observed: "the store's own mark is gone", after: 0 },
  space_low: { observed: "less than 1 GiB of disk, or of Redis' memory 10 %, is left", after: MINUTE },
  backup_old: { observed: "the newest backup in `BACKUP_FOLDER` is older than 26 hours", after: 0 },
  backup_incomplete: { observed: "the newest backup lacks the store or the database", after: 0 },
  restore_failed: {
    observed: "the weekly test of a restore failed, or was not made for 9 days",
    after: 0,
  },
  backup_not_copied: { observed: "`BACKUP_AFTER` has copied no backup for 26 hours", after: 0 },
  runner_away: { observed: "a ticket waits and no runner has called for 2 minutes", after: 2 * MINUTE },
  gateway_away: { observed: "OpenClaw takes no wake of an agent for 2 minutes", after: 2 * MINUTE },
  clock_wrong: { observed: "the clock differs from Plane's by more than 2 minutes, every 10 minutes", after: 0 },
  settings_refused: { observed: "the changed secrets or settings are invalid", after: 0 },
  schedules_paused: { observed: "recurring work cannot be created, as its occurrence shows", after: 0, isSilent: true },
  names_deleted: {
    observed: "a state or label that has a meaning was deleted in Plane, every hour",
    after: MINUTE,
    isSilent: true,
  },
  alert: { observed: "Alertmanager reports it to `POST /api/alerts`", after: 0 },
} satisfies Record<string, NoticeKindRules>;

export function getNoticeRules(kind: NoticeKind): NoticeKindRules {
  return NOTICE_KINDS[kind];
}
