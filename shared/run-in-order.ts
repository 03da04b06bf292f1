/** Creates a function that runs tasks one after the other, in the order of its calls. A task that fails stops no other. */
export function createOrderedRunner(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const done = last.then(task);
    last = done.catch(() => {});
    return done;
  };
}
