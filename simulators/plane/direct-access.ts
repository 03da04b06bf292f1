import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createComment, deleteComment, editComment, getComment, listComments } from "./comments.ts";
import { createCycle, editCycle, getCycle } from "./cycles.ts";
import { beginEdit, createItem, deleteItem, getItem, type ItemWrite, listItems, setArchived } from "./items.ts";
import { createLink } from "./links.ts";
import { addToGroup } from "./memberships.ts";
import { createModule } from "./modules.ts";
import { addMember, createToken, createUser, createWorkspace, findToken, getUser, listMembers } from "./people.ts";
import type { PlaneSimulator } from "./plane-simulator.ts";
import {
  addProjectMember,
  createProject,
  deleteProject,
  editProject,
  findProjectMember,
  getProject,
} from "./projects.ts";
import { addRelation, listRelations, removeRelation } from "./relations.ts";
import type { ItemRow, WorkspaceRow } from "./rows.ts";
import { createLabel, createState, listLabels, listStates } from "./states.ts";
import { isTimeZone } from "./time.ts";
import { toId } from "./to-id.ts";
import type { ActionOptions, EditSource, Id, Item, ItemPatch } from "./types.ts";
import { createWebhook } from "./webhooks.ts";
import { type PlaneWorld, touchRow } from "./world.ts";

/** What a test may do without HTTP. */
export type DirectAccess = Omit<
  PlaneSimulator,
  | ("url" | "version" | "start" | "stop" | "takeDown" | "bringUp" | "runWorkerTask" | "runWorker" | "deliverAll")
  | ("deliveries" | "ledger" | "faults" | "workspace")
>;

const copyItem = (row: ItemRow): Item => ({ ...row, assignees: [...row.assignees], labels: [...row.labels] });

export function getFirstWorkspace(world: PlaneWorld): WorkspaceRow {
  const [first] = world.data.workspaces.values();
  if (!first) throw new Error("This Plane has no workspace yet.");
  return first;
}

