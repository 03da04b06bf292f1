import { commentOf, commentsOn, createComment, deleteComment, editComment } from "./comments.ts";
import { createCycle, cycleOf, editCycle } from "./cycles.ts";
import type { Plane } from "./handle.ts";
import { beginEdit, createItem, deleteItem, type ItemWrite, itemOf, itemsOf, setArchived } from "./items.ts";
import { createLink } from "./links.ts";
import { putInto } from "./memberships.ts";
import { createModule } from "./modules.ts";
import { addMember, createToken, createUser, createWorkspace, membersOf, tokenBySecret, userOf } from "./people.ts";
import { addProjectMember, createProject, deleteProject, editProject, projectMemberOf, projectOf } from "./projects.ts";
import { relate, relationsOf, unrelate } from "./relations.ts";
import type { ItemRow, WorkspaceRow } from "./rows.ts";
import { createLabel, createState, labelsOf, statesOf } from "./states.ts";
import { isTimeZone } from "./time.ts";
import type { Doing, Id, Item, ItemPatch, Ref, Via } from "./types.ts";
import { createWebhook } from "./webhooks.ts";
import { touch, type World } from "./world.ts";

/** What a test may do without HTTP. */
export type BackDoor = Omit<
  Plane,
  | ("url" | "version" | "start" | "stop" | "down" | "up" | "tick" | "settle" | "deliver")
  | ("deliveries" | "ledger" | "faults" | "workspace")
>;

const idOf = (ref: Ref): Id => (typeof ref === "string" ? ref : ref.id);
const copyOf = (row: ItemRow): Item => ({ ...row, assignees: [...row.assignees], labels: [...row.labels] });

export function firstWorkspace(world: World): WorkspaceRow {
  const [first] = world.data.workspaces.values();
  if (!first) throw new Error("This Plane has no workspace yet.");
  return first;
}

