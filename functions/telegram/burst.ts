import type { Body, EventKind } from "../../shared/task/events.ts";

/** More notices than this are told as counts. */
export const LINES = 10;
/** So many of a group are named in a summary. */
const NAMED = 10;

/** Notices of one kind in one project (projects themselves: of one kind). */
export interface Group {
  kind: EventKind;
  project: { identifier: string; name: string; url: string };
  count: number;
  /** The first few, by key or name. */
  named: { name: string; url: string }[];
}

/** What one message has to tell. Its size does not grow with the number of notices. */
export interface Told {
  count: number;
  /** All of them in order, until there are more than `LINES`; then none. */
  notices: Body[];
  groups: Group[];
}

export const NOTHING: Told = { count: 0, notices: [], groups: [] };

export function withNotice(told: Told, notice: Body): Told {
  const count = told.count + 1;
  return {
    count,
    notices: count > LINES ? [] : [...told.notices, notice],
    groups: regrouped(told.groups, notice),
  };
}

function regrouped(groups: Group[], { event, facts }: Body): Group[] {
  const { kind } = event;
  const { identifier, name, url } = facts.project;
  const ofProjects = kind === "project_created" || kind === "project_completed";
  const subject = ofProjects
    ? { name, url }
    : { name: facts.item?.key ?? facts.cycle?.name ?? name, url: facts.item?.url ?? url };
  const index = groups.findIndex(
    (group) => group.kind === kind && (ofProjects || group.project.identifier === identifier),
  );
  const group = groups[index];
  if (!group) return [...groups, { kind, project: { identifier, name, url }, count: 1, named: [subject] }];
  const known = group.named.length >= NAMED || group.named.some((other) => other.name === subject.name);
  const grown = { ...group, count: group.count + 1, named: known ? group.named : [...group.named, subject] };
  return groups.with(index, grown);
}
