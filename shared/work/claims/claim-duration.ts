import { DEFAULT_CLAIM_MINUTES, type FileSettings } from "../../config/settings-file.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { KeptClaim } from "./find-claim.ts";

/** Timeout for a claim that no call of its agent renews: `claim_minutes` of the settings file. */
export function getClaimDuration({ claim_minutes }: Pick<FileSettings, "claim_minutes">): Ms {
  return claim_minutes * MINUTE;
}

/**
 * The whole minutes between a claim's last renewal and its end. Under other settings this may differ from
 * `claim_minutes`. Claims stored before the setting existed have no time of renewal; they lasted 15 minutes.
 */
export function getIdleMinutes({ renewed, until }: Pick<KeptClaim, "renewed" | "until">): number {
  return renewed === undefined ? DEFAULT_CLAIM_MINUTES : Math.round((until - renewed) / MINUTE);
}
