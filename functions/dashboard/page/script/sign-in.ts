/** Signing in: the form, and why it is refused. */

import { forgetToken } from "./administration.tsx";
import { ANSWER_TIMEOUT_MS, getProblemCode, getProblemText, getServerText, onSignInNeeded, sendJson } from "./api.ts";
import { findElements, focusFirstVisible, getElement } from "./find-elements.ts";
import { translate } from "./language.ts";
import { startUpdates, stopUpdates } from "./updates.tsx";

/** Time of the last sign-in. */
let signedInAt = 0;

/** Shows the form when a request needs a session. */
export function setUpSignInForm(): void {
  onSignInNeeded(showSignIn);
  getElement("sign-in").addEventListener("submit", signIn);
}

function showSignIn(): void {
  // Signed out again right after a sign-in: over HTTP, browsers reject the cookie, which is marked Secure.
  if (Date.now() - signedInAt < ANSWER_TIMEOUT_MS) showSignInProblem(translate("sign.cookie"));
  signedInAt = 0;
  stopUpdates();
  forgetToken();
  getElement("sign-in").hidden = false;
  getElement("lost").hidden = true;
  document.body.classList.add("signed-out");
  getElement("token").focus();
}

function showSignInProblem(text: string): void {
  getElement("sign-in-problem").textContent = text;
}

/**
 * Takes the secret of a one-time link out of the address, so that neither the history nor a copied address has it;
 * undefined when the page was not opened by a link.
 */
export function takeLinkSecret(): string | undefined {
  const secret = location.hash.slice(1);
  if (location.pathname !== "/sign-in" || secret === "") return undefined;
  history.replaceState(null, "", "/inbox");
  return secret;
}

/** Signs in with the secret of a link; the form appears when that is refused. */
export async function signInByLink(secret: string): Promise<void> {
  try {
    await openSession(secret);
  } catch (thrown) {
    showSignIn();
    const isUsed = getProblemCode(thrown) === "unauthorized";
    showSignInProblem(isUsed ? translate("sign.link") : getProblemText(thrown));
  }
}

async function signIn(event: Event): Promise<void> {
  event.preventDefault();
  showSignInProblem("");
  try {
    await openSession(getElement("token").value);
  } catch (thrown) {
    showSignInProblem(explainRefusal(thrown));
    getElement("token").select();
  }
}

async function openSession(token: string): Promise<void> {
  await sendJson("/api/session", { token });
  getElement("token").value = "";
  signedInAt = Date.now();
  getElement("sign-in").hidden = true;
  document.body.classList.remove("signed-out");
  focusFirstVisible(...findElements(document, "main > section"));
  startUpdates();
}

function explainRefusal(thrown: unknown): string {
  const code = getProblemCode(thrown);
  if (getServerText(thrown)) return getProblemText(thrown);
  if (code === "unauthorized" || code === "bad_request") return translate("sign.wrong");
  return code === "rate_limited" ? translate("sign.often") : getProblemText(thrown);
}