export function createDirectAccess(world: PlaneWorld): DirectAccess {
  const { data } = world;
  const workspace = () => getFirstWorkspace(world);
  const firstSlug = () => [...data.workspaces.values()][0]?.slug ?? "example";
  const firstHuman = (): Id => {
    const human = [...data.users.values()].find((user) => !user.is_bot);
    if (!human) throw new Error("Add a user first: somebody must have done it.");
    return human.id;
  };
  const actorOf = (doing: ActionOptions = {}): Id => (doing.by === undefined ? firstHuman() : toId(doing.by));
  const authorOf = (doing: ActionOptions = {}): { actor: Id; via: EditSource } => ({
    actor: actorOf(doing),
    via: doing.via ?? "browser",
  });

  /** Checks loudly what Plane would drop silently: a test that assigns a stranger is wrong. */
  function toItemWrite(project: Id, patch: ItemPatch): ItemWrite {
    const { state, assignees, labels, parent, ...rest } = patch;
    const write: ItemWrite = { ...rest };
    if (state !== undefined) write.state = findByIdOrName(listStates(world, project), state, "state");
    if (labels) write.labels = labels.map((label) => findByIdOrName(listLabels(world, project), toId(label), "label"));
    if (parent !== undefined) write.parent = parent === null ? null : toId(parent);
    if (assignees) write.assignees = assignees.map((user) => requireMember(project, toId(user)));
    return write;
  }
  const requireMember = (project: Id, user: Id): Id => {
    if (!findProjectMember(world, project, user)) throw new Error(`User ${user} is no member of project ${project}.`);
    return user;
  };

  const access: DirectAccess = {
    addWorkspace({ slug, name = slug, owner }) {
      return createWorkspace(world, { slug, name }, owner === undefined ? undefined : getUser(world, toId(owner)));
    },
    addUser({ name, role, timeZone = "UTC", ...options }) {
      if (!isTimeZone(timeZone)) throw new Error(`No such time zone: ${timeZone}`);
      const user = createUser(world, {
        email: options.email ?? `${name.toLowerCase()}@${firstSlug()}.local.test`,
        password: options.password ?? "",
        first_name: name,
        last_name: options.lastName ?? "",
        display_name: options.displayName ?? name.toLowerCase(),
        user_timezone: timeZone,
      });
      const [first] = data.workspaces.values();
      const isAlone = first && listMembers(world, first.id).length === 1;
      if (first) addMember(world, first.id, user.id, role ?? (isAlone ? 20 : 15), user.id);
      return user;
    },
    createApiKey: (user, label = "key") => createToken(world, getUser(world, toId(user)), label).token,
    revokeKey(key) {
      const token = findToken(world, key);
      if (token) data.tokens.delete(token.id);
    },
    setPassword(user, password) {
      getUser(world, toId(user)).password = password;
    },
    setTimeZone(user, zone) {
      if (!isTimeZone(zone)) throw new Error(`No such time zone: ${zone}`);
      getUser(world, toId(user)).user_timezone = zone;
    },

    addProject({ name, identifier, members, ...doing }) {
      const row = createProject(world, workspace(), { name, identifier }, actorOf(doing));
      const rest = members?.map(toId) ?? listMembers(world, workspace().id).map((member) => member.member);
      for (const member of rest) {
        if (member !== row.created_by && !getUser(world, member).is_bot) addProjectMember(world, row.id, member, 15);
      }
      return row;
    },
    editProject(project, patch, doing) {
      const row = getProject(world, toId(project));
      editProject(world, row, { ...patch }, actorOf(doing));
      return { ...row };
    },
    archiveProject(project, doing) {
      const row = getProject(world, toId(project));
      row.archived_at = world.stamp();
      touchRow(world, row, actorOf(doing));
    },
    restoreProject(project, doing) {
      const row = getProject(world, toId(project));
      row.archived_at = null;
      touchRow(world, row, actorOf(doing));
    },
    deleteProject: (project, doing) => deleteProject(world, getProject(world, toId(project)), actorOf(doing)),
    addProjectMember(project, user, role = 15) {
      addProjectMember(world, toId(project), toId(user), role);
    },
    states: (project) => listStates(world, toId(project)),
    addState: (project, { name, group, color = "#d94f4f" }) =>
      createState(world, getProject(world, toId(project)), { name, group, color }, firstHuman()),
    labels: (project) => listLabels(world, toId(project)),
    addLabel: (project, name, color = "#6b5bd2") =>
      createLabel(world, getProject(world, toId(project)), { name, color }, firstHuman()),

    items: (project) => listItems(world, toId(project)).map(copyItem),
    item(item) {
      const row = data.items.get(toId(item));
      return row && copyItem(row);
    },
    addItem(project, { name, is_draft, external_source, external_id, ...patch }, doing) {
      const row = getProject(world, toId(project));
      const more = omitUndefined({ is_draft, external_source, external_id });
      return copyItem(createItem(world, row, { ...toItemWrite(row.id, patch), ...more, name }, authorOf(doing)).row);
    },
    editItem: (item, patch, doing) => access.beginEdit(item, patch, doing).finish(),
    beginEdit(item, patch, doing) {
      const row = getItem(world, toId(item));
      const write = toItemWrite(row.project, patch);
      const finish = beginEdit(world, row, write, { ...write }, authorOf(doing));
      return {
        finish() {
          finish();
          return copyItem(row);
        },
      };
    },
    deleteItem: (item) => deleteItem(world, getItem(world, toId(item))),
    archiveItem: (item, doing) => setArchived(world, getItem(world, toId(item)), true, actorOf(doing)),
    restoreItem: (item, doing) => setArchived(world, getItem(world, toId(item)), false, actorOf(doing)),

    attachments: (item) =>
      [...data.attachments.values()]
        .filter((row) => row.issue === toId(item))
        .map((row) => ({ ...row, bytes: data.uploads.get(row.asset) })),
    deleteAttachment(attachment) {
      data.attachments.delete(toId(attachment));
    },
    comments: (item) => listComments(world, toId(item)).map((row) => ({ ...row })),
    addComment(item, html, doing) {
      const external = doing?.external && {
        external_source: doing.external.source,
        external_id: doing.external.id,
      };
      return {
        ...createComment(world, getItem(world, toId(item)), { comment_html: html, ...external }, actorOf(doing)),
      };
    },
    editComment(comment, html, doing) {
      const row = getComment(world, toId(comment));
      editComment(world, row, { comment_html: html }, actorOf(doing));
      return { ...row };
    },
    deleteComment: (comment, doing) => deleteComment(world, getComment(world, toId(comment)), actorOf(doing)),
    addLink(item, url, doing) {
      createLink(world, getItem(world, toId(item)), url, doing?.title ?? null, actorOf(doing));
    },

    relate(blocked, blocker, doing) {
      const [blockedItem, blockerItem] = [getItem(world, toId(blocked)), getItem(world, toId(blocker))];
      if (doing?.onto === "blocker") addRelation(world, blockerItem, "blocking", blockedItem, actorOf(doing));
      else addRelation(world, blockedItem, "blocked_by", blockerItem, actorOf(doing));
    },
    unrelate(blocked, blocker, doing) {
      const [blockedItem, blockerItem] = [getItem(world, toId(blocked)), getItem(world, toId(blocker))];
      if (doing?.onto === "blocker") removeRelation(world, blockerItem, "blocking", blockedItem, actorOf(doing));
      else removeRelation(world, blockedItem, "blocked_by", blockerItem, actorOf(doing));
    },
    blockers: (item) => listRelations(world, toId(item)).blocked_by,

    addCycle: (project, cycle, doing) => ({
      ...createCycle(world, getProject(world, toId(project)), cycle, actorOf(doing)),
    }),
    editCycle(cycle, patch, doing) {
      const row = getCycle(world, toId(cycle));
      editCycle(world, row, { ...patch }, actorOf(doing));
      return { ...row };
    },
    addToCycle(cycle, items, doing) {
      const rows = items.map((item) => getItem(world, toId(item)));
      addToGroup(world, getCycle(world, toId(cycle)), rows, actorOf(doing));
    },
    addModule: (project, { name }, doing) =>
      createModule(world, getProject(world, toId(project)), { name }, actorOf(doing)),

    addWebhook(url) {
      const all = { project: true, issue: true, module: true, cycle: true, issue_comment: true };
      const row = createWebhook(world, workspace().id, { url, ...all }, null);
      return { id: row.id, secret: row.secret_key };
    },
    isWebhookActive: (webhook) => data.webhooks.get(toId(webhook))?.is_active ?? false,
    setWebhookActive(webhook, active) {
      const row = data.webhooks.get(toId(webhook));
      if (!row) throw new Error(`No webhook ${toId(webhook)}.`);
      row.is_active = active;
    },
  };
  return access;
}

/** A state or label by its id or name. */
function findByIdOrName(rows: readonly { id: Id; name: string }[], wanted: string, kind: string): Id {
  const found = rows.find((row) => row.id === wanted || row.name === wanted);
  if (!found) throw new Error(`No ${kind} "${wanted}" in this project.`);
  return found.id;
}
