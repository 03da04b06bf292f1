import { expect, test } from "vitest";
import { webhooksApi } from "../../../shared/plane/app/session.ts";
import { alterResponse, createExistingInstance } from "./existing-instance.ts";
import { ADMIN_EMAIL, createProvisionSetup, NOTES_PATH, type ProvisionSetup } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

type Fetch = typeof globalThis.fetch;
type Fault = Parameters<ProvisionSetup["plane"]["faults"]["add"]>;

interface Refusal {
  /** The step that fails. */
  step: string;
  says: (string | RegExp)[];
  notSays?: string[];
  options?: NonNullable<Parameters<typeof createProvisionSetup>[0]>;
  /** The workspace of a Plane that was set up before; "" for one without a workspace. */
  existing?: string;
  prepare?: (setup: ProvisionSetup) => unknown;
  env?: Record<string, string>;
  fault?: Fault;
  fetch?: (setup: ProvisionSetup) => Fetch;
  args?: string[];
}

const target = (PLANE_WEBHOOK_TARGET: string) => ({ env: { PLANE_WEBHOOK_TARGET } });

const REFUSALS: Record<string, Refusal> = {
  "a wrong administrator password": {
    existing: "javisi",
    env: { PLANE_ADMIN_PASSWORD: "another-Wrong-one-1" },
    step: "administrator",
    says: [`refused the password of ${ADMIN_EMAIL}: set PLANE_ADMIN_PASSWORD`],
    notSays: ["another-Wrong-one-1"],
  },
  "a Plane without password login": {
    fetch: () =>
      alterResponse("/api/instances/", (body) =>
        body.replace('"is_email_password_enabled":true', '"is_email_password_enabled":false'),
      ),
    step: "plane",
    says: ["for ada@example.test (password login is disabled), which provision cannot read. Enable password login"],
  },
  "another edition of Plane": {
    fetch: () => alterResponse("/api/instances/", (body) => body.replace("PLANE_COMMUNITY", "PLANE_COMMERCIAL")),
    step: "plane",
    says: ["another edition of Plane (PLANE_COMMERCIAL)", "By hand: invite an account for each agent"],
  },
  "a Plane that never becomes ready": {
    prepare: ({ plane }) => plane.takeDown(),
    args: ["--wait", "20"],
    step: "plane",
    says: [/Plane at http:\/\/127.0.0.1:\d+ did not become ready within 20 s/],
  },
  "a webhook to a private address": {
    options: target("http://10.1.2.3:8787/webhooks/plane"),
    step: "webhook",
    says: [
      "it is or resolves to a private address",
      "Set WEBHOOK_ALLOWED_IPS=10.1.2.3 in the environment of Plane's api and worker",
    ],
  },
};

test.each(Object.entries(REFUSALS))("provision refuses %s with what to do", async (_, refusal) => {
  const { step, says, notSays = [], options, existing, prepare, env, fault, fetch, args = [] } = refusal;
  const merged = { ...options, env: { ...options?.env, ...env } };
  // An existing Plane is set up by its own administrator, whatever the settings of provision say.
  const setup =
    existing === undefined
      ? await createProvisionSetup(merged)
      : (await createExistingInstance(options, existing)).setup;
  await prepare?.(setup);
  if (fault) setup.plane.faults.add(...fault);
  const writesBefore = setup.plane.ledger.requests.length;
  const change = { env: { ...setup.env, ...env }, ...(fetch && { fetch: fetch(setup) }) };
  const { exit, detail, out, err, failed } = await setup.provisionWithReport(["--yes", ...args], change);
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toContain(step);
  for (const text of says) expect(detail(step)).toMatch(text);
  for (const text of notSays) expect(out + err).not.toContain(text);
  // Nothing is changed before Plane and its administrator are known to be right.
  if (step === "plane")
    expect(setup.plane.ledger.requests.slice(writesBefore).filter(({ method }) => method !== "GET")).toEqual([]);
  if (step === "administrator")
    expect(setup.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("an agent's address that already has an account is refused until its password is stored", async () => {
  const { setup } = await createExistingInstance({}, "");
  setup.plane.addUser({ name: "Thot", email: "thot@javisi.local", password: "their-Own-pass-1" });
  const { detail, failed } = await setup.provisionWithReport();
  expect(detail("account Thot")).toContain("Plane already has an account thot@javisi.local");
  expect(failed.map(({ name }) => name)).toEqual(["account Thot", "API key Thot", "sample tasks"]);
  const notes = setup.readNotes();
  notes.accounts["thot@javisi.local"] = { password: "their-Own-pass-1" };
  setup.files.set(NOTES_PATH, { text: JSON.stringify(notes), mode: 0o600 });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  const { members, items } = await readProvisionedState(setup);
  expect(members).toContain("thot@javisi.local 15 thot");
  // The sample tasks wait for the accounts of their owners, because later runs never change them.
  expect(items.map(({ assignees }) => assignees)).toEqual([
    ["imhotep@javisi.local"],
    ["ada@example.test"],
    ["thot@javisi.local"],
  ]);
});

test("provision adds only its own objects to a workspace that others use, and changes none of theirs", async () => {
  const { setup, session } = await createExistingInstance();
  const params = { workspace: "javisi" };
  const url = "https://n8n.example.com/hook";
  await session.call(webhooksApi.create, { params, json: { url, issue: true, is_active: false } });
  const theirs = setup.plane.addProject({ name: "Their own", identifier: "OWN" });
  const { id } = setup.plane.addItem(theirs, { name: "untouched" });
  setup.plane.runWorker();
  const item = setup.plane.item(id);
  const label = setup.plane.addLabel(theirs, "mine");
  const { failed, detail, exit } = await setup.provisionWithReport();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("workspace")).toContain("javisi existed before: left unchanged (the settings differ: the name javisi)");
  expect(detail("administrator's profile")).toContain("left unchanged");
  expect(setup.plane.workspace.name).toBe("Existing workspace");
  const all = (await session.call(webhooksApi.list, { params })).data;
  expect(all.find((webhook) => webhook.url === url)).toMatchObject({ is_active: false, issue: true, project: false });
  expect(setup.plane.item(id)).toEqual(item);
  expect(setup.plane.labels(theirs)).toEqual([label]);
  expect(setup.plane.states(theirs)).toHaveLength(5);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});
