/**
 * Fills a route pattern: each `:name` becomes `params.name`, encoded as one segment.
 * Throws a RangeError for a missing parameter and for a value that would lead to another route.
 */
export function fillRoute(pattern: string, params: Record<string, string>): string {
  return pattern.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined || value === "" || value === "." || value === "..")
      throw new RangeError(`Cannot fill the route ${pattern}: the parameter :${name} is missing or invalid`);
    return encodeURIComponent(value);
  });
}

/**
 * Plane's address without trailing slashes. Throws a RangeError for an invalid address, without repeating it, because
 * it may contain a password.
 */
export function normalizeBaseUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new RangeError("Plane's address must be an http or https URL without a user, a query or a fragment");
  return url.href.replace(/\/+$/, "");
}

/** Whether the route requires the API key and counts against its quota; all others are public. */
export function requiresApiKey({ path }: { path: string }): boolean {
  return path.startsWith("/api/v1/");
}
