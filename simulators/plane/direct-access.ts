import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createComment, deleteComment, editComment, getComment, listComments } from "./comments.ts";
import { createCycle, editCycle, getCycle } from "./cycles.ts";
import { beginEdit, createItem, deleteItem, getItem, listItems, setArchived } from "./items.ts";
import { createLink } from "./links.ts";
import { addToGroup, listGroupItems } from "./memberships.ts";
import { createModule } from "./modules.ts";
import {
  addMember,
  createToken,
  createUser,
  createWorkspace,
  findMember,
  findToken,
  findUserByEmail,
  getUser,
  listMembers,
} from "./people.ts";
import type { PlaneSimulator } from "./plane-simulator.ts";
import {
  addProjectMember,
  createProject,
  deleteProject,
  editProject,
  findProjectMember,
  getProject,
  listProjectMembers,
  listProjects,
} from "./projects.ts";
import { addRelation, listRelations, removeRelation } from "./relations.ts";
import type { ItemRow, WorkspaceRow } from "./rows.ts";
import { createLabel, createState, deleteStateOrLabel, listLabels, listStates, renameStateOrLabel } from "./states.ts";
import { isTimeZone } from "./time.ts";
import { toId } from "./to-id.ts";
import { toItemWrite } from "./to-item-write.ts";
import type { ActionOptions, EditSource, Id, Item } from "./types.ts";
import { createWebhook } from "./webhooks.ts";
import { type PlaneWorld, touchRow } from "./world.ts";

/** The part of the simulator that scripts and tests use without HTTP. */
export type DirectAccess = Omit<
  PlaneSimulator,
  | ("url" | "version" | "start" | "stop" | "takeDown" | "bringUp" | "runWorkerTask" | "runWorker" | "deliverAll")
  | ("deliveries" | "ledger" | "faults" | "workspace")
>;

const copyItem = (row: ItemRow): Item => ({ ...row, assignees: [...row.assignees], labels: [...row.labels] });

export function getFirstWorkspace(world: PlaneWorld): WorkspaceRow {
  const [first] = world.data.workspaces.values();
  if (!first) throw new Error("The simulated Plane has no workspace yet.");
  return first;
}

