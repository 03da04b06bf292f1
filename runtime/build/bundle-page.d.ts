/** Bundles the page into a folder; returns the paths of all modules that are in it. */
export function bundlePage(folder: string, options?: { design?: boolean }): Promise<string[]>;
