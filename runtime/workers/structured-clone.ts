/** Stands in for `@ungap/structured-clone` in the Worker's bundle, which is for hosts without this function. */
export default structuredClone;
