import { type EndpointCall, type EndpointHandler, mountEndpoint, type PlaneApp, respondOk } from "../endpoint.ts";
import { findInvitations } from "../invitations.ts";
import { createUser, findUserByEmail } from "../people.ts";
import { type PlaneWorld, toHex } from "../world.ts";
import {
  ADMIN_SESSION_COOKIE,
  CSRF_COOKIE,
  createPublicPolicy,
  findCookie,
  formatSetCookie,
  openSession,
} from "./access.ts";

/** Plane's error codes in redirects. */
const ERROR_CODES = {
  INSTANCE_NOT_CONFIGURED: 5000,
  SIGNUP_DISABLED: 5015,
  PASSWORD_TOO_WEAK: 5021,
  USER_ALREADY_EXIST: 5030,
  REQUIRED_EMAIL_PASSWORD_SIGN_UP: 5040,
  USER_DOES_NOT_EXIST: 5060,
  AUTHENTICATION_FAILED_SIGN_IN: 5065,
  REQUIRED_EMAIL_PASSWORD_SIGN_IN: 5075,
  ADMIN_ALREADY_EXIST: 5150,
  REQUIRED_ADMIN_EMAIL_PASSWORD_FIRST_NAME: 5155,
  ADMIN_AUTHENTICATION_FAILED: 5175,
  ADMIN_USER_DOES_NOT_EXIST: 5185,
} as const;

/**
 * Plane checks the strength with zxcvbn. For generated passwords, length and kinds of characters give the same result.
 */
const isStrong = (password: string): boolean =>
  password.length >= 8 && [/[a-z]/, /[A-Z]/, /\d/, /[^\w]/].filter((kind) => kind.test(password)).length >= 3;

function createRedirect(to: string, error?: keyof typeof ERROR_CODES, email?: string, cookies: string[] = []) {
  const query = new URLSearchParams();
  if (error) {
    query.set("error_code", String(ERROR_CODES[error]));
    query.set("error_message", error);
    if (email !== undefined) query.set("email", email);
  }
  return { status: 302, headers: { location: error ? `${to}/?${query}` : to }, cookies };
}

/** Handles a form of Plane's pages. Without its CSRF token Plane answers with an HTML page and status 200. */
const createFormHandler =
  (handle: (call: EndpointCall, field: (name: string) => string) => ReturnType<EndpointHandler>): EndpointHandler =>
  async (call) => {
    const form = await call.form();
    const field = (name: string): string => {
      const value = form.get(name);
      return typeof value === "string" ? value : "";
    };
    const token = findCookie(call.headers, CSRF_COOKIE);
    if (!token || field("csrfmiddlewaretoken") !== token)
      return { status: 200, headers: { "content-type": "text/html; charset=utf-8" } };
    return handle(call, field);
  };

export function mountAuthRoutes(app: PlaneApp, world: PlaneWorld): void {
  mountEndpoint(app, world, createPublicPolicy("GET, HEAD, OPTIONS"), "/auth/get-csrf-token/", {
    GET: () => {
      const token = toHex(world.newId()) + toHex(world.newId());
      return { ...respondOk({ csrf_token: token }), cookies: [formatSetCookie(CSRF_COOKIE, token)] };
    },
  });
  mountEndpoint(app, world, createPublicPolicy("POST, OPTIONS"), "/auth/email-check/", {
    POST: async (call) => {
      const { email } = await call.json();
      return respondOk({ existing: findUserByEmail(world, String(email)) !== undefined, status: "CREDENTIAL" });
    },
  });
  const formPolicy = createPublicPolicy("");
  mountEndpoint(app, world, formPolicy, "/auth/sign-in/", { POST: createFormHandler(handleSignIn) });
  mountEndpoint(app, world, formPolicy, "/auth/sign-up/", { POST: createFormHandler(handleSignUp) });
  mountEndpoint(app, world, formPolicy, "/api/instances/admins/sign-up/", {
    POST: createFormHandler(handleAdminSignUp),
  });
  mountEndpoint(app, world, formPolicy, "/api/instances/admins/sign-in/", {
    POST: createFormHandler(handleAdminSignIn),
  });
}

