import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../shared/plane/errors.ts";

/** Whom Plane refused, and where provision keeps passwords. */
interface RefusedAccount {
  email: string;
  /** The instance's administrator, whose password is a setting. */
  isAdmin: boolean;
  notesFile: string;
}

const EMAIL_CODE_REASON = /MAGIC|LOGIN_DISABLED|EMAIL_PASSWORD_AUTHENTICATION_DISABLED|VERIFICATION|EMAIL_CODE/;
const WRONG_PASSWORD_REASON =
  /^(AUTHENTICATION_FAILED(_SIGN_IN|_SIGN_UP)?|ADMIN_AUTHENTICATION_FAILED|USER_ALREADY_EXIST)$/;

/** What a form of Plane's that was refused with this word means, and what to do. */
export function toFormError(reason: string, account: RefusedAccount): GroundcrewError {
  return new GroundcrewError(
    reason === "RATE_LIMIT_EXCEEDED" ? "rate_limited" : "forbidden",
    explainFormRefusal(reason, account),
  );
}

function explainFormRefusal(reason: string, { email, isAdmin, notesFile }: RefusedAccount): string {
  const manualHint = `make the account by hand and put its API key into PLANE_API_KEY_<AGENT>, or its password into ${notesFile}`;
  if (reason === "SIGNUP_DISABLED")
    return (
      `Plane does not let ${email} sign up: sign-up is switched off. Switch it on while provision runs (God mode, ` +
      `Authentication, "Allow anyone to sign up"; ENABLE_SIGNUP=1), or ${manualHint}; then run the same command again.`
    );
  if (reason === "PASSWORD_TOO_WEAK" || reason === "INVALID_PASSWORD" || reason === "INVALID_ADMIN_PASSWORD")
    return (
      `Plane finds the password of ${email} too weak. ` +
      (isAdmin
        ? "Give PLANE_ADMIN_PASSWORD 12 characters or more of several kinds, or leave it out and one is made."
        : `Put a stronger one into ${notesFile}, or take it out there and one is made.`)
    );
  if (EMAIL_CODE_REASON.test(reason)) return explainEmailCode(email, reason);
  if (reason === "INSTANCE_NOT_CONFIGURED")
    return "Plane says that nobody has set it up yet: run the same command again; if it stays so, set it up by hand (God mode).";
  if (reason === "ADMIN_USER_ALREADY_EXIST")
    return `Nobody has set this Plane up, and yet it has an account ${email}: set PLANE_ADMIN_EMAIL to another address, or set it up by hand (God mode).`;
  if (WRONG_PASSWORD_REASON.test(reason))
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
  return `Plane refused ${email} (${reason}). Look at its settings under God mode, Authentication; else ${manualHint}.`;
}

/** What a form that came back as a page means: Plane takes one only with its cookie and from its own address. */
export function toLostFormError(thrown: unknown, url: string): unknown {
  const isPage = thrown instanceof PlaneUnavailableError && thrown.status === 200;
  if (!isPage && !(thrown instanceof PlaneAuthError)) return thrown;
  return new GroundcrewError(
    "forbidden",
    `Plane did not take a form (${thrown.operation}), because its cookie or the page it came from was lost on the way: ` +
      `${url} must be the address at which people open Plane (its WEB_URL, with https if that has it), and what stands in ` +
      "front of it must let cookies and the Referer header through. Set PLANE_URL to that address.",
    { cause: thrown },
  );
}

/** Plane let this account in, and then did not know it. */
export function createLostSessionError(email: string, url: string): GroundcrewError {
  return new GroundcrewError(
    "forbidden",
    `Plane let ${email} in and did not know it at the next request: its session cookie does not come back, or something in front of ${url} answers in its place. Set PLANE_URL to the address at which people open Plane.`,
  );
}

