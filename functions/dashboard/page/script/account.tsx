/** The open sessions of who is signed in, for an admin of all, and how they are ended. */

import type { SignInsAnswer } from "../../answers.ts";
import { fetchAnswer, fillPath, sendJson } from "./api.ts";
import { Button, drawPart, Moment } from "./elements.tsx";
import { getElement } from "./find-elements.ts";
import { translate } from "./language.ts";
import { refreshParts } from "./updates.tsx";
import { loadViewer } from "./viewer.ts";
import { getView } from "./views.ts";

/** Loads the sessions while their list is open. */
export async function loadSignIns(): Promise<void> {
  await loadViewer();
  if (getView() !== "settings" || !getElement("sign-ins").open) return;
  const { sign_ins } = await fetchAnswer("/api/sign-ins");
  drawPart("sign-ins-view", <SignIns sessions={sign_ins} />);
}

function SignIns({ sessions }: { sessions: SignInsAnswer["sign_ins"] }) {
  return (
    <>
      {sessions.length === 0 && <p class="muted">{translate("account.none")}</p>}
      <ul>
        {sessions.map(({ id, name, browser, address, used_at, current }) => (
          <li key={id} class="line" data-key={id}>
            <b>
              <bdi>{name}</bdi>
            </b>
            <span class="muted">
              {browser} · {address} · {translate("account.used")} <Moment at={used_at} />
            </span>
            {current ? (
              <span>{translate("account.this")}</span>
            ) : (
              <Button class="quiet" onPress={() => end(id)} subject={`${name}, ${browser}`}>
                {translate("account.end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <Button class="quiet" onPress={endOthers}>
          {translate("account.end_others")}
        </Button>
      )}
    </>
  );
}

async function end(id: string): Promise<void> {
  await sendJson(fillPath("/api/sign-ins/:id", { id }), undefined, "DELETE");
  await loadSignIns();
}

async function endOthers(): Promise<void> {
  await sendJson("/api/sign-ins", undefined, "DELETE");
  await loadSignIns();
}

// The refresh shows why the list cannot be loaded; a toggle also happens before anybody has signed in.
getElement("sign-ins").addEventListener("toggle", () => refreshParts(["sign-ins"]));