export function createDirectAccess(world: PlaneWorld): DirectAccess {
  const { data } = world;
  const getWorkspace = () => getFirstWorkspace(world);
  const getFirstSlug = () => [...data.workspaces.values()][0]?.slug ?? "example";
  const getFirstHuman = (): Id => {
    const human = [...data.users.values()].find((user) => !user.is_bot);
    if (!human) throw new Error("Add a user first: every action needs an actor.");
    return human.id;
  };
  const getActor = ({ by }: ActionOptions = {}): Id => (by === undefined ? getFirstHuman() : toId(by));
  const getAuthor = (options: ActionOptions = {}): { actor: Id; via: EditSource } => ({
    actor: getActor(options),
    via: options.via ?? "browser",
  });

  const access: DirectAccess = {
    addWorkspace({ slug, name = slug, owner }) {
      return createWorkspace(world, { slug, name }, owner === undefined ? undefined : getUser(world, toId(owner)));
    },
    addUser({ name, role, timeZone = "UTC", ...options }) {
      if (!isTimeZone(timeZone)) throw new Error(`Unknown time zone: ${timeZone}`);
      const user = createUser(world, {
        email: options.email ?? `${name.toLowerCase()}@${getFirstSlug()}.local.test`,
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
      if (!isTimeZone(zone)) throw new Error(`Unknown time zone: ${zone}`);
      getUser(world, toId(user)).user_timezone = zone;
    },

    addProject({ name, identifier, members, ...options }) {
      const row = createProject(world, getWorkspace(), { name, identifier }, getActor(options));
      const rest = members?.map(toId) ?? listMembers(world, getWorkspace().id).map((member) => member.member);
      for (const member of rest) {
        if (member !== row.created_by && !getUser(world, member).is_bot) addProjectMember(world, row.id, member, 15);
      }
      return row;
    },
    editProject(project, patch, options) {
      const row = getProject(world, toId(project));
      editProject(world, row, { ...patch }, getActor(options));
      return { ...row };
    },
    archiveProject(project, options) {
      const row = getProject(world, toId(project));
      row.archived_at = world.stamp();
      touchRow(world, row, getActor(options));
    },
    restoreProject(project, options) {
      const row = getProject(world, toId(project));
      row.archived_at = null;
      touchRow(world, row, getActor(options));
    },
    deleteProject: (project, options) => deleteProject(world, getProject(world, toId(project)), getActor(options)),
    projects: () => listProjects(world, getWorkspace().id).map((row) => ({ ...row })),
    addProjectMember(project, user, role = 15) {
      addProjectMember(world, toId(project), toId(user), role);
    },
    removeProjectMember(project, email) {
      const row = findProjectMember(world, toId(project), findUserByEmail(world, email)?.id ?? "");
      if (!row) throw new Error(`${email} is not a member of project ${toId(project)}.`);
      row.removed = true;
    },
    editMember(user, { role, displayName }) {
      const id = toId(user);
      const row = findMember(world, getWorkspace().id, id);
      if (!row) throw new Error(`${id} is not a member of the workspace.`);
      if (role) row.role = role;
      if (displayName) getUser(world, id).display_name = displayName;
    },
    removeMember(user) {
      const rows = [...listMembers(world, getWorkspace().id), ...data.projectMembers.values()];
      for (const row of rows) if (row.member === toId(user)) row.removed = true;
    },
    projectMembers: (project) =>
      listProjectMembers(world, toId(project))
        .filter((row) => !row.removed)
        .map((row) => `${getUser(world, row.member).email} ${row.role}`)
        .sort(),
    states: (project) => listStates(world, toId(project)),
    addState: (project, { name, group, color = "#d94f4f" }) =>
      createState(world, getProject(world, toId(project)), { name, group, color }, getFirstHuman()),
    labels: (project) => listLabels(world, toId(project)),
    addLabel: (project, name, color = "#6b5bd2") =>
      createLabel(world, getProject(world, toId(project)), { name, color }, getFirstHuman()),
    rename: (stateOrLabel, name) => renameStateOrLabel(world, toId(stateOrLabel), name),
    deleteStateOrLabel: (stateOrLabel) => deleteStateOrLabel(world, toId(stateOrLabel)),

    items: (project) => listItems(world, toId(project)).map(copyItem),
    item(item) {
      const row = data.items.get(toId(item));
      return row && copyItem(row);
    },
    addItem(project, { name, is_draft, external_source, external_id, ...patch }, options) {
      const row = getProject(world, toId(project));
      const more = omitUndefined({ is_draft, external_source, external_id });
      return copyItem(
        createItem(world, row, { ...toItemWrite(world, row.id, patch), ...more, name }, getAuthor(options)).row,
      );
    },
    editItem: (item, patch, options) => access.beginEdit(item, patch, options).finish(),
    beginEdit(item, patch, options) {
      const row = getItem(world, toId(item));
      const write = toItemWrite(world, row.project, patch);
      const finish = beginEdit(world, row, write, { ...write }, getAuthor(options));
      return {
        finish() {
          finish();
          return copyItem(row);
        },
      };
    },
    deleteItem: (item) => deleteItem(world, getItem(world, toId(item))),
    archiveItem: (item, options) => setArchived(world, getItem(world, toId(item)), true, getActor(options)),
    restoreItem: (item, options) => setArchived(world, getItem(world, toId(item)), false, getActor(options)),

    attachments: (item) =>
      [...data.attachments.values()]
        .filter((row) => row.issue === toId(item))
        .map((row) => ({ ...row, bytes: data.uploads.get(row.asset) })),
    deleteAttachment(attachment) {
      data.attachments.delete(toId(attachment));
    },
    comments: (item) => listComments(world, toId(item)).map((row) => ({ ...row })),
    addComment(item, html, options) {
      const external = options?.external && {
        external_source: options.external.source,
        external_id: options.external.id,
      };
      return {
        ...createComment(world, getItem(world, toId(item)), { comment_html: html, ...external }, getActor(options)),
      };
    },
    editComment(comment, html, options) {
      const row = getComment(world, toId(comment));
      editComment(world, row, { comment_html: html }, getActor(options));
      return { ...row };
    },
    deleteComment: (comment, options) => deleteComment(world, getComment(world, toId(comment)), getActor(options)),
    addLink(item, url, options) {
      createLink(world, getItem(world, toId(item)), url, options?.title ?? null, getActor(options));
    },

    relate(blocked, blocker, options) {
      const [blockedItem, blockerItem] = [getItem(world, toId(blocked)), getItem(world, toId(blocker))];
      if (options?.onto === "blocker") addRelation(world, blockerItem, "blocking", blockedItem, getActor(options));
      else addRelation(world, blockedItem, "blocked_by", blockerItem, getActor(options));
    },
    unrelate(blocked, blocker, options) {
      const [blockedItem, blockerItem] = [getItem(world, toId(blocked)), getItem(world, toId(blocker))];
      if (options?.onto === "blocker") removeRelation(world, blockerItem, "blocking", blockedItem, getActor(options));
      else removeRelation(world, blockedItem, "blocked_by", blockerItem, getActor(options));
    },
    blockers: (item) => listRelations(world, toId(item)).blocked_by,

    addCycle: (project, cycle, options) => ({
      ...createCycle(world, getProject(world, toId(project)), cycle, getActor(options)),
    }),
    editCycle(cycle, patch, options) {
      const row = getCycle(world, toId(cycle));
      editCycle(world, row, { ...patch }, getActor(options));
      return { ...row };
    },
    addToCycle(cycle, items, options) {
      const rows = items.map((item) => getItem(world, toId(item)));
      addToGroup(world, getCycle(world, toId(cycle)), rows, getActor(options));
    },
    addModule: (project, { name }, options) =>
      createModule(world, getProject(world, toId(project)), { name }, getActor(options)),
    groupItems: (group) => listGroupItems(world, toId(group)).map(({ id }) => id),

    addWebhook(url) {
      const all = { project: true, issue: true, module: true, cycle: true, issue_comment: true };
      const row = createWebhook(world, getWorkspace().id, { url, ...all }, null);
      return { id: row.id, secret: row.secret_key };
    },
    isWebhookActive: (webhook) => data.webhooks.get(toId(webhook))?.is_active ?? false,
    setWebhookActive(webhook, active) {
      const row = data.webhooks.get(toId(webhook));
      if (!row) throw new Error(`Unknown webhook ${toId(webhook)}.`);
      row.is_active = active;
    },
  };
  return access;
}