/** Accounts cannot be made or used by a program when Plane wants a code from an e-mail. */
export function explainEmailCode(email: string, reason: string): string {
  return (
    `Plane wants ${email} to prove the address by e-mail (${reason}), which no program can do. Switch passwords on (God ` +
    "mode, Authentication, Password based login) while provision runs, or make accounts and API keys by hand and put " +
    "them into PLANE_API_KEY and PLANE_API_KEY_<AGENT>."
  );
}

const OWN_HOST_MESSAGE = /domain or its subdomain/i;

/** Why Plane, at its own address, did not take the webhook's; `words` are its own. */
export function toWebhookError(
  planeMessage: string,
  { target, plane, canAllow }: { target: string; plane: string; canAllow: boolean },
): GroundcrewError {
  const { hostname } = new URL(target);
  const isAddress = /^[\d.]+$|:/.test(hostname);
  // Where it is Plane's own address, too, allowing it as an address is not enough.
  const isOwn = hostname === new URL(plane).hostname || OWN_HOST_MESSAGE.test(planeMessage);
  const variable = isAddress && !isOwn ? "WEBHOOK_ALLOWED_IPS" : "WEBHOOK_ALLOWED_HOSTS";
  const value = hostname.replace(/^\[|\]$/g, "");
  const pollingHint = "Until then changes are found by polling.";
  const allowHint = canAllow
    ? `Set ${variable}=${value} in the environment of Plane's api and worker, start them again, and run the same command; or set PLANE_WEBHOOK_TARGET to another address of Groundcrew.`
    : "This version of Plane has no variable to allow it (v1.3.1 has): set PLANE_WEBHOOK_TARGET to another address of Groundcrew.";
  const { why: reason, todo = allowHint } = explainWebhookRefusal(planeMessage, hostname, { isAddress, canAllow });
  return new GroundcrewError(
    "forbidden",
    `Plane refuses the webhook's address ${target}: ${reason} ("${planeMessage}"). ${todo} ${pollingHint}`,
  );
}

/** Plane looks at the form of the name before anything else: one without a dot no variable allows. */
function explainWebhookRefusal(
  planeMessage: string,
  hostname: string,
  { isAddress, canAllow }: { isAddress: boolean; canAllow: boolean },
): { why: string; todo?: string } {
  if (OWN_HOST_MESSAGE.test(planeMessage)) return { why: "it is on Plane's own host or below it" };
  if (!isAddress && !hostname.includes(".") && hostname !== "localhost")
    return {
      why: "its host's name has no dot",
      todo:
        `Give Groundcrew a name with one where Plane looks it up (in Docker a network alias such as ${hostname}.internal) and ` +
        `set PLANE_WEBHOOK_TARGET to that${canAllow ? `, and WEBHOOK_ALLOWED_HOSTS=${hostname}.internal in the environment of Plane's api and worker.` : "."}`,
    };
  if (/could not be resolved|No IP addresses/i.test(planeMessage))
    return {
      why: `the name ${hostname} is not known where Plane runs`,
      todo: "Make it known there, or set PLANE_WEBHOOK_TARGET to an address that is.",
    };
  return {
    why: `it is a private address, or leads to one${isAddress ? "" : ", or its name is not known where Plane runs"}`,
  };
}

/** What a failed step says. */
export function explainFailure(thrown: unknown): string {
  if (thrown instanceof PlaneRateLimitedError)
    return (
      `Plane's rate limit is reached: it asks to wait ${Math.ceil(thrown.retryAfter / 1000)} s. Run the same command ` +
      "again then, or raise API_KEY_RATE_LIMIT in Plane's environment; what is done stays done."
    );
  if (thrown instanceof PlaneUnavailableError)
    return `${thrown.message} Run the same command again: what is done stays done.`;
  if (thrown instanceof PlaneAuthError && thrown.reason === "permission")
    return `${thrown.message} PLANE_ADMIN_EMAIL must be an admin of the workspace, and the Concierge one of its project.`;
  return getErrorMessage(thrown);
}