export function createBackDoor(world: World): BackDoor {
  const { data } = world;
  const workspace = () => firstWorkspace(world);
  const firstSlug = () => [...data.workspaces.values()][0]?.slug ?? "example";
  const somebody = (): Id => {
    const human = [...data.users.values()].find((user) => !user.is_bot);
    if (!human) throw new Error("Add a user first: somebody must have done it.");
    return human.id;
  };
  const by = (doing: Doing = {}): Id => (doing.by === undefined ? somebody() : idOf(doing.by));
  const author = (doing: Doing = {}): { actor: Id; via: Via } => ({ actor: by(doing), via: doing.via ?? "browser" });

  /** Checks loudly what Plane would drop silently: a test that assigns a stranger is wrong. */
  function writeOf(project: Id, patch: ItemPatch): ItemWrite {
    const { state, assignees, labels, parent, ...rest } = patch;
    const write: ItemWrite = { ...rest };
    if (state !== undefined) write.state = namedIn(statesOf(world, project), state, "state");
    if (labels) write.labels = labels.map((label) => namedIn(labelsOf(world, project), idOf(label), "label"));
    if (parent !== undefined) write.parent = parent === null ? null : idOf(parent);
    if (assignees) write.assignees = assignees.map((user) => memberId(project, idOf(user)));
    return write;
  }
  const memberId = (project: Id, user: Id): Id => {
    if (!projectMemberOf(world, project, user)) throw new Error(`User ${user} is no member of project ${project}.`);
    return user;
  };

  const door: BackDoor = {
    addWorkspace({ slug, name = slug, owner }) {
      return createWorkspace(world, { slug, name }, owner === undefined ? undefined : userOf(world, idOf(owner)));
    },
    addUser({ name, role, timeZone = "UTC", ...given }) {
      if (!isTimeZone(timeZone)) throw new Error(`No such time zone: ${timeZone}`);
      const user = createUser(world, {
        email: given.email ?? `${name.toLowerCase()}@${firstSlug()}.local.test`,
        password: given.password ?? "",
        first_name: name,
        last_name: given.lastName ?? "",
        display_name: given.displayName ?? name.toLowerCase(),
        user_timezone: timeZone,
      });
      const [first] = data.workspaces.values();
      const alone = first && membersOf(world, first.id).length === 1;
      if (first) addMember(world, first.id, user.id, role ?? (alone ? 20 : 15), user.id);
      return user;
    },
    apiKey: (user, label = "key") => createToken(world, userOf(world, idOf(user)), label).token,
    revokeKey(key) {
      const token = tokenBySecret(world, key);
      if (token) data.tokens.delete(token.id);
    },
    setPassword(user, password) {
      userOf(world, idOf(user)).password = password;
    },
    setTimeZone(user, zone) {
      if (!isTimeZone(zone)) throw new Error(`No such time zone: ${zone}`);
      userOf(world, idOf(user)).user_timezone = zone;
    },

    addProject({ name, identifier, members, ...doing }) {
      const row = createProject(world, workspace(), { name, identifier }, by(doing));
      const rest = members?.map(idOf) ?? membersOf(world, workspace().id).map((member) => member.member);
      for (const member of rest) {
        if (member !== row.created_by && !userOf(world, member).is_bot) addProjectMember(world, row.id, member, 15);
      }
      return row;
    },
    editProject(project, patch, doing) {
      const row = projectOf(world, idOf(project));
      editProject(world, row, { ...patch }, by(doing));
      return { ...row };
    },
    archiveProject(project, doing) {
      const row = projectOf(world, idOf(project));
      row.archived_at = world.stamp();
      touch(world, row, by(doing));
    },
    restoreProject(project, doing) {
      const row = projectOf(world, idOf(project));
      row.archived_at = null;
      touch(world, row, by(doing));
    },
    deleteProject: (project, doing) => deleteProject(world, projectOf(world, idOf(project)), by(doing)),
    addProjectMember(project, user, role = 15) {
      addProjectMember(world, idOf(project), idOf(user), role);
    },
    states: (project) => statesOf(world, idOf(project)),
    addState: (project, { name, group, color = "#d94f4f" }) =>
      createState(world, projectOf(world, idOf(project)), { name, group, color }, somebody()),
    labels: (project) => labelsOf(world, idOf(project)),
    addLabel: (project, name, color = "#6b5bd2") =>
      createLabel(world, projectOf(world, idOf(project)), { name, color }, somebody()),

    items: (project) => itemsOf(world, idOf(project)).map(copyOf),
    item(item) {
      const row = data.items.get(idOf(item));
      return row && copyOf(row);
    },
    addItem(project, { name, is_draft, external_source, external_id, ...patch }, doing) {
      const row = projectOf(world, idOf(project));
      const more = {
        ...(is_draft !== undefined && { is_draft }),
        ...(external_source !== undefined && { external_source }),
        ...(external_id !== undefined && { external_id }),
      };
      return copyOf(createItem(world, row, { ...writeOf(row.id, patch), ...more, name }, author(doing)).row);
    },
    editItem: (item, patch, doing) => door.beginEdit(item, patch, doing).finish(),
    beginEdit(item, patch, doing) {
      const row = itemOf(world, idOf(item));
      const write = writeOf(row.project, patch);
      const finish = beginEdit(world, row, write, { ...write }, author(doing));
      return {
        finish() {
          finish();
          return copyOf(row);
        },
      };
    },
    deleteItem: (item) => deleteItem(world, itemOf(world, idOf(item))),
    archiveItem: (item, doing) => setArchived(world, itemOf(world, idOf(item)), true, by(doing)),
    restoreItem: (item, doing) => setArchived(world, itemOf(world, idOf(item)), false, by(doing)),

    attachments: (item) =>
      [...data.attachments.values()]
        .filter((row) => row.issue === idOf(item))
        .map((row) => ({ ...row, bytes: data.uploads.get(row.asset) })),
    deleteAttachment(attachment) {
      data.attachments.delete(idOf(attachment));
    },
    comments: (item) => commentsOn(world, idOf(item)).map((row) => ({ ...row })),
    addComment(item, html, doing) {
      const external = doing?.external && {
        external_source: doing.external.source,
        external_id: doing.external.id,
      };
      return { ...createComment(world, itemOf(world, idOf(item)), { comment_html: html, ...external }, by(doing)) };
    },
    editComment(comment, html, doing) {
      const row = commentOf(world, idOf(comment));
      editComment(world, row, { comment_html: html }, by(doing));
      return { ...row };
    },
    deleteComment: (comment, doing) => deleteComment(world, commentOf(world, idOf(comment)), by(doing)),
    addLink(item, url, doing) {
      createLink(world, itemOf(world, idOf(item)), url, doing?.title ?? null, by(doing));
    },

    relate(blocked, blocker, doing) {
      const [one, other] = [itemOf(world, idOf(blocked)), itemOf(world, idOf(blocker))];
      if (doing?.onto === "blocker") relate(world, other, "blocking", one, by(doing));
      else relate(world, one, "blocked_by", other, by(doing));
    },
    unrelate(blocked, blocker, doing) {
      const [one, other] = [itemOf(world, idOf(blocked)), itemOf(world, idOf(blocker))];
      if (doing?.onto === "blocker") unrelate(world, other, "blocking", one, by(doing));
      else unrelate(world, one, "blocked_by", other, by(doing));
    },
    blockers: (item) => relationsOf(world, idOf(item)).blocked_by,

    addCycle: (project, cycle, doing) => ({ ...createCycle(world, projectOf(world, idOf(project)), cycle, by(doing)) }),
    editCycle(cycle, patch, doing) {
      const row = cycleOf(world, idOf(cycle));
      editCycle(world, row, { ...patch }, by(doing));
      return { ...row };
    },
    addToCycle(cycle, items, doing) {
      const rows = items.map((item) => itemOf(world, idOf(item)));
      putInto(world, cycleOf(world, idOf(cycle)), rows, by(doing));
    },
    addModule: (project, { name }, doing) => createModule(world, projectOf(world, idOf(project)), { name }, by(doing)),

    addWebhook(url) {
      const all = { project: true, issue: true, module: true, cycle: true, issue_comment: true };
      const row = createWebhook(world, workspace().id, { url, ...all }, null);
      return { id: row.id, secret: row.secret_key };
    },
    webhookActive: (webhook) => data.webhooks.get(idOf(webhook))?.is_active ?? false,
    setWebhookActive(webhook, active) {
      const row = data.webhooks.get(idOf(webhook));
      if (!row) throw new Error(`No webhook ${idOf(webhook)}.`);
      row.is_active = active;
    },
  };
  return door;
}

/** A state or label by its id or name. */
function namedIn(rows: readonly { id: Id; name: string }[], wanted: string, kind: string): Id {
  const found = rows.find((row) => row.id === wanted || row.name === wanted);
  if (!found) throw new Error(`No ${kind} "${wanted}" in this project.`);
  return found.id;
}
