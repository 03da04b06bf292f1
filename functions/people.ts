/** The list of people for operators: who may answer and sign in, and whom only one of the lists names. */

import { Hono } from "hono";
import type { Deps, Route } from "../shared/app/deps.ts";
import { answerCleanJson } from "../shared/http/request.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { findUnnamedUsers, readLastSignIns, readPeople } from "../shared/people/directory.ts";
import type { ProjectRecord } from "../shared/records/plane-records.ts";
import { observedKeys } from "../shared/records/store-keys.ts";
import { refreshPeople } from "../shared/sync/projects.ts";

/**
 * All people with their role in Plane's workspace (absent: they are not in it), Telegram number, projects and last
 * sign-in, as Plane lists them now; `unnamed` are numbers that may give commands without a name.
 */
export const peopleRoute: Route = { path: "/api/people", access: "page", app };

function app(deps: Deps): Hono {
  const { store, settings } = deps;
  return new Hono().get("/", async (c) => {
    await refreshPeople(deps);
    const people = await readPeople(deps);
    const signIns = await readLastSignIns(deps, people);
    const ids = [...new Set(people.flatMap(({ projects }) => projects))];
    const rows = await store.read<ProjectRecord>(ids.map(observedKeys.project));
    const identifiers = new Map(ids.map((id, i) => [id, rows[i]?.value.identifier ?? id]));
    const answer = people.map(({ name, email, role, telegram, language, projects }, i) =>
      omitUndefined({
        ...{ name, email, role, telegram, language },
        projects: projects.map((id) => identifiers.get(id) ?? id).sort(),
        last_sign_in: signIns[i] === undefined ? undefined : new Date(signIns[i]).toISOString(),
      }),
    );
    return answerCleanJson(c, { people: answer, unnamed: findUnnamedUsers(settings) });
  });
}
