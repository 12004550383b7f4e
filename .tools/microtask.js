// The runtime makes a function of its own for each task of `queueMicrotask`, which costs more than most tasks; the crate's
// futures need one each time they go on. A promise takes its task as it is.
const settled = Promise.resolve();

export const queueMicrotask = (task) => void settled.then(task).catch(reportError);
