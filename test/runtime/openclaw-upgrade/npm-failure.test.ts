import { expect, test } from "vitest";
import { describeNpmFailure } from "../../../runtime/openclaw-upgrade/npm-driver.ts";

/** What npm 11.19 printed on a machine that does not reach GitHub. */
const GIT = `npm warn deprecated x@1: old
npm error code 128
npm error An unknown git error occurred
npm error command git --no-replace-objects ls-remote ssh://git@github.com/whiskeysockets/libsignal-node.git
npm error ssh: Could not resolve hostname github.com: Name or service not known
npm error fatal: Could not read from remote repository.
npm error
npm error Please make sure you have the correct access rights
npm error and the repository exists.
npm error A complete log of this run can be found in: /home/ada/.npm/_logs/2026-11-23T10_28_04_267Z-debug-0.log
`;

/** What npm 11.19 printed without a registry. */
const REFUSED = `npm error code ECONNREFUSED
npm error syscall connect
npm error errno ECONNREFUSED
npm error FetchError: request to http://127.0.0.1:9/openclaw failed, reason: connect ECONNREFUSED 127.0.0.1:9
npm error     at ClientRequest.<anonymous> (/usr/lib/node_modules/npm/node_modules/minipass-fetch/lib/index.js:130:14)
npm error     at process.processTicksAndRejections (node:internal/process/task_queues:83:21) {
npm error   code: 'ECONNREFUSED',
npm error   errno: 'ECONNREFUSED',
npm error   port: 9,
npm error   type: 'system'
npm error }
npm error
npm error If you are behind a proxy, please make sure that the 'proxy' config is set properly.  See: 'npm help config'
`;

const describeFailed = (stderr: string, env = {}) =>
  describeNpmFailure("npm install", { status: 1, stdout: "", stderr }, env);

test("UPG: the error of a failed npm shows npm's own reason, and what to do about a package from Git", () => {
  expect(describeFailed(GIT)).toBe(
    "npm install: exit code 1. A package comes from ssh://git@github.com/whiskeysockets/libsignal-node.git, which this machine cannot fetch. " +
      'Allow that connection, or replace the package by "overrides" in the settings of upgrades. npm says: code 128; An unknown git error occurred; ' +
      "command git --no-replace-objects ls-remote ssh://git@github.com/whiskeysockets/libsignal-node.git; " +
      "ssh: Could not resolve hostname github.com: Name or service not known; fatal: Could not read from remote repository.",
  );
});

test("UPG: the error of a failed npm shows neither its stack nor general advice", () => {
  expect(describeFailed(REFUSED)).toBe(
    "npm install: exit code 1. npm says: code ECONNREFUSED; FetchError: request to http://127.0.0.1:9/openclaw failed, reason: connect ECONNREFUSED 127.0.0.1:9",
  );
});

test("UPG: the error of a failed npm contains no credential", () => {
  const token = `npm_${"a1".repeat(18)}`;
  const line = `npm error 401 https://ada:hunter22@npm.test/ _authToken=abcdef ${token} Bearer abcdef123 marked-secret-proxy-password`;
  const text = describeFailed(`${line}\n`, { npm_config_proxy_password: "marked-secret-proxy-password" });
  expect(text).toBe(
    "npm install: exit code 1. npm says: 401 https://ada:[secret]@npm.test/ _authToken=[secret] npm_[secret] Bearer [secret] [secret]",
  );
});

test("UPG: an npm that is missing or hangs is described as such", () => {
  const missing = { status: undefined, stdout: "", stderr: "", problem: "spawn npm ENOENT" };
  expect(describeNpmFailure("npm view", missing, {})).toBe("npm view: spawn npm ENOENT");
});
