// Who gets which partitions: everybody keeps what they have as far as the shares stay equal. Pure; knows nothing of requests.

/** A member as its subscription describes it. */
export interface Candidate {
  readonly memberId: string;
  /** What it has; a claim of an older generation gives way. */
  readonly owned: readonly number[];
  readonly generation: number;
}

/** Shares the partitions of one topic out to members that read it. The same members give the same shares. */
export function shareOut(partitionCount: number, candidates: readonly Candidate[]): ReadonlyMap<string, number[]> {
  const shares = new Map<string, number[]>(candidates.map(({ memberId }) => [memberId, []]));
  if (candidates.length === 0) return shares;
  const kept = claimsOf(partitionCount, candidates);
  const least = Math.floor(partitionCount / candidates.length);
  let larger = partitionCount % candidates.length;
  const taken = new Set<number>();
  // Those with the most come first, so that they have the shares that are larger by one.
  const order = candidates.map(({ memberId }) => memberId).toSorted((a, b) =>
    kept.get(b)!.length - kept.get(a)!.length || (a < b ? -1 : 1)
  );
  const room = new Map<string, number>();
  for (const member of order) {
    const share = least + (larger-- > 0 ? 1 : 0);
    const keeps = kept.get(member)!.slice(0, share);
    for (const partition of keeps) taken.add(partition);
    shares.get(member)!.push(...keeps);
    room.set(member, share - keeps.length);
  }
  const free = Array.from({ length: partitionCount }, (_, partition) => partition).filter((p) => !taken.has(p));
  while (free.length > 0) {
    for (const member of order) {
      if (room.get(member)! === 0 || free.length === 0) continue;
      shares.get(member)!.push(free.shift()!);
      room.set(member, room.get(member)! - 1);
    }
  }
  for (const share of shares.values()) share.sort((a, b) => a - b);
  return shares;
}

/** What each member keeps if it may: a partition that several claim belongs to the newest claim. */
function claimsOf(partitionCount: number, candidates: readonly Candidate[]): ReadonlyMap<string, number[]> {
  const owners = new Map<number, Candidate>();
  for (const candidate of candidates) {
    for (const partition of candidate.owned) {
      if (partition >= partitionCount || (owners.get(partition)?.generation ?? -Infinity) >= candidate.generation) {
        continue;
      }
      owners.set(partition, candidate);
    }
  }
  const claims = new Map<string, number[]>(candidates.map(({ memberId }) => [memberId, []]));
  for (const [partition, { memberId }] of [...owners].toSorted(([a], [b]) => a - b)) {
    claims.get(memberId)!.push(partition);
  }
  return claims;
}
