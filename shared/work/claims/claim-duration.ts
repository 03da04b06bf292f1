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
export function getIdleMinutes(claim: Pick<KeptClaim, "renewed" | "until">): number {
  return Math.round(getRenewedDuration(claim) / MINUTE);
}

/**
 * Time left until the end of a claim, negative after it. At most the time between its last renewal and its end: the
 * stored end is further away only when the store's clock was set back, which must not lengthen the claim.
 */
export function getTimeLeft(claim: Pick<KeptClaim, "renewed" | "until">, now: Ms): Ms {
  return Math.min(claim.until - now, getRenewedDuration(claim));
}

/** Whether the store's clock was set back since the claim was last renewed, so that its stored end is too late. */
export function isRenewedInFuture(claim: Pick<KeptClaim, "renewed" | "until">, now: Ms): boolean {
  return claim.until - now > getRenewedDuration(claim);
}

function getRenewedDuration({ renewed, until }: Pick<KeptClaim, "renewed" | "until">): Ms {
  return renewed === undefined ? DEFAULT_CLAIM_MINUTES * MINUTE : until - renewed;
}
