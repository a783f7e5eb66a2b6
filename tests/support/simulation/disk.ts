// A seed is a schedule, in which the disk takes no time of its own: whoever imports this waits for none.

Deno.FsFile.prototype.syncData = () => Promise.resolve();
