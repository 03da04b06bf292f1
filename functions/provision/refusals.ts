import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../shared/plane/errors.ts";

/** Whom Plane refused, and where provision keeps passwords. */
interface Refused {
  email: string;
  /** The instance's administrator, whose password is a setting. */
  isAdmin: boolean;
  notesFile: string;
}

const BY_CODE = /MAGIC|LOGIN_DISABLED|EMAIL_PASSWORD_AUTHENTICATION_DISABLED|VERIFICATION|EMAIL_CODE/;
const WRONG =
  /^(AUTHENTICATION_FAILED_SIGN_IN|ADMIN_AUTHENTICATION_FAILED|USER_ALREADY_EXIST|ADMIN_USER_ALREADY_EXIST)$/;

/** What a form of Plane's that was refused with this word means, and what to do. */
export function formRefusal(reason: string, refused: Refused): GroundcrewError {
  return new GroundcrewError(reason === "RATE_LIMIT_EXCEEDED" ? "rate_limited" : "forbidden", said(reason, refused));
}

function said(reason: string, { email, isAdmin, notesFile }: Refused): string {
  const byHand = `make the account by hand and put its API key into PLANE_API_KEY_<AGENT>, or its password into ${notesFile}`;
  if (reason === "SIGNUP_DISABLED")
    return (
      `Plane does not let ${email} sign up: sign-up is switched off. Switch it on while provision runs (God mode, ` +
      `Authentication, "Allow anyone to sign up"; ENABLE_SIGNUP=1), or ${byHand}; then run the same command again.`
    );
  if (reason === "PASSWORD_TOO_WEAK" || reason === "INVALID_PASSWORD" || reason === "INVALID_ADMIN_PASSWORD")
    return (
      `Plane finds the password of ${email} too weak. ` +
      (isAdmin
        ? "Give PLANE_ADMIN_PASSWORD 12 characters or more of several kinds, or leave it out and one is made."
        : `Put a stronger one into ${notesFile}, or take it out there and one is made.`)
    );
  if (BY_CODE.test(reason)) return byCode(email, reason);
  if (WRONG.test(reason))
    return isAdmin
      ? `Plane does not take the password of ${email}: set PLANE_ADMIN_PASSWORD to the one this account has in Plane.`
      : `Plane has an account ${email} already, and its password is not the one known here. Put the right one into ` +
          `${notesFile} (accounts), or its API key into PLANE_API_KEY_<AGENT>, or give the agent another address.`;
  if (reason === "USER_DOES_NOT_EXIST" || reason === "ADMIN_USER_DOES_NOT_EXIST")
    return isAdmin
      ? `Plane knows no account ${email}: set PLANE_ADMIN_EMAIL to the address of an admin of the workspace.`
      : `Plane knows no account ${email} any more: take it out of ${notesFile}, and it is made anew.`;
  if (/DEACTIVATED/.test(reason))
    return `Plane has deactivated the account ${email}: activate it again, or use another.`;
  if (/INVALID_(ADMIN_)?EMAIL/.test(reason))
    return `Plane does not take ${email} as an e-mail address: choose another.`;
  if (reason === "RATE_LIMIT_EXCEEDED")
    return "Plane allows no more sign-ins for now: run the same command again in a few minutes; what is done stays done.";
  return `Plane refused ${email} (${reason}). Look at its settings under God mode, Authentication; else ${byHand}.`;
}

/** Accounts cannot be made or used by a program when Plane wants a code from an e-mail. */
export function byCode(email: string, reason: string): string {
  return (
    `Plane wants ${email} to prove the address by e-mail (${reason}), which no program can do. Switch passwords on (God ` +
    "mode, Authentication, Password based login) while provision runs, or make accounts and API keys by hand and put " +
    "them into PLANE_API_KEY and PLANE_API_KEY_<AGENT>."
  );
}

/** Why Plane did not take the webhook's address; `words` are its own. */
export function webhookRefusal(words: string, target: string, isOld: boolean): GroundcrewError {
  const { hostname } = new URL(target);
  const isAddress = /^[\d.]+$|:/.test(hostname);
  const variable = isAddress
    ? `WEBHOOK_ALLOWED_IPS=${hostname.replace(/^\[|\]$/g, "")}`
    : `WEBHOOK_ALLOWED_HOSTS=${hostname}`;
  const meanwhile = "Until then changes are found by polling.";
  const own = /domain or its subdomain/i.test(words);
  const why = own
    ? "it is on Plane's own host or below it"
    : !isAddress && !hostname.includes(".")
      ? "its host's name has no dot"
      : "it is a private address, or leads to one";
  const todo = isOld
    ? "This version of Plane has no variable to allow it (v1.3.1 has): set PLANE_WEBHOOK_TARGET to another address of Groundcrew."
    : `Set ${variable} in the environment of Plane's api and worker, start them again, and run the same command; or set PLANE_WEBHOOK_TARGET to another address of Groundcrew.`;
  return new GroundcrewError(
    "forbidden",
    `Plane refuses the webhook's address ${target}: ${why} ("${words}"). ${todo} ${meanwhile}`,
  );
}

/** What a failed step says. */
export function explained(thrown: unknown): string {
  if (thrown instanceof PlaneRateLimitedError)
    return (
      `Plane's rate limit is reached: it asks to wait ${Math.ceil(thrown.retryAfter / 1000)} s. Run the same command ` +
      "again then, or raise API_KEY_RATE_LIMIT in Plane's environment; what is done stays done."
    );
  if (thrown instanceof PlaneUnavailableError)
    return `${thrown.message} Run the same command again: what is done stays done.`;
  if (thrown instanceof PlaneAuthError && thrown.reason === "permission")
    return `${thrown.message} PLANE_ADMIN_EMAIL must be an admin of the workspace, and the Concierge one of its project.`;
  return messageOf(thrown);
}
