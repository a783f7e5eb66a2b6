// Kafka's error codes, as far as this adapter decides by the number. Source: the Kafka protocol guide, "Error codes".

export const UNKNOWN_TOPIC_OR_PARTITION = 3;
export const LEADER_NOT_AVAILABLE = 5;
export const NOT_LEADER_OR_FOLLOWER = 6;
export const TOPIC_ALREADY_EXISTS = 36;

/**
 * Errors of a partition that pass, because its leader moves or is not known everywhere yet: the two above, a broker or replica
 * that is not there, a time-out, a disk that is taken out, fenced and unknown leader epochs, offsets and topic ids not known yet.
 */
export const PASSING_ERRORS: ReadonlySet<number> = new Set([
  UNKNOWN_TOPIC_OR_PARTITION,
  LEADER_NOT_AVAILABLE,
  NOT_LEADER_OR_FOLLOWER,
  ...[7, 8, 9, 13, 56, 74, 75, 78, 100],
]);
