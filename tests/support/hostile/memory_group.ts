// A cgroup that holds what runs in it to so much memory, on machines that let us make one.

const MAKE = `
for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
  folder=$root/freshet_$$
  mkdir $folder || continue
  if echo $0 > $folder/memory.limit_in_bytes || echo $0 > $folder/memory.max; then echo $folder && exit 0; fi
  rmdir $folder
done`;

/** A group's folder; the group is removed when this is disposed of, which what runs in it must not outlive. */
export interface MemoryGroup extends AsyncDisposable {
  /** `undefined` where none can be made. */
  readonly folder: string | undefined;
}

/** Makes a group of so many bytes, by cgroup v1 or v2. Through a shell, as Deno keeps /sys to itself. */
export async function memoryGroup(bytes: number): Promise<MemoryGroup> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", MAKE, String(bytes)], stderr: "null" }).output();
  const folder = new TextDecoder().decode(stdout).trim() || undefined;
  return {
    folder,
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await new Deno.Command("rmdir", { args: [folder] }).output();
    },
  };
}