type ReadField = (name: string) => string;

function handleSignIn(call: EndpointCall, field: ReadField) {
  const { world } = call;
  const [email, password] = [field("email").trim().toLowerCase(), field("password")];
  if (!world.instance.setUp) return createRedirect(world.baseUrl(), "INSTANCE_NOT_CONFIGURED");
  if (!email || !password) return createRedirect(world.baseUrl(), "REQUIRED_EMAIL_PASSWORD_SIGN_IN", email);
  const user = findUserByEmail(world, email);
  if (!user) return createRedirect(world.baseUrl(), "USER_DOES_NOT_EXIST", email);
  if (user.password !== password) return createRedirect(world.baseUrl(), "AUTHENTICATION_FAILED_SIGN_IN", email);
  return createRedirect(world.baseUrl(), undefined, undefined, [openSession(world, user, call.headers)]);
}

/** An invited address may sign up even when sign-up is switched off. */
function handleSignUp(call: EndpointCall, field: ReadField) {
  const { world } = call;
  const [email, password] = [field("email").trim().toLowerCase(), field("password")];
  if (!world.instance.setUp) return createRedirect(world.baseUrl(), "INSTANCE_NOT_CONFIGURED");
  if (!email || !password) return createRedirect(world.baseUrl(), "REQUIRED_EMAIL_PASSWORD_SIGN_UP", email);
  if (findUserByEmail(world, email)) return createRedirect(world.baseUrl(), "USER_ALREADY_EXIST", email);
  if (!isStrong(password)) return createRedirect(world.baseUrl(), "PASSWORD_TOO_WEAK", email);
  if (!world.instance.signUp.enabled && findInvitations(world, email).length === 0)
    return createRedirect(world.baseUrl(), "SIGNUP_DISABLED", email);
  const user = createUser(world, { email, password });
  return createRedirect(world.baseUrl(), undefined, undefined, [openSession(world, user, call.headers)]);
}

/** Sets up the instance, which is possible only once. */
function handleAdminSignUp(call: EndpointCall, field: ReadField) {
  const { world } = call;
  const { instance } = world;
  const page = `${world.baseUrl()}/god-mode`;
  const [email, password, first_name] = [field("email").trim().toLowerCase(), field("password"), field("first_name")];
  if (instance.admins.size > 0) return createRedirect(page, "ADMIN_ALREADY_EXIST");
  if (!email || !password || !first_name) return createRedirect(page, "REQUIRED_ADMIN_EMAIL_PASSWORD_FIRST_NAME");
  if (!isStrong(password)) return createRedirect(page, "PASSWORD_TOO_WEAK");
  const user = createUser(world, { email, password, first_name, last_name: field("last_name") });
  user.profile.set = { company_name: field("company_name") };
  instance.admins.add(user.id);
  instance.setUp = true;
  instance.name = field("company_name") || instance.name;
  instance.telemetry = field("is_telemetry_enabled") !== "False";
  instance.updated_at = world.stamp();
  return createRedirect(`${page}/general/`, undefined, undefined, [
    openSession(world, user, call.headers, ADMIN_SESSION_COOKIE),
  ]);
}

function handleAdminSignIn(call: EndpointCall, field: ReadField) {
  const { world } = call;
  const page = `${world.baseUrl()}/god-mode`;
  const email = field("email").trim().toLowerCase();
  const user = findUserByEmail(world, email);
  if (!user) return createRedirect(page, "ADMIN_USER_DOES_NOT_EXIST", email);
  if (user.password !== field("password") || !world.instance.admins.has(user.id))
    return createRedirect(page, "ADMIN_AUTHENTICATION_FAILED", email);
  return createRedirect(`${page}/general/`, undefined, undefined, [
    openSession(world, user, call.headers, ADMIN_SESSION_COOKIE),
  ]);
}
