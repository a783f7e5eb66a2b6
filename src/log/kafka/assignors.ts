// The names by which members of a group agree on how the partitions are shared out. They are Freshet's own, so a broker refuses
// every other program that wants to come into the group, and Freshet where another program is in it.

/** Everybody in turn: both clients know it, so members of both can be in a group while processes are exchanged one by one. */
export const ROUND_ROBIN = "freshet-round-robin";
/** Everybody keeps what they have as far as the shares stay equal. */
export const STICKY = "freshet-sticky";
