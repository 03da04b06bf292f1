import { expect, test } from "vitest";
import { ADMIN_PASSWORD, createExistingInstance } from "./existing-instance.ts";
import { ADMIN_EMAIL, createProvisionSetup } from "./provision-setup.ts";

test("a wrong administrator password is refused with the name of the setting, before anything else is tried", async () => {
  const { setup } = await createExistingInstance({ env: { PLANE_ADMIN_PASSWORD: "another-Wrong-one-1" } });
  const { exit, detail, out, err } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("administrator")).toContain(`refused the password of ${ADMIN_EMAIL}: set PLANE_ADMIN_PASSWORD`);
  expect(out + err).not.toContain("another-Wrong-one-1");
  expect(setup.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("a missing administrator password for an existing Plane is refused with the name of the setting", async () => {
  const { setup } = await createExistingInstance({ env: { PLANE_ADMIN_PASSWORD: "" } });
  const { detail } = await setup.provisionWithReport();
  expect(detail("administrator")).toContain("set PLANE_ADMIN_PASSWORD");
  expect(detail("administrator")).toContain("`PLANE_ADMIN_PASSWORD_FILE=<that file> npm run provision`");
  expect(detail("administrator")).not.toContain("refused");
});

test("an administrator address that Plane does not know is refused", async () => {
  const { setup } = await createExistingInstance({ env: { PLANE_ADMIN_EMAIL: "nobody@example.test" } });
  expect((await setup.provisionWithReport()).detail("administrator")).toContain(
    "Plane has no account nobody@example.test",
  );
});

test("a weak administrator password for a new Plane is refused with the required strength", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_ADMIN_PASSWORD: "weak" } });
  expect((await setup.provisionWithReport()).detail("administrator")).toContain(
    "too weak. Set PLANE_ADMIN_PASSWORD to 12 or more characters",
  );
  const env = { ...setup.env, PLANE_ADMIN_PASSWORD: ADMIN_PASSWORD };
  expect((await setup.provisionWithReport(["--yes"], { env })).failed).toEqual([]);
});

test("an API key from the environment that Plane refuses is not replaced", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_API_KEY_THOT: "plane_api_given0from0outside" } });
  expect((await setup.provisionWithReport()).detail("API key Thot")).toContain(
    "refused the PLANE_API_KEY_THOT from the environment",
  );
  expect(setup.readSecrets()["PLANE_API_KEY_THOT"]).toBeUndefined();
});
