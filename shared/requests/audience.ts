/**
 * Whom a request concerns: first the person who asked for what it is about, then the people of its project, then
 * everybody in the chat. Messages name them in this order, and `mine` lists what waits for one person.
 */

import type { Settings } from "../config/settings.ts";
import { keepDefined } from "../omit-undefined.ts";
import { type Person, readPeople } from "../people/directory.ts";
import { observedKeys } from "../records/store-keys.ts";
import type { Store } from "../store/port.ts";
import type { RequestRecord } from "../task/request.ts";
import type { ItemRecord } from "../task/snapshot.ts";

type AudienceDeps = { store: Pick<Store, "read">; settings: Pick<Settings, "people" | "agents"> };

/**
 * Creates the lookup of the people whom a request concerns, in circles that grow: the requester, then the project's
 * people. Empty where it concerns everybody. Only who may answer counts: members and admins.
 */
export async function createAudienceLookup(
  deps: AudienceDeps,
): Promise<(request: RequestRecord) => Promise<Person[][]>> {
  const people = (await readPeople(deps)).filter(({ role }) => role !== undefined && role !== "guest");
  return async ({ subject }) => {
    const [item] =
      subject.item === undefined ? [] : await deps.store.read<ItemRecord>([observedKeys.item(subject.item)]);
    const project = item?.value.snapshot.project ?? subject.project;
    // What Groundcrew created for somebody has its own account as the author.
    const author = item?.value.snapshot.ours ? null : item?.value.snapshot.createdBy;
    const requester =
      people.find(({ telegram }) => telegram !== undefined && telegram === subject.message?.user) ??
      people.find(({ id }) => id !== undefined && id === author);
    const members = project === undefined ? [] : people.filter(({ projects }) => projects.includes(project));
    return [keepDefined([requester]), members].filter((circle) => circle.length > 0);
  };
}

/** Whether a request waits for this person, by Plane's id; one that concerns nobody in particular waits for everybody. */
export function concernsPerson([first]: readonly Person[][], person: string | undefined): boolean {
  return first === undefined || person === undefined || first.some(({ id }) => id === person);
}
