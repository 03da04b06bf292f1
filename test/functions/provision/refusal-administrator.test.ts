import { expect, test } from "vitest";
import { ADMIN_PASSWORD, createExistingInstance } from "./existing-instance.ts";
import { ADMIN_EMAIL, createProvisionSetup } from "./provision-setup.ts";

test("a wrong administrator password is refused with the name of the setting, before anything else is tried", async () => {
  const { crew } = await createExistingInstance({ env: { PLANE_ADMIN_PASSWORD: "another-Wrong-one-1" } });
  const { exit, detail, out, err } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("administrator")).toContain(`refused the password of ${ADMIN_EMAIL}: set PLANE_ADMIN_PASSWORD`);
  expect(out + err).not.toContain("another-Wrong-one-1");
  expect(crew.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("a missing administrator password for an existing Plane is refused with the name of the setting", async () => {
  const { crew } = await createExistingInstance({ env: { PLANE_ADMIN_PASSWORD: "" } });
  expect((await crew.provisionWithReport()).detail("administrator")).toContain("set PLANE_ADMIN_PASSWORD");
});

test("an administrator address that Plane does not know is refused", async () => {
  const { crew } = await createExistingInstance({ env: { PLANE_ADMIN_EMAIL: "nobody@example.test" } });
  expect((await crew.provisionWithReport()).detail("administrator")).toContain(
    "Plane has no account nobody@example.test",
  );
});

test("a weak administrator password for a new Plane is refused with the required strength", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_ADMIN_PASSWORD: "weak" } });
  expect((await crew.provisionWithReport()).detail("administrator")).toContain(
    "too weak. Set PLANE_ADMIN_PASSWORD to 12 or more characters",
  );
  const env = { ...crew.env, PLANE_ADMIN_PASSWORD: ADMIN_PASSWORD };
  expect((await crew.provisionWithReport(["--yes"], { env })).failed).toEqual([]);
});

test("an API key from the environment that Plane refuses is not replaced", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_API_KEY_THOT: "plane_api_given0from0outside" } });
  expect((await crew.provisionWithReport()).detail("API key Thot")).toContain(
    "refused the PLANE_API_KEY_THOT from the environment",
  );
  expect(crew.readSecrets()["PLANE_API_KEY_THOT"]).toBeUndefined();
});
