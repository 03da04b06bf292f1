/** Paths that only the Worker's entry of these tests has, not the product. */

/** Ends the object. */
export const EVICT_PATH = "/evict-for-a-test";
/** Answers with what the object has used of its storage since its start. */
export const STORAGE_USE_PATH = "/storage-use-for-a-test";
