import { forgetToken } from "./agents.js";
import {
  ANSWER_TIMEOUT_MS,
  fetchJson,
  getProblemCode,
  getProblemText,
  getServerText,
  onSignInNeeded,
  sendJson,
} from "./api.js";
import { findElements, focusFirstVisible, getElement } from "./dom.js";
import { translate } from "./language.js";
import { disconnect, handleConnectionLoss, startUpdates } from "./live.js";

/** @type {number | undefined} */
let signedInAt;

function showSignIn() {
  // Signed out again right after a sign-in: over HTTP, browsers reject the cookie, which is marked Secure.
  if (signedInAt && Date.now() - signedInAt < ANSWER_TIMEOUT_MS) showSignInProblem(translate("sign.cookie"));
  signedInAt = undefined;
  disconnect();
  forgetToken();
  getElement("sign-in").hidden = false;
  getElement("lost").hidden = true;
  document.body.classList.add("signed-out");
  getElement("token").focus();
}

/** @param {Event} event */
async function signIn(event) {
  event.preventDefault();
  showSignInProblem("");
  try {
    await sendJson("/api/session", { token: getElement("token").value });
    getElement("token").value = "";
    signedInAt = Date.now();
    getElement("sign-in").hidden = true;
    document.body.classList.remove("signed-out");
    focusFirstVisible(...findElements(document, "main > section"));
    startUpdates();
  } catch (thrown) {
    showSignInProblem(explainSignInRefusal(thrown));
    getElement("token").select();
  }
}

/** @param {unknown} thrown */
function explainSignInRefusal(thrown) {
  const code = getProblemCode(thrown);
  const text = getServerText(thrown);
  if (text) return text;
  if (code === "unauthorized" || code === "bad_request") return translate("sign.wrong");
  return code === "rate_limited" ? translate("sign.often") : getProblemText(thrown);
}

/** @param {string} text */
function showSignInProblem(text) {
  getElement("sign-in-problem").textContent = text;
}

function signOut() {
  fetchJson("/api/session", { method: "DELETE" }).then(() => location.reload(), handleConnectionLoss);
}

onSignInNeeded(showSignIn);
getElement("sign-in").addEventListener("submit", signIn);
getElement("sign-out").addEventListener("click", signOut);
